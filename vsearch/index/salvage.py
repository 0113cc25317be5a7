"""What can still be read of a damaged catalog -> a new one in its place.

A page whose checksum is wrong is left out, with the records on it; so are the records that refer to
those. That loses no picture: the next `vsearch index` finds what is missing on the disk, and embeds
only what has lost its content's record or its row.
"""

from __future__ import annotations

import os
import shutil
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from vsearch.errors import IndexDamaged, StoreError
from vsearch.index import schema
from vsearch.index.database import Database
from vsearch.index.folder import lock, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Each table with its columns, the key first, and how many columns that has.
_TABLES = {
    "roots": (1, "id, path, relative, whole, device"),
    "sets": (1, "name, model, rows, state"),
    "contents": (1, "id, hash, width, height, format, taken_at, camera, perceptual"),
    "labels": (2, "content, position, label, folded"),
    "images": (2, "root, path, size, mtime_ns, content, reason, detail"),
    "rows": (2, "vector_set, row, content, checksum"),
    "blocks": (2, "vector_set, block, checksum"),
}
# What refers to a record that could not be read is of no use.
_CLEANING = """
DELETE FROM images WHERE root NOT IN (SELECT id FROM roots);
DELETE FROM images WHERE content IS NOT NULL AND content NOT IN (SELECT id FROM contents);
DELETE FROM rows WHERE content NOT IN (SELECT id FROM contents);
DELETE FROM labels WHERE content NOT IN (SELECT id FROM contents);
DELETE FROM rows WHERE vector_set NOT IN (SELECT name FROM sets);
DELETE FROM blocks WHERE vector_set NOT IN (SELECT name FROM sets);
"""
_LARGEST = (1 << 63) - 1  # what SQLite holds
KEPT_AS = "catalog.sqlite.damaged"

_Record = tuple[Any, ...]


def salvage(folder: Path) -> int:
    """Replace the damaged catalog by one with all that can be read of it; return how many pictures.

    The damaged file stays beside it as KEPT_AS. Killed at any moment, the old catalog or the new
    one is there. Raises IndexLocked, and IndexDamaged when nothing can be saved.
    """
    held = lock(folder)
    try:
        new = folder / "catalog.sqlite.new"
        _remove(new)
        try:
            with closing(Database(new, write=True)) as database:
                schema.create(database)
                _copy(folder / "catalog.sqlite", database)
                pictures = database.one("SELECT count(*) FROM images WHERE content IS NOT NULL")[0]
                database.empty_log()  # or a full disk would be found out by nobody when it closes
            _replace(folder / "catalog.sqlite", new)
        finally:
            _remove(new)
    except OSError as error:
        raise StoreError(
            f"the catalog cannot be saved ({error.strerror}), in {folder}; "
            "check the permissions and the space on the disk"
        ) from error
    finally:
        held.release()
    return int(pictures)


def _remove(database: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)


def _replace(catalog: Path, new: Path) -> None:
    with new.open("rb") as file:
        os.fsync(file.fileno())
    with suppress(StoreError), closing(Database(catalog, write=True)) as old:
        old.empty_log()  # or a kill between the next lines would cost what only the log has
    shutil.copyfile(catalog, catalog.with_name(KEPT_AS))  # no link: FAT has none
    # A log would be taken for one of the new file. What it held is in there.
    for ending in ("-wal", "-shm"):
        catalog.with_name(catalog.name + ending).unlink(missing_ok=True)
    new.replace(catalog)
    sync_folder(catalog.parent)


def _copy(damaged: Path, database: Database) -> None:
    """Copy every record that can be read."""
    nothing = IndexDamaged(
        f"nothing of the catalog can be saved, in {damaged}; "
        "move the index away and run `vsearch index` again"
    )
    with closing(Database(damaged, write=False)) as source:
        try:
            source.one("SELECT count(*) FROM sqlite_schema")
        except IndexDamaged:
            # The first page, with which nothing can be read. It holds the names of the tables
            # only; where all is well formed without its checksum, no table's page was hit.
            with suppress(StoreError):
                source.trust()
            try:
                if source.faults():
                    raise nothing
            except StoreError:
                raise nothing from None
        schema.read_as_today(source, source.one("PRAGMA user_version")[0])
        database.begin_writing()
        for table, (keys, columns) in _TABLES.items():
            marks = ", ".join("?" * len(columns.split(", ")))
            for place in (table, f"{table}_copy"):  # of most there is no copy
                database.many(
                    f"INSERT OR IGNORE INTO {table}({columns}) VALUES({marks})",
                    _readable(source, place, keys, columns),
                )
        if not database.one("SELECT count(*) FROM sets WHERE state='active'")[0]:
            raise nothing
        database.run(_CLEANING)
        if lost := _lost_labels(source):
            database.run("UPDATE contents SET perceptual=NULL WHERE id BETWEEN ? AND ?", lost)
        database.commit()


def _lost_labels(source: Database) -> tuple[int, int] | None:
    """Return the first and the last content of which labels may be lost; None: not one is.

    The next `vsearch index` reads them again.
    """
    ends = []
    for order, end in (("ASC", 0), ("DESC", _LARGEST)):
        try:
            for (content,) in source.each(f"SELECT content FROM labels ORDER BY content {order}"):  # noqa: S608  # ours
                end = content  # where it ended
        except StoreError:
            ends.append(end)
        else:
            return None
    return ends[0], ends[1]


def _readable(source: Database, table: str, keys: int, columns: str) -> Iterator[_Record]:
    """Yield the records of a table that can be read, some of them perhaps twice."""
    key = ", ".join(columns.split(", ")[:keys])
    select = f"SELECT {columns} FROM {table}"  # noqa: S608  # names of ours, here and below
    first = last = None
    for order in ("ASC", "DESC"):
        ordered = ", ".join(f"{column} {order}" for column in key.split(", "))
        try:
            for record in source.each(f"{select} ORDER BY {ordered}"):
                yield record
                first, last = (record, last) if order == "ASC" else (first, record)
        except StoreError:
            continue
        return
    # Between two bad pages there may be good ones: each record is asked for by itself.
    if table == "contents" and first and last:
        for id_ in range(first[0] + 1, last[0]):
            yield from _one(source, f"{select} WHERE id=?", (id_,))
    if table == "rows" and first and last and first[0] == last[0]:
        for row in range(first[1] + 1, last[1]):
            yield from _one(source, f"{select} WHERE vector_set=? AND row=?", (first[0], row))
    if table == "images":
        for (id_,) in _ids(source):
            by_content = f"{select} INDEXED BY images_by_content WHERE content=?"
            yield from _one(source, by_content, (id_,))


def _ids(source: Database) -> Iterator[_Record]:
    with suppress(StoreError):
        yield from source.all("SELECT id FROM contents")


def _one(source: Database, select: str, key: _Record) -> Iterator[_Record]:
    with suppress(StoreError):
        yield from source.all(select, key)
