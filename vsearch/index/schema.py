"""What the catalog's tables are, and how those of an older vsearch become them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from vsearch.index.folder import place_of
from vsearch.index.matrix import BLOCK_ROWS, Matrix, checksum

if TYPE_CHECKING:
    from pathlib import Path

    from vsearch.index.database import Database

FORMAT = 4
WITH_CHECKSUMS = 3
"""The first format that has them."""
APPLICATION_ID = 0x76737263  # "vsrc", so that `file` can tell what this database is
CREATE = """
CREATE TABLE roots(
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL,          -- absolute, or relative to the index folder where that lies inside
    relative INTEGER NOT NULL,   -- 1: relative
    whole INTEGER NOT NULL,      -- 1: everything below it; 0: only the single files that were named
    device INTEGER,              -- st_dev when last walked: an unmounted root is not an empty one
    UNIQUE(path, relative)
);
CREATE TABLE contents(
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,   -- xxh3-128 of the whole file, 16 bytes
    width INTEGER NOT NULL,      -- pixels, upright
    height INTEGER NOT NULL,
    format TEXT NOT NULL,
    taken_at TEXT,               -- ISO 8601
    camera TEXT,
    perceptual BLOB              -- perceptual hash, 32 bytes; NULL: not looked for yet, nor labels;
                                 -- empty: looked for, and the file could not be decoded any more
);
CREATE TABLE images(
    root INTEGER NOT NULL REFERENCES roots(id),
    path BLOB NOT NULL,          -- relative to the root
    size INTEGER NOT NULL,       -- bytes
    mtime_ns INTEGER NOT NULL,
    content INTEGER REFERENCES contents(id),
    reason TEXT,                 -- why there is no content
    detail TEXT,
    PRIMARY KEY(root, path),
    CHECK((content IS NULL) <> (reason IS NULL))
) WITHOUT ROWID;
CREATE TABLE sets(
    name TEXT PRIMARY KEY,
    model TEXT NOT NULL,         -- JSON of the model identity
    rows INTEGER NOT NULL,       -- committed rows of its matrix
    state TEXT NOT NULL DEFAULT 'building'  -- 'active', 'building' or 'kept'
) WITHOUT ROWID;
CREATE UNIQUE INDEX one_active_set ON sets(state) WHERE state='active';
CREATE TABLE rows(
    vector_set TEXT NOT NULL REFERENCES sets(name),
    row INTEGER NOT NULL,
    content INTEGER NOT NULL REFERENCES contents(id),
    checksum BLOB NOT NULL,      -- xxh3-64 of the row's bytes
    PRIMARY KEY(vector_set, row)
) WITHOUT ROWID;
CREATE UNIQUE INDEX rows_by_content ON rows(vector_set, content);
CREATE TABLE blocks(
    vector_set TEXT NOT NULL REFERENCES sets(name),
    block INTEGER NOT NULL,      -- its number; 256 rows each, the last one as many as there are
    checksum BLOB NOT NULL,      -- xxh3-64 of the block's bytes
    PRIMARY KEY(vector_set, block)
) WITHOUT ROWID;
"""
LABELS = """
CREATE TABLE labels(
    content INTEGER NOT NULL REFERENCES contents(id),
    position INTEGER NOT NULL,   -- in the file
    label TEXT NOT NULL,         -- NFC
    folded TEXT NOT NULL,        -- the same by str.casefold: SQLite knows the case of ASCII only
    PRIMARY KEY(content, position)
) WITHOUT ROWID;
CREATE INDEX labels_by_name ON labels(folded, content);
"""
# With all of a file that filters ask for, or each would be looked up by its path.
FILES = "CREATE INDEX images_by_content ON images(content, size, mtime_ns);"
# Without these two small tables no record of the others means anything: a page of them must not be
# the only one.
_COPIED = {"roots": "id", "sets": "name"}
COPIES = "".join(
    f"""
CREATE TABLE {table}_copy AS SELECT * FROM {table};
CREATE TRIGGER {table}_insert AFTER INSERT ON {table} BEGIN
    INSERT INTO {table}_copy SELECT * FROM {table} WHERE {key}=new.{key};
END;
CREATE TRIGGER {table}_update AFTER UPDATE ON {table} BEGIN
    DELETE FROM {table}_copy WHERE {key}=old.{key};
    INSERT INTO {table}_copy SELECT * FROM {table} WHERE {key}=new.{key};
END;
CREATE TRIGGER {table}_delete AFTER DELETE ON {table} BEGIN
    DELETE FROM {table}_copy WHERE {key}=old.{key};
END;
"""  # noqa: S608  # names of ours
    for table, key in _COPIED.items()
)
# Format 1 had one set at most, and that one answered.
FROM_FORMAT_1 = """
ALTER TABLE sets ADD COLUMN state TEXT NOT NULL DEFAULT 'building';
UPDATE sets SET state='active';
CREATE UNIQUE INDEX one_active_set ON sets(state) WHERE state='active';
"""
# Format 2 had no checksums, which the writer computes, and no copies.
FROM_FORMAT_2 = """
ALTER TABLE rows ADD COLUMN checksum BLOB NOT NULL DEFAULT x'';
CREATE TABLE blocks(
    vector_set TEXT NOT NULL REFERENCES sets(name),
    block INTEGER NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY(vector_set, block)
) WITHOUT ROWID;
"""
# Format 3 had no perceptual hashes, no labels, and an index of files without their size and time.
FROM_FORMAT_3 = f"""
ALTER TABLE contents ADD COLUMN perceptual BLOB;
{LABELS}
DROP INDEX images_by_content;
{FILES}
"""
# What a reader of an older catalog, which it leaves as it is, sees instead: nothing of either.
_AS_FORMAT_4 = """
CREATE TEMP VIEW contents AS SELECT *, NULL AS perceptual FROM main.contents;
CREATE TEMP TABLE labels(content, position, label, folded);
"""


def create(database: Database) -> None:
    """Make the tables of a new catalog."""
    tables = _without_comments(CREATE + LABELS + FILES + COPIES)
    database.run(
        f"BEGIN IMMEDIATE; {tables} PRAGMA application_id={APPLICATION_ID};"
        f"PRAGMA user_version={FORMAT}; COMMIT;"
    )


def _without_comments(sql: str) -> str:
    """Return the SQL as it is stored: so short that one page, the first, has room for all of it.

    Without a page that names the tables nothing of a damaged catalog can be saved.
    """
    return re.sub(r"\s*--.*", "", sql)


def read_as_today(database: Database, version: int) -> None:
    """Let a connection find the columns and tables of format 4 in an older one, and change none."""
    if version < FORMAT:
        database.run(_AS_FORMAT_4)


def migrate(database: Database, folder: Path, version: int) -> None:
    """Bring a catalog of an older format, and what it says of the matrices, to this one.

    Killed on the way, it is of an older format still, or of the new one.
    """
    if version < WITH_CHECKSUMS:
        _add_checksums(database, folder, version)
    database.begin_writing()
    # The way that SQLite's manual describes for changes that are none to the data ("Making Other
    # Kinds Of Table Schema Changes"); what follows lets other connections know.
    database.run("PRAGMA writable_schema=ON")
    for name, sql in database.all("SELECT name, sql FROM sqlite_schema WHERE sql LIKE '%--%'"):
        database.run("UPDATE sqlite_schema SET sql=? WHERE name=?", (_without_comments(sql), name))
    database.run("PRAGMA writable_schema=RESET")
    database.run(f"{_without_comments(FROM_FORMAT_3)} PRAGMA user_version={FORMAT}")
    database.commit()


def _add_checksums(database: Database, folder: Path, version: int) -> None:
    """Bring a catalog of format 1 or 2 to format 3."""
    if version == 1:
        database.run(f"BEGIN IMMEDIATE; {FROM_FORMAT_1} PRAGMA user_version=2; COMMIT;")
    database.vacuum()  # which writes a checksum on every page
    database.begin_writing()
    database.run(FROM_FORMAT_2 + COPIES)
    for name, model, rows in database.all("SELECT name, model, rows FROM sets"):
        matrix = Matrix(place_of(folder, name) / "matrix.f32", json.loads(model)["dim"], rows)
        for first, block in matrix.blocks():
            # Of a block that was cut short the whole rows are kept; itself, without a checksum, is
            # found wanting when it is read.
            rows_read = matrix.loose_rows(first // BLOCK_ROWS) if block is None else block
            database.many(
                "UPDATE rows SET checksum=? WHERE vector_set=? AND row=?",
                [
                    (checksum(row.data.cast("B")), name, first + at)
                    for at, row in enumerate(rows_read)
                ],
            )
            if block is not None:
                database.run(
                    "INSERT INTO blocks(vector_set, block, checksum) VALUES(?, ?, ?)",
                    (name, first // BLOCK_ROWS, checksum(block.data.cast("B"))),
                )
    database.run(f"PRAGMA user_version={WITH_CHECKSUMS}")
    database.commit()
