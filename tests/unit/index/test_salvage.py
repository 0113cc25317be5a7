"""`salvage`: what a damaged page does not hold is saved, and what it held is found again."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest
from unit.index.made_indexes import make_old, units
from unit.index.test_upkeep import MODEL, content, damage, expected, make, vector

from vsearch.errors import IndexDamaged, IndexLocked
from vsearch.index import Index
from vsearch.index.checking import is_damaged
from vsearch.index.database import Database
from vsearch.index.salvage import KEPT_AS, salvage
from vsearch.index.upkeep import Upkeep
from vsearch.index.writer import IndexWriter
from vsearch.records import ImageFacts

PAGE = 4096
COUNT = 3000


def pages(folder: Path, table: str) -> list[int]:
    """Return the numbers, from 0, of the pages that hold a table or an index."""
    with closing(Database(folder / "catalog.sqlite", write=False)) as database:
        found = database.all("SELECT pageno FROM dbstat WHERE name=? ORDER BY pageno", (table,))
    return [number - 1 for (number,) in found]


def finish(folder: Path) -> int:
    """Index the files anew, as `vsearch index` would; return how many were embedded."""
    embedded = 0
    with IndexWriter(folder, MODEL) as writer:
        root = writer.add_root("/photos", whole=True)
        known = writer.known(root)
        for number in range(COUNT):
            digest = str(number).encode().rjust(16)
            if str(number) in known and known[str(number)].embedded:
                if not known[str(number)].described:
                    writer.describe(digest, labels(number), bytes(32))
                continue
            if writer.has_vector(digest):
                writer.reuse(root, str(number), 10, 20, digest)
                continue
            embedded += 1
            facts = ImageFacts(number + 1, 4, "PNG")
            writer.add(root, str(number), 10, 20, digest, facts, vector(number))
        writer.commit()
        writer.extend_graph()
    return embedded


@pytest.mark.parametrize(
    ("table", "embedded_again"),
    [
        ("images", 0),
        ("images_by_content", 0),
        ("sqlite_autoindex_contents_1", 0),
        ("rows_by_content", 0),
        ("blocks", 0),
        ("contents", 200),
        ("rows", 200),
        ("roots", 0),
        ("sets", 0),
        ("roots_copy", 0),
        ("sets_copy", 0),
    ],
)
def test_a_damaged_page_costs_at_most_what_it_held(
    tmp_path: Path, table: str, embedded_again: int
) -> None:
    make(tmp_path, COUNT)
    held = pages(tmp_path, table)
    # Records lie at the end of a page that is not full.
    damage(tmp_path / "catalog.sqlite", PAGE * held[len(held) // 2] + PAGE - 60)
    assert is_damaged(tmp_path)
    saved = salvage(tmp_path)
    assert COUNT - 200 <= saved <= COUNT
    assert not is_damaged(tmp_path)
    with Upkeep(tmp_path) as upkeep:
        upkeep.repair()
    left = content(tmp_path)
    assert left.items() <= expected(*range(COUNT)).items()
    assert len(left) >= COUNT - 200 - embedded_again
    assert finish(tmp_path) <= embedded_again
    assert content(tmp_path) == expected(*range(COUNT))
    assert (tmp_path / KEPT_AS).exists()


def labels(number: int) -> tuple[str, ...]:
    return tuple(f"label {number} of {of}" for of in range(number % 3))


@pytest.mark.parametrize("page", [0, 3, -1, "labels_by_name"], ids=str)
def test_labels_on_a_damaged_page_are_asked_for_again(tmp_path: Path, page: int | str) -> None:
    make(tmp_path, COUNT)
    with IndexWriter(tmp_path, MODEL) as writer:
        for number in range(COUNT):
            writer.describe(str(number).encode().rjust(16), labels(number), bytes(32))
        writer.commit()
    Upkeep(tmp_path).compact()  # so that no page is but begun
    name, at = (page, 2) if isinstance(page, str) else ("labels", page)
    damage(tmp_path / "catalog.sqlite", PAGE * pages(tmp_path, name)[at] + PAGE - 60)
    salvage(tmp_path)
    with Index(tmp_path) as index:
        undescribed = sum(not one.described for one in index.known(index.roots()[0]).values())
    assert undescribed == 0 if name != "labels" else 0 < undescribed <= COUNT
    assert undescribed < 500 or page == 0  # the table's first page leads to all the others
    assert finish(tmp_path) == 0
    with Index(tmp_path) as index:
        assert {one.path: one.facts.labels for one in index.entries()} == {
            str(number): labels(number) for number in range(COUNT)
        }


def test_a_catalog_of_an_older_format_is_saved_too(tmp_path: Path) -> None:
    make_old(tmp_path, 3, units(1000, 3))
    damage(tmp_path / "catalog.sqlite", PAGE * pages(tmp_path, "blocks")[0] + PAGE - 60)
    assert salvage(tmp_path) == 1000
    with Upkeep(tmp_path) as upkeep:
        upkeep.repair()
    with Index(tmp_path) as index:
        assert index.images() == 1000
        assert not any(
            one.described for one in index.known(index.roots()[0]).values() if one.embedded
        )


def test_what_lies_between_two_damaged_pages_is_saved(tmp_path: Path) -> None:
    make(tmp_path, COUNT)
    for table in ("contents", "images", "rows"):
        held = pages(tmp_path, table)
        assert len(held) > 6
        for page in (held[2], held[-2]):
            damage(tmp_path / "catalog.sqlite", PAGE * page + 1000)
    assert salvage(tmp_path) > COUNT * 2 / 3
    with Upkeep(tmp_path) as upkeep:
        upkeep.repair()
    assert finish(tmp_path) < COUNT / 3
    assert content(tmp_path) == expected(*range(COUNT))


def test_the_first_page_without_its_checksum_is_trusted_if_all_else_is_well(
    tmp_path: Path,
) -> None:
    make(tmp_path, 50)
    damage(tmp_path / "catalog.sqlite", PAGE - 3)  # in the checksum itself
    with pytest.raises(IndexDamaged):
        Index(tmp_path)
    assert salvage(tmp_path) == 50
    assert content(tmp_path) == expected(*range(50))


@pytest.mark.parametrize("harm", ["garbage", "empty", "no sets"])
def test_nothing_to_save_is_said_and_nothing_is_changed(tmp_path: Path, harm: str) -> None:
    make(tmp_path, 50)
    catalog = tmp_path / "catalog.sqlite"
    if harm == "no sets":
        for table in ("sets", "sets_copy"):
            damage(catalog, PAGE * pages(tmp_path, table)[0] + PAGE - 100)
    else:
        catalog.write_bytes(b"garbage" * 9999 if harm == "garbage" else b"")
    before = catalog.read_bytes()
    with pytest.raises(IndexDamaged, match="nothing of the catalog can be saved"):
        salvage(tmp_path)
    assert catalog.read_bytes() == before
    assert sorted(os.listdir(tmp_path / "sets" / "whole")) == [
        "graph.hnsw", "graph.json", "matrix.f32"
    ]  # fmt: skip
    assert not list(tmp_path.glob("*.new*"))


def test_a_writer_at_work_is_not_disturbed(tmp_path: Path) -> None:
    make(tmp_path, 3)
    with IndexWriter(tmp_path, MODEL), pytest.raises(IndexLocked):
        salvage(tmp_path)
