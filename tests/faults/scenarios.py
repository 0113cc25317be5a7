"""What is done to an index while faults strike: each scenario is one function.

It is given the folder of its pictures, the folder of the index, and about how many pictures to use.
It makes both as they are before, and returns the action, which is then run on copies of that index
(the pictures stay where they are). Append it to SCENARIOS, and every kind of fault is tried on it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from end_to_end.pictures import write_pictures
from fake_encoder import FakeEncoder, PixelEncoder, TurnedEncoder
from faults.answers import PIXELS, check_truth, state_of
from faults.children import Progress
from numpy.typing import NDArray

from vsearch.errors import UsageError
from vsearch.index import Index
from vsearch.index.upkeep import Upkeep
from vsearch.indexing import checking, forgetting, run
from vsearch.indexing.events import Committed, Embedded, Event

LONG_AGO = 1_000_000_000  # seconds since 1970: so that a file counts as settled
OPTIONS = run.Options(workers=2, pixel_limit=PIXELS)


class Watch:
    """What a run says of itself on its way, in memory that outlives it.

    Pictures are counted by their content: two threads may be given copies of one at the same time.
    """

    EMBEDDED, SAFE, EVENTS = 0, 1, 2  # places in Progress

    def __init__(self, progress: Progress, on_event: Callable[[], None] | None = None) -> None:
        self._progress = progress
        self._on_event = on_event
        self._given: set[bytes] = set()
        self._recorded: set[bytes] = set()
        self._counting = Lock()

    def embedding(self, pixels: NDArray[np.uint8]) -> None:
        """Count the pictures (n, size, size, 3) that are given to the model. From any thread."""
        with self._counting:
            self._given.update(one.tobytes() for one in pixels)
            self._progress.set(self.EMBEDDED, len(self._given))

    def saw(self, event: Event) -> None:
        """Take note of an event of `update`."""
        if isinstance(event, Embedded):
            with suppress(FileNotFoundError):  # it may have gone meanwhile
                self._recorded.add(Path(event.path).read_bytes())
        if isinstance(event, Committed):
            self._progress.set(self.SAFE, len(self._recorded))
        self.went_on()

    def went_on(self) -> None:
        """Say that a step is done: a run without faults looks at the index then."""
        self._progress.set(self.EVENTS, self._progress.get(self.EVENTS) + 1)
        if self._on_event:
            self._on_event()


class Watched:
    """An encoder that says what it is given."""

    def __init__(self, encoder: FakeEncoder, watch: Watch) -> None:
        self._encoder = encoder
        self._watch = watch
        self.identity = encoder.identity
        self.preprocessing = encoder.preprocessing
        self.calibration = encoder.calibration
        self.templates = encoder.templates
        self.batch_size = encoder.batch_size

    def load_images(self) -> None:
        self._encoder.load_images()

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._watch.embedding(pixels)
        return self._encoder.encode_images(pixels)

    def encode_texts(self, texts: Any) -> NDArray[np.float32]:
        return self._encoder.encode_texts(texts)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is done with an index, and by which encoder its end must be true.

    `action` may be run by any process, on any copy of the index, and again after it was killed.
    When the index is `damaged` before, only its end is judged, and that nothing crashes on the way.
    """

    action: Callable[[Path, Watch], None]
    encoder: FakeEncoder | None
    damaged: bool = False


Make = Callable[[Path, Path, int], Scenario]


def bring_up(
    index: Path,
    photos: Path,
    watch: Watch | None = None,
    encoder: FakeEncoder | None = None,
    *,
    drop_old: bool = False,
) -> None:
    """Bring `photos` up to date in `index`."""
    watch = watch or Watch(Progress())
    watched = Watched(encoder or PixelEncoder(), watch)
    for event in run.update(index, watched, [os.fspath(photos)], OPTIONS, drop_old=drop_old):
        watch.saw(event)


def settle(photos: Path, seconds: int = 0) -> None:
    """Let all files have been changed long ago, or so many seconds after that."""
    for path in photos.rglob("*"):
        if path.is_file():
            os.utime(path, (LONG_AGO + seconds, LONG_AGO + seconds))


def index(photos: Path, index: Path, size: int) -> Scenario:
    """An index from nothing: pictures, a copy of one, and a file that is none."""
    write_pictures(photos, size)
    shutil.copy(photos / "000" / "img00000.jpg", photos / "copy.jpg")
    (photos / "none.jpg").write_text("no picture")
    settle(photos)
    return Scenario(lambda index, watch: bring_up(index, photos, watch), PixelEncoder())


def update(photos: Path, index: Path, size: int) -> Scenario:
    """New, changed, moved, copied and deleted pictures, and a graph to be extended."""
    some = max(1, size // 6)
    write_pictures(photos, 4 * some)
    settle(photos)
    bring_up(index, photos)
    _check_now(index)
    names = sorted(photos.rglob("*.jpg"))
    other = photos.parent / "other"
    write_pictures(other, some, seed=1)
    for name, new in zip(names, sorted(other.rglob("*.jpg")), strict=False):
        new.replace(name)  # other pixels under the old name
        os.utime(name, (LONG_AGO + 60, LONG_AGO + 60))
    for name in names[some : 2 * some]:
        name.rename(name.with_name(f"moved-{name.name}"))
    for name in names[2 * some : 3 * some]:
        name.unlink()
    shutil.copy2(names[-1], photos / "copy.jpg")
    write_pictures(other, some, seed=2, start=4 * some)
    for new in sorted(other.rglob("*.jpg")):
        new.rename(photos / new.name)
        os.utime(photos / new.name, (LONG_AGO, LONG_AGO))
    return Scenario(lambda index, watch: bring_up(index, photos, watch), PixelEncoder())


def switch(photos: Path, index: Path, size: int) -> Scenario:
    """Another model takes over, and the embeddings by the old one are dropped."""
    write_pictures(photos, size)
    settle(photos)
    bring_up(index, photos)
    _check_now(index)

    def action(index: Path, watch: Watch) -> None:
        bring_up(index, photos, watch, TurnedEncoder(), drop_old=True)

    return Scenario(action, TurnedEncoder())


def compact(photos: Path, index: Path, size: int) -> Scenario:
    """Embeddings of pictures that are gone are freed."""
    write_pictures(photos, size)
    settle(photos)
    bring_up(index, photos)
    for path in sorted(photos.rglob("*.jpg"))[::2]:
        path.unlink()
    bring_up(index, photos)
    _check_now(index)

    def action(index: Path, watch: Watch) -> None:
        with Upkeep(index) as upkeep:
            upkeep.compact()
        watch.went_on()

    return Scenario(action, PixelEncoder())


def forget(photos: Path, index: Path, size: int) -> Scenario:
    """Some pictures and a whole root are forgotten, in one transaction."""
    write_pictures(photos, size)
    (photos / "000").rename(photos / "kept")
    write_pictures(photos / "kept", size // 2, seed=1)
    other = photos.with_name("other")
    write_pictures(other, size // 2, seed=2)
    for folder in (photos, other):
        settle(folder)
        bring_up(index, folder)
    _check_now(index)
    names = [os.fspath(photos / "kept" / "000"), os.fspath(other)]

    def action(index: Path, watch: Watch) -> None:
        with suppress(UsageError):  # they are no longer there
            forgetting.forget(index, forgetting.choose(index, names))
        watch.went_on()

    return Scenario(action, PixelEncoder())


def repair(photos: Path, index: Path, size: int) -> Scenario:
    """Damaged vectors are brought back from the graph."""
    write_pictures(photos, size)
    settle(photos)
    bring_up(index, photos)
    _check_now(index)
    _damage(index / "sets" / "whole" / "matrix.f32")

    def action(index: Path, watch: Watch) -> None:
        list(checking.repair(index, 1, deep=False))
        watch.went_on()

    return Scenario(action, PixelEncoder(), damaged=True)


def salvage(photos: Path, index: Path, size: int) -> Scenario:
    """What can be read of a damaged catalog is saved, and what is missing is embedded again."""
    write_pictures(photos, size)
    settle(photos)
    bring_up(index, photos)
    _check_now(index)
    _damage(index / "catalog.sqlite")

    def action(index: Path, watch: Watch) -> None:
        list(checking.repair(index, 1, deep=False))
        bring_up(index, photos, watch)

    return Scenario(action, PixelEncoder(), damaged=True)


def _damage(path: Path) -> None:
    """Lose some bytes in the middle of a file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(100))


SCENARIOS: list[Make] = [index, update, switch, compact, forget, repair, salvage]


def command(photos: Path, index: Path, size: int) -> Scenario:
    """The real command with the built-in model, in the place of the process."""
    write_pictures(photos, size)
    settle(photos)

    def action(index: Path, watch: Watch) -> None:
        arguments = ["-m", "vsearch", "index", os.fspath(photos), "--index", os.fspath(index)]
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606  # its own place is the point

    return Scenario(action, None)


def _check_now(folder: Path) -> None:
    """Raise unless the start is true; its pictures may be changed afterwards."""
    with Index(folder) as opened:
        check_truth(state_of(opened), PixelEncoder())
