"""The catalog's formats: older indexes are read as they are, and become new ones whole or not."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from unit.index.made_indexes import (
    FORMAT_2,
    MODEL,
    OTHER,
    W,
    X,
    Y,
    content,
    digest,
    embeddings,
    flip,
    make,
    make_old,
    make_other,
    matrix_file,
    read_only,
    run,
    seen,
    units,
)
from xxhash import xxh3_64_digest

from vsearch.conditions import Compared
from vsearch.errors import IndexDamaged, IndexMissing, StoreError
from vsearch.index import GraphUnusable, Index, schema
from vsearch.index.catalog import Catalog, Counts, VectorSet
from vsearch.index.graph import Graph
from vsearch.index.matrix import BLOCK_ROWS, Matrix
from vsearch.index.writer import IndexWriter

OLD = pytest.mark.parametrize("version", [1, 2, 3])
UNCHECKED = pytest.mark.parametrize("version", [1, 2])  # formats without checksums


@pytest.fixture
def vectors() -> NDArray[np.float32]:
    """Return vectors for two blocks, the second of them begun."""
    return units(BLOCK_ROWS + 44, 3)


def version_of(folder: Path) -> int:
    with closing(Catalog(folder, write=False)) as catalog:
        return catalog.format


def everything(catalog: Catalog) -> object:
    return (
        catalog.sets(), catalog.active(), catalog.counts("whole"), catalog.skipped(),
        catalog.roots(), list(catalog.entries("whole")),
        [catalog.known(root, "whole") for root in catalog.roots()],
    )  # fmt: skip


def all_of(folder: Path) -> object:
    with closing(Catalog(folder, write=False)) as catalog:
        return everything(catalog)


# Reading


@OLD
def test_an_older_catalog_is_read_as_it_is(
    tmp_path: Path, version: int, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path, version, vectors)
    before = (tmp_path / "catalog.sqlite").read_bytes()
    with closing(Catalog(tmp_path, write=False)) as reader:
        assert reader.format == version
        reader.begin_reading()
        assert reader.active() == VectorSet("whole", MODEL, len(vectors), "active")
        assert reader.counts("whole") == Counts(len(vectors), lacking=0, live_rows=len(vectors))
        assert (reader.blocks("whole") is None) == (version < 3)
        assert reader.content(digest("7"), "whole") == (8, 7)
    assert (tmp_path / "catalog.sqlite").read_bytes() == before


@OLD
def test_an_older_index_answers_as_it_is(
    tmp_path: Path, version: int, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path, version, vectors)
    query = units(1, 3, seed=1)[0]
    with Index(tmp_path) as index:
        assert index.model == MODEL
        assert index.scores(query) == pytest.approx(vectors @ query, abs=1e-6)
        assert index.vectors(np.array([299, 0])).tolist() == vectors[[299, 0]].tolist()
        assert index.images() == index.status().images == len(vectors)
        assert index.status().others == ()
        assert [entry.row for entry in index.entries()] == list(range(len(vectors)))
    assert version_of(tmp_path) == version


@OLD
def test_an_older_index_is_read_without_rights(tmp_path: Path, version: int) -> None:
    make_old(tmp_path, version, units(2, 3))
    assert read_only(tmp_path).splitlines()[0] == "2 ['0', '1']"
    assert version_of(tmp_path) == version


@OLD
def test_an_older_matrix_cut_short_leaves_out_what_is_gone(
    tmp_path: Path, version: int, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path, version, vectors)
    os.truncate(matrix_file(tmp_path), 12 * 290)
    query = units(1, 3, seed=1)[0]
    with Index(tmp_path) as index:
        scores = index.scores(query)
        assert scores[:BLOCK_ROWS] == pytest.approx(vectors[:BLOCK_ROWS] @ query, abs=1e-6)
        assert scores[BLOCK_ROWS:].tolist() == [-np.inf] * 44
        with pytest.raises(IndexDamaged):
            index.vectors(np.array([299]))


@OLD
def test_an_older_catalog_without_a_commit_has_no_set(tmp_path: Path, version: int) -> None:
    make_old(tmp_path, version, None)
    for write in (False, True, False):
        with closing(Catalog(tmp_path, write=write)) as opened:
            assert (opened.sets(), opened.active()) == ([], None)
    make(tmp_path, a=X)
    assert content(tmp_path) == {"a": X}


# Becoming today's


@OLD
def test_a_writer_brings_an_older_index_up_to_date_with_all_checksums(
    tmp_path: Path, version: int, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path, version, vectors)
    before, bytes_before = all_of(tmp_path), embeddings(tmp_path)
    with closing(Catalog(tmp_path, write=True)) as writer:
        assert writer.format == 4
        assert everything(writer) == before
    assert all_of(tmp_path) == before
    assert embeddings(tmp_path) == bytes_before
    assert matrix_file(tmp_path).read_bytes() == vectors.tobytes()
    with closing(Catalog(tmp_path, write=False)) as reader:
        assert reader.rows_between("whole", 0, 9999) == {
            row: xxh3_64_digest(vector.tobytes()) for row, vector in enumerate(vectors)
        }
        assert reader.blocks("whole") == [
            xxh3_64_digest(vectors[:BLOCK_ROWS].tobytes()),
            xxh3_64_digest(vectors[BLOCK_ROWS:].tobytes()),
        ]
        assert reader.faults() == []


@OLD
def test_what_was_brought_up_to_date_is_gone_on_with(
    tmp_path: Path, version: int, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path, version, vectors)
    before = embeddings(tmp_path)
    make(tmp_path, a=X)
    assert embeddings(tmp_path) == before | {"a": np.array(X, "<f4").tobytes()}
    make_other(tmp_path, a=W)
    assert content(tmp_path) == {"a": W}
    with IndexWriter(tmp_path, MODEL) as writer:
        assert writer.lacking() == 0


@OLD
def test_every_page_has_a_checksum_from_then_on(
    tmp_path: Path, version: int, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path, version, vectors)
    Catalog(tmp_path, write=True).close()
    assert sorted(os.listdir(tmp_path)) == ["catalog.sqlite", "sets"]
    path = tmp_path / "catalog.sqlite"
    for place in range(200, path.stat().st_size, 4096):
        flip(path, place)
        try:
            with closing(Catalog(tmp_path, write=False)) as catalog:
                assert catalog.faults() != []
        except IndexDamaged:
            pass
        flip(path, place)
    with closing(Catalog(tmp_path, write=False)) as catalog:
        assert catalog.faults() == []


@OLD
def test_a_reader_goes_on_with_the_older_format_and_sees_the_new_one_when_it_looks_anew(
    tmp_path: Path, version: int
) -> None:
    make_old(tmp_path, version, units(2, 3))
    with closing(Catalog(tmp_path, write=False)) as reader:
        reader.begin_reading()
        before = everything(reader)
        with closing(Catalog(tmp_path, write=True)) as writer:
            writer.begin_writing()
            assert everything(writer) == before
            writer.add_set("whole-2", OTHER)
            writer.activate("whole-2")
            writer.commit()
        assert everything(reader) == before
        reader.commit()
        assert reader.active() == VectorSet("whole-2", OTHER, 0, "active")


@OLD
def test_an_index_that_is_open_goes_on_while_it_is_brought_up_to_date(
    tmp_path: Path, version: int, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path, version, vectors)
    query = units(1, 3, seed=1)[0]
    with Index(tmp_path) as index:
        before = seen(index), index.scores(query).tolist()
        make_other(tmp_path, a=W)
        with IndexWriter(tmp_path, OTHER) as writer:
            writer.drop_others()
        assert (seen(index), index.scores(query).tolist()) == before
    assert content(tmp_path) == {"a": W}


def test_all_ways_lead_to_the_same_tables(tmp_path: Path) -> None:
    shapes = []
    for version in (1, 2, 3, 4):
        folder = tmp_path / str(version)
        if version < 4:
            make_old(folder, version, units(2, 3))
        else:
            folder.mkdir()
        Catalog(folder, write=True).close()
        with closing(sqlite3.connect(folder / "catalog.sqlite")) as connection:
            tables = connection.execute(
                'SELECT m.name, t.name, t.type, t."notnull", t.pk'
                " FROM sqlite_master AS m, pragma_table_info(m.name) AS t"
            ).fetchall()
            indexes = connection.execute(
                "SELECT name FROM sqlite_master WHERE type='index'"
            ).fetchall()
            marks = [
                connection.execute(f"PRAGMA {name}").fetchone()
                for name in ("user_version", "application_id", "journal_mode", "page_size")
            ]
        shapes.append((sorted(tables), sorted(indexes), marks))
    assert shapes[0] == shapes[1] == shapes[2] == shapes[3]
    assert shapes[0][2] == [(4,), (0x76737263,), ("wal",), (4096,)]


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_one_page_names_all_tables(tmp_path: Path, version: int) -> None:
    """A damaged one costs all of a catalog, so there should be no more of them."""
    if version < 4:
        make_old(tmp_path, version, units(2, 3))
    Catalog(tmp_path, write=True).close()
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        assert connection.execute(
            "SELECT count(*) FROM dbstat WHERE name='sqlite_schema'"
        ).fetchone() == (1,)
        for (sql,) in connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"):
            assert "--" not in sql


@OLD
def test_what_an_older_index_does_not_know_is_unknown_before_and_after(
    tmp_path: Path, version: int
) -> None:
    make_old(tmp_path, version, units(2, 3))
    for _ in range(2):
        with Index(tmp_path) as index:
            assert [one.described for one in index.known(index.roots()[0]).values()] == [
                False, False, True,  # the last was skipped
            ]  # fmt: skip
            assert index.labels() == {}
            assert [one.perceptual for one in index.entries()] == [None, None]
            assert index.perceptual_hashes(np.arange(2))[1].tolist() == [False, False]
            condition = Compared("label", "==", "sea")
            assert index.selected(condition).tolist() == []
            assert index.images_of([0, 1], condition) == {}
        Catalog(tmp_path, write=True).close()
    with IndexWriter(tmp_path, MODEL) as writer:
        assert not writer.is_described(digest("0"))
        writer.describe(digest("0"), ["Sea"], bytes(32))
        writer.commit()
        assert writer.is_described(digest("0"))
    with Index(tmp_path) as index:
        assert index.selected(Compared("label", "==", "sea")).tolist() == [0]
        assert [one.facts.labels for one in index.entries()] == [("Sea",), ()]


@UNCHECKED
def test_every_set_gets_its_checksums(tmp_path: Path, version: int) -> None:
    """The one of another model too, with rows of another length."""
    make_old(tmp_path, version, units(2, 3))
    if version == 1:
        with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
            connection.executescript(FORMAT_2)
    other = units(300, 4, seed=1)
    (tmp_path / "sets" / "whole-2").mkdir()
    other.tofile(tmp_path / "sets" / "whole-2" / "matrix.f32")
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        model = json.dumps(asdict(OTHER))
        connection.execute("INSERT INTO sets VALUES('whole-2', ?, 300, 'kept')", (model,))
        connection.execute("INSERT INTO rows VALUES('whole-2', 299, 1)")
        connection.commit()
    with closing(Catalog(tmp_path, write=True)) as catalog:
        assert catalog.blocks("whole-2") == [
            xxh3_64_digest(other[:BLOCK_ROWS].tobytes()),
            xxh3_64_digest(other[BLOCK_ROWS:].tobytes()),
        ]
        assert catalog.rows_between("whole-2", 0, 999) == {
            299: xxh3_64_digest(other[299].tobytes())
        }
        assert len(catalog.blocks("whole") or ()) == 1
        assert len(catalog.rows_between("whole", 0, 999)) == 2


# Damage that was there before


@OLD
@pytest.mark.parametrize("kept", [0, 1, 255, 256, 257, 299])
def test_a_matrix_that_is_cut_short_keeps_the_rows_that_are_there(
    tmp_path: Path, version: int, kept: int, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path, version, vectors)
    os.truncate(matrix_file(tmp_path), 12 * kept + 5)
    with IndexWriter(tmp_path, MODEL) as writer:
        assert writer.lacking() == len(vectors) - kept
    assert embeddings(tmp_path) == {str(row): vectors[row].tobytes() for row in range(kept)}


@OLD
def test_a_missing_matrix_is_told_and_all_of_it_embedded_again(
    tmp_path: Path, version: int, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path, version, vectors)
    shutil.rmtree(tmp_path / "sets" / "whole")
    with IndexWriter(tmp_path, MODEL) as writer:
        assert writer.lacking() == len(vectors)
    make(tmp_path, a=Y)
    assert content(tmp_path) == {"a": Y}


# The graph of an older index says nothing of what it was made from


def old_graph(folder: Path, vectors: NDArray[np.float32]) -> None:
    """Save a graph as an older vsearch did."""
    graph = Graph.empty(3)
    graph.extend(Matrix(matrix_file(folder), 3, len(vectors)))
    graph.save(matrix_file(folder).parent)
    card = matrix_file(folder).with_name("graph.json")
    said = json.loads(card.read_text())
    del said["matrix"]
    card.write_text(json.dumps(said))


@OLD
def test_the_graph_of_an_older_index_is_not_used_and_made_anew_by_the_writer(
    tmp_path: Path, version: int, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path, version, vectors)
    old_graph(tmp_path, vectors)
    with Index(tmp_path) as index, pytest.raises(GraphUnusable):
        index.graph()
    with IndexWriter(tmp_path, MODEL) as writer:
        assert writer.graph_due()
        writer.extend_graph()
    with Index(tmp_path) as index:
        assert index.graph().rows == len(vectors)


# Crashes

_KILLED = """
import os, sys
from pathlib import Path
from vsearch.index import schema
from vsearch.index.catalog import Catalog
from vsearch.index.database import Database
left = int(sys.argv[2])
def dying(method):
    def called(*arguments):
        global left
        left -= 1
        if left < 0:
            os._exit(0)
        return method(*arguments)
    return called
for name in ("run", "many", "vacuum", "begin_writing", "commit", "all"):
    setattr(Database, name, dying(getattr(Database, name)))
Catalog(Path(sys.argv[1]), write=True)
print("done")
os._exit(0)
"""


def test_a_writer_killed_at_any_step_leaves_an_older_format_or_the_new_one(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path / "old", 1, vectors)
    right, bytes_right = all_of(tmp_path / "old"), embeddings(tmp_path / "old")
    versions = []
    for step in range(60):
        folder = tmp_path / "copy"
        shutil.copytree(tmp_path / "old", folder)
        done = run(_KILLED, folder, str(step))
        versions.append(version_of(folder))
        assert all_of(folder) == right
        assert embeddings(folder) == bytes_right
        with closing(Catalog(folder, write=True)) as writer:
            assert everything(writer) == right
            assert writer.faults() == []
            assert len(writer.blocks("whole") or ()) == 2
        shutil.rmtree(folder)
        if done:
            break
    assert done
    assert versions == sorted(versions)
    assert set(versions) == {1, 2, 3, 4}


_SHORT_OF_SPACE = """
import os, resource, signal, sys
from pathlib import Path
from vsearch.errors import StoreError
from vsearch.index.catalog import Catalog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    Catalog(Path(sys.argv[1]), write=True)
    print("done")
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("version", "limit"),
    # Of format 3 little has to be written.
    [(1, 0), (1, 5000), (1, 50_000), (1, 90_000), (2, 5000), (2, 50_000), (3, 0), (3, 5000)],
)
def test_a_full_disk_leaves_the_older_format_to_be_read(
    tmp_path: Path, version: int, limit: int, vectors: NDArray[np.float32]
) -> None:
    make_old(tmp_path, version, vectors)
    right = all_of(tmp_path)
    assert run(_SHORT_OF_SPACE, tmp_path, str(limit)).startswith("the catalog cannot be used (")
    assert version_of(tmp_path) < 4
    assert all_of(tmp_path) == right
    Catalog(tmp_path, write=True).close()
    assert version_of(tmp_path) == 4
    assert all_of(tmp_path) == right


@OLD
def test_a_change_of_format_that_fails_leaves_the_old_one(
    tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(tmp_path, version, units(2, 3))
    right = all_of(tmp_path)
    name = f"FROM_FORMAT_{version}"
    broken = getattr(schema, name) + "INSERT INTO sets VALUES('x', NULL, 0, 'kept');"
    with monkeypatch.context() as patch:
        patch.setattr(schema, name, broken)
        with pytest.raises(StoreError, match="NOT NULL constraint failed"):
            Catalog(tmp_path, write=True)
    assert version_of(tmp_path) == version
    assert all_of(tmp_path) == right
    Catalog(tmp_path, write=True).close()
    assert version_of(tmp_path) == 4


# New


def test_a_new_catalog_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "CREATE", schema.CREATE + "CREATE TABLE sets(x);")
        with pytest.raises(StoreError, match="already exists"):
            Catalog(tmp_path, write=True)
    with pytest.raises(IndexMissing):
        Catalog(tmp_path, write=False)
    Catalog(tmp_path, write=True).close()
    assert version_of(tmp_path) == 4
