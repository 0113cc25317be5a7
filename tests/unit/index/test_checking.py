"""`check_index`: every kind of damage is found and named, and nothing is where nothing is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from unit.index.test_upkeep import DIM, MODEL, OTHER, damage, forget, make, vector

from vsearch.errors import IndexMissing
from vsearch.index.checking import LEAST_RECALL, check_index, is_damaged
from vsearch.index.graph import Graph
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


def test_a_graph_that_finds_too_little_is_a_fault(
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
    assert [fault.repair for fault in found.faults] == ["vsearch check --repair"]
    recall = float(found.told.split("recall@10 ")[1].split()[0])
    assert recall < LEAST_RECALL


def test_rows_that_were_never_committed_are_told_and_no_fault(tmp_path: Path) -> None:
    make(tmp_path, 3)
    with (tmp_path / SET / "matrix.f32").open("ab") as file:
        file.write(bytes(4 * DIM * 2 + 5))
    found = findings(tmp_path)["vectors"]
    assert found.told == (
        "3 of 8 dimensions; 2 more not committed, as an interrupted run leaves them"
    )
    assert not found.faults


def test_checking_while_a_writer_is_at_work_sees_its_last_commit(tmp_path: Path) -> None:
    make(tmp_path, 3)
    with IndexWriter(tmp_path, OTHER) as writer:
        (tmp_path / "sets" / "whole" / "graph.hnsw.new").touch()
        assert faults(tmp_path) == {}
        writer.commit()
