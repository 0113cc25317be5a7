"""One picture in a process of its own: the same pixels, and whatever it does is an ImageError."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from end_to_end.command import PHOTOS
from end_to_end.pictures import png_header

from vsearch.errors import DecoderError, ImageError, SkipReason
from vsearch.images.isolation import once
from vsearch.images.isolation.once import Decoding
from vsearch.images.load import Square, prepare
from vsearch.records import Preprocessing

SPEC = Preprocessing(32, "shortest", "bicubic", (0, 0, 0), (1, 1, 1))
PHOTO = sorted(PHOTOS.glob("*.jpg"))[0]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="decodes in this process")


def decoded(data: bytes, *, seconds: float = 30.0, path: str = "a.jpg") -> list[int]:
    with Decoding(data, SPEC, pixel_limit=10**7, path=path, seconds=seconds) as decoding:
        return list(decoding.prepared().pixels.ravel())


def children() -> set[str]:
    task = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(task.read_text().split()) if task.exists() else set()


def test_the_same_as_in_this_process() -> None:
    data = PHOTO.read_bytes()
    here = prepare(data, SPEC, pixel_limit=10**7, path=PHOTO.name)
    with Decoding(data, SPEC, pixel_limit=10**7, path=PHOTO.name, seconds=30) as decoding:
        decoding.begin()
        there = decoding.prepared()
    assert np.array_equal(here.pixels, there.pixels)
    assert here.facts == there.facts


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"text", SkipReason.NOT_AN_IMAGE),
        (PHOTO.read_bytes()[:300], SkipReason.DAMAGED),
        (png_header(90_000, 90_000), SkipReason.TOO_LARGE),
    ],
    ids=["text", "cut", "bomb"],
)
def test_faults_have_their_reasons(data: bytes, reason: SkipReason) -> None:
    with pytest.raises(ImageError) as caught:
        decoded(data)
    assert caught.value.reason is reason


def crash(*_: object, **__: object) -> NoReturn:
    faulthandler.disable()  # pytest's would print where it was
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def hang(*_: object, **__: object) -> NoReturn:
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    while True:
        time.sleep(1)


def eat(*_: object, **__: object) -> Square:
    return [bytearray(1 << 28) for _ in range(400)]  # type: ignore[return-value]  # never returns


def leave(*_: object, **__: object) -> NoReturn:
    os._exit(0)


@pytest.mark.parametrize(
    ("what", "reason", "detail"),
    [
        (crash, SkipReason.CRASHED, "SIGSEGV"),
        (hang, SkipReason.TIMED_OUT, "more than 0.5 s"),
        pytest.param(
            eat, SkipReason.TOO_LARGE, "memory ran out",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="no bound on memory"),
        ),
        (leave, SkipReason.CRASHED, "exit code 0"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_what_a_picture_does_to_its_decoder_is_its_fault(
    monkeypatch: pytest.MonkeyPatch, what: object, reason: SkipReason, detail: str
) -> None:
    monkeypatch.setattr(once, "square", what)
    before = children()
    with pytest.raises(ImageError) as caught:
        decoded(PHOTO.read_bytes(), seconds=0.5)
    assert caught.value.reason is reason
    assert detail in caught.value.detail
    assert children() <= before


def test_one_that_is_not_waited_for_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "square", hang)
    before = children()
    with Decoding(b"", SPEC, pixel_limit=10**7, path="a.jpg", seconds=30) as decoding:
        decoding.begin()
    assert children() <= before


def test_no_process_to_decode_in_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(DecoderError, match="Resource temporarily unavailable"):
        decoded(PHOTO.read_bytes())


def test_where_nothing_can_be_forked_this_process_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "_FORKS", False)
    assert decoded(PHOTO.read_bytes())
