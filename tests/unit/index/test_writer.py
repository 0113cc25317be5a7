"""`IndexWriter`: what is written, what survives what, and who may write."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from unit.index.made_indexes import (
    FACTS,
    KILLED,
    MODEL,
    OTHER,
    THIRD,
    W,
    X,
    Y,
    Z,
    add,
    content,
    digest,
    flip,
    make,
    make_many,
    make_other,
    matrix_file,
    run,
    seen,
    set_format,
    sets,
    units,
)
from xxhash import xxh3_64_digest

from vsearch.errors import IndexDamaged, IndexLocked, IndexMissing, SkipReason, StoreError
from vsearch.index import GraphUnusable, Index, Known
from vsearch.index.catalog import Catalog
from vsearch.index.matrix import BLOCK_ROWS
from vsearch.index.schema import FORMAT
from vsearch.index.writer import IndexWriter
from vsearch.records import UNSETTLED, ModelIdentity

# Commits


def test_leaving_without_a_commit_forgets(tmp_path: Path) -> None:
    make(tmp_path, a=X)
    with IndexWriter(tmp_path, MODEL) as writer:
        add(writer, "b", Y)
        writer.skip(writer.roots()[0], "c", 1, 2, SkipReason.EMPTY, "")
    assert content(tmp_path) == {"a": X}


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


def test_a_killed_writer_leaves_the_last_commit_and_no_lock(tmp_path: Path) -> None:
    run(KILLED, tmp_path)
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
from vsearch.index import Index
from vsearch.index.writer import IndexWriter
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
    set_format(tmp_path, FORMAT + 1)
    try:
        IndexWriter(tmp_path, MODEL)
    except StoreError:
        # Within the handler, where the failed writer is still referred to by the traceback.
        set_format(tmp_path, FORMAT)
        make(tmp_path, b=Y)
    assert content(tmp_path) == {"a": X, "b": Y}


# Vector sets


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
from vsearch.index.writer import IndexWriter
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
            "what is of no use any more cannot be removed (Permission denied), at "
            f"{tmp_path}/sets/whole-2; check the permissions and the disk, then run again"
        )
        make_other(tmp_path, THIRD, a=Z)  # takes no name whose folder is in the way
    assert content(tmp_path) == {"a": Z}
    assert sets(tmp_path) == ["whole", "whole-2", "whole-3"]
    with IndexWriter(tmp_path, THIRD):
        assert sets(tmp_path) == ["whole", "whole-3"]


def test_a_matrix_cut_short_loses_what_this_model_had_and_nothing_of_others(
    tmp_path: Path,
) -> None:
    make(tmp_path, a=X, b=Y)
    make_other(tmp_path, a=W, b=W)
    for file in (tmp_path / "sets" / "whole-2").glob("graph.*"):
        file.unlink()
    os.truncate(tmp_path / "sets" / "whole-2" / "matrix.f32", 16 + 3)
    with IndexWriter(tmp_path, MODEL) as writer:
        assert writer.lacking() == 0
    with IndexWriter(tmp_path, OTHER) as writer:
        assert (writer.lacking(), writer.images()) == (1, 1)
        assert [writer.has_vector(digest(name)) for name in "ab"] == [True, False]
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
        writer.skip(root, "changed", 10, 22, SkipReason.DAMAGED, "")
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


# Damage


@pytest.mark.parametrize("kept", [0, 1, 2], ids=lambda kept: f"{kept} rows left")
def test_a_matrix_cut_short_is_told_to_readers_and_cut_to_what_is_left_by_the_writer(
    tmp_path: Path, kept: int
) -> None:
    make(tmp_path, a=X, b=Y, c=Z)
    os.truncate(matrix_file(tmp_path), kept * 12 + 5)
    with Index(tmp_path) as index:
        assert index.scores(np.array(X, np.float32)).tolist() == [-np.inf] * 3
        with pytest.raises(IndexDamaged, match=r"vectors are missing or damaged, in .*; bring"):
            index.vectors(np.array([0]))
    with IndexWriter(tmp_path, MODEL) as writer:
        root = writer.roots()[0]
        assert {name: known.embedded for name, known in writer.known(root).items()} == {
            "a": kept > 0, "b": kept > 1, "c": False,
        }  # fmt: skip
        assert [writer.has_vector(digest(name)) for name in "abc"] == [kept > 0, kept > 1, False]
    left = dict(list({"a": X, "b": Y}.items())[:kept])
    assert content(tmp_path) == left
    make(tmp_path, c=Z)  # takes a row that another file had before
    assert content(tmp_path) == left | {"c": Z}
    with IndexWriter(tmp_path, MODEL) as writer:
        writer.extend_graph()
    with Index(tmp_path) as index:
        rows, _ = index.graph().search(np.array(Z, np.float32), 1)
        assert [record.path for record in index.images_of(rows.tolist())[rows[0]]] == ["c"]


@pytest.mark.parametrize("kept", [0, 1, 2], ids=lambda kept: f"{kept} rows left")
def test_a_matrix_cut_short_is_made_whole_by_the_writer_where_the_graph_has_the_rows(
    tmp_path: Path, kept: int
) -> None:
    make(tmp_path, a=X, b=Y, c=Z)
    with IndexWriter(tmp_path, MODEL) as writer:
        writer.extend_graph()
    before = matrix_file(tmp_path).read_bytes()
    os.truncate(matrix_file(tmp_path), kept * 12 + 5)
    with IndexWriter(tmp_path, MODEL) as writer:
        assert writer.lacking() == 0
    assert matrix_file(tmp_path).read_bytes() == before
    with Index(tmp_path) as index:
        assert seen(index) == {"a": X, "b": Y, "c": Z}
        assert index.graph().rows == 3


@pytest.mark.parametrize("graph", [False, True])
def test_a_missing_matrix_is_healed_too(tmp_path: Path, graph: bool) -> None:
    make(tmp_path, a=X)
    if graph:
        with IndexWriter(tmp_path, MODEL) as writer:
            writer.extend_graph()
    matrix_file(tmp_path).unlink()
    with Index(tmp_path) as index, pytest.raises(IndexDamaged):
        index.vectors(np.array([0]))
    with IndexWriter(tmp_path, MODEL) as writer:
        assert writer.has_vector(digest("a")) == graph
    make(tmp_path, a=X)
    assert content(tmp_path) == {"a": X}


def test_a_writer_mends_the_block_that_it_goes_on_with_and_leaves_others_to_repairing(
    tmp_path: Path,
) -> None:
    vectors = units(BLOCK_ROWS + 10, 3)
    make_many(tmp_path, vectors)
    flip(matrix_file(tmp_path), 12 * 5)
    flip(matrix_file(tmp_path), 12 * (BLOCK_ROWS + 5))
    make_many(tmp_path, units(4, 3, seed=1), first=1000)
    query = units(1, 3, seed=2)[0]
    expected = np.concatenate([vectors, units(4, 3, seed=1)]) @ query
    expected[:BLOCK_ROWS] = -np.inf
    expected[BLOCK_ROWS + 5] = 0
    with Index(tmp_path) as index:
        assert index.scores(query) == pytest.approx(expected, abs=1e-6)
        embedded = {path: known.embedded for path, known in index.known(index.roots()[0]).items()}
    assert [path for path, has in embedded.items() if not has] == [str(BLOCK_ROWS + 5)]
    make_many(tmp_path, vectors[[BLOCK_ROWS + 5]], first=BLOCK_ROWS + 5)
    with Index(tmp_path) as index:
        assert index.rows == BLOCK_ROWS + 15
        row = next(entry.row for entry in index.entries() if entry.path == str(BLOCK_ROWS + 5))
        assert index.vectors(np.array([row])).tolist() == vectors[[BLOCK_ROWS + 5]].tolist()


def test_a_block_damaged_while_a_writer_is_at_it_is_told_and_the_last_commit_stands(
    tmp_path: Path,
) -> None:
    make(tmp_path, a=X, b=Y)
    with IndexWriter(tmp_path, MODEL) as writer:
        flip(matrix_file(tmp_path), 0)
        add(writer, "c", Z)
        with pytest.raises(IndexDamaged, match="bring back what can be"):
            writer.commit()
    flip(matrix_file(tmp_path), 0)
    assert content(tmp_path) == {"a": X, "b": Y}


@pytest.mark.parametrize("parts", [[1], [255, 1, 1], [256, 256], [100, 300, 200]])
def test_every_row_and_block_has_the_checksum_of_its_bytes(
    tmp_path: Path, parts: list[int]
) -> None:
    vectors = units(sum(parts), 3)
    done = 0
    for part in parts:
        make_many(tmp_path, vectors[done : done + part], first=done)
        done += part
    with closing(Catalog(tmp_path, write=False)) as catalog:
        assert catalog.rows_between("whole", 0, 9999) == {
            row: xxh3_64_digest(vector.tobytes()) for row, vector in enumerate(vectors)
        }
        assert catalog.blocks("whole") == [
            xxh3_64_digest(vectors[first : first + BLOCK_ROWS].tobytes())
            for first in range(0, len(vectors), BLOCK_ROWS)
        ]


_SHORT_OF_SPACE = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from vsearch.errors import StoreError
from vsearch.index.writer import IndexWriter
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
        assert index.known(index.roots()[0])["d"] == Known(
            3, 4, None, embedded=True, described=False
        )
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
