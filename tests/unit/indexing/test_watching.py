"""`watch`: whatever changes, and however that is told, the index comes to hold what is there."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import pytest
import watchfiles
from fake_encoder import BLUE, GREEN, RED, FakeEncoder, paint

from vsearch.errors import UsageError
from vsearch.index import Index
from vsearch.index.upkeep import Upkeep
from vsearch.index.writer import IndexWriter
from vsearch.indexing import run, watching
from vsearch.indexing.events import (
    Done,
    Event,
    Gone,
    IndexAway,
    Planned,
    Polling,
    RootMissing,
    Skipped,
    TurnAwaited,
    Unwatched,
    Watching,
)
from vsearch.indexing.forgetting import choose, forget
from vsearch.indexing.run import Options, update
from vsearch.indexing.watching import watch

OPTIONS = Options(workers=2, pixel_limit=10_000)
LONG_AGO = 1_000_000_000
PATIENCE = 30  # seconds until a test that waits for what does not come is ended


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Watch with short waits, and end what waits for ever."""
    monkeypatch.setattr(watching, "SETTLE_SECONDS", 0.3)
    monkeypatch.setattr(watching, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(watching, "_STEP_SECONDS", 0.02)
    monkeypatch.setattr(run, "LOCKED_SECONDS", 0.05)

    def late(*_: object) -> None:
        raise TimeoutError("what was waited for did not come")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder: red.png, deep/blue.png, deep/er/green.png, changed long ago."""
    root = tmp_path / "photos"
    names = {"red.png": RED, "deep/blue.png": BLUE, "deep/er/green.png": GREEN}
    for name, colour in names.items():
        os.utime(paint(root / name, colour), (LONG_AGO, LONG_AGO))
    return root


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


def names(index: Path) -> dict[str, bool]:
    """Return the files of the index, and whether they have an embedding."""
    with Index(index) as opened:
        return {
            os.path.join(root.path, path): known.embedded
            for root in opened.roots()
            for path, known in opened.known(root).items()
        }


def afresh(index: Path, *paths: Path) -> dict[str, bool]:
    """Return the same of a new index of `paths`."""
    other = index.with_name("other")
    shutil.rmtree(other, ignore_errors=True)
    for _ in update(other, FakeEncoder(), [os.fspath(path) for path in paths], OPTIONS):
        pass
    return names(other)


class Watched:
    """A watch that is taken step by step; `seen` is all that it has told."""

    def __init__(self, index: Path, *paths: Path, options: Options = OPTIONS) -> None:
        self.index = index
        self.encoder = FakeEncoder()
        named = [os.fspath(path) for path in paths]
        self._events = watch(index, self.encoder, named, options)
        self.seen: list[Event] = []

    def until(self, reached: Callable[[Event], bool]) -> list[Event]:
        """Go on until an event that is so; return the events up to it."""
        begun = len(self.seen)
        for event in self._events:
            self.seen.append(event)
            if reached(event):
                return self.seen[begun:]
        raise AssertionError("it has ended")

    def until_watching(self) -> None:
        self.until(lambda event: isinstance(event, Watching))

    def until_holds(self, expected: dict[str, bool]) -> list[Event]:
        """Go on, run after run, until the index holds that."""
        return self.until(lambda event: isinstance(event, Done) and names(self.index) == expected)


def add(root: Path) -> None:
    paint(root / "new.png", RED)


def add_without_suffix(root: Path) -> None:
    paint(root / "new.png", RED).rename(root / "new")


def add_a_folder(root: Path) -> None:
    for number in range(40):
        paint(root / f"a/b/c{number}/new.png", (number, 0, 99))


def change(root: Path) -> None:
    (root / "red.png").write_text("no picture any more")


def remove(root: Path) -> None:
    (root / "red.png").unlink()


def remove_a_folder(root: Path) -> None:
    shutil.rmtree(root / "deep")


def rename(root: Path) -> None:
    (root / "red.png").rename(root / "deep" / "other.png")


def rename_a_folder(root: Path) -> None:
    (root / "deep").rename(root / "shallow.2024")


def move_out(root: Path) -> None:
    (root / "deep").rename(root.parent / "out")


def move_in(root: Path) -> None:
    paint(root.parent / "outside" / "one" / "in.png", GREEN)
    (root.parent / "outside").rename(root / "inside")


def ignore(root: Path) -> None:
    (root / ".vsearchignore").write_text("er/\n")


def name_without_utf8(root: Path) -> None:
    (root / "red.png").rename(root / os.fsdecode(b"\xff\xfe.png"))


@pytest.mark.parametrize(
    "edit",
    [
        add, add_without_suffix, add_a_folder, change, remove, remove_a_folder, rename,
        rename_a_folder, move_out, move_in, ignore, name_without_utf8,
    ],
    ids=lambda edit: edit.__name__,
)  # fmt: skip
def test_after_an_edit_it_holds_what_a_new_index_would(
    root: Path, index: Path, edit: Callable[[Path], None]
) -> None:
    watched = Watched(index, root)
    watched.until_watching()
    edit(root)
    watched.until_holds(afresh(index, root))


def test_changes_below_a_folder_that_came_later_are_seen(root: Path, index: Path) -> None:
    watched = Watched(index, root)
    watched.until_watching()
    for place in ("one", "one/two", "one/two/three"):
        paint(root / place / "new.png", RED)
        watched.until_holds(afresh(index, root))


def test_only_the_root_with_changes_is_looked_at(root: Path, index: Path, tmp_path: Path) -> None:
    other = paint(tmp_path / "others" / "red.png", RED).parent
    os.utime(other / "red.png", (LONG_AGO, LONG_AGO))
    watched = Watched(index, root, other)
    watched.until_watching()
    assert watched.seen[-1] == Watching((os.fspath(other), os.fspath(root)))
    add(root)
    told = watched.until_holds(afresh(index, root, other))
    assert {event.root for event in told if isinstance(event, Planned)} == {os.fspath(root)}


def test_what_cannot_matter_leads_to_no_look(root: Path, tmp_path: Path) -> None:
    index = root / ".vsearch"  # which is written all the time
    watched = Watched(index, root)
    watched.until_watching()
    (root / "notes.txt").write_text("no picture")
    (root / ".hidden").mkdir()
    (root / ".hidden" / "red.png").touch()
    (root / "deep" / ".red.png").touch()
    (index / "sets" / "whole" / "graph.hnsw.new").touch()
    (index / "lock").touch()
    # Long after a look for the sake of these would have begun.
    later = Timer(1.5, paint(tmp_path / "red.png", RED).rename, [root / "new.png"])
    later.start()
    told = watched.until(lambda event: isinstance(event, Done))
    assert [type(event) for event in told].count(Planned) == 1
    assert names(index)[os.fspath(root / "new.png")]
    later.join()


def test_a_file_is_not_read_while_it_is_written(
    root: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SETTLE_SECONDS", 2.0)
    monkeypatch.setattr(watching, "PATIENCE_SECONDS", 0.1)
    watched = Watched(index, root)
    watched.until_watching()
    whole = paint(root.parent / "whole.png", RED).read_bytes()

    def write() -> None:
        with (root / "slow.png").open("wb", buffering=0) as file:
            for byte in whole:
                file.write(bytes([byte]))
                time.sleep(0.02)

    writing = Thread(target=write)
    writing.start()
    told = watched.until(lambda event: isinstance(event, Planned))
    writing.join()
    told += watched.until_holds(afresh(index, root))
    looks = [event.unsettled for event in told if isinstance(event, Planned)]
    assert looks[0] == 1
    assert looks[-1] == 0
    assert not [event for event in told if isinstance(event, Skipped)]


def test_a_root_that_goes_keeps_its_records_until_it_is_back(root: Path, index: Path) -> None:
    watched = Watched(index, root)
    watched.until_watching()
    before = names(index)
    root.rename(root.with_name("away"))
    told = watched.until(lambda event: isinstance(event, RootMissing))
    assert told[-1] == RootMissing(os.fspath(root), 3)
    watched.until(lambda event: isinstance(event, Done))
    assert names(index) == before
    root.with_name("away").rename(root)
    remove(root)
    told = watched.until_holds(afresh(index, root))
    assert [event for event in told if isinstance(event, Gone | RootMissing)] == [
        Gone(os.fspath(root / "red.png"))
    ]


def test_a_root_made_anew_is_watched_anew(root: Path, index: Path) -> None:
    watched = Watched(index, root)
    watched.until_watching()
    shutil.rmtree(root)
    paint(root / "other.png", GREEN)
    watched.until_holds(afresh(index, root))
    add(root)
    watched.until_holds(afresh(index, root))


def test_a_folder_of_a_root_may_come_and_go(root: Path, index: Path) -> None:
    for _ in update(index, FakeEncoder(), [os.fspath(root)], OPTIONS):
        pass
    watched = Watched(index, root / "deep")
    watched.until_watching()
    assert watched.seen[-1] == Watching((os.fspath(root / "deep"),))
    shutil.rmtree(root / "deep")
    watched.until_holds({os.fspath(root / "red.png"): True})
    paint(root / "deep" / "new.png", GREEN)
    watched.until_holds(afresh(index, root))


def test_where_nothing_is_told_everything_is_looked_at(
    root: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, ignore_permission_denied: bool, **__: object) -> Iterator[set[object]]:
        if not ignore_permission_denied:  # watchfiles 1.3 says nothing otherwise
            raise OSError('OS file watch limit reached. about ["/x"]')
        while True:
            yield set()

    monkeypatch.setattr(watchfiles, "watch", refused)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.5)
    watched = Watched(index, root)
    watched.until_watching()
    add(root)
    watched.until_holds(afresh(index, root))
    remove(root)
    watched.until_holds(afresh(index, root))
    assert [event for event in watched.seen if isinstance(event, Polling | Watching)] == [
        Polling("OS file watch limit reached", 0.5),
        Watching((os.fspath(root),)),
    ]


@pytest.mark.parametrize("fault", [None, RuntimeError("garbled")], ids=["silence", "a fault"])
def test_changes_that_were_never_told_are_found(
    root: Path, index: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    def deaf(*_: object, **__: object) -> Iterator[set[object]]:
        yield from [set()] * 5
        if fault:
            raise fault
        while True:
            yield set()

    monkeypatch.setattr(watchfiles, "watch", deaf)
    monkeypatch.setattr(watching, "EVERYTHING_SECONDS", 600.0 if fault else 0.5)
    watched = Watched(index, root)
    watched.until_watching()
    remove(root)
    watched.until_holds(afresh(index, root))


def test_a_folder_that_may_not_be_watched_costs_only_itself(
    root: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = watchfiles.watch

    def strict(
        *paths: str, ignore_permission_denied: bool, **options: Any
    ) -> Iterator[set[tuple[watchfiles.Change, str]]]:
        if not ignore_permission_denied:
            raise PermissionError("Permission denied")
        yield from told(*paths, ignore_permission_denied=True, **options)

    monkeypatch.setattr(watchfiles, "watch", strict)
    watched = Watched(index, root)
    watched.until_watching()
    add(root)
    watched.until_holds(afresh(index, root))
    assert not [event for event in watched.seen if isinstance(event, Polling)]


def test_single_files_are_looked_at_from_time_to_time(
    root: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "EVERYTHING_SECONDS", 0.5)
    watched = Watched(index, root / "red.png")
    watched.until_watching()
    change(root)
    watched.until_holds({os.fspath(root / "red.png"): False})
    add(root)
    watched.until(lambda event: isinstance(event, Done))
    assert list(names(index)) == [os.fspath(root / "red.png")]


def test_another_writer_gets_its_turn_and_is_waited_for(root: Path, index: Path) -> None:
    watched = Watched(index, root)
    watched.until_watching()
    with Upkeep(index):  # which is refused while another one writes
        add(root)
        told = watched.until(lambda event: isinstance(event, TurnAwaited))
        assert not [event for event in told if isinstance(event, Planned)]
    watched.until_holds(afresh(index, root))


def test_what_is_forgotten_does_not_come_back(root: Path, index: Path, tmp_path: Path) -> None:
    other = paint(tmp_path / "others" / "red.png", RED).parent
    os.utime(other / "red.png", (LONG_AGO, LONG_AGO))
    watched = Watched(index, root, other)
    watched.until_watching()
    forget(index, choose(index, [os.fspath(root)]))
    add(root)
    told = watched.until(lambda event: isinstance(event, Watching))
    assert told[0] == Unwatched(os.fspath(root))
    assert told[-1] == Watching((os.fspath(other),))
    assert list(names(index)) == [os.fspath(other / "red.png")]
    forget(index, choose(index, [os.fspath(other)]))
    add(other)
    with pytest.raises(UsageError, match="nothing is left to be watched"):
        watched.until(lambda event: isinstance(event, Done))
    assert names(index) == {}


def test_all_of_the_index_includes_what_comes_to_it_later(
    root: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "EVERYTHING_SECONDS", 0.5)
    for _ in update(index, FakeEncoder(), [os.fspath(root)], OPTIONS):
        pass
    watched = Watched(index)
    watched.until_watching()
    other = paint(tmp_path / "others" / "red.png", RED).parent
    for _ in update(index, FakeEncoder(), [os.fspath(other)], OPTIONS):
        pass
    watched.until_watching()
    assert watched.seen[-1] == Watching((os.fspath(other), os.fspath(root)))


def test_an_index_that_goes_with_its_drive_is_waited_for(root: Path) -> None:
    index = root / ".vsearch"
    watched = Watched(index, root)
    watched.until_watching()
    root.rename(root.with_name("away"))
    told = watched.until(lambda event: isinstance(event, IndexAway))
    assert told == [IndexAway(os.fspath(index))]
    assert not root.exists()  # nothing is made where the drive was
    root.with_name("away").rename(root)
    add(root)
    watched.until_holds(names(index) | {os.fspath(root / "new.png"): True})


def test_an_index_that_is_made_anew_is_waited_for_until_it_has_roots(
    root: Path, index: Path
) -> None:
    watched = Watched(index, root)
    watched.until_watching()
    index.rename(index.with_name("old"))
    add(root)
    watched.until(lambda event: isinstance(event, IndexAway))

    def make() -> None:
        with IndexWriter(index, FakeEncoder().identity) as writer:
            writer.commit()
            time.sleep(4 * watching.TICK_SECONDS)
            writer.add_root(os.fspath(root), whole=True)
            writer.commit()

    making = Thread(target=make)
    making.start()
    watched.until_holds({os.fspath(path): True for path in root.rglob("*.png")})
    making.join()


def test_pictures_are_embedded_once(root: Path, index: Path) -> None:
    watched = Watched(index, root)
    watched.until_watching()
    add(root)
    watched.until_holds(afresh(index, root))
    rename_a_folder(root)
    watched.until_holds(afresh(index, root))
    assert watched.encoder.pictures == 3  # new.png has the content of red.png
