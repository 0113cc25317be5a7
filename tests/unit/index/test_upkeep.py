"""`Upkeep`: forgetting, compacting and repairing leave a good index, whatever readers do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from vsearch.errors import IndexDamaged, IndexLocked, IndexMissing, StoreError
from vsearch.index import GraphUnusable, Index
from vsearch.index.catalog import Catalog
from vsearch.index.graph import Graph
from vsearch.index.upkeep import Upkeep
from vsearch.index.writer import IndexWriter
from vsearch.records import ImageFacts, ModelIdentity

DIM = 8
MODEL = ModelIdentity("colours", "weights", "preprocessing", DIM)
OTHER = ModelIdentity("others", "other weights", "preprocessing", DIM)


def vector(number: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    drawn = np.random.default_rng(number).normal(size=DIM)
    return np.asarray(drawn / np.linalg.norm(drawn), np.float32)


def make(folder: Path, count: int, model: ModelIdentity = MODEL, *, graph: bool = True) -> None:
    """Make an index of the files /photos/0 and on, each embedded as `vector` of its number."""
    with IndexWriter(folder, model) as writer:
        root = writer.add_root("/photos", whole=True)
        for number in range(count):
            digest = str(number).encode().rjust(16)
            facts = ImageFacts(number + 1, 4, "PNG")
            writer.add(root, str(number), 10, 20, digest, facts, vector(number))
        writer.commit()
        if graph:
            writer.extend_graph()


def forget(folder: Path, *numbers: int) -> None:
    with Index(folder) as index:
        root = index.roots()[0]
    with Upkeep(folder) as upkeep:
        upkeep.forget([(root, [str(number) for number in numbers])], [])


def seen(index: Index) -> dict[str, bytes]:
    return {
        entry.path: index.vectors(np.array([entry.row]))[0].tobytes() for entry in index.entries()
    }


def content(folder: Path) -> dict[str, bytes]:
    with Index(folder) as index:
        return seen(index)


def expected(*numbers: int) -> dict[str, bytes]:
    return {str(number): vector(number).tobytes() for number in numbers}


def files(folder: Path) -> set[str]:
    return {
        os.path.relpath(path, folder)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


WHOLE = {"lock", "catalog.sqlite"}


def of_set(name: str) -> set[str]:
    return {f"sets/{name}/{file}" for file in ("matrix.f32", "graph.hnsw", "graph.json")}


def damage(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.write_bytes(data)


# Forgetting


def test_what_is_forgotten_is_gone_at_once_and_its_vector_stays(tmp_path: Path) -> None:
    make(tmp_path, 5)
    forget(tmp_path, 1, 3)
    assert content(tmp_path) == expected(0, 2, 4)
    with Index(tmp_path) as index:
        assert (index.rows, index.status().live_rows) == (5, 3)


def test_a_forgotten_root_takes_its_files_with_it(tmp_path: Path) -> None:
    make(tmp_path, 3)
    with IndexWriter(tmp_path, MODEL) as writer:
        other = writer.add_root("/more", whole=True)
        facts = ImageFacts(1, 1, "PNG")
        writer.add(other, "a", 1, 2, b"a" * 16, facts, vector(99))
        writer.commit()
    with Upkeep(tmp_path) as upkeep:
        upkeep.forget([], [other])
    with Index(tmp_path) as index:
        assert [root.path for root in index.roots()] == ["/photos"]
        assert seen(index) == expected(0, 1, 2)


# Compacting


def test_only_rows_of_pictures_are_left_and_the_graph_covers_them(tmp_path: Path) -> None:
    make(tmp_path, 600)
    gone = list(range(0, 600, 3))
    forget(tmp_path, *gone)
    with Upkeep(tmp_path) as upkeep:
        done = upkeep.compact()
    left = [number for number in range(600) if number % 3]
    assert done.rows == 200
    assert done.bytes > 0
    assert content(tmp_path) == expected(*left)
    assert files(tmp_path) == WHOLE | of_set("whole-2")
    with Index(tmp_path) as index:
        assert (index.rows, index.graph().rows) == (400, 400)
        assert index.scores(vector(7)).max() == pytest.approx(1)
        facts = {entry.path: entry.facts.width for entry in index.entries()}
        assert facts == {str(number): number + 1 for number in left}


def test_nothing_to_drop_leaves_every_file_as_it_is(tmp_path: Path) -> None:
    make(tmp_path, 5)
    before = {name: (tmp_path / name).stat().st_ino for name in of_set("whole")}
    with Upkeep(tmp_path) as upkeep:
        assert upkeep.compact().rows == 0
    assert {name: (tmp_path / name).stat().st_ino for name in of_set("whole")} == before


def test_all_sets_are_compacted_and_keep_their_parts(tmp_path: Path) -> None:
    make(tmp_path, 6)
    make(tmp_path, 4, OTHER)  # being built: two pictures are missing
    forget(tmp_path, 0, 5)
    with Upkeep(tmp_path) as upkeep:
        assert upkeep.compact().rows == 3  # two of one, one of the other
    assert content(tmp_path) == expected(1, 2, 3, 4)
    with Index(tmp_path) as index:
        status = index.status()
        assert index.model == MODEL
    assert [(other.model, other.rows, other.lacking) for other in status.others] == [(OTHER, 3, 1)]
    with IndexWriter(tmp_path, OTHER) as writer:  # and is gone on with
        root = writer.roots()[0]
        digest = b"4".rjust(16)
        writer.add(root, "4", 10, 20, digest, ImageFacts(5, 4, "PNG"), vector(4))
        writer.commit()
        assert writer.lacking() == 0
        writer.activate()
    assert content(tmp_path) == expected(1, 2, 3, 4)


def test_contents_that_nothing_refers_to_are_forgotten_too(tmp_path: Path) -> None:
    make(tmp_path, 3)
    forget(tmp_path, 0)
    with Upkeep(tmp_path) as upkeep:
        upkeep.compact()
    with IndexWriter(tmp_path, MODEL) as writer:
        assert not writer.has_vector(b"0".rjust(16))
        assert writer.has_vector(b"1".rjust(16))


def test_an_index_of_which_all_is_gone_can_be_compacted(tmp_path: Path) -> None:
    make(tmp_path, 3)
    forget(tmp_path, 0, 1, 2)
    with Upkeep(tmp_path) as upkeep:
        assert upkeep.compact().rows == 3
    assert content(tmp_path) == {}
    make(tmp_path, 2)
    assert content(tmp_path) == expected(0, 1)


def test_a_reader_goes_on_with_what_it_opened(tmp_path: Path) -> None:
    make(tmp_path, 300)
    with Index(tmp_path) as before:
        forget(tmp_path, *range(0, 300, 2))
        with Upkeep(tmp_path) as upkeep:
            upkeep.compact()
        assert seen(before) == expected(*range(300))
        assert before.scores(vector(4)).argmax() == 4
        with pytest.raises(GraphUnusable):
            before.graph()
    assert len(content(tmp_path)) == 150


def test_ctrl_c_before_the_commit_leaves_the_old_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, 10)
    forget(tmp_path, 3)
    before = content(tmp_path)
    drop = Catalog.drop_set

    def interrupt(catalog: Catalog, name: str) -> None:
        drop(catalog, name)
        raise KeyboardInterrupt

    monkeypatch.setattr(Catalog, "drop_set", interrupt)
    with Upkeep(tmp_path) as upkeep, pytest.raises(KeyboardInterrupt):
        upkeep.compact()
    assert content(tmp_path) == before
    assert os.listdir(tmp_path / "sets") == ["whole"]


def test_damaged_vectors_are_never_copied(tmp_path: Path) -> None:
    make(tmp_path, 600)
    forget(tmp_path, 5)
    damage(tmp_path / "sets" / "whole" / "matrix.f32", 4 * DIM * 300 + 2)
    with Upkeep(tmp_path) as upkeep, pytest.raises(IndexDamaged, match="check --repair"):
        upkeep.compact()
    assert files(tmp_path) == WHOLE | of_set("whole")
    with Upkeep(tmp_path) as upkeep:
        assert upkeep.repair() == ["vectors brought back from the graph: 1"]
        assert upkeep.compact().rows == 1
    assert content(tmp_path) == expected(*(n for n in range(600) if n != 5))


def test_a_graph_that_cannot_be_written_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, 5)
    forget(tmp_path, 2)

    def full(graph: Graph, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Graph, "save", full)
    with Upkeep(tmp_path) as upkeep, pytest.raises(StoreError, match="No space left"):
        upkeep.compact()
    assert content(tmp_path) == expected(0, 1, 3, 4)
    assert files(tmp_path) == WHOLE | of_set("whole")


def test_compacting_without_any_vectors_names_the_repair(tmp_path: Path) -> None:
    make(tmp_path, 3)
    forget(tmp_path, 1)
    shutil.rmtree(tmp_path / "sets")
    with (
        Upkeep(tmp_path) as upkeep,
        pytest.raises(IndexDamaged, match=r"missing or damaged, .*check --repair"),
    ):
        upkeep.compact()


# Repairing


def test_nothing_is_repaired_where_nothing_is_wrong(tmp_path: Path) -> None:
    make(tmp_path, 5)
    with Upkeep(tmp_path) as upkeep:
        assert upkeep.repair() == []


def test_a_missing_graph_is_built_and_leftovers_are_removed(tmp_path: Path) -> None:
    make(tmp_path, 5, graph=False)
    (tmp_path / "sets" / "whole" / "graph.hnsw.new").write_bytes(b"half")
    (tmp_path / "sets" / "whole-7").mkdir()
    with Upkeep(tmp_path) as upkeep:
        assert upkeep.repair() == [
            "built the graph anew, over 5 vectors",
            "removed what an interrupted run had left: sets/whole-7, sets/whole/graph.hnsw.new",
        ]
    assert files(tmp_path) == WHOLE | of_set("whole")
    with Index(tmp_path) as index:
        assert index.graph().rows == 5


def test_what_is_lost_is_told_and_the_rest_answers(tmp_path: Path) -> None:
    make(tmp_path, 300, graph=False)
    damage(tmp_path / "sets" / "whole" / "matrix.f32", 4 * DIM * 17 + 3)
    with Upkeep(tmp_path) as upkeep:
        assert upkeep.repair() == [
            "vectors given up: 1; the next `vsearch index` makes them anew",
            "built the graph anew, over 300 vectors",
        ]
    assert content(tmp_path) == expected(*(n for n in range(300) if n != 17))
    with Index(tmp_path) as index:
        assert index.status().lacking == 1


def test_upkeep_needs_an_index_and_the_lock(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        Upkeep(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    make(tmp_path / "one", 1)
    with Upkeep(tmp_path / "one"), pytest.raises(IndexLocked):
        Upkeep(tmp_path / "one")


@pytest.mark.parametrize("wanted", [{}, {"1": 2, "4": 5}])
def test_restamped_files_are_as_unsettled_as_they_are_told_to_be(
    tmp_path: Path, wanted: Mapping[str, int]
) -> None:
    make(tmp_path, 5)
    with Index(tmp_path) as index:
        entries = [entry for entry in index.entries() if entry.path in wanted]
    with Upkeep(tmp_path) as upkeep:
        upkeep.restamp(entries, -1)
    with Index(tmp_path) as index:
        stamps = {entry.path: entry.mtime_ns for entry in index.entries()}
    assert stamps == {str(n): -1 if str(n) in wanted else 20 for n in range(5)}
