"""`update` with files that crash, hang or starve their decoder: each costs itself alone."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from fake_encoder import FakeEncoder, paint
from hostile import LOADER, deed
from processes import descendants

from vsearch.errors import DecoderError, SkipReason
from vsearch.images.isolation.decoders import Decoders
from vsearch.index import Index
from vsearch.indexing.events import Embedded, Skipped
from vsearch.indexing.run import Options, update

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

OPTIONS = Options(workers=3, pixel_limit=10_000)
LONG_AGO = 1_000_000_000_000_000_000  # ns: so that a file counts as settled
REASONS = {
    "segfault": SkipReason.CRASHED,
    "abort": SkipReason.CRASHED,
    "exit": SkipReason.CRASHED,
    "nonsense": SkipReason.CRASHED,
    "kill-parent": SkipReason.CRASHED,
    "allocate": SkipReason.TOO_LARGE,
    "oom": SkipReason.TOO_LARGE,
    "spin": SkipReason.TIMED_OUT,
    "sleep": SkipReason.TIMED_OUT,
}


class Many(FakeEncoder):
    """Takes eight at once."""

    def __init__(self) -> None:
        super().__init__()
        self.batch_size = 8


def decoders(seconds: float = 0.5) -> Decoders:
    return Decoders(OPTIONS.pixel_limit, seconds, loader=LOADER)


def settle(path: Path) -> Path:
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return path


def make_good(root: Path, count: int = 60) -> None:
    for number in range(count):
        settle(paint(root / f"{number:03}.png", (number, 255 - number, number // 2)))


def vectors(folder: Path) -> dict[str, bytes]:
    with Index(folder) as index:
        return {
            record.path: index.vectors(np.array([row]))[0].tobytes()
            for row, records in index.images_of(range(index.rows)).items()
            for record in records
        }


@pytest.mark.parametrize("encoder", [FakeEncoder, Many])
def test_every_other_file_is_as_without_them(tmp_path: Path, encoder: type[FakeEncoder]) -> None:
    root = tmp_path / "photos"
    make_good(root)
    list(update(tmp_path / "without", encoder(), [str(root)], OPTIONS))
    for number, name in enumerate(REASONS):
        bad = root / f"{7 * number:03}-{name}.png"
        bad.write_bytes(deed(name))
        settle(bad)
    events = list(update(tmp_path / "with", encoder(), [str(root)], OPTIONS, decoders=decoders()))
    skipped = {one.path: one.reason for one in events if isinstance(one, Skipped)}
    assert skipped == {
        f"{root}/{7 * number:03}-{name}.png": reason
        for number, (name, reason) in enumerate(REASONS.items())
    }
    assert vectors(tmp_path / "with") == vectors(tmp_path / "without")
    assert len(vectors(tmp_path / "with")) == 60
    assert descendants() == set()


def test_they_are_not_tried_again_until_they_change(tmp_path: Path) -> None:
    root, index = tmp_path / "photos", tmp_path / "index"
    make_good(root, 2)
    for name in ("abort", "spin"):
        (root / f"{name}.png").write_bytes(deed(name))
        settle(root / f"{name}.png")
    list(update(index, FakeEncoder(), [str(root)], OPTIONS, decoders=decoders()))
    events = list(update(index, FakeEncoder(), [], OPTIONS, decoders=decoders()))
    assert [one for one in events if isinstance(one, Skipped)] == []
    paint(root / "abort.png", (1, 2, 3))
    events = list(update(index, FakeEncoder(), [], OPTIONS, decoders=decoders()))
    assert [one for one in events if isinstance(one, Skipped | Embedded)] == [
        Embedded(f"{root}/abort.png")
    ]


def test_a_hundred_in_a_row(tmp_path: Path) -> None:
    root, index = tmp_path / "photos", tmp_path / "index"
    make_good(root, 3)
    for number in range(100):
        (root / f"001-{number:03}.png").write_bytes(deed("segv", salt=number))
    events = list(update(index, FakeEncoder(), [str(root)], OPTIONS, decoders=decoders()))
    assert sum(isinstance(one, Skipped) for one in events) == 100
    assert len(vectors(index)) == 3


@pytest.mark.parametrize("how", ["closed", "interrupted"])
def test_stopped_early_nothing_is_left_of_a_decoder_that_hangs(tmp_path: Path, how: str) -> None:
    root, index = tmp_path / "photos", tmp_path / "index"
    make_good(root, 5)
    (root / "003-hangs.png").write_bytes(deed("spin"))
    (root / "004-hangs.png").write_bytes(deed("sleep"))
    steps = update(index, FakeEncoder(), [str(root)], OPTIONS, decoders=decoders(3600))
    done = 0
    while done < 3:
        done += isinstance(next(steps), Embedded)
    if how == "closed":
        steps.close()  # type: ignore[attr-defined]  # a generator
    else:
        with pytest.raises(KeyboardInterrupt):
            steps.throw(KeyboardInterrupt)  # type: ignore[attr-defined]  # a generator
    assert descendants() == set()
    assert [one.name for one in threading.enumerate() if one.name.startswith("read")] == []
    assert len(vectors(index)) == 3


def test_without_any_process_to_decode_in_the_run_ends_and_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, index = tmp_path / "photos", tmp_path / "index"
    make_good(root, 4)
    list(update(index, FakeEncoder(), [str(root)], OPTIONS))
    make_good(root / "more", 4)
    broken = Decoders(OPTIONS.pixel_limit, loader="no_such_module:load")
    monkeypatch.setattr("vsearch.images.isolation.decoders._PAUSES", (0,))
    with pytest.raises(DecoderError, match="no_such_module"):
        list(update(index, FakeEncoder(), [], OPTIONS, decoders=broken))
    assert len(vectors(index)) == 4
    assert descendants() == set()


def test_a_zygote_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    root, index = tmp_path / "photos", tmp_path / "index"
    make_good(root)
    steps = update(index, FakeEncoder(), [str(root)], OPTIONS, decoders=decoders(60))
    events = []
    for event in steps:
        events.append(event)
        if isinstance(event, Embedded) and event.path.endswith(("5.png", "9.png")):
            for pid in descendants():
                with suppress(ProcessLookupError):  # it went with the zygote
                    os.kill(pid, signal.SIGKILL)
    assert [one for one in events if isinstance(one, Skipped)] == []
    assert len(vectors(index)) == 60
