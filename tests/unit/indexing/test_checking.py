"""Checking an index against the files, and repairing what is found."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from fake_encoder import FakeEncoder, paint

from vsearch.index import Index
from vsearch.index.graph import Graph, GraphUnusable
from vsearch.indexing.checking import check, repair
from vsearch.indexing.run import Options, update
from vsearch.records import Finding

HOW = Options(workers=2, pixel_limit=1_000_000)
COUNT = 6


def age(path: Path, seconds: int) -> None:
    """Set a file's time of change so long ago that the index takes it for settled."""
    os.utime(path, ns=(1_600_000_000_000_000_000 + seconds * 10**9,) * 2)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(COUNT):
        age(paint(folder / f"{number}.png", (50 + number, 10, 200 - 20 * number)), number)
    bring_up_to_date(tmp_path)
    return folder


def bring_up_to_date(tmp_path: Path) -> FakeEncoder:
    encoder = FakeEncoder()
    list(update(tmp_path / "index", encoder, [os.fspath(tmp_path / "photos")], HOW))
    return encoder


def findings(tmp_path: Path, *, deep: bool = False) -> dict[str, Finding]:
    return {finding.part: finding for finding in check(tmp_path / "index", 2, deep=deep)}


def faults(tmp_path: Path, *, deep: bool = False) -> list[str]:
    return [fault.what for one in findings(tmp_path, deep=deep).values() for fault in one.faults]


def test_all_is_as_recorded(photos: Path, tmp_path: Path) -> None:
    found = findings(tmp_path, deep=True)
    assert found["files"].told == f"{photos}: 6 as recorded"
    assert found["contents"].told == "6 pictures read and compared"
    assert faults(tmp_path, deep=True) == []


def test_changes_are_told_and_are_no_faults(photos: Path, tmp_path: Path) -> None:
    (photos / "0.png").unlink()
    paint(photos / "1.png", (1, 2, 3), size=(9, 9))
    paint(photos / "new.png", (3, 2, 1))
    found = findings(tmp_path, deep=True)
    assert found["files"].told == f"{photos}: 4 as recorded, 1 new, 1 changed, 1 gone"
    assert found["contents"].told == "4 pictures read and compared"
    assert faults(tmp_path, deep=True) == []


def test_a_root_that_is_not_there_is_told(photos: Path, tmp_path: Path) -> None:
    photos.rename(tmp_path / "unplugged")
    found = findings(tmp_path, deep=True)
    assert found["files"].told == f"{photos} is not there now; its records stay"
    assert faults(tmp_path, deep=True) == []


def test_a_content_that_changed_behind_its_time_is_found_only_deep(
    photos: Path, tmp_path: Path
) -> None:
    data = bytearray((photos / "3.png").read_bytes())
    data[-1] ^= 1
    (photos / "3.png").write_bytes(data)
    age(photos / "3.png", 3)
    assert faults(tmp_path) == []
    assert faults(tmp_path, deep=True) == [f"other content than recorded: {photos / '3.png'}"]
    assert list(repair(tmp_path / "index", 2, deep=False)) == []
    assert list(repair(tmp_path / "index", 2, deep=True)) == [
        "1 pictures are read again by the next `vsearch index`"
    ]
    bring_up_to_date(tmp_path)
    assert faults(tmp_path, deep=True) == []


def test_repairing_and_indexing_bring_everything_back(photos: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    matrix = index / "sets" / "whole" / "matrix.f32"
    with Index(index) as opened:
        query = opened.vectors(opened_rows(opened))[0]
        before = opened.scores(query).tolist()
    data = bytearray(matrix.read_bytes())
    data[7] ^= 0x10
    matrix.write_bytes(data)
    (index / "sets" / "whole" / "graph.json").unlink()
    assert len(faults(tmp_path)) == 2
    assert list(repair(index, 2, deep=False)) == [
        "vectors given up: 1; the next `vsearch index` makes them anew",
        "built the graph anew, over 6 vectors",
    ]
    assert faults(tmp_path) == []
    assert bring_up_to_date(tmp_path).pictures == 1
    with Index(index) as opened:
        assert sorted(set(opened.scores(query).tolist()) - {0.0}) == sorted(set(before))
        assert opened.images() == COUNT


def test_a_graph_that_finds_little_is_not_built_anew(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def islands(*_: object) -> None:
        raise GraphUnusable("the graph does not reach 6 of its 6 rows")

    monkeypatch.setattr(Graph, "search", islands)
    assert "which is little" in findings(tmp_path)["graph"].told
    assert faults(tmp_path) == []
    assert list(repair(tmp_path / "index", 2, deep=False)) == []


def opened_rows(index: Index) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(index.rows)


def test_a_damaged_catalog_is_made_anew(photos: Path, tmp_path: Path) -> None:
    catalog = tmp_path / "index" / "catalog.sqlite"
    data = bytearray(catalog.read_bytes())
    data[-100] ^= 1
    catalog.write_bytes(data)
    (part,) = findings(tmp_path, deep=True).values()
    assert (part.part, len(part.faults)) == ("catalog", 1)
    said = list(repair(tmp_path / "index", 2, deep=False))
    assert said[0].startswith("saved the records of ")
    assert faults(tmp_path) == []
    bring_up_to_date(tmp_path)
    with Index(tmp_path / "index") as index:
        assert index.images() == COUNT
