"""Decoders in processes of their own: what a file does to one costs that file and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from end_to_end.pictures import write_pictures, xmp_of
from fake_encoder import RED, paint
from hostile import LOADER, deed
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from processes import descendants, parent, wait_until_gone

from vsearch.errors import DecoderError, ImageError, SkipReason
from vsearch.images.isolation import decoders as module
from vsearch.images.isolation.decoders import Decoders
from vsearch.images.isolation.wire import ticks_of
from vsearch.images.limits import memory_limit
from vsearch.images.load import prepare
from vsearch.images.perceptual import NO_STRUCTURE, perceptual_hash
from vsearch.images.read import content_hash
from vsearch.records import Preprocessing

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="decoders are forked")

PHOTOS = Path(__file__).parents[3] / "examples/photos"
SPEC = Preprocessing(32, "shortest", "bicubic", (0, 0, 0), (1, 1, 1))
PIXELS = 1_000_000


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    with Decoders(PIXELS, 20, loader=LOADER) as decoders:
        yield decoders


def fault(decoders: Decoders, path: Path) -> tuple[SkipReason, str]:
    with pytest.raises(ImageError) as caught:
        decoders.load(os.fspath(path), SPEC)
    return caught.value.reason, caught.value.detail


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


# Ordinary files


@pytest.mark.parametrize("path", sorted(PHOTOS.glob("IMG_00*")), ids=lambda path: path.name)
def test_the_same_pixels_and_facts_as_in_this_process(path: Path) -> None:
    data = path.read_bytes()
    expected = prepare(data, SPEC, pixel_limit=PIXELS, path=path.name)
    with Decoders(PIXELS) as decoders:
        loaded = decoders.load(os.fspath(path), SPEC)
    assert loaded.digest == content_hash(data)
    assert loaded.prepared
    assert loaded.prepared.facts == expected.facts
    np.testing.assert_array_equal(loaded.prepared.pixels, expected.pixels)


def test_pixels_outlive_the_next_file(tmp_path: Path, decoders: Decoders) -> None:
    red = decoders.load(os.fspath(paint(tmp_path / "red.png", RED)), SPEC).prepared
    black = decoders.load(os.fspath(paint(tmp_path / "black.png", (0, 0, 0))), SPEC).prepared
    assert red
    assert black
    assert (red.pixels == RED).all()
    assert not black.pixels.any()


def test_what_is_known_is_not_decoded(tmp_path: Path, decoders: Decoders) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(deed("abort"))
    asked: list[bytes] = []

    def is_known(digest: bytes) -> bool:
        asked.append(digest)
        return True

    loaded = decoders.load(os.fspath(path), SPEC, is_known=is_known)
    assert loaded.prepared is None
    assert asked == [loaded.digest] == [content_hash(path.read_bytes())]


def test_a_file_not_named_like_a_picture_is_told_by_its_first_bytes(
    tmp_path: Path, decoders: Decoders
) -> None:
    picture = tmp_path / "picture"
    paint(tmp_path / "a.png", RED).rename(picture)
    text = tmp_path / "text"
    text.write_text("no picture at all")
    assert decoders.load(os.fspath(picture), SPEC, named_image=False).prepared
    with pytest.raises(ImageError) as caught:
        decoders.load(os.fspath(text), SPEC, named_image=False)
    assert caught.value.reason is SkipReason.NOT_AN_IMAGE


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"new\nline\\x.png", "ünï 🎉.png".encode()])
def test_any_name(tmp_path: Path, decoders: Decoders, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    paint(tmp_path / "a.png", RED).rename(path)
    assert decoders.load(os.fspath(path), SPEC).prepared


def test_faults_have_the_reasons_they_have_in_this_process(
    tmp_path: Path, decoders: Decoders
) -> None:
    path = tmp_path / "a.png"
    assert fault(decoders, path) == (SkipReason.UNREADABLE, "No such file or directory")
    path.touch()
    assert fault(decoders, path) == (SkipReason.EMPTY, "")
    path.write_text("a letter")
    assert fault(decoders, path) == (SkipReason.NOT_AN_IMAGE, "")
    paint(path, RED, (2000, 1000))
    assert fault(decoders, path)[0] is SkipReason.TOO_LARGE
    os.mkfifo(tmp_path / "fifo.png")
    assert fault(decoders, tmp_path / "fifo.png") == (SkipReason.SPECIAL, "fifo")


def test_as_many_and_as_long_labels_as_there_may_be(tmp_path: Path, decoders: Decoders) -> None:
    labels = tuple(f"{number:03}".ljust(64, "\N{DOG}") for number in range(200))
    path = tmp_path / "a.png"
    packet = PngInfo()
    packet.add_itxt("XML:com.adobe.xmp", xmp_of(*labels).decode())
    Image.new("RGB", (4, 4)).save(path, pnginfo=packet)
    prepared = decoders.load(os.fspath(path), SPEC).prepared
    assert prepared
    assert prepared.facts.labels == labels


def test_the_perceptual_hash_is_that_of_the_picture(tmp_path: Path, decoders: Decoders) -> None:
    write_pictures(tmp_path, 1)
    path = tmp_path / "000" / "img00000.jpg"
    expected = perceptual_hash(np.asarray(Image.open(path)))
    prepared = decoders.load(os.fspath(path), SPEC).prepared
    assert prepared
    assert prepared.perceptual == expected != NO_STRUCTURE


def test_a_question_that_fails_is_no_fault_of_the_file(tmp_path: Path, decoders: Decoders) -> None:
    path = os.fspath(paint(tmp_path / "red.png", RED))

    def ask(digest: bytes) -> bool:
        raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            decoders.load(path, SPEC, is_known=ask)
    assert decoders.load(path, SPEC).prepared


@needs_proc
def test_a_decoder_is_woken_on_one_processor_and_may_run_on_all(
    tmp_path: Path, decoders: Decoders
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(deed("processors", when="reading"))
    expected = f"BufferError: {len(os.sched_getaffinity(0))} processors"
    for _ in range(2):
        assert fault(decoders, path) == (SkipReason.DAMAGED, expected)


@needs_proc
def test_nothing_is_started_before_it_is_needed_or_asked_for() -> None:
    before = descendants()
    with Decoders(PIXELS) as decoders:
        assert descendants() == before
        decoders.start()
        decoders.start()
        assert len(descendants() - before) == 1
    assert descendants() == before


def test_what_cannot_be_started_early_is_told_with_the_first_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSES", (0,))
    monkeypatch.setattr(sys, "executable", os.fspath(tmp_path / "no-python"))
    with Decoders(PIXELS) as decoders:
        decoders.start()
        with pytest.raises(DecoderError, match="No such file"):
            decoders.load(os.fspath(paint(tmp_path / "red.png", RED)), SPEC)


# Hostile files

FAULTS = {
    "segfault": (SkipReason.CRASHED, "SIGSEGV"),
    "segv": (SkipReason.CRASHED, "SIGSEGV"),
    "abort": (SkipReason.CRASHED, "SIGABRT"),
    **dict.fromkeys(
        (
            "nonsense",
            "long",
            "empty",
            "unasked",
            "two-frames",
            "no-facts",
            "no-labels",
            "no-json",
            "no-reason",
        ),
        (SkipReason.CRASHED, "its answer made no sense"),
    ),
    "close": (SkipReason.CRASHED, "it closed its connection"),
    "exit": (SkipReason.CRASHED, "exit code 0"),
    "oom": (SkipReason.TOO_LARGE, "ended by the system, whose memory ran out"),
    "term": (SkipReason.CRASHED, "lost 3 times"),
    "kill-parent": (SkipReason.CRASHED, "lost 3 times"),
    "raise": (SkipReason.DAMAGED, "BufferError: odd\\x1b[31m words"),
}
LINUX_FAULTS = {
    "allocate": (SkipReason.TOO_LARGE, "memory ran out while decoding"),
    "malloc": (SkipReason.CRASHED, "SIGABRT"),
}


@pytest.mark.parametrize("when", ["reading", "decoding"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [*FAULTS.items(), *(LINUX_FAULTS.items() if sys.platform == "linux" else ())],
)
def test_a_hostile_file_has_its_reason_and_the_next_one_is_decoded(
    tmp_path: Path,
    decoders: Decoders,
    name: str,
    when: str,
    expected: tuple[SkipReason, str],
) -> None:
    bad, good = tmp_path / "bad.png", os.fspath(paint(tmp_path / "good.png", RED))
    bad.write_bytes(deed(name, when=when))
    assert decoders.load(good, SPEC).prepared
    assert fault(decoders, bad) == expected
    assert decoders.load(good, SPEC).prepared


@pytest.mark.parametrize("name", ["spin", "sleep"])
def test_a_file_that_hangs_its_decoder_is_given_up(tmp_path: Path, name: str) -> None:
    bad, good = tmp_path / "bad.png", os.fspath(paint(tmp_path / "good.png", RED))
    bad.write_bytes(deed(name))
    with Decoders(PIXELS, 0.2, loader=LOADER) as decoders:
        assert fault(decoders, bad) == (
            SkipReason.TIMED_OUT,
            "more than 0.2 s; see --max-seconds",
        )
        assert decoders.load(good, SPEC).prepared


def test_a_hundred_crashes_in_a_row(tmp_path: Path, decoders: Decoders) -> None:
    bad, good = tmp_path / "bad.png", os.fspath(paint(tmp_path / "good.png", RED))
    bad.write_bytes(deed("abort"))
    for _ in range(100):
        assert fault(decoders, bad) == (SkipReason.CRASHED, "SIGABRT")
    assert decoders.load(good, SPEC).prepared


def test_a_decoder_that_was_hurt_before_is_not_the_next_ones_fault(
    tmp_path: Path, decoders: Decoders
) -> None:
    good = os.fspath(paint(tmp_path / "good.png", RED))
    assert decoders.load(good, SPEC).prepared
    (zygote,) = (pid for pid in descendants() if parent(pid) == os.getpid())
    for pid in descendants() - {zygote}:
        os.kill(pid, signal.SIGSEGV)
    assert decoders.load(good, SPEC).prepared


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_zygote_that_is_gone_is_replaced(tmp_path: Path, decoders: Decoders, number: int) -> None:
    good = os.fspath(paint(tmp_path / "good.png", RED))
    assert decoders.load(good, SPEC).prepared
    for pid in descendants():
        if parent(pid) == os.getpid():
            os.kill(pid, number)
    if number == signal.SIGSTOP:  # it lives and does not answer
        assert decoders._zygote
        decoders._zygote._control.settimeout(0.2)
        (decoder,) = decoders._all
        os.kill(decoder._pid, signal.SIGKILL)
    assert decoders.load(good, SPEC).prepared


@needs_proc
def test_a_decoder_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    bad = tmp_path / "bad.png"
    bad.write_bytes(deed("write"))
    with Decoders(PIXELS, loader=LOADER) as decoders:
        assert fault(decoders, bad) == (SkipReason.DAMAGED, "OSError: [Errno 27] File too large")
    assert (tmp_path / "written").stat().st_size == 0


# What is left of them


@needs_proc
def test_with_the_decoders_all_processes_and_descriptors_go(tmp_path: Path) -> None:
    before, open_before = descendants(), descriptors()
    good, bad = paint(tmp_path / "good.png", RED), tmp_path / "bad.png"
    bad.write_bytes(deed("abort"))
    with Decoders(PIXELS, loader=LOADER) as decoders, ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda path: _tried(decoders, path), [good, bad] * 10))
        assert descendants() > before
    assert descendants() == before
    assert descriptors() == open_before


def _tried(decoders: Decoders, path: Path) -> None:
    try:
        decoders.load(os.fspath(path), SPEC)
    except ImageError:
        return


@needs_proc
def test_decoders_that_were_never_used_leave_nothing_either() -> None:
    before, open_before = descendants(), descriptors()
    Decoders(PIXELS).close()
    assert descendants() == before
    assert descriptors() == open_before


@needs_proc
def test_closing_releases_who_waits_for_a_decoder_that_hangs(tmp_path: Path) -> None:
    before = descendants()
    bad = tmp_path / "bad.png"
    bad.write_bytes(deed("spin"))
    caught: list[BaseException] = []

    def is_known(digest: bytes) -> bool:
        asked.set()
        return False

    def wait() -> None:
        try:
            decoders.load(os.fspath(bad), SPEC, is_known=is_known)
        except DecoderError as error:
            caught.append(error)

    asked = threading.Event()
    with Decoders(PIXELS, 3600, loader=LOADER) as decoders:
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert asked.wait(60)
    waiting.join(60)
    assert len(caught) == 1
    assert descendants() == before


_HANGING = """
import sys
from vsearch.images.isolation.decoders import Decoders
from vsearch.records import Preprocessing
decoders = Decoders(10**6, 3600, loader="hostile:load")
spec = Preprocessing(32, "shortest", "bicubic", (0, 0, 0), (1, 1, 1))
decoders.load(sys.argv[1], spec, is_known=lambda digest: print("asked", flush=True))
"""


@needs_proc
@pytest.mark.parametrize("name", ["spin", "sleep"])
def test_kill_9_takes_a_decoder_along_even_one_that_hangs(tmp_path: Path, name: str) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(deed(name))
    process = subprocess.Popen(
        [sys.executable, "-c", _HANGING, bad],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout
    assert process.stdout.readline() == b"asked\n"
    below = descendants(process.pid)
    assert len(below) == 2
    process.kill()
    process.communicate()
    wait_until_gone(below)


# Starting


def test_a_zygote_that_cannot_start_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSES", (0, 0))
    good = os.fspath(paint(tmp_path / "good.png", RED))
    with (
        Decoders(PIXELS, loader="no_such_module:load") as decoders,
        pytest.raises(DecoderError) as caught,
    ):
        decoders.load(good, SPEC)
    assert str(caught.value) == (
        "no process can be started to decode pictures in (ModuleNotFoundError: No module named "
        "'no_such_module'); see whether there is memory, and how many processes this user may have"
    )


def test_a_system_that_lets_no_process_start_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(module, "_PAUSES", (0, 0))
    good = os.fspath(paint(tmp_path / "good.png", RED))
    open_before = descriptors()
    with (
        Decoders(PIXELS) as decoders,
        pytest.raises(DecoderError, match=r"\(Resource temporarily unavailable\)"),
    ):
        decoders.load(good, SPEC)
    assert descriptors() == open_before


def test_where_nothing_can_be_forked_this_process_decodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FORKS", False)
    path = paint(tmp_path / "red.png", RED)
    before = descendants()
    with Decoders(PIXELS) as decoders:
        loaded = decoders.load(os.fspath(path), SPEC)
        known = decoders.load(os.fspath(path), SPEC, is_known=lambda _: True)
        assert descendants() == before
    assert loaded.prepared
    assert (loaded.prepared.pixels == RED).all()
    assert (known.digest, known.prepared) == (content_hash(path.read_bytes()), None)


# The budgets


@pytest.mark.parametrize("seconds", [0.05, 0.5, 1, 1.5, 60, 3600.25])
def test_a_time_is_counted_in_ticks_of_a_second_at_most(seconds: float) -> None:
    tick, count = ticks_of(seconds)
    assert 0 < tick <= 1
    assert tick * count == pytest.approx(seconds)


def test_memory_grows_with_the_pixels() -> None:
    assert memory_limit(2_000_000) - memory_limit(1_000_000) == 24_000_000
    assert memory_limit(0) >= 256 << 20
