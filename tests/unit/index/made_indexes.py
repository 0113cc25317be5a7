"""Indexes made for tests: by today's writer, by the SQL of older ones, and damaged on purpose."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_digest

from vsearch.index import Index
from vsearch.index.database import Database
from vsearch.index.matrix import BLOCK_ROWS
from vsearch.index.writer import IndexWriter
from vsearch.records import ImageFacts, ModelIdentity

MODEL = ModelIdentity("colours", "weights", "preprocessing", 3)
OTHER = ModelIdentity("other", "weights", "preprocessing", 4)
THIRD = ModelIdentity("third", "other weights", "preprocessing", 3)
FACTS = ImageFacts(4, 4, "PNG")
X, Y, Z = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
W = [0.0, 0.0, 0.0, 1.0]


def units(count: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """Return random unit vectors (count, dim)."""
    vectors = np.random.default_rng(seed).normal(size=(count, dim))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


# By today's writer


def digest(name: str) -> bytes:
    return os.fsencode(name).ljust(16, b"-")[:16]


def add(
    writer: IndexWriter,
    path: str,
    vector: Sequence[float] | NDArray[np.float32],
    root: str = "/photos",
) -> None:
    """Record a file whose content is its name."""
    at = writer.add_root(root, whole=True)
    writer.add(at, path, 10, 20, digest(path), FACTS, np.array(vector, np.float32))


def make(folder: Path, **vectors: list[float]) -> None:
    with IndexWriter(folder, MODEL) as writer:
        for path, vector in vectors.items():
            add(writer, path, vector)
        writer.commit()


def make_other(folder: Path, identity: ModelIdentity = OTHER, **vectors: list[float]) -> None:
    """Embed files with another model and let the index answer with it."""
    with IndexWriter(folder, identity) as writer:
        for path, vector in vectors.items():
            add(writer, path, vector)
        writer.commit()
        writer.extend_graph()
        writer.activate()


def make_many(
    folder: Path, vectors: NDArray[np.float32], *, first: int = 0, graph: bool = False
) -> None:
    """Add a file for each of `vectors` (n, dim), the n-th called by its number from `first` on."""
    identity = ModelIdentity("many", "weights", "preprocessing", vectors.shape[1])
    with IndexWriter(folder, identity) as writer:
        root = writer.add_root("/photos", whole=True)
        for number, vector in enumerate(vectors, first):
            name = str(number)
            writer.add(root, name, 10, 20, digest(name), FACTS, vector)
        writer.commit()
        if graph:
            writer.extend_graph()


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


def embeddings(folder: Path) -> dict[str, bytes]:
    """Return each file's name and the bytes of its embedding."""
    with Index(folder) as index:
        entries = list(index.entries())
        vectors = index.vectors(np.array([entry.row for entry in entries], np.int64))
        return {entry.path: row.tobytes() for entry, row in zip(entries, vectors, strict=True)}


def sets(folder: Path) -> list[str]:
    return sorted(os.listdir(folder / "sets"))


def matrix_file(folder: Path) -> Path:
    return folder / "sets" / "whole" / "matrix.f32"


def run_sql(folder: Path, sql: str) -> None:
    """Change a catalog as no vsearch would, each page with the checksum it should have."""
    with closing(Database(folder / "catalog.sqlite", write=True)) as database:
        database.run(sql)


def set_format(folder: Path, version: int) -> None:
    run_sql(folder, f"PRAGMA user_version={version}")


# Damage


def flip(path: Path, place: int, bit: int = 0) -> None:
    """Flip one bit of a file."""
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))


# Of older formats

FORMAT_1 = """
BEGIN IMMEDIATE;
CREATE TABLE roots(
    id INTEGER PRIMARY KEY, path BLOB NOT NULL, relative INTEGER NOT NULL,
    whole INTEGER NOT NULL, device INTEGER, UNIQUE(path, relative)
);
CREATE TABLE contents(
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, width INTEGER NOT NULL,
    height INTEGER NOT NULL, format TEXT NOT NULL, taken_at TEXT, camera TEXT
);
CREATE TABLE images(
    root INTEGER NOT NULL REFERENCES roots(id), path BLOB NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, content INTEGER REFERENCES contents(id), reason TEXT,
    detail TEXT, PRIMARY KEY(root, path), CHECK((content IS NULL) <> (reason IS NULL))
) WITHOUT ROWID;
CREATE INDEX images_by_content ON images(content);
CREATE TABLE sets(
    name TEXT PRIMARY KEY, model TEXT NOT NULL, rows INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE rows(
    vector_set TEXT NOT NULL REFERENCES sets(name), row INTEGER NOT NULL,
    content INTEGER NOT NULL REFERENCES contents(id), PRIMARY KEY(vector_set, row)
) WITHOUT ROWID;
CREATE UNIQUE INDEX rows_by_content ON rows(vector_set, content);
PRAGMA application_id=0x76737263;
PRAGMA user_version=1;
COMMIT;
"""
# What vsearch made of format 1 when sets were given a state; new catalogs came to the same tables.
FORMAT_2 = """
BEGIN IMMEDIATE;
ALTER TABLE sets ADD COLUMN state TEXT NOT NULL DEFAULT 'building';
UPDATE sets SET state='active';
CREATE UNIQUE INDEX one_active_set ON sets(state) WHERE state='active';
PRAGMA user_version=2;
COMMIT;
"""
# And of format 2 when pages, rows and blocks were given checksums and two tables their copies.
FORMAT_3 = """
ALTER TABLE rows ADD COLUMN checksum BLOB NOT NULL DEFAULT x'';
CREATE TABLE blocks(
    vector_set TEXT NOT NULL REFERENCES sets(name), block INTEGER NOT NULL,
    checksum BLOB NOT NULL, PRIMARY KEY(vector_set, block)
) WITHOUT ROWID;
CREATE TABLE roots_copy AS SELECT * FROM roots;
CREATE TRIGGER roots_insert AFTER INSERT ON roots BEGIN
    INSERT INTO roots_copy SELECT * FROM roots WHERE id=new.id;
END;
CREATE TRIGGER roots_update AFTER UPDATE ON roots BEGIN
    DELETE FROM roots_copy WHERE id=old.id;
    INSERT INTO roots_copy SELECT * FROM roots WHERE id=new.id;
END;
CREATE TRIGGER roots_delete AFTER DELETE ON roots BEGIN
    DELETE FROM roots_copy WHERE id=old.id;
END;
CREATE TABLE sets_copy AS SELECT * FROM sets;
CREATE TRIGGER sets_insert AFTER INSERT ON sets BEGIN
    INSERT INTO sets_copy SELECT * FROM sets WHERE name=new.name;
END;
CREATE TRIGGER sets_update AFTER UPDATE ON sets BEGIN
    DELETE FROM sets_copy WHERE name=old.name;
    INSERT INTO sets_copy SELECT * FROM sets WHERE name=new.name;
END;
CREATE TRIGGER sets_delete AFTER DELETE ON sets BEGIN
    DELETE FROM sets_copy WHERE name=old.name;
END;
"""


def make_old(
    folder: Path, version: int, vectors: NDArray[np.float32] | None, model: ModelIdentity = MODEL
) -> None:
    """Make an index as a vsearch of format 1, 2 or 3 did; before 3, pages had no checksums.

    A file for each of `vectors` (n, dim), called by its number, and one that was skipped; None:
    no commit was ever made, and there is no set.
    """
    (folder / "sets" / "whole").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(FORMAT_1)
        if vectors is not None:
            vectors.astype("<f4").tofile(matrix_file(folder))
            connection.execute(
                "INSERT INTO sets VALUES('whole', ?, ?)", (json.dumps(asdict(model)), len(vectors))
            )
            connection.execute("INSERT INTO roots VALUES(1, ?, 0, 1, 7)", (b"/photos",))
            connection.execute(
                "INSERT INTO images VALUES(1, ?, 1, 2, NULL, 'empty file', '')", (b"skipped",)
            )
            for row in range(len(vectors)):
                name = str(row)
                connection.execute(
                    "INSERT INTO contents VALUES(?, ?, 4, 4, 'PNG', NULL, NULL)",
                    (row + 1, digest(name)),
                )
                connection.execute(
                    "INSERT INTO images VALUES(1, ?, 10, 20, ?, NULL, NULL)",
                    (name.encode(), row + 1),
                )
                connection.execute("INSERT INTO rows VALUES('whole', ?, ?)", (row, row + 1))
        connection.commit()
        if version > 1:
            connection.executescript(FORMAT_2)
    if version > 2:
        _give_checksums(folder / "catalog.sqlite", vectors)


def _give_checksums(path: Path, vectors: NDArray[np.float32] | None) -> None:
    """Make format 3 of format 2."""
    with closing(Database(path, write=True)) as database:
        database.vacuum()
        database.begin_writing()
        database.run(FORMAT_3)
        stored = np.empty((0, 3), "<f4") if vectors is None else vectors.astype("<f4")
        for row, vector in enumerate(stored):
            checksum = xxh3_64_digest(vector.tobytes())
            database.run("UPDATE rows SET checksum=? WHERE row=?", (checksum, row))
        for block, first in enumerate(range(0, len(stored), BLOCK_ROWS)):
            checksum = xxh3_64_digest(stored[first : first + BLOCK_ROWS].tobytes())
            database.run("INSERT INTO blocks VALUES('whole', ?, ?)", (block, checksum))
        database.run("PRAGMA user_version=3")
        database.commit()


# Other processes


def run(code: str, *arguments: str | Path, drop: bool = False) -> str:
    """Run Python code in another process, with `drop` bound to file permissions; its stdout."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=drop_privileges if drop else None,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def drop_privileges() -> None:
    """Take from root what lets it pass over file permissions."""
    import ctypes

    pr_capbset_drop = 24
    for capability in (1, 2):  # DAC_OVERRIDE, DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(pr_capbset_drop, capability, 0, 0, 0)


_READ = """
import sys
from pathlib import Path
from vsearch.errors import StoreError
from vsearch.index import Index
from vsearch.index.writer import IndexWriter
from vsearch.records import ModelIdentity
with Index(Path(sys.argv[1])) as index:
    print(index.rows, sorted(r.path for rs in index.images_of(range(9)).values() for r in rs))
try:
    IndexWriter(Path(sys.argv[1]), ModelIdentity("colours", "weights", "preprocessing", 3))
except StoreError as error:
    print(error)
"""


def read_only(folder: Path, code: str = _READ) -> str:
    """Let another process without rights read the index and try to write to it; its stdout."""
    places = [folder, *folder.rglob("*")]
    modes = {place: place.stat().st_mode for place in places}
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        return run(code, folder, drop=True)
    finally:
        for place, mode in modes.items():
            place.chmod(mode)


# A writer that dies between the matrix and the catalog, after one commit: of "a".
KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from vsearch.index.writer import IndexWriter
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
