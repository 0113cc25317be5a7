"""`Index`: what a reader sees at any moment, wherever the index lies."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from unit.index.made_indexes import (
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
    read_only,
    run,
    seen,
    set_format,
    sets,
    units,
)

from vsearch.errors import (
    IndexDamaged,
    IndexLocked,
    IndexMissing,
    ModelMismatch,
    SkipReason,
    StoreError,
)
from vsearch.index import GraphUnusable, Index
from vsearch.index.matrix import BLOCK_ROWS, Matrix
from vsearch.index.writer import IndexWriter
from vsearch.records import ModelIdentity, SetStatus

# Moments


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


# Places


def test_no_index_is_told(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        Index(tmp_path / "none")


@pytest.mark.parametrize("write", [False, True])
def test_a_newer_format_is_refused(tmp_path: Path, write: bool) -> None:
    make(tmp_path, a=X)
    set_format(tmp_path, 5)
    with pytest.raises(StoreError, match="this vsearch reads up to 4: update vsearch"):
        IndexWriter(tmp_path, MODEL) if write else Index(tmp_path)


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
    run(KILLED, folder)
    assert (folder / "catalog.sqlite-wal").stat().st_size > 0
    assert read_only(folder).splitlines()[0] == "1 ['a']"


# Damage


@pytest.mark.parametrize("block", [0, 1, 2])
def test_a_damaged_block_is_left_out_and_the_others_answer_as_before(
    tmp_path: Path, block: int
) -> None:
    vectors, query = units(2 * BLOCK_ROWS + 10, 3), units(1, 3, seed=1)[0]
    make_many(tmp_path, vectors)
    with Index(tmp_path) as index:
        expected = index.scores(query)
    damaged = range(block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, len(vectors)))
    expected[damaged] = -np.inf
    flip(matrix_file(tmp_path), 12 * damaged[3] + 7, bit=6)
    with Index(tmp_path) as index:
        assert index.scores(query).tolist() == expected.tolist()
        # Where a row begins may decide which kernel of the CPU's multiplies it: the last bit.
        assert index.scores(query, 100) == pytest.approx(expected[100:], abs=1e-6)
        with pytest.raises(IndexDamaged):
            index.vectors(np.array([damaged[0]]))
        others = np.setdiff1d(np.arange(len(vectors)), damaged)
        assert index.vectors(others).tolist() == vectors[others].tolist()
        assert len(list(index.entries())) == index.images() == len(vectors)


def test_a_reader_goes_on_with_the_rows_it_knows_while_a_writer_cuts_others_off(
    tmp_path: Path,
) -> None:
    vectors, query = units(BLOCK_ROWS + 10, 3), units(1, 3, seed=1)[0]
    make_many(tmp_path, vectors)
    with Index(tmp_path) as before:
        expected = before.scores(query).tolist()
        flip(matrix_file(tmp_path), 12 * (len(vectors) - 1))
        make_many(tmp_path, units(1, 3, seed=2), first=1000)  # in place of the damaged row
        scores = before.scores(query).tolist()
        assert scores == [*expected[:BLOCK_ROWS], *[-np.inf] * 10]
    with Index(tmp_path) as after:
        assert after.scores(query).tolist()[:-1] == expected[:-1]


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
    assert status.others == (
        SetStatus(OTHER, False, rows=2, images=3, lacking=1, bytes=32, name="whole-2"),
    )
    with IndexWriter(tmp_path, OTHER) as writer:
        add(writer, "b", W)
        writer.commit()
        writer.activate()
    with Index(tmp_path) as index:
        status = index.status()
    assert (status.model, status.images, status.lacking, status.rows) == (OTHER, 4, 0, 3)
    assert status.others == (
        SetStatus(MODEL, True, rows=2, images=2, lacking=2, bytes=24, name="whole"),
    )
