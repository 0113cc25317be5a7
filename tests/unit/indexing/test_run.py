"""`update`: after any edits the index holds what a fresh one would, at the least work."""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from end_to_end.pictures import write_pictures
from fake_encoder import BLUE, GREEN, RED, FakeEncoder, PixelEncoder, TurnedEncoder, paint
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vsearch.conditions import Compared
from vsearch.errors import ImageError, IndexLocked, ModelError, SkipReason, UsageError
from vsearch.images.isolation.decoders import Decoders
from vsearch.index import Index, is_unsettled
from vsearch.index.database import Database
from vsearch.index.writer import IndexWriter
from vsearch.indexing import run
from vsearch.indexing.events import (
    Committed,
    Confirmed,
    Described,
    Done,
    Embedded,
    Event,
    Gone,
    GraphStarted,
    Ignored,
    Planned,
    Reused,
    RootMissing,
    Skipped,
    Tally,
)
from vsearch.indexing.run import Options, preview, update

OPTIONS = Options(workers=2, pixel_limit=10_000)
LONG_AGO = 1_000_000_000_000_000_000  # ns: so that a file counts as settled
X, Y, Z = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder: red.png, green.bmp and deep/blue.png, all settled."""
    root = tmp_path / "photos"
    for name, colour in {"red.png": RED, "green.bmp": GREEN, "deep/blue.png": BLUE}.items():
        settle(paint(root / name, colour))
    return root


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


def settle(path: Path, seconds: int = 0) -> Path:
    """Let a file have been changed long ago."""
    os.utime(path, ns=(LONG_AGO, LONG_AGO + seconds * 1_000_000_000))
    return path


def bring_up(
    index: Path, *paths: Path, encoder: FakeEncoder | None = None, options: Options = OPTIONS
) -> list[Event]:
    named = [os.fspath(path) for path in paths]
    return list(update(index, encoder or FakeEncoder(), named, options))


def what(events: Sequence[Event]) -> list[str]:
    """Return the events that name a file, as "Kind path below photos"."""
    return [
        f"{type(one).__name__} {one.path.partition('/photos/')[2]}"
        for one in events
        if isinstance(one, Embedded | Reused | Confirmed | Described | Ignored | Skipped | Gone)
    ]


def planned(events: Sequence[Event]) -> tuple[int, ...]:
    """Return (new, changed, reading, unchanged, gone) of the one root that was planned."""
    (one,) = (one for one in events if isinstance(one, Planned))
    return one.new, one.changed, one.reading, one.unchanged, one.gone


@dataclass
class Content:
    """What an index answers with: vectors by absolute path, and what was skipped why."""

    vectors: dict[str, tuple[float, ...]] = field(default_factory=dict)
    skipped: list[tuple[str, SkipReason, str]] = field(default_factory=list)


def content(folder: Path, waiting: int = 0) -> Content:
    """Return that; `waiting` pictures have no embedding by the model that answers."""
    with Index(folder) as index:
        found = Content(skipped=index.skipped())
        for row, records in index.images_of(range(index.rows)).items():
            vector = index.vectors(np.array([row]))[0].round(4).tolist()
            for record in records:
                found.vectors[os.path.join(record.root, record.path)] = tuple(vector)
        images = [image for root in index.roots() for image in index.known(root).values()]
        assert len(images) == len(found.vectors) + len(found.skipped) + waiting
    return found


def names(index: Path) -> list[str]:
    return sorted(path.partition("/photos/")[2] for path in content(index).vectors)


# The story in order


def test_the_folder_of_the_index_is_not_looked_into(root: Path) -> None:
    index = root / "deep" / "index"
    assert planned(bring_up(index, root)) == (3, 0, 3, 0, 0)
    settle(paint(index / "thumbnail.png", RED))
    assert planned(bring_up(index, root)) == (0, 0, 0, 3, 0)


def test_the_first_run_event_by_event(root: Path, index: Path) -> None:
    (root / "damaged.png").write_bytes((root / "red.png").read_bytes()[:40])
    (root / "readme").write_text("no picture")
    (root / "link.png").symlink_to("red.png")
    events = bring_up(index, root)
    damaged = next(one for one in events if isinstance(one, Skipped) and one.opened)
    assert (damaged.path, damaged.reason) == (f"{root}/damaged.png", SkipReason.DAMAGED)
    assert damaged.detail
    assert events == [
        Planned(str(root), new=5, changed=0, reading=5, unchanged=0, unchanged_skipped={}, gone=0),
        Skipped(f"{root}/link.png", SkipReason.LINK, "", opened=False),
        damaged,
        Embedded(f"{root}/green.bmp"),
        Ignored(f"{root}/readme"),
        Embedded(f"{root}/red.png"),
        Embedded(f"{root}/deep/blue.png"),
        Committed(),
        GraphStarted(),
        Done(3),
    ]
    assert content(index) == Content(
        {f"{root}/red.png": X, f"{root}/green.bmp": Y, f"{root}/deep/blue.png": Z},
        [(f"{root}/damaged.png", SkipReason.DAMAGED, damaged.detail)],
    )


def test_a_second_run_reads_only_what_it_must(root: Path, index: Path) -> None:
    settle(root / "deep").joinpath("readme").write_text("no picture")
    settle(root / "deep" / "readme")
    (root / "empty.png").touch()
    settle(root / "empty.png")
    bring_up(index, root)
    encoder = FakeEncoder()
    events = bring_up(index, encoder=encoder)
    assert events == [
        Planned(str(root), 1, 0, 1, 4, {SkipReason.EMPTY: 1}, 0),
        Ignored(f"{root}/deep/readme"),
        Committed(),
        Done(3),
    ]
    assert encoder.pictures == 0


def test_moved_files_are_not_embedded_again_and_never_missing(root: Path, index: Path) -> None:
    bring_up(index, root)
    (root / "red.png").rename(root / "deep" / "rot.png")
    (root / "deep").rename(root / "tief")
    encoder = FakeEncoder()
    events = bring_up(index, root, encoder=encoder)
    assert what(events) == [
        "Reused tief/blue.png", "Reused tief/rot.png", "Gone deep/blue.png", "Gone red.png",
    ]  # fmt: skip
    assert planned(events) == (2, 0, 2, 1, 2)
    assert encoder.pictures == 0
    assert names(index) == ["green.bmp", "tief/blue.png", "tief/rot.png"]
    with Index(index) as opened:
        assert opened.rows == 3


def test_copies_are_not_embedded_again(root: Path, index: Path) -> None:
    bring_up(index, root)
    shutil.copy(root / "red.png", root / "copy.png")
    encoder = FakeEncoder()
    assert what(bring_up(index, root, encoder=encoder)) == ["Reused copy.png"]
    assert encoder.pictures == 0


def test_what_came_back_is_not_embedded_again(root: Path, index: Path) -> None:
    bring_up(index, root)
    kept = (root / "red.png").rename(root.parent / "kept.png")
    assert what(bring_up(index)) == ["Gone red.png"]
    kept.rename(root / "red.png")
    encoder = FakeEncoder()
    assert what(bring_up(index, encoder=encoder)) == ["Reused red.png"]
    assert encoder.pictures == 0


def test_a_touched_file_is_read_and_not_embedded(root: Path, index: Path) -> None:
    bring_up(index, root)
    settle(root / "red.png", seconds=5)
    encoder = FakeEncoder()
    events = bring_up(index, encoder=encoder)
    assert what(events) == ["Confirmed red.png"]
    assert planned(events) == (0, 1, 1, 2, 0)
    assert encoder.pictures == 0
    assert what(bring_up(index)) == []


def test_swapped_files_swap_their_vectors(root: Path, index: Path) -> None:
    settle(paint(root / "blue.bmp", BLUE), seconds=1)
    bring_up(index, root)
    (root / "blue.bmp").rename(root / "x")
    (root / "green.bmp").rename(root / "blue.bmp")
    (root / "x").rename(root / "green.bmp")
    encoder = FakeEncoder()
    assert what(bring_up(index, encoder=encoder)) == ["Reused blue.bmp", "Reused green.bmp"]
    assert content(index).vectors[f"{root}/blue.bmp"] == Y
    assert content(index).vectors[f"{root}/green.bmp"] == Z
    assert encoder.pictures == 0


def test_a_change_within_one_tick_of_the_clock_is_seen(root: Path, index: Path) -> None:
    """Same size, same time of change: what was read so soon after it proves nothing."""
    path = paint(root / "new.bmp", RED)
    now = path.stat().st_mtime_ns
    bring_up(index, root)
    paint(path, BLUE)
    os.utime(path, ns=(now, now))
    assert what(bring_up(index)) == ["Embedded new.bmp"]
    assert content(index).vectors[str(path)] == Z


def test_damage_and_repair(root: Path, index: Path) -> None:
    bring_up(index, root)
    good = (root / "red.png").read_bytes()
    (root / "red.png").write_bytes(good[:-20])
    assert what(bring_up(index)) == ["Skipped red.png"]
    assert f"{root}/red.png" not in content(index).vectors
    (root / "red.png").write_bytes(good)
    encoder = FakeEncoder()
    assert what(bring_up(index, encoder=encoder)) == ["Reused red.png"]
    assert encoder.pictures == 0
    assert content(index).skipped == []


def test_a_picture_without_suffix_is_found_by_its_content(root: Path, index: Path) -> None:
    paint(root / "plain.png", RED).rename(root / "plain")
    assert "Embedded plain" in what(bring_up(index, root))
    (root / "plain").write_text("no picture any more")
    assert what(bring_up(index)) == ["Ignored plain"]
    assert names(index) == ["deep/blue.png", "green.bmp", "red.png"]


def test_what_the_model_has_no_direction_for_is_skipped_alone(root: Path, index: Path) -> None:
    class Weak(FakeEncoder):
        def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            vectors = super().encode_images(pixels)
            return np.where(vectors[:, :1] > 0.5, np.float32("nan"), vectors)

    events = bring_up(index, root, encoder=Weak())
    assert what(events) == ["Embedded green.bmp", "Skipped red.png", "Embedded deep/blue.png"]
    assert content(index).skipped == [
        (
            f"{root}/red.png",
            SkipReason.NO_EMBEDDING,
            "it answers with a vector without a direction (zero or not finite)",
        )
    ]


def test_the_model_is_loaded_once_and_only_for_what_has_no_embedding(
    root: Path, index: Path
) -> None:
    encoder = FakeEncoder()
    bring_up(index, root, encoder=encoder)
    assert encoder.loaded == 1
    shutil.copy(root / "red.png", root / "copy.png")
    encoder = FakeEncoder()
    assert what(bring_up(index, encoder=encoder)) == ["Reused copy.png"]
    assert encoder.loaded == 0


def test_a_model_that_cannot_be_loaded_ends_the_run_in_its_words(root: Path, index: Path) -> None:
    class Gone(FakeEncoder):
        def load_images(self) -> None:
            raise ModelError("no model")

        def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            raise ModelError("no model here")

    with pytest.raises(ModelError, match="no model here"):
        bring_up(index, root, encoder=Gone())


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_order_is_that_of_the_walk_whatever_the_threads(
    tmp_path: Path, index: Path, workers: int
) -> None:
    root = tmp_path / "photos"
    for number in range(40):
        # The first ones take longest.
        paint(root / f"{number:02}.png", (number, 255, 0), (90 - 2 * number, 90))
    events = bring_up(index, root, options=Options(workers, 10_000))
    assert what(events) == [f"Embedded {number:02}.png" for number in range(40)]
    vectors = content(index).vectors
    for number in range(40):
        colour = np.array([number, 255, 0]) / np.hypot(number, 255)
        assert vectors[f"{root}/{number:02}.png"] == pytest.approx(colour, abs=1e-3)


def test_a_slow_picture_does_not_keep_the_others_from_being_committed(
    root: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "IN_ORDER_SECONDS", 0.0)
    others_are_committed = threading.Event()

    class Slow(FakeEncoder):
        def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            if pixels[..., 1].mean() > 200:  # green.bmp, the first in order
                assert others_are_committed.wait(timeout=60)
            return super().encode_images(pixels)

    monkeypatch.setattr(run, "COMMIT_SECONDS", -1.0)
    done = []
    for one in update(index, Slow(), [os.fspath(root)], OPTIONS):
        done += what([one])
        if isinstance(one, Committed) and len(done) == 2:
            assert names(index) == ["deep/blue.png", "red.png"]
            others_are_committed.set()
    assert done == ["Embedded red.png", "Embedded deep/blue.png", "Embedded green.bmp"]


def test_an_empty_file_without_suffix_is_told_of_only_where_it_is_named(
    root: Path, index: Path
) -> None:
    (root / "nothing").touch()
    settle(root / "nothing")
    assert what(bring_up(index, root / "nothing")) == ["Skipped nothing"]
    assert "Ignored nothing" in what(bring_up(index, root))
    assert content(index).skipped == []


# Parts of roots


def test_a_folder_in_a_root_is_updated_within_it(root: Path, index: Path) -> None:
    bring_up(index, root)
    settle(paint(root / "deep" / "er" / "new.png", RED))
    paint(root / "not now.png", RED)
    (root / "green.bmp").unlink()
    events = bring_up(index, root / "deep")
    assert planned(events) == (1, 0, 1, 1, 0)
    assert what(events) == ["Reused deep/er/new.png"]
    assert names(index) == ["deep/blue.png", "deep/er/new.png", "green.bmp", "red.png"]
    with Index(index) as opened:
        assert [one.path for one in opened.roots()] == [str(root)]


def test_a_folder_that_has_gone_from_a_root(root: Path, index: Path) -> None:
    bring_up(index, root)
    shutil.rmtree(root / "deep")
    (root / "green.bmp").unlink()
    assert what(bring_up(index, root / "deep")) == ["Gone deep/blue.png"]
    assert names(index) == ["green.bmp", "red.png"]


def test_a_file_that_has_gone_from_a_root(root: Path, index: Path) -> None:
    bring_up(index, root)
    (root / "green.bmp").unlink()
    (root / "red.png").unlink()
    assert what(bring_up(index, root / "green.bmp")) == ["Gone green.bmp"]
    assert names(index) == ["deep/blue.png", "red.png"]


def test_a_file_in_a_root_is_updated_alone(root: Path, index: Path) -> None:
    bring_up(index, root)
    for name in ("red.png", "green.bmp"):
        paint(root / name, BLUE)
    assert what(bring_up(index, root / "red.png")) == ["Reused red.png"]
    assert content(index).vectors[f"{root}/green.bmp"] == Y


def test_single_files_stay_single(root: Path, index: Path) -> None:
    bring_up(index, root / "red.png", root / "deep" / "blue.png")
    assert names(index) == ["deep/blue.png", "red.png"]
    assert what(bring_up(index)) == []
    assert names(index) == ["deep/blue.png", "red.png"]
    (root / "red.png").unlink()
    events = bring_up(index)
    assert what(events) == ["Gone red.png"]
    assert names(index) == ["deep/blue.png"]
    bring_up(index, root)
    assert names(index) == ["deep/blue.png", "green.bmp"]
    with Index(index) as opened:
        assert [(one.path, one.whole) for one in opened.roots()] == [(str(root), True)]


def test_a_parent_takes_in_its_children_without_reading_them(
    root: Path, index: Path, tmp_path: Path
) -> None:
    settle(paint(tmp_path / "other.png", RED))
    bring_up(index, root)
    bring_up(index, tmp_path / "other.png")
    encoder = FakeEncoder()
    (root / "green.bmp").unlink()
    shutil.move(index, tmp_path / ".vsearch")
    events = bring_up(tmp_path / ".vsearch", tmp_path, encoder=encoder)
    assert planned(events) == (0, 0, 0, 3, 1)
    assert encoder.pictures == 0
    assert sorted(content(tmp_path / ".vsearch").vectors) == [
        str(tmp_path / "other.png"), f"{root}/deep/blue.png", f"{root}/red.png",
    ]  # fmt: skip


# What is not there


def test_a_missing_root_keeps_its_records(root: Path, index: Path) -> None:
    bring_up(index, root)
    root.rename(root.parent / "unplugged")
    assert bring_up(index) == [RootMissing(str(root), 3), Done(3)]
    assert len(names(index)) == 3
    (root.parent / "unplugged").rename(root)
    assert what(bring_up(index)) == []


def test_a_missing_root_does_not_stop_the_others(root: Path, index: Path, tmp_path: Path) -> None:
    bring_up(index, root)
    bring_up(index, paint(tmp_path / "z" / "red.png", RED).parent)
    root.rename(root.parent / "unplugged")
    paint(tmp_path / "z" / "new.png", (1, 2, 3))
    events = bring_up(index)
    assert events[0] == RootMissing(str(root), 3)
    assert Embedded(str(tmp_path / "z" / "new.png")) in events
    assert events[-1] == Done(5)


@pytest.mark.parametrize("mounted", [False, True], ids=["another device", "the same device"])
def test_an_empty_root_is_an_unplugged_drive_only_on_another_device(
    root: Path, index: Path, mounted: bool
) -> None:
    bring_up(index, root)
    if not mounted:
        with IndexWriter(index, FakeEncoder().identity) as writer:
            writer.set_device(writer.roots()[0], root.stat().st_dev + 1)
            writer.commit()
    shutil.rmtree(root)
    root.mkdir()
    events = bring_up(index)
    if mounted:
        assert what(events) == ["Gone deep/blue.png", "Gone green.bmp", "Gone red.png"]
        assert names(index) == []
    else:
        assert events == [RootMissing(str(root), 3), Done(3)]
        assert len(names(index)) == 3


def test_an_empty_new_root_is_no_missing_one(tmp_path: Path, index: Path) -> None:
    (tmp_path / "photos").mkdir()
    events = bring_up(index, tmp_path / "photos")
    assert events == [
        Planned(str(tmp_path / "photos"), 0, 0, 0, 0, {}, 0), Committed(), Done(0),
    ]  # fmt: skip


_UNPRIVILEGED = """
import sys
from pathlib import Path
import fake_encoder
from vsearch.indexing.run import Options, update
encoder = getattr(fake_encoder, sys.argv[2])()
for one in update(Path(sys.argv[1]), encoder, [], Options(2, 10_000)):
    print(one)
"""


def _drop_privileges() -> None:
    """Take from root what lets it pass over file permissions."""
    import ctypes

    pr_capbset_drop = 24
    for capability in (1, 2):  # DAC_OVERRIDE, DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(pr_capbset_drop, capability, 0, 0, 0)


def bring_up_unprivileged(index: Path, encoder: str = "FakeEncoder") -> list[str]:
    """Bring an index up to date in a process that obeys permissions; its events as text."""
    done = subprocess.run(
        [sys.executable, "-c", _UNPRIVILEGED, index, encoder],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_drop_privileges,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_an_unreadable_folder_keeps_its_records(root: Path, index: Path) -> None:
    bring_up(index, root)
    (root / "red.png").unlink()
    (root / "deep").chmod(0)
    try:
        events = bring_up_unprivileged(index)
    finally:
        (root / "deep").chmod(0o755)
    assert events == [
        (
            f"Planned(root='{root}', new=0, changed=0, reading=0, unchanged=1, "
            "unchanged_skipped={}, gone=1, unsettled=0)"
        ),
        (
            f"Skipped(path='{root}/deep', reason=<SkipReason.UNREADABLE: 'unreadable'>, "
            "detail='Permission denied', opened=False)"
        ),
        f"Gone(path='{root}/red.png')",
        "Committed()",
        "Done(images=2)",
    ]
    assert names(index) == ["deep/blue.png", "green.bmp"]


def test_a_file_that_could_not_be_read_is_tried_again(root: Path, index: Path) -> None:
    bring_up(index, root)
    settle(root / "red.png", seconds=3).chmod(0)
    events = bring_up_unprivileged(index)
    assert [one for one in events if one.startswith("Skipped")] == [
        (
            f"Skipped(path='{root}/red.png', reason=<SkipReason.UNREADABLE: 'unreadable'>, "
            "detail='Permission denied', opened=True)"
        )
    ]
    (root / "red.png").chmod(0o644)
    encoder = FakeEncoder()
    assert what(bring_up(index, encoder=encoder)) == ["Reused red.png"]
    assert encoder.pictures == 0


# Stopping


def test_stopped_early_what_is_done_stays(root: Path, index: Path) -> None:
    steps = update(index, FakeEncoder(), [str(root)], OPTIONS)
    while next(steps) != Embedded(f"{root}/green.bmp"):
        pass
    assert content(index) == Content()
    steps.close()  # type: ignore[attr-defined]  # a generator
    assert names(index) == ["green.bmp"]
    encoder = FakeEncoder()
    assert what(bring_up(index, root, encoder=encoder)) == [
        "Embedded red.png", "Embedded deep/blue.png",
    ]  # fmt: skip
    assert encoder.pictures == 2


def test_interrupted_what_is_done_stays(root: Path, index: Path) -> None:
    steps = update(index, FakeEncoder(), [str(root)], OPTIONS)
    while next(steps) != Embedded(f"{root}/green.bmp"):
        pass
    with pytest.raises(KeyboardInterrupt):
        steps.throw(KeyboardInterrupt)  # type: ignore[attr-defined]  # a generator
    assert names(index) == ["green.bmp"]
    assert what(bring_up(index, root)) == ["Embedded red.png", "Embedded deep/blue.png"]


def test_a_fault_of_the_model_is_told_and_the_index_stays_good(root: Path, index: Path) -> None:
    bring_up(index, root)

    class Broken(FakeEncoder):
        def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            raise RuntimeError(f"{len(pixels)} out of order")

    paint(root / "new.png", (9, 9, 9))
    with pytest.raises(RuntimeError, match="out of order"):
        bring_up(index, encoder=Broken())
    assert len(names(index)) == 3
    assert what(bring_up(index)) == ["Embedded new.png"]


def test_commits_come_while_it_works(
    root: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "COMMIT_SECONDS", -1)
    counted = [
        len(names(index))
        for one in update(index, FakeEncoder(), [str(root)], OPTIONS)
        if isinstance(one, Committed)
    ]
    assert counted == [1, 2, 3, 3]


def test_a_moved_file_is_in_every_commit(
    root: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_up(index, root)
    monkeypatch.setattr(run, "COMMIT_SECONDS", -1)
    (root / "red.png").rename(root / "rot.png")
    for _ in update(index, FakeEncoder(), [], OPTIONS):
        assert X in content(index).vectors.values()
    assert names(index) == ["deep/blue.png", "green.bmp", "rot.png"]


def test_two_cannot_update_at_once(root: Path, index: Path) -> None:
    steps = update(index, FakeEncoder(), [str(root)], OPTIONS)
    next(steps)
    with pytest.raises(IndexLocked):
        bring_up(index, root)
    assert list(steps)[-1] == Done(3)


def test_a_wrong_name_makes_no_index(root: Path, index: Path) -> None:
    with pytest.raises(UsageError):
        bring_up(index, root, root / "none")
    assert not index.exists()


# What would be done


@pytest.mark.parametrize("named", ["", "deep", "red.png"])
def test_a_preview_is_the_plan_of_the_update_and_changes_nothing(
    root: Path, index: Path, named: str
) -> None:
    bring_up(index, root)
    paint(root / "new.png", RED)
    paint(root / "deep" / "new.png", RED)
    settle(root / "red.png", seconds=9)
    (root / "green.bmp").unlink()
    (root / "deep" / "blue.png").unlink()
    before = content(index)
    paths = [str(root / named)]
    ((at, todo),) = preview(index, paths, OPTIONS)
    assert todo is not None
    assert content(index) == before
    events = list(update(index, FakeEncoder(), paths, OPTIONS))
    assert at == str(root)
    assert planned(events) == (
        len(todo.new), len(todo.changed), len(todo.new + todo.changed + todo.again),
        todo.unchanged, len(todo.gone),
    )  # fmt: skip
    assert [f"{root}/{path}" for path in todo.gone] == [
        one.path for one in events if isinstance(one, Gone)
    ]
    assert [f"{root}/{one.path}" for one in todo.new + todo.changed] == [
        one.path for one in events if isinstance(one, Embedded | Reused | Confirmed)
    ]


def test_a_preview_of_a_new_index_makes_none(root: Path, index: Path) -> None:
    ((at, todo),) = preview(index, [str(root)], OPTIONS)
    assert todo is not None
    assert (at, [one.path for one in todo.new]) == (
        str(root), ["green.bmp", "red.png", "deep/blue.png"],
    )  # fmt: skip
    assert not index.exists()


def test_a_preview_of_a_parent_knows_what_its_children_hold(
    root: Path, index: Path, tmp_path: Path
) -> None:
    bring_up(index, root)
    ((_, todo),) = preview(index, [str(tmp_path)], OPTIONS)
    assert todo is not None
    assert (todo.unchanged, todo.gone) == (3, [])


def test_a_preview_of_single_files_looks_at_those_only(root: Path, index: Path) -> None:
    bring_up(index, root / "red.png")
    ((_, todo),) = preview(index, [], OPTIONS)
    assert todo is not None
    assert (todo.unchanged, todo.new, todo.gone) == (1, [], [])


def test_a_preview_of_a_root_that_is_not_there_has_no_plan(root: Path, index: Path) -> None:
    bring_up(index, root)
    root.rename(root.with_name("unplugged"))
    assert list(preview(index, [], OPTIONS)) == [(str(root), None)]


# Any edits at all

NAMES = ["a.png", "b.bmp", "c.bmp", "d", "d/a.png", "d/b.bmp", "d/e/a.png", "noname"]
COLOURS = [RED, GREEN, BLUE, (255, 255, 0)]


def _picture(format_: str, colour: tuple[int, int, int], width: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 4), colour).save(file, format_)
    return file.getvalue()


# All BMPs of a width are of one size, so that only time or content tells them apart.
CONTENTS = [
    *(_picture("BMP", colour, width) for colour in COLOURS for width in (4, 8)),
    *(_picture("PNG", colour, 4) for colour in COLOURS),
    _picture("PNG", RED, 4)[:-25],
    _picture("BMP", RED, 8)[:60],
    b"just some text",
    b"",
]

names_ = st.sampled_from(NAMES)
# Files whose name says nothing about their format or anything: any content under any name.
edits = st.one_of(
    st.tuples(st.just("write"), names_, st.sampled_from(CONTENTS)),
    st.tuples(st.just("write in the same tick"), names_, st.sampled_from(CONTENTS)),
    st.tuples(st.just("write and leave"), names_, st.sampled_from(CONTENTS)),
    st.tuples(st.just("touch"), names_, st.none()),
    st.tuples(st.just("move"), names_, names_),
    st.tuples(st.just("copy"), names_, names_),
    st.tuples(st.just("swap"), names_, names_),
    st.tuples(st.just("delete"), names_, st.none()),
    st.tuples(st.just("fold"), names_, st.none()),
    st.tuples(
        st.just("update"), st.sampled_from(["", "", "d", "d/e", "a.png", "d/a.png"]), st.none()
    ),
)


class Tree:
    """A folder of pictures that is edited, and a clock that never gives one time twice."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 0
        root.mkdir()

    def apply(self, kind: str, name: str, more: str | bytes | None) -> None:
        path = self.root / name
        if kind.startswith("write"):
            assert isinstance(more, bytes)
            before = path.stat().st_mtime_ns if path.is_file() else None
            self.make_way(path)
            path.write_bytes(more)
            if kind == "write":
                self.settle(path)
            elif kind == "write in the same tick" and before and before > LONG_AGO * 3 // 2:
                os.utime(path, ns=(before, before))
        elif isinstance(more, str):
            other = self.root / more
            if not path.is_file() or name == more or more.startswith(name + "/"):
                return
            if kind == "swap" and other.is_file():
                path.rename(self.root / "swapping")
                other.rename(path)
                (self.root / "swapping").rename(other)
            elif kind in ("move", "copy") and not name.startswith(more + "/"):
                self.make_way(other)
                shutil.copy2(path, other) if kind == "copy" else path.rename(other)
        elif path.is_file():
            if kind == "touch":
                self.settle(path)
            elif kind == "delete":
                path.unlink()
            elif kind == "fold":
                path.rename(self.root / "folding")
                path.mkdir()
                (self.root / "folding").rename(path / "a.png")
        elif path.is_dir() and kind == "delete":
            shutil.rmtree(path)

    def settle(self, path: Path) -> None:
        self.now += 1
        settle(path, seconds=self.now)

    def make_way(self, path: Path) -> None:
        """Remove what stands where a file is to be, and files where its folders are to be."""
        if path.is_dir():
            shutil.rmtree(path)
        for above in path.parents:
            if above.is_file():
                above.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="module")
def playground() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(os.path.realpath(folder))


def after_any_edits_the_index_is_that_of_a_fresh_run(
    playground: Path, edits: list[tuple[str, str, str | bytes | None]]
) -> None:
    shutil.rmtree(playground)
    playground.mkdir()
    tree = Tree(playground / "photos")
    for number, name in enumerate(("a.png", "b.bmp", "d/a.png", "d/b.bmp", "d/e/a.png", "noname")):
        tree.apply("write", name, CONTENTS[number])
    grown, encoder = playground / "grown", FakeEncoder()
    bring_up(grown, tree.root, encoder=encoder)
    for kind, name, more in edits:
        if kind != "update":
            tree.apply(kind, name, more)
        elif name == "" or (tree.root / name).exists():
            bring_up(grown, tree.root / name, encoder=encoder)
    events = bring_up(grown, tree.root, encoder=encoder)
    for one in events:
        event(type(one).__name__)

    bring_up(playground / "fresh", tree.root)
    assert content(grown) == content(playground / "fresh")

    # Nothing is left to be done, and nothing is embedded twice.
    tally, before = Tally(), encoder.pictures
    for one in bring_up(grown, tree.root, encoder=encoder):
        assert not isinstance(one, Embedded | Reused | Gone), one
        tally.add(one)
    assert encoder.pictures == before
    assert tally.images == len(content(grown).vectors)
    with Index(grown) as opened:
        committed = opened.rows
    assert committed <= encoder.pictures
    assert committed <= len(CONTENTS)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=st.lists(edits, min_size=3, max_size=25))
def test_after_any_edits_the_index_is_that_of_a_fresh_run(
    playground: Path, edits: list[tuple[str, str, str | bytes | None]]
) -> None:
    after_any_edits_the_index_is_that_of_a_fresh_run(playground, edits)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=st.lists(edits, min_size=3, max_size=25))
def test_after_any_edits_the_index_is_that_of_a_fresh_run_again(
    playground: Path, edits: list[tuple[str, str, str | bytes | None]]
) -> None:
    after_any_edits_the_index_is_that_of_a_fresh_run(playground, edits)


def test_the_random_edits_reach_what_they_are_meant_to(tmp_path: Path) -> None:
    """The edits by themselves: each does to the files what its name says."""
    tree = Tree(tmp_path / "photos")
    red, green, blue = CONTENTS[0], CONTENTS[2], CONTENTS[4]
    assert len(red) == len(green) == len(blue)
    steps: list[tuple[str, str, str | bytes | None, dict[str, bytes]]] = [
        ("write", "b.bmp", red, {"b.bmp": red}),
        ("copy", "b.bmp", "d", {"b.bmp": red, "d": red}),
        ("write", "d", green, {"b.bmp": red, "d": green}),
        ("swap", "b.bmp", "d", {"b.bmp": green, "d": red}),
        ("fold", "d", None, {"b.bmp": green, "d/a.png": red}),
        ("move", "b.bmp", "d/e/a.png", {"d/a.png": red, "d/e/a.png": green}),
        ("touch", "d/a.png", None, {"d/a.png": red, "d/e/a.png": green}),
        ("write and leave", "d", blue, {"d": blue}),
        ("write in the same tick", "d", red, {"d": red}),
        ("delete", "d", None, {}),
    ]
    times = []
    for kind, name, more, expected in steps:
        tree.apply(kind, name, more)
        files = [path for path in tree.root.rglob("*") if path.is_file()]
        assert {str(path.relative_to(tree.root)): path.read_bytes() for path in files} == expected
        times += [path.stat().st_mtime_ns for path in files if kind.startswith("write ")]
    assert len(times) == 2
    assert Counter(times) == {times[0]: 2}


# What an older vsearch did not look for


def as_of_format_3(index: Path) -> None:
    """Let an index have forgotten labels and perceptual hashes."""
    with closing(Database(index / "catalog.sqlite", write=True)) as database:
        database.run("DELETE FROM labels; UPDATE contents SET perceptual=NULL")


def described(index: Path) -> dict[str, tuple[tuple[str, ...], bytes | None]]:
    with Index(index) as opened:
        return {one.path: (one.facts.labels, one.perceptual) for one in opened.entries()}


@pytest.fixture
def labelled(tmp_path: Path, index: Path) -> Path:
    """Six pictures with labels, and a copy of one, that are indexed."""
    root = tmp_path / "photos"
    write_pictures(root, 6)
    shutil.copy(root / "000" / "img00003.jpg", root / "copy.jpg")
    for path in root.rglob("*.jpg"):
        settle(path)
    bring_up(index, root, encoder=PixelEncoder())
    return root


@pytest.mark.parametrize("batch_size", [1, 4])
def test_what_an_older_vsearch_did_not_look_for_is_read_once(
    labelled: Path, index: Path, batch_size: int
) -> None:
    before = described(index)
    assert before["copy.jpg"] == before["000/img00003.jpg"]
    assert all(labels == ("made", "tens of 0") and hash_ for labels, hash_ in before.values())
    as_of_format_3(index)
    assert set(described(index).values()) == {((), None)}
    encoder = PixelEncoder()
    encoder.batch_size = batch_size
    events = bring_up(index, labelled, encoder=encoder)
    assert planned(events) == (0, 0, 7, 0, 0)
    assert [one.split()[0] for one in what(events)] == ["Described"] * 7
    assert encoder.pictures == 0
    assert described(index) == before
    assert planned(bring_up(index, labelled, encoder=encoder)) == (0, 0, 0, 7, 0)


def test_what_cannot_be_decoded_any_more_keeps_its_embedding_and_is_not_tried_again(
    labelled: Path, index: Path
) -> None:
    as_of_format_3(index)
    strict = Options(workers=2, pixel_limit=6000)
    events = bring_up(index, labelled, encoder=PixelEncoder(), options=strict)
    assert [one.split()[0] for one in what(events)] == ["Described"] * 7
    assert set(described(index).values()) == {((), None)}
    with Index(index) as opened:
        assert opened.images() == 7
        assert opened.perceptual_hashes(np.arange(6))[1].tolist() == [False] * 6
    assert planned(bring_up(index, labelled, encoder=PixelEncoder())) == (0, 0, 0, 7, 0)


def test_what_cannot_be_read_at_the_moment_keeps_its_embedding_and_is_tried_again(
    labelled: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = described(index)
    as_of_format_3(index)

    def unreadable(*_: object, **__: object) -> None:
        raise ImageError(SkipReason.UNREADABLE, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Decoders, "load", unreadable)
        events = bring_up(index, labelled, encoder=PixelEncoder())
    assert [one.split()[0] for one in what(events)] == ["Skipped"] * 7
    with Index(index) as opened:
        assert (opened.images(), opened.skipped()) == (7, [])
    bring_up(index, labelled, encoder=PixelEncoder())
    assert described(index) == before


def test_another_model_looks_for_it_on_its_way(labelled: Path, index: Path) -> None:
    before = described(index)
    as_of_format_3(index)
    bring_up(index, labelled, encoder=TurnedEncoder())
    assert described(index) == before
    assert planned(bring_up(index, labelled, encoder=PixelEncoder())) == (0, 0, 0, 7, 0)


def test_a_picture_read_right_after_it_was_made_has_a_date_and_is_read_again(
    tmp_path: Path,
) -> None:
    paint(tmp_path / "photos" / "red.png", RED)
    bring_up(tmp_path / "index", tmp_path / "photos")
    now = (tmp_path / "photos" / "red.png").stat().st_mtime
    minute = datetime.fromtimestamp(now).isoformat()[:16]
    with Index(tmp_path / "index") as index:
        assert index.selected(Compared("date", "==", minute)).tolist() == [0]
        (entry,) = index.entries()
        assert is_unsettled(entry.mtime_ns, (tmp_path / "photos" / "red.png").stat().st_mtime_ns)
    ((_, planned),) = preview(tmp_path / "index", (), OPTIONS)
    assert planned
    assert [item.path for item in planned.again] == ["red.png"]
