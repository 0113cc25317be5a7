"""`Index` and `IndexWriter`: what a reader sees at any moment, and what survives what."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch.errors import (
    IndexDamaged,
    IndexLocked,
    IndexMissing,
    ModelMismatch,
    SkipReason,
    StoreError,
)
from vsearch.index import UNSETTLED, GraphUnusable, Index, IndexWriter, Known
from vsearch.index.matrix import Matrix
from vsearch.records import ImageFacts, ModelIdentity, SetStatus

MODEL = ModelIdentity("colours", "weights", "preprocessing", 3)
FACTS = ImageFacts(4, 4, "PNG")
X, Y, Z = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])


def digest(name: str) -> bytes:
    return os.fsencode(name).ljust(16, b"-")[:16]


def add(writer: IndexWriter, path: str, vector: Sequence[float], root: str = "/photos") -> None:
    """Record a file whose content is its name."""
    at = writer.add_root(root, whole=True)
    writer.add(at, path, 10, 20, digest(path), FACTS, np.array(vector, np.float32))


def make(folder: Path, **vectors: list[float]) -> None:
    with IndexWriter(folder, MODEL) as writer:
        for path, vector in vectors.items():
            add(writer, path, vector)
        writer.commit()


def set_format(folder: Path, version: int) -> None:
    connection = sqlite3.connect(folder / "catalog.sqlite")
    connection.execute(f"PRAGMA user_version={version}")
    connection.close()


def seen(index: Index) -> dict[str, list[float]]:
    """Return each file's name and its embedding, as a reader gets at them."""
    images = index.images_of(range(index.rows + 10))
    return {
        record.path: index.vectors(np.array([row]))[0].tolist()
        for row, records in images.items()
        for record in records
    }


def content(folder: Path) -> dict[str, list[float]]:
    with Index(folder) as index:
        return seen(index)


def run(code: str, *arguments: str | Path, drop: bool = False) -> str:
    """Run Python code in another process, with `drop` bound to file permissions; its stdout."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_drop_privileges if drop else None,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _drop_privileges() -> None:
    """Take from root what lets it pass over file permissions."""
    import ctypes

    pr_capbset_drop = 24
    for capability in (1, 2):  # DAC_OVERRIDE, DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(pr_capbset_drop, capability, 0, 0, 0)


# Commits


def test_before_the_first_commit_there_is_nothing_to_see(tmp_path: Path) -> None:
    with IndexWriter(tmp_path / "index", MODEL) as writer:
        add(writer, "a", X)
        with Index(tmp_path / "index") as index:
            assert (index.rows, index.roots(), seen(index)) == (0, [], {})
            assert index.scores(np.array(X, np.float32)).tolist() == []
    assert content(tmp_path / "index") == {}


def test_a_commit_is_seen_whole_and_what_comes_after_it_is_not(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, MODEL) as writer:
        add(writer, "a", X)
        add(writer, "b", Y)
        writer.commit()
        add(writer, "c", Z)
        assert content(tmp_path) == {"a": X, "b": Y}
        writer.commit()
        assert content(tmp_path) == {"a": X, "b": Y, "c": Z}
        writer.remove(writer.roots()[0], ["a"])
        assert content(tmp_path) == {"a": X, "b": Y, "c": Z}
        writer.commit()
        assert content(tmp_path) == {"b": Y, "c": Z}


def test_leaving_without_a_commit_forgets(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    with IndexWriter(tmp_path, MODEL) as writer:
        add(writer, "b", Y)
        writer.skip(writer.roots()[0], "c", 1, 2, SkipReason.EMPTY, "")
    assert content(tmp_path) == {"a": X}


def test_a_reader_keeps_its_moment_while_a_writer_goes_on(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    with Index(tmp_path) as before:
        with IndexWriter(tmp_path, MODEL) as writer:
            for number in range(50):
                add(writer, f"n{number}", Y)
                writer.commit()
            writer.remove(writer.roots()[0], ["a"])
            writer.commit()
            writer.extend_graph()
            assert seen(before) == {"a": X}
            assert before.scores(np.array(X, np.float32)).tolist() == [1.0]
        assert seen(before) == {"a": X}
        assert before.status().images == 1
        assert len(content(tmp_path)) == 50


def test_rows_written_but_not_committed_are_written_over(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    matrix = tmp_path / "sets" / "whole" / "matrix.f32"
    with matrix.open("ab") as file:  # what a writer killed between matrix and catalog leaves
        file.write(np.array([Z, Z, Z], "<f4").tobytes() + b"abc")
    assert content(tmp_path) == {"a": X}
    with Index(tmp_path) as index:
        assert index.scores(np.array(Z, np.float32)).tolist() == [0.0]
    make(tmp_path, b=Y)
    assert content(tmp_path) == {"a": X, "b": Y}
    with Index(tmp_path) as index:
        assert index.scores(np.array(Z, np.float32)).tolist() == [0.0, 0.0]


_KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from vsearch.index import IndexWriter
from vsearch.index.matrix import Matrix
from vsearch.records import ImageFacts, ModelIdentity
writer = IndexWriter(Path(sys.argv[1]), ModelIdentity("colours", "weights", "preprocessing", 3))
root = writer.add_root("/photos", whole=True)
for name in "abc":
    vector = np.array([1, 0, 0], np.float32)
    writer.add(root, name, 10, 20, name.encode() * 16, ImageFacts(4, 4, "PNG"), vector)
    if name == "a":
        writer.commit()
writer._matrix.append(np.stack(writer._vectors))  # as commit does, but no further
os._exit(0)
"""


def test_a_killed_writer_leaves_the_last_commit_and_no_lock(tmp_path: Path) -> None:
    run(_KILLED, tmp_path)
    assert content(tmp_path) == {"a": X}
    make(tmp_path, d=Y)
    assert content(tmp_path) == {"a": X, "d": Y}


@pytest.mark.parametrize("step", ["nothing", "folders", "empty catalog", "schema"])
def test_a_writer_killed_while_it_makes_the_index(tmp_path: Path, step: str) -> None:
    folder = tmp_path / "index"
    if step != "nothing":
        (folder / "sets" / "whole").mkdir(parents=True)
        (folder / "lock").touch()
    if step == "empty catalog":
        (folder / "catalog.sqlite").touch()
    if step == "schema":
        from vsearch.index.catalog import Catalog

        Catalog(folder, write=True).close()
        with Index(folder) as index:
            assert index.model is None
            assert index.scores(np.array(X, np.float32)).tolist() == []
            assert index.status().images == 0
            index.require_model(MODEL)
    else:
        with pytest.raises(IndexMissing):
            Index(folder)
    make(folder, a=X)
    assert content(folder) == {"a": X}


# One writer


def test_a_second_writer_is_refused_at_once(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, MODEL) as writer:
        with pytest.raises(IndexLocked) as caught:
            IndexWriter(tmp_path, MODEL)
        assert str(caught.value) == (
            f"another process is writing to the index, in {tmp_path}; "
            "wait until it is done (searching works meanwhile)"
        )
        add(writer, "a", X)
        writer.commit()
    assert content(tmp_path) == {"a": X}


_SECOND = """
import sys
from pathlib import Path
from vsearch.errors import IndexLocked
from vsearch.index import Index, IndexWriter
from vsearch.records import ModelIdentity
try:
    IndexWriter(Path(sys.argv[1]), ModelIdentity("colours", "weights", "preprocessing", 3))
except IndexLocked:
    print("locked")
with Index(Path(sys.argv[1])) as index:
    print(index.rows)
"""


def test_a_second_process_may_read_and_not_write(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, MODEL) as writer:
        add(writer, "a", X)
        writer.commit()
        assert run(_SECOND, tmp_path) == "locked\n1\n"


def test_the_lock_is_free_after_leaving_and_after_a_failure(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    set_format(tmp_path, 3)
    try:
        IndexWriter(tmp_path, MODEL)
    except StoreError:
        # Within the handler, where the failed writer is still referred to by the traceback.
        set_format(tmp_path, 2)
        make(tmp_path, b=Y)
    assert content(tmp_path) == {"a": X, "b": Y}


# Models


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (ModelIdentity("big", "other weights", "preprocessing", 3), "'colours', not 'big',"),
        (
            ModelIdentity("colours", "weights 2", "preprocessing", 3),
            "'colours', not 'colours' (another version of it),",
        ),
        (
            ModelIdentity("colours", "weights", "preprocessing 2", 3),
            "'colours', not 'colours' (another version of it),",
        ),
        (
            ModelIdentity("colours", "weights", "preprocessing", 4),
            "'colours', not 'colours' (another version of it),",
        ),
    ],
    ids=["name", "weights", "preprocessing", "dim"],
)
def test_a_query_by_another_model_is_refused(
    tmp_path: Path, other: ModelIdentity, said: str
) -> None:
    make(tmp_path, a=X)
    with Index(tmp_path) as index, pytest.raises(ModelMismatch) as caught:
        index.require_model(other)
    assert str(caught.value) == (
        f"the index answers with the model {said} in {tmp_path}; search with that one, or run "
        "`vsearch index` with the other to change the index to it"
    )
    with Index(tmp_path) as index:
        index.require_model(MODEL)
        assert index.model == MODEL
        # The same weights in another precision go by another name.
        index.require_model(replace(MODEL, name="colours@int8"))


# Vector sets

OTHER = ModelIdentity("other", "weights", "preprocessing", 4)
THIRD = ModelIdentity("third", "other weights", "preprocessing", 3)
W = [0.0, 0.0, 0.0, 1.0]


def make_other(folder: Path, identity: ModelIdentity = OTHER, **vectors: list[float]) -> None:
    """Embed files with another model and let the index answer with it."""
    with IndexWriter(folder, identity) as writer:
        for path, vector in vectors.items():
            add(writer, path, vector)
        writer.commit()
        writer.extend_graph()
        writer.activate()


def sets(folder: Path) -> list[str]:
    return sorted(os.listdir(folder / "sets"))


def test_another_model_writes_beside_and_answers_from_the_switch_on(tmp_path: Path) -> None:
    make(tmp_path, a=X, b=Y)
    with IndexWriter(tmp_path, OTHER) as writer:
        assert (writer.active, writer.answering) == (False, MODEL)
        root = writer.roots()[0]
        assert {path: known.embedded for path, known in writer.known(root).items()} == {
            "a": False, "b": False,
        }  # fmt: skip
        assert not writer.has_vector(digest("a"))
        assert (writer.lacking(), writer.pictures(), writer.images()) == (2, 2, 2)
        add(writer, "a", W)
        add(writer, "new", W)
        writer.commit()
        assert writer.has_vector(digest("a"))
        assert (writer.lacking(), writer.pictures(), writer.images()) == (1, 3, 2)
        assert content(tmp_path) == {"a": X, "b": Y}
        add(writer, "b", W)
        writer.commit()
        writer.extend_graph()
        assert writer.lacking() == 0
        assert content(tmp_path) == {"a": X, "b": Y}
        with Index(tmp_path) as index:
            assert (index.model, index.graph_rows()) == (MODEL, 0)
        writer.activate()
        assert (writer.active, writer.answering, writer.images()) == (True, OTHER, 3)
        with Index(tmp_path) as index:
            assert (index.model, index.graph().rows) == (OTHER, 3)
            assert seen(index) == {"a": W, "b": W, "new": W}
    assert sets(tmp_path) == ["whole", "whole-2"]


def test_what_was_built_so_far_is_gone_on_with(tmp_path: Path) -> None:
    make(tmp_path, a=X, b=Y)
    for number, name in enumerate("ab"):
        with IndexWriter(tmp_path, OTHER) as writer:
            assert [writer.has_vector(digest(one)) for one in "ab"] == [number > 0, False]
            add(writer, name, W)
            writer.commit()
    with IndexWriter(tmp_path, MODEL) as writer:  # writes to the one that answers meanwhile
        assert writer.active
        add(writer, "c", Z)
        writer.commit()
    assert content(tmp_path) == {"a": X, "b": Y, "c": Z}
    with IndexWriter(tmp_path, OTHER) as writer:
        assert (writer.lacking(), writer.pictures()) == (1, 3)
        known = writer.known(writer.roots()[0])
        assert [path for path, one in known.items() if not one.embedded] == ["c"]
    assert sets(tmp_path) == ["whole", "whole-2"]


def test_the_set_that_answered_before_is_kept_and_can_answer_again(tmp_path: Path) -> None:
    make(tmp_path, a=X, b=Y)
    make_other(tmp_path, a=W, b=W)
    assert content(tmp_path) == {"a": W, "b": W}
    with IndexWriter(tmp_path, MODEL) as writer:
        assert (writer.active, writer.lacking()) == (False, 0)
        writer.activate()
    assert content(tmp_path) == {"a": X, "b": Y}


@pytest.mark.parametrize("embedded", [False, True])
def test_dropping_leaves_only_what_answers(tmp_path: Path, embedded: bool) -> None:
    make(tmp_path, a=X, b=Y)
    with IndexWriter(tmp_path, THIRD) as writer:
        if embedded:
            add(writer, "a", Z)
        writer.commit()
    make_other(tmp_path, a=W)
    places = [tmp_path / "sets" / name for name in ("whole", "whole-2")]
    size = sum(file.stat().st_size for place in places for file in place.iterdir())
    assert size == (36 if embedded else 24)
    with IndexWriter(tmp_path, OTHER) as writer:
        assert writer.drop_others() == size
        assert writer.drop_others() == 0
        add(writer, "b", W)
        writer.commit()
    assert sets(tmp_path) == ["whole-3"]
    assert content(tmp_path) == {"a": W, "b": W}
    make(tmp_path, a=X)
    assert sets(tmp_path) == ["whole-2", "whole-3"]
    with IndexWriter(tmp_path, MODEL) as writer:
        assert writer.lacking() == 1


def test_what_is_being_built_cannot_drop_what_answers(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    with IndexWriter(tmp_path, OTHER) as writer, pytest.raises(ValueError, match="being built"):
        writer.drop_others()
    assert content(tmp_path) == {"a": X}


def test_an_index_without_a_commit_takes_any_model(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, OTHER):
        pass
    with Index(tmp_path) as index:
        assert index.model == OTHER
    with IndexWriter(tmp_path, MODEL) as writer:
        assert (writer.active, writer.lacking()) == (False, 0)


_KILLED_WHILE_DROPPING = """
import os, shutil, sys
from pathlib import Path
from vsearch.index import IndexWriter
from vsearch.records import ModelIdentity
writer = IndexWriter(Path(sys.argv[1]), ModelIdentity("other", "weights", "preprocessing", 4))
shutil.rmtree = lambda place: os._exit(0)
writer.drop_others()
"""


def test_folders_that_a_killed_writer_did_not_remove_go_with_the_next(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    make_other(tmp_path, a=W)
    run(_KILLED_WHILE_DROPPING, tmp_path)
    assert sets(tmp_path) == ["whole", "whole-2"]
    with Index(tmp_path) as index:
        assert index.status().others == ()
        assert seen(index) == {"a": W}
    for name in ("regions", "whole-x", "whole-7"):
        (tmp_path / "sets" / name).mkdir()
    (tmp_path / "sets" / "whole-8").write_text("not ours")
    with IndexWriter(tmp_path, OTHER):
        assert sets(tmp_path) == ["regions", "whole-2", "whole-8", "whole-x"]
    assert content(tmp_path) == {"a": W}


def test_no_folder_that_the_catalog_names_is_removed(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    for number in range(3):
        with IndexWriter(tmp_path, ModelIdentity(f"m{number}", f"w{number}", "p", 3)) as writer:
            add(writer, "a", Z)
            writer.commit()
    make(tmp_path, b=Y)
    assert sets(tmp_path) == ["whole", "whole-2", "whole-3", "whole-4"]
    assert content(tmp_path) == {"a": X, "b": Y}


def test_a_folder_that_cannot_be_removed_is_told_and_keeps_no_one_from_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, a=X)
    with IndexWriter(tmp_path, OTHER) as writer:
        add(writer, "a", W)
        writer.commit()

    def denied(place: Path) -> None:
        raise PermissionError(13, "Permission denied", os.fspath(place))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", denied)
        with IndexWriter(tmp_path, MODEL) as writer, pytest.raises(StoreError) as caught:
            writer.drop_others()
        assert str(caught.value) == (
            f"vectors of another model cannot be removed (Permission denied), at "
            f"{tmp_path}/sets/whole-2; check the permissions, the next `vsearch index` tries again"
        )
        make_other(tmp_path, THIRD, a=Z)  # takes no name whose folder is in the way
    assert content(tmp_path) == {"a": Z}
    assert sets(tmp_path) == ["whole", "whole-2", "whole-3"]
    with IndexWriter(tmp_path, THIRD):
        assert sets(tmp_path) == ["whole", "whole-3"]


def test_a_reader_goes_on_with_vectors_that_were_dropped_under_it(tmp_path: Path) -> None:
    make(tmp_path, a=X, b=Y)
    with IndexWriter(tmp_path, MODEL) as writer:
        writer.extend_graph()
    with Index(tmp_path) as before:
        make_other(tmp_path, a=W, b=W, c=W)
        with IndexWriter(tmp_path, OTHER) as writer:
            writer.drop_others()
        assert sets(tmp_path) == ["whole-2"]
        for _ in range(2):
            assert before.model == MODEL
            assert seen(before) == {"a": X, "b": Y}
            assert before.scores(np.array(X, np.float32)).tolist() == [1.0, 0.0]
            assert (before.graph_rows(), before.graph_bytes()) == (0, 0)
            with pytest.raises(GraphUnusable, match="there is no graph yet"):
                before.graph()
            assert before.status().images == 2
            # The same folder is made anew for the vectors of a third model, with a graph.
            (tmp_path / "sets" / "whole").mkdir(exist_ok=True)
            (tmp_path / "sets" / "whole" / "matrix.f32").write_bytes(bytes(24))


def test_a_reader_that_is_overtaken_by_a_switch_while_it_opens_takes_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, a=X, b=Y)
    hold = Matrix.hold
    waiting = [OTHER, MODEL]

    def overtaken(matrix: Matrix) -> None:
        if waiting:
            identity = waiting.pop(0)
            make_other(tmp_path, identity, a=[0.5] * identity.dim)
            with IndexWriter(tmp_path, identity) as writer:
                writer.drop_others()
        hold(matrix)

    monkeypatch.setattr(Matrix, "hold", overtaken)
    with Index(tmp_path) as index:
        assert (index.model, seen(index)) == (MODEL, {"a": [0.5] * 3})
    assert waiting == []


def test_a_reader_that_is_overtaken_again_and_again_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, a=X)
    make_other(tmp_path, a=W)
    switched: list[ModelIdentity] = []

    def overtaken(matrix: Matrix) -> None:
        with IndexWriter(tmp_path, OTHER if len(switched) % 2 else MODEL) as writer:
            switched.append(writer.answering)
            writer.activate()

    monkeypatch.setattr(Matrix, "hold", overtaken)
    with pytest.raises(IndexLocked, match=r"changes from model to model, in .*; try again"):
        Index(tmp_path)
    assert len(switched) == 10
    monkeypatch.undo()
    assert content(tmp_path) == {"a": W}


def test_a_reader_lets_go_of_the_files(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        assert content(tmp_path) == {"a": X}
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_matrix_cut_short_loses_what_this_model_had_and_nothing_of_others(
    tmp_path: Path,
) -> None:
    make(tmp_path, a=X, b=Y)
    make_other(tmp_path, a=W, b=W)
    os.truncate(tmp_path / "sets" / "whole-2" / "matrix.f32", 16 + 3)
    with IndexWriter(tmp_path, MODEL) as writer:
        assert writer.lacking() == 0
    with IndexWriter(tmp_path, OTHER) as writer:
        assert (writer.lacking(), writer.images()) == (1, 1)
        assert [writer.has_vector(digest(name)) for name in "ab"] == [True, False]
    assert sorted(os.listdir(tmp_path / "sets" / "whole-2")) == ["matrix.f32"]
    assert content(tmp_path) == {"a": W}
    make_other(tmp_path, b=W)
    assert content(tmp_path) == {"a": W, "b": W}


def test_a_set_whose_folder_is_gone_is_built_anew(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    make_other(tmp_path, a=W)
    shutil.rmtree(tmp_path / "sets" / "whole")
    with IndexWriter(tmp_path, MODEL) as writer:
        assert writer.lacking() == 1
    make_other(tmp_path, MODEL, a=X)
    assert content(tmp_path) == {"a": X}


def test_moved_and_merged_roots_are_the_same_for_all_sets(tmp_path: Path) -> None:
    for identity, vector in ((MODEL, X), (OTHER, W)):
        with IndexWriter(tmp_path, identity) as writer:
            add(writer, "1", vector, root="/p/a")
            writer.commit()
    with IndexWriter(tmp_path, OTHER) as writer:
        writer.add_root("/p", whole=True)
        writer.commit()
        assert writer.lacking() == 0
        assert content(tmp_path) == {"a/1": X}
        writer.activate()
    assert content(tmp_path) == {"a/1": W}


def test_a_file_that_answers_is_skipped_only_from_the_switch_on(tmp_path: Path) -> None:
    make(tmp_path, unfit=X, unreadable=Y, changed=Z, fine=X)
    with IndexWriter(tmp_path, OTHER) as writer:
        root = writer.roots()[0]
        writer.skip(root, "unfit", 10, 20, SkipReason.NO_EMBEDDING, "no direction")
        writer.skip(root, "unreadable", 10, 20, SkipReason.UNREADABLE, "")
        writer.skip(root, "changed", 10, 21, SkipReason.DAMAGED, "")
        writer.skip(root, "never seen", 10, 20, SkipReason.EMPTY, "")
        add(writer, "fine", W)
        writer.commit()
        assert content(tmp_path) == {"unfit": X, "unreadable": Y, "fine": X}
        assert (writer.lacking(), writer.pictures()) == (1, 3)
        writer.reuse(root, "unreadable", 10, 20, digest("fine"))
        writer.commit()
        assert writer.lacking() == 0
        assert content(tmp_path) == {"unfit": X, "unreadable": X, "fine": X}
        writer.activate()
        assert (writer.lacking(), writer.pictures()) == (0, 2)
    assert content(tmp_path) == {"unreadable": W, "fine": W}
    with Index(tmp_path) as index:
        assert [(path, reason) for path, reason, _ in index.skipped()] == [
            ("/photos/changed", SkipReason.DAMAGED),
            ("/photos/never seen", SkipReason.EMPTY),
            ("/photos/unfit", SkipReason.NO_EMBEDDING),
        ]


def test_a_file_read_too_soon_after_its_change_counts_as_unchanged(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, MODEL) as writer:
        root = writer.add_root("/photos", whole=True)
        writer.add(root, "a", 10, UNSETTLED, digest("a"), FACTS, np.array(X, np.float32))
        writer.commit()
    with IndexWriter(tmp_path, OTHER) as writer:
        writer.skip(root, "a", 10, 20, SkipReason.UNREADABLE, "")
        writer.commit()
        assert writer.lacking() == 1
        assert content(tmp_path) == {"a": X}
        writer.skip(root, "a", 11, 20, SkipReason.UNREADABLE, "")
        writer.commit()
        assert writer.lacking() == 0
    assert content(tmp_path) == {}


def test_a_picture_found_unfit_and_embedded_after_all_hides_no_other(tmp_path: Path) -> None:
    make(tmp_path, a=X, b=Y)
    with IndexWriter(tmp_path, OTHER) as writer:
        root = writer.roots()[0]
        writer.skip(root, "a", 10, 20, SkipReason.DAMAGED, "read while it was written")
        assert writer.lacking() == 1
        writer.add(root, "copy of a", 10, 20, digest("a"), FACTS, np.array(W, np.float32))
        writer.commit()
        assert writer.lacking() == 1


def test_an_index_of_format_1_is_read_and_then_brought_up_to_date(tmp_path: Path) -> None:
    make(tmp_path, a=X, b=Y)
    with IndexWriter(tmp_path, MODEL) as writer:
        writer.extend_graph()
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    connection.executescript(
        "DROP INDEX one_active_set; ALTER TABLE sets DROP COLUMN state; PRAGMA user_version=1;"
    )
    connection.close()
    assert read_only(tmp_path).splitlines()[0] == "2 ['a', 'b']"
    with Index(tmp_path) as index:
        assert (index.model, seen(index), index.graph().rows) == (MODEL, {"a": X, "b": Y}, 2)
        assert index.status().others == ()
        make_other(tmp_path, a=W, b=W)
        assert seen(index) == {"a": X, "b": Y}
    assert content(tmp_path) == {"a": W, "b": W}
    with IndexWriter(tmp_path, MODEL) as writer:
        assert writer.lacking() == 0


# Places


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    with pytest.raises(StoreError) as caught:
        IndexWriter(tmp_path, MODEL)
    assert str(caught.value) == (
        f"the folder holds other things and is no index: {tmp_path}; "
        "name an empty or a new folder with --index"
    )
    assert os.listdir(tmp_path) == ["letters"]


@pytest.mark.parametrize("below", ["", "below"])
def test_a_file_is_no_place_for_an_index(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(StoreError, match="the index cannot be made"):
        IndexWriter(file / below, MODEL)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("write", [False, True])
def test_a_newer_format_is_refused(tmp_path: Path, write: bool) -> None:
    make(tmp_path, a=X)
    set_format(tmp_path, 3)
    with pytest.raises(StoreError, match="this vsearch reads up to 2: update vsearch"):
        IndexWriter(tmp_path, MODEL) if write else Index(tmp_path)


def test_no_index_is_told(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        Index(tmp_path / "none")


@pytest.mark.parametrize("name", ["with space", "ünï 🎉", "#?%41", os.fsdecode(b"caf\xe9\xff")])
def test_an_index_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    make(folder, a=X, b=Y)
    with IndexWriter(folder, MODEL) as writer:
        writer.extend_graph()
    with Index(folder) as index:
        assert seen(index) == {"a": X, "b": Y}
        assert index.graph().rows == 2
        assert index.status().folder == str(folder)


def test_an_index_in_its_root_moves_with_the_photos(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    with IndexWriter(photos / ".vsearch", MODEL) as writer:
        add(writer, "sub/a", X, root=str(photos))
        add(writer, "b", Y, root="/elsewhere")
        writer.commit()
    photos.rename(tmp_path / "moved")
    with Index(tmp_path / "moved" / ".vsearch") as index:
        roots = [record.root for records in index.images_of([0, 1]).values() for record in records]
        assert roots == [str(tmp_path / "moved"), "/elsewhere"]
    with IndexWriter(tmp_path / "moved" / ".vsearch", MODEL) as writer:
        add(writer, "c", Z, root=str(tmp_path / "moved"))
        writer.commit()
        assert [root.path for root in writer.roots()] == ["/elsewhere", str(tmp_path / "moved")]


def test_an_index_copied_away_from_its_writer_is_whole(tmp_path: Path) -> None:
    make(tmp_path / "one", a=X)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    shutil.rmtree(tmp_path / "one")
    make(tmp_path / "two", b=Y)
    assert content(tmp_path / "two") == {"a": X, "b": Y}


_READ = """
import sys
from pathlib import Path
from vsearch.errors import StoreError
from vsearch.index import Index, IndexWriter
from vsearch.records import ModelIdentity
with Index(Path(sys.argv[1])) as index:
    print(index.rows, sorted(r.path for rs in index.images_of(range(9)).values() for r in rs))
try:
    IndexWriter(Path(sys.argv[1]), ModelIdentity("colours", "weights", "preprocessing", 3))
except StoreError as error:
    print(error)
"""


def read_only(folder: Path) -> str:
    """Let another process without rights read the index and try to write to it."""
    places = [folder, *folder.rglob("*")]
    modes = {place: place.stat().st_mode for place in places}
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        return run(_READ, folder, drop=True)
    finally:
        for place, mode in modes.items():
            place.chmod(mode)


def test_a_read_only_index_can_be_read_and_says_why_it_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    make(folder, a=X, b=Y)
    lines = read_only(folder).splitlines()
    assert lines[0] == "2 ['a', 'b']"
    assert lines[1].startswith("the index cannot be locked (Permission denied), at ")
    assert lines[1].endswith("; check the permissions of the folder")
    assert len(lines) == 2


def test_a_read_only_index_of_a_killed_writer_shows_its_last_commit(tmp_path: Path) -> None:
    """The last commit is still in the write-ahead log, which must not be left out."""
    folder = tmp_path / "index"
    run(_KILLED, folder)
    assert (folder / "catalog.sqlite-wal").stat().st_size > 0
    assert read_only(folder).splitlines()[0] == "1 ['a']"


# Damage


@pytest.mark.parametrize("kept", [0, 1, 2], ids=lambda kept: f"{kept} rows left")
def test_a_matrix_cut_short_is_told_to_readers_and_healed_by_the_writer(
    tmp_path: Path, kept: int
) -> None:
    make(tmp_path, a=X, b=Y, c=Z)
    with IndexWriter(tmp_path, MODEL) as writer:
        writer.extend_graph()
    os.truncate(tmp_path / "sets" / "whole" / "matrix.f32", kept * 12 + 5)
    with Index(tmp_path) as index, pytest.raises(IndexDamaged, match="run `vsearch index`"):
        index.scores(np.array(X, np.float32))
    with IndexWriter(tmp_path, MODEL) as writer:
        root = writer.roots()[0]
        assert {name: known.embedded for name, known in writer.known(root).items()} == {
            "a": kept > 0, "b": kept > 1, "c": False,
        }  # fmt: skip
        assert [writer.has_vector(digest(name)) for name in "abc"] == [kept > 0, kept > 1, False]
    assert os.listdir(tmp_path / "sets" / "whole") == ["matrix.f32"]
    left = dict(list({"a": X, "b": Y}.items())[:kept])
    assert content(tmp_path) == left
    make(tmp_path, c=Z)  # takes a row that another file had before
    assert content(tmp_path) == left | {"c": Z}
    with IndexWriter(tmp_path, MODEL) as writer:
        writer.extend_graph()
    with Index(tmp_path) as index:
        rows, _ = index.graph().search(np.array(Z, np.float32), 1)
        assert [record.path for record in index.images_of(rows.tolist())[rows[0]]] == ["c"]


def test_a_missing_matrix_is_healed_too(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    (tmp_path / "sets" / "whole" / "matrix.f32").unlink()
    with Index(tmp_path) as index, pytest.raises(IndexDamaged):
        index.vectors(np.array([0]))
    make(tmp_path, a=X)
    assert content(tmp_path) == {"a": X}


_SHORT_OF_SPACE = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from vsearch.errors import StoreError
from vsearch.index import IndexWriter
from vsearch.records import ImageFacts, ModelIdentity
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with IndexWriter(Path(sys.argv[1]), ModelIdentity("colours", "weights", "preprocessing", 3)) as it:
    root = it.add_root("/photos", whole=True)
    limit = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        for number in range(int(sys.argv[3])):
            vector, name = np.array([0, 1, 0], np.float32), f"new{number}"
            facts = ImageFacts(4, 4, "PNG")
            it.add(root, name, 1, 2, name.encode().ljust(16), facts, vector)
        it.commit()
        it.extend_graph()
    except StoreError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("limit", "count", "said"),
    [
        pytest.param(20, 5, "writing failed (File too large), to ", id="the matrix"),
        pytest.param(4096, 300, "", id="the catalog's log"),
    ],
)
def test_a_full_disk_is_told_and_the_last_commit_stands(
    tmp_path: Path, limit: int, count: int, said: str
) -> None:
    make(tmp_path, a=X)
    message = run(_SHORT_OF_SPACE, tmp_path, str(limit), str(count))
    assert message.startswith(said)
    assert message.count("\n") == 1
    assert "; " in message
    assert content(tmp_path) == {"a": X}
    make(tmp_path, b=Y)
    assert content(tmp_path) == {"a": X, "b": Y}


def test_a_full_disk_while_the_graph_is_written_leaves_the_old_one(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    with IndexWriter(tmp_path, MODEL) as writer:
        writer.extend_graph()
        add(writer, "b", Y)
        writer.commit()
        (tmp_path / "sets" / "whole" / "graph.hnsw.new").symlink_to("/dev/full")
        with pytest.raises(StoreError) as caught:
            writer.extend_graph()
        assert str(caught.value).startswith("writing failed (graph.hnsw was written only in part")
    with Index(tmp_path) as index:
        assert index.graph().rows == 1


# What is recorded


@pytest.mark.parametrize(
    "name",
    ["new\nline", "tab\t\x1b[0m", os.fsdecode(b"caf\xe9/\xff"), "é🎉", "e\u0301", "back\\slash"],
    ids=["newline", "control", "invalid UTF-8", "unicode", "decomposed", "backslash"],
)
def test_any_name_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    with IndexWriter(tmp_path, MODEL) as writer:
        add(writer, name, X, root="/r" + name)
        writer.skip(writer.roots()[0], name + "2", 1, 2, SkipReason.DAMAGED, "a\nb\t🎉")
        writer.commit()
    with Index(tmp_path) as index:
        assert seen(index) == {name: X}
        root = index.roots()[0]
        assert root.path == "/r" + name
        assert set(index.known(root)) == {name, name + "2"}
        assert index.skipped() == [(f"/r{name}/{name}2", SkipReason.DAMAGED, "a\nb\t🎉")]


def test_copies_share_a_row_within_a_commit_and_across(tmp_path: Path) -> None:
    same = np.array(X, np.float32)
    with IndexWriter(tmp_path, MODEL) as writer:
        root = writer.add_root("/photos", whole=True)
        writer.add(root, "a", 1, 2, digest("same"), FACTS, same)
        writer.add(root, "b", 1, 2, digest("same"), FACTS, same)
        add(writer, "other", Y)
        writer.commit()
        writer.add(root, "c", 1, 2, digest("same"), FACTS, same)
        assert not writer.reuse(root, "d", 1, 2, digest("same"))
        assert writer.reuse(root, "d", 3, 4, digest("same"))
        writer.commit()
    with Index(tmp_path) as index:
        assert index.rows == 2
        images = index.images_of([1, 0])
        assert {row: [one.path for one in found] for row, found in images.items()} == {
            0: ["a", "b", "c", "d"],
            1: ["other"],
        }
        assert index.known(index.roots()[0])["d"] == Known(3, 4, None, embedded=True)
        assert index.status().live_rows == 2


def test_a_file_that_comes_back_needs_no_new_row(tmp_path: Path) -> None:
    make(tmp_path, a=X, b=Y)
    with IndexWriter(tmp_path, MODEL) as writer:
        root = writer.roots()[0]
        writer.remove(root, ["a"])
        writer.commit()
        assert content(tmp_path) == {"b": Y}
        assert writer.has_vector(digest("a"))
        writer.reuse(root, "again", 1, 2, digest("a"))
        writer.commit()
    with Index(tmp_path) as index:
        assert (index.rows, seen(index)) == (2, {"again": X, "b": Y})


def test_reusing_what_was_never_seen_is_a_fault_of_ours(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, MODEL) as writer:
        root = writer.add_root("/photos", whole=True)
        with pytest.raises(KeyError):
            writer.reuse(root, "a", 1, 2, digest("never"))


def test_only_committed_vectors_can_be_reused_whatever_thread_asks(tmp_path: Path) -> None:
    make(tmp_path, **{f"n{number}": X for number in range(20)})
    names = [f"n{number}" for number in range(40)]
    with IndexWriter(tmp_path, MODEL) as writer, ThreadPoolExecutor(8) as pool:
        for number in range(20, 40):
            add(writer, f"n{number}", Y)
        # The writer goes on writing while the threads ask.
        asked = pool.map(lambda name: writer.has_vector(digest(name)), names * 20)
        for number in range(200):
            writer.skip(writer.roots()[0], f"s{number}", 1, 2, SkipReason.EMPTY, "")
        assert list(asked) == [number < 20 for number in range(40)] * 20
        writer.commit()
        assert all(pool.map(lambda name: writer.has_vector(digest(name)), names))


def test_a_parent_takes_in_its_children_and_no_row_is_lost(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, MODEL) as writer:
        add(writer, "1", X, root="/p/a")
        add(writer, "2", Y, root="/p/b")
        writer.commit()
        writer.add_root("/p", whole=True)
        writer.commit()
        assert writer.images() == 2
    assert content(tmp_path) == {"a/1": X, "b/2": Y}


# The graph


def test_the_graph_is_due_when_two_in_a_hundred_rows_lack_it(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, MODEL) as writer:
        assert not writer.graph_due()
        for number in range(100):
            add(writer, f"a{number}", X)
        assert not writer.graph_due()  # nothing is committed
        writer.commit()
        assert writer.graph_due()
        writer.extend_graph()
        assert not writer.graph_due()
        add(writer, "one", Y)
        writer.commit()
        assert not writer.graph_due()
        add(writer, "two", Y)
        writer.commit()
        assert writer.graph_due()
        with Index(tmp_path) as index:
            assert (index.graph_rows(), index.rows, index.graph().rows) == (100, 102, 100)


def test_a_graph_of_more_rows_than_there_are_is_built_anew(tmp_path: Path) -> None:
    vectors: NDArray[np.float32] = np.eye(3, dtype=np.float32)
    make(tmp_path / "large", a=X, b=Y, c=Z)
    with IndexWriter(tmp_path / "large", MODEL) as writer:
        writer.extend_graph()
    make(tmp_path / "small", a=Z)
    for name in ("graph.hnsw", "graph.json"):
        shutil.copy(tmp_path / "large/sets/whole" / name, tmp_path / "small/sets/whole" / name)
    with Index(tmp_path / "small") as index:
        assert index.graph_rows() == 0
        with pytest.raises(GraphUnusable, match="covers 3 rows of 1"):
            index.graph()
    with IndexWriter(tmp_path / "small", MODEL) as writer:
        assert writer.graph_due()
        writer.extend_graph()
    with Index(tmp_path / "small") as index:
        assert index.graph().search(vectors[2], 1)[1].tolist() == [1.0]


# Status


def test_status_counts_what_there_is(tmp_path: Path) -> None:
    here = tmp_path / "photos"
    here.mkdir()
    folder = tmp_path / "index"
    with IndexWriter(folder, MODEL) as writer:
        for name, vector in {"a": X, "b": Y, "gone": Z}.items():
            add(writer, name, vector, root=str(here))
        root = writer.roots()[0]
        writer.reuse(root, "copy", 1, 2, digest("a"))
        writer.remove(root, ["gone"])
        writer.skip(root, "bad", 1, 2, SkipReason.DAMAGED, "")
        away = writer.add_root("/away", whole=False)
        writer.reuse(away, "single", 1, 2, digest("b"))
        writer.commit()
        writer.extend_graph()
    with Index(folder) as index:
        status = index.status()
        files = [file for file in folder.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
    assert status.folder == str(folder)
    assert status.model == MODEL
    assert [(one.path, one.there, one.whole, one.images) for one in status.roots] == [
        ("/away", False, False, 1), (str(here), True, True, 3),
    ]  # fmt: skip
    assert (status.images, status.rows, status.live_rows, status.graph_rows) == (4, 3, 2, 3)
    assert status.skipped == {"damaged image": 1}
    assert status.bytes == size
    assert (status.lacking, status.others) == (0, ())
    assert status.changed_at > (folder / "lock").stat().st_mtime - 60


def test_status_tells_of_other_models(tmp_path: Path) -> None:
    make(tmp_path, a=X, b=Y)
    with IndexWriter(tmp_path, OTHER) as writer:
        add(writer, "a", W)
        add(writer, "only here", W)
        writer.reuse(writer.roots()[0], "copy", 1, 2, digest("only here"))
        writer.commit()
    with Index(tmp_path) as index:
        status = index.status()
        known = index.known(index.roots()[0], identity=OTHER)
        assert {path: one.embedded for path, one in known.items()} == {
            "a": True, "b": False, "only here": True, "copy": True,
        }  # fmt: skip
        known = index.known(index.roots()[0], identity=THIRD)
        assert [one.embedded for one in known.values()] == [False] * 4
    assert (status.model, status.images, status.lacking, status.rows) == (MODEL, 2, 2, 2)
    assert [root.images for root in status.roots] == [2]
    assert status.others == (SetStatus(OTHER, False, rows=2, images=3, lacking=1, bytes=32),)
    with IndexWriter(tmp_path, OTHER) as writer:
        add(writer, "b", W)
        writer.commit()
        writer.activate()
    with Index(tmp_path) as index:
        status = index.status()
    assert (status.model, status.images, status.lacking, status.rows) == (OTHER, 4, 0, 3)
    assert status.others == (SetStatus(MODEL, True, rows=2, images=2, lacking=2, bytes=24),)
