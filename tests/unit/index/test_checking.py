"""`check_index`: every kind of damage is found and named, and nothing is where nothing is."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from unit.index.made_indexes import read_only, set_format
from unit.index.test_upkeep import DIM, MODEL, OTHER, damage, forget, make, vector

from vsearch.errors import IndexLocked, IndexMissing, StoreError
from vsearch.index.catalog import Catalog
from vsearch.index.checking import FAIR_RECALL, check_index, is_damaged
from vsearch.index.folder import nobody_writes
from vsearch.index.graph import Graph
from vsearch.index.upkeep import Upkeep
from vsearch.index.writer import IndexWriter
from vsearch.records import Finding, ImageFacts

SET = Path("sets") / "whole"


def findings(folder: Path) -> dict[str, Finding]:
    return {finding.part: finding for finding in check_index(folder, queries=50)}


def faults(folder: Path) -> dict[str, list[str]]:
    return {
        part: [fault.what for fault in finding.faults]
        for part, finding in findings(folder).items()
        if finding.faults
    }


def test_a_good_index_has_no_faults(tmp_path: Path) -> None:
    make(tmp_path, 600)
    forget(tmp_path, 3)
    found = findings(tmp_path)
    assert {part: finding.told for part, finding in found.items()} == {
        "catalog": "599 files, 600 contents",
        "vectors": "600 of 8 dimensions",
        "graph": "covers 600 of 600 vectors; recall@10 1.000 of 50 queries",
    }
    assert faults(tmp_path) == {}
    assert not is_damaged(tmp_path)


def test_an_empty_index_has_no_faults(tmp_path: Path) -> None:
    make(tmp_path, 0)
    assert faults(tmp_path) == {}


def test_there_must_be_an_index(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        findings(tmp_path)


def test_what_is_no_damage_is_an_error_and_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, 3)

    def refused(catalog: Catalog) -> list[str]:
        raise StoreError(f"the catalog cannot be used, in {catalog.folder}; check the disk")

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "faults", refused)
        with pytest.raises(StoreError, match="cannot be used"):
            findings(tmp_path)
    set_format(tmp_path, 5)
    with pytest.raises(StoreError, match=r"the index has format 5, .*: update vsearch"):
        findings(tmp_path)


def flip(folder: Path) -> None:
    damage(folder / SET / "matrix.f32", 4 * DIM * 300)


def cut(folder: Path) -> None:
    os.truncate(folder / SET / "matrix.f32", 4 * DIM * 300 - 1)


def graph_flip(folder: Path) -> None:
    damage(folder / SET / "graph.hnsw", 999)


def no_graph(folder: Path) -> None:
    (folder / SET / "graph.json").unlink()


def catalog_flip(folder: Path) -> None:
    damage(folder / "catalog.sqlite", 2 * 4096 + 77)


def not_sqlite(folder: Path) -> None:
    (folder / "catalog.sqlite").write_bytes(b"no database at all" * 300)


def orphan(folder: Path) -> None:
    shutil.copytree(folder / SET, folder / "sets" / "whole-2")


DAMAGE: dict[str, tuple[Callable[[Path], None], dict[str, str]]] = {
    "a bit of a vector": (
        flip,
        {"vectors": "256 in blocks that are", "graph": "the graph was made from other vectors"},
    ),
    "a matrix cut short": (
        cut,
        {"vectors": "344 in blocks that are missing or damaged", "graph": "cannot be read"},
    ),
    "a bit of the graph": (graph_flip, {"graph": "the checksum of graph.hnsw is wrong"}),
    "no graph": (no_graph, {"graph": "there is no graph yet; searches scan all vectors"}),
    "a bit of the catalog": (catalog_flip, {"catalog": "the catalog is damaged (a checksum is"}),
    "no catalog": (not_sqlite, {"catalog": "the catalog is damaged"}),
    "a set of nobody": (orphan, {"folder": "left by an interrupted run: sets/whole-2"}),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found_and_named_with_its_repair(tmp_path: Path, kind: str) -> None:
    make(tmp_path, 600)
    harm, expected = DAMAGE[kind]
    harm(tmp_path)
    found = findings(tmp_path)
    wrong = {part: finding.faults for part, finding in found.items() if finding.faults}
    if kind == "a bit of a vector":  # in the second block: the graph's own rows say nothing of it
        expected = {"vectors": expected["vectors"]}
    assert wrong.keys() == expected.keys()
    for part, (fault, *more) in wrong.items():
        assert not more
        assert expected[part] in fault.what
        assert fault.repair == "vsearch check --repair"


def test_every_set_is_looked_at(tmp_path: Path) -> None:
    make(tmp_path, 300)
    make(tmp_path, 300, OTHER)
    damage(tmp_path / "sets" / "whole-2" / "matrix.f32", 5)
    assert faults(tmp_path) == {"vectors of others": ["256 in blocks that are missing or damaged"]}


def test_vectors_that_are_not_of_length_one_are_counted(tmp_path: Path) -> None:
    make(tmp_path, 3)
    with IndexWriter(tmp_path, MODEL) as writer:
        root = writer.add_root("/photos", whole=True)
        facts = ImageFacts(1, 1, "PNG")
        for name, wrong in (("long", 1.5 * vector(7)), ("nan", vector(8) * np.nan)):
            writer.add(root, name, 1, 2, name.encode().rjust(16), facts, wrong.astype(np.float32))
        writer.commit()
    assert faults(tmp_path)["vectors"] == ["2 are not of length one"]


def test_a_graph_that_finds_little_is_told_and_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, 600)

    def blind(
        graph: Graph, query: np.ndarray[tuple[int], np.dtype[np.float32]], k: int
    ) -> tuple[object, np.ndarray[tuple[int], np.dtype[np.float32]]]:
        rows = np.arange(k)  # any rows, whatever was asked for
        return rows, graph.vectors(rows) @ query

    monkeypatch.setattr(Graph, "search", blind)
    found = findings(tmp_path)["graph"]
    assert not found.faults
    recall = float(found.told.split("recall@10 ")[1].split()[0])
    assert recall < FAIR_RECALL
    assert found.told.endswith(" of 50 queries, which is little: search with --exact to find all")


def test_rows_that_were_never_committed_are_told_and_no_fault(tmp_path: Path) -> None:
    make(tmp_path, 3)
    with (tmp_path / SET / "matrix.f32").open("ab") as file:
        file.write(bytes(4 * DIM * 2 + 5))
    found = findings(tmp_path)["folder"]
    assert found.told == "2 vectors not committed, as an interrupted run leaves them"
    assert not found.faults
    orphan(tmp_path)
    (fault,) = (found := findings(tmp_path)["folder"]).faults
    assert found.told == "1 too many; 2 vectors not committed, as an interrupted run leaves them"
    assert fault.what == "left by an interrupted run: sets/whole-2"


def compacted(folder: Path) -> ExitStack:
    with Upkeep(folder) as upkeep:
        upkeep.compact()
    return ExitStack()


def grown(folder: Path) -> ExitStack:
    make(folder, 330)
    return ExitStack()


def at_work(folder: Path) -> ExitStack:
    """Stop a writer in the middle of a commit, a compaction and of replacing the graph."""
    working = ExitStack()
    card = (folder / SET / "graph.json").read_bytes()
    make(folder, 330)
    writer = working.enter_context(IndexWriter(folder, MODEL))
    (folder / SET / "graph.json").write_bytes(card)
    with (folder / SET / "matrix.f32").open("ab") as file:
        file.write(bytes(4 * DIM * 7))
    shutil.copytree(folder / SET, folder / "sets" / "whole-2")
    writer.remove(writer.roots()[0], ["5"])
    return working


LOOKING = tuple(f"/index/{name}.py" for name in ("checking", "reader", "folder", "graph", "matrix"))


@contextmanager
def before_call(step: int, write: Callable[[], ExitStack]) -> Iterator[list[ExitStack]]:
    """Let `write` happen before the call with that number of those that look at an index."""
    calls, done = itertools.count(), list[ExitStack]()

    def called(frame: FrameType, event: str, _: object) -> None:
        looks = event == "call" and frame.f_code.co_filename.endswith(LOOKING)
        if looks and next(calls) == step:
            sys.setprofile(None)
            done.append(write())

    sys.setprofile(called)
    try:
        yield done
    finally:
        sys.setprofile(None)
        for working in done:
            working.close()


@pytest.mark.parametrize(
    "write",
    [
        at_work,
        pytest.param(compacted, marks=pytest.mark.slow),
        pytest.param(grown, marks=pytest.mark.slow),
    ],
)
def test_a_writer_that_comes_at_any_moment_is_no_fault(
    tmp_path: Path, write: Callable[[Path], ExitStack]
) -> None:
    make(tmp_path / "made", 300)
    forget(tmp_path / "made", 3)
    for step in itertools.count():
        folder = tmp_path / str(step)
        shutil.copytree(tmp_path / "made", folder)
        with before_call(step, partial(write, folder)) as done:
            assert faults(folder) == {}, f"a writer before call {step}"
        if not done:
            break
    assert step > 50


def test_what_cannot_be_told_beside_a_writer_is_said(tmp_path: Path) -> None:
    make(tmp_path, 300)
    with at_work(tmp_path):
        found = findings(tmp_path)
    assert found["graph"].told == (
        "cannot be told: another process is writing "
        f"(graph.hnsw has {(tmp_path / SET / 'graph.hnsw').stat().st_size} bytes instead of "
        f"{json.loads((tmp_path / SET / 'graph.json').read_bytes())['bytes']})"
    )
    assert found["folder"].told == (
        "what interrupted runs left cannot be told: another process is writing"
    )
    assert faults(tmp_path).keys() == {"graph", "folder"}  # nobody goes on with it


CHECK = """
import sys
from pathlib import Path
from vsearch.index.checking import check_index
for finding in check_index(Path(sys.argv[1]), queries=9):
    print(finding.part, *(fault.what for fault in finding.faults), sep=": ")
"""


def test_a_folder_that_may_only_be_read_is_checked_in_full(tmp_path: Path) -> None:
    make(tmp_path, 3)
    orphan(tmp_path)
    no_graph(tmp_path)
    told = [
        "catalog",
        "vectors",
        "graph: there is no graph yet; searches scan all vectors",
        "folder: left by an interrupted run: sets/whole-2",
    ]
    assert read_only(tmp_path, CHECK).splitlines() == told
    with IndexWriter(tmp_path, MODEL):
        shutil.copytree(tmp_path / SET, tmp_path / "sets" / "whole-2")
        assert read_only(tmp_path, CHECK).splitlines() == ["catalog", "vectors", "graph", "folder"]
    (tmp_path / "lock").unlink()  # a copy without it
    assert read_only(tmp_path, CHECK).splitlines() == told


def test_while_nobody_writes_no_writer_can_begin_and_others_may_look(tmp_path: Path) -> None:
    make(tmp_path, 3)
    with nobody_writes(tmp_path) as alone, nobody_writes(tmp_path) as also:
        assert (alone, also) == (True, True)
        with pytest.raises(IndexLocked):
            IndexWriter(tmp_path, MODEL)
    with IndexWriter(tmp_path, MODEL), nobody_writes(tmp_path) as alone:
        assert not alone
    with Upkeep(tmp_path):
        pass


def test_checking_keeps_no_writer_out_where_all_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, 300)
    monkeypatch.setattr("fcntl.flock", None)
    assert faults(tmp_path) == {}


def test_checking_while_a_writer_is_at_work_sees_its_last_commit(tmp_path: Path) -> None:
    make(tmp_path, 3)
    with IndexWriter(tmp_path, OTHER) as writer:
        (tmp_path / "sets" / "whole" / "graph.hnsw.new").touch()
        assert faults(tmp_path) == {}
        writer.commit()
