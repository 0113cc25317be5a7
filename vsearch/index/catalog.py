"""The catalog: SQLite in WAL mode, the index's source of truth. All SQL of vsearch is here.

    roots      the folders that were asked for
    images     every picture file seen below a root: its content, or why it has none
    contents   every distinct file content (xxh3-128 of all its bytes) and the facts read from it
    sets       vector sets, one a model: how many matrix rows are committed, which one answers
    rows       which matrix row of a set holds the embedding of which content

Files of equal content share one row, so a moved or copied file costs no second embedding, and a
content whose files are gone keeps its row until it is compacted away: it comes back for free.
Paths are stored as the bytes the file system gave.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from vsearch.errors import IndexDamaged, IndexLocked, IndexMissing, SkipReason, StoreError
from vsearch.records import ImageFacts, ImageRecord, ModelIdentity

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

FORMAT = 2
APPLICATION_ID = 0x76737263  # "vsrc", so that `file` can tell what this database is
SCHEMA = """
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
    camera TEXT
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
CREATE INDEX images_by_content ON images(content);
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
    PRIMARY KEY(vector_set, row)
) WITHOUT ROWID;
CREATE UNIQUE INDEX rows_by_content ON rows(vector_set, content);
"""
# Format 1 had one set at most, and that one answered.
FROM_FORMAT_1 = """
ALTER TABLE sets ADD COLUMN state TEXT NOT NULL DEFAULT 'building';
UPDATE sets SET state='active';
CREATE UNIQUE INDEX one_active_set ON sets(state) WHERE state='active';
"""
UNSETTLED = -1
"""A recorded time of change that proves nothing: the file was read too soon after it."""


@dataclass(frozen=True, slots=True)
class Root:
    """A folder the index covers: all below it (`whole`), or only the files that were named."""

    id: int
    path: str
    whole: bool
    device: int | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalog remembers of one file: `size` in bytes, `mtime_ns` in nanoseconds.

    `reason` says why the file has no embedding in any set; None when it is a picture. `embedded`
    is whether the set in question has its embedding: False where another model made the only one,
    or where it was lost (a matrix cut short), so that the file must be read again.
    """

    size: int
    mtime_ns: int
    reason: SkipReason | None
    embedded: bool


@dataclass(frozen=True, slots=True)
class VectorSet:
    """The embeddings of one model: `name` is that of its folder, `rows` the committed matrix rows.

    `state`: the one "active" set answers; one is "building" until it has been complete once, and
    then takes over; "kept" ones answered before.
    """

    name: str
    model: ModelIdentity
    rows: int
    state: Literal["active", "building", "kept"]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a vector set holds.

    `images` are the files with an embedding in it, `lacking` the pictures known without one,
    `live_rows` the committed matrix rows some file still refers to.
    """

    images: int
    lacking: int
    live_rows: int


class Catalog:
    """One connection to `catalog.sqlite`. All its errors are StoreErrors with a next step."""

    def __init__(self, folder: Path, *, write: bool) -> None:
        """Open the catalog in the index folder; with `write`, create it where there is none.

        Raises IndexMissing, IndexDamaged, or StoreError for a format this version cannot read.
        """
        self.folder = folder
        self._path = folder / "catalog.sqlite"
        if not write and not self._path.is_file():
            raise _no_index(folder)
        self._connection = self._open(write=write)
        try:
            self._check_format(write=write)
        except BaseException:  # whatever ends it, no connection is left open
            self.close()
            raise

    def _open(self, *, write: bool) -> sqlite3.Connection:
        import sqlite3

        uri = self._path.absolute().as_uri()
        mode = "rwc" if write else "ro"
        log = self._path.with_name("catalog.sqlite-wal")
        if not write and not os.access(self.folder, os.W_OK) and not _is_filled(log):
            # A reader of a WAL database makes files beside it, which it may not do here. Without
            # a log there is no writer and no commit outside the file: it is read as it stands.
            mode = "ro&immutable=1"
        try:
            connection = sqlite3.connect(
                f"{uri}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA busy_timeout=10000")
            if write:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
        except sqlite3.Error as error:
            raise self._translated(error) from error
        return connection

    def _check_format(self, *, write: bool) -> None:
        version = self._one("PRAGMA user_version")[0]
        if version == 0 and self._one("SELECT count(*) FROM sqlite_master")[0] == 0:
            # New, or the work of a writer killed before its first commit.
            if not write:
                raise _no_index(self.folder)
            self._change_format(f"{SCHEMA} PRAGMA application_id={APPLICATION_ID};")
        elif self._one("PRAGMA application_id")[0] != APPLICATION_ID:
            raise IndexDamaged(
                f"not a vsearch catalog, in {self._path}; name another place with --index"
            )
        elif version > FORMAT:
            raise StoreError(
                f"the index has format {version}, in {self.folder}; this vsearch reads up to "
                f"{FORMAT}: update vsearch"
            )
        elif version == 1:
            if write:  # a reader takes it as it is
                self._change_format(FROM_FORMAT_1)
        elif version != FORMAT:
            raise IndexDamaged(
                f"not a vsearch catalog, in {self._path}; name another place with --index"
            )

    def _change_format(self, sql: str) -> None:
        self._script(f"BEGIN IMMEDIATE; {sql} PRAGMA user_version={FORMAT}; COMMIT;")

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self._connection.close()

    # Transactions

    def begin_reading(self) -> None:
        """Pin what is read from here on to one committed state."""
        self._run("BEGIN")
        self._one("SELECT count(*) FROM sets")  # the first read is what pins it

    def begin_writing(self) -> None:
        """Start a transaction; readers go on reading the last committed state."""
        self._run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make everything since `begin_writing` durable at once; nothing where none has begun.

        After `begin_reading`: let go of the pinned state.
        """
        if self._connection.in_transaction:
            self._run("COMMIT")

    # Roots

    def roots(self) -> list[Root]:
        """Return all roots, by path."""
        found = self._all("SELECT id, path, relative, whole, device FROM roots")
        roots = [
            Root(id_, self._absolute(path, bool(relative)), bool(whole), device)
            for id_, path, relative, whole, device in found
        ]
        return sorted(roots, key=lambda root: os.fsencode(root.path))

    def add_root(self, path: str, *, whole: bool) -> Root:
        """Return the root at the absolute `path`, made or widened to `whole` where needed.

        Roots below a new whole root become part of it: their images are renamed, not read again.
        """
        stored, relative = self._stored(path)
        self._run(
            "INSERT INTO roots(path, relative, whole) VALUES(?, ?, ?)"
            " ON CONFLICT DO UPDATE SET whole=max(whole, excluded.whole)",
            (stored, relative, whole),
        )
        root = next(root for root in self.roots() if root.path == path)
        if whole:
            for other in self.roots():
                if other.id != root.id and _is_below(other.path, path):
                    self._absorb(root, other)
        return root

    def _absorb(self, root: Root, other: Root) -> None:
        prefix = os.fsencode(os.path.relpath(other.path, root.path)) + b"/"
        self._run(
            "INSERT OR REPLACE INTO images SELECT ?, CAST(? || path AS BLOB), size, mtime_ns,"
            " content, reason, detail FROM images WHERE root=?",
            (root.id, prefix, other.id),
        )
        self._run("DELETE FROM images WHERE root=?", (other.id,))
        self._run("DELETE FROM roots WHERE id=?", (other.id,))

    def drop_empty_roots(self) -> None:
        """Forget roots of single files of which none is recorded."""
        self._run("DELETE FROM roots WHERE NOT whole AND id NOT IN (SELECT root FROM images)")

    def set_device(self, root: Root, device: int) -> None:
        """Remember the device (st_dev) that `root` was on when it was last walked."""
        self._run("UPDATE roots SET device=? WHERE id=?", (device, root.id))

    def _stored(self, path: str) -> tuple[bytes, bool]:
        """Return (path as stored, whether relative): a root that holds the index moves with it."""
        inside = _is_below(os.fspath(self.folder), path)
        return os.fsencode(os.path.relpath(path, self.folder) if inside else path), inside

    def _absolute(self, stored: bytes, relative: bool) -> str:
        path = os.fsdecode(stored)
        return os.path.normpath(os.path.join(self.folder, path)) if relative else path

    # Images

    def known(self, root: Root, vector_set: str, prefix: str = "") -> dict[str, Known]:
        """Return what is remembered of the files of `root`, by path; at or below `prefix`.

        `embedded` is told of the set of that name; of one that does not exist, it is False.
        """
        # All paths below "a" lie between "a/" and "a0", since "0" is the byte after "/"; "a"
        # itself may have been a file before it was a folder.
        name = os.fsencode(prefix)
        first, last = (name + b"/", name + b"0") if prefix else (b"", None)
        found = self._all(
            "SELECT path, size, mtime_ns, reason, rows.row IS NOT NULL FROM images"
            " LEFT JOIN rows ON rows.content=images.content AND rows.vector_set=?5"
            " WHERE root=?1 AND (path>=?2 AND (?3 IS NULL OR path<?3) OR path=?4)",
            (root.id, first, last, name, vector_set),
        )
        return {
            os.fsdecode(path): Known(size, mtime, SkipReason(reason) if reason else None, bool(row))
            for path, size, mtime, reason, row in found
        }

    def put_image(self, root: Root, path: str, size: int, mtime_ns: int, content: int) -> None:
        """Record that the file `path` of `root` has the content with that id."""
        self._put(root, path, size, mtime_ns, content, None, None)

    def put_skip(
        self, root: Root, path: str, size: int, mtime_ns: int, reason: SkipReason, detail: str
    ) -> None:
        """Record why the file `path` of `root` has no embedding."""
        self._put(root, path, size, mtime_ns, None, reason, detail)

    def _put(self, root: Root, path: str, *values: object) -> None:
        self._run(
            "INSERT OR REPLACE INTO images(root, path, size, mtime_ns, content, reason, detail)"
            " VALUES(?, ?, ?, ?, ?, ?, ?)",
            (root.id, os.fsencode(path), *values),
        )

    def remove(self, root: Root, paths: Iterable[str]) -> None:
        """Forget the files `paths` of `root`; their contents keep their rows."""
        for path in paths:
            self._run("DELETE FROM images WHERE root=? AND path=?", (root.id, os.fsencode(path)))

    def skipped(self) -> list[tuple[str, SkipReason, str]]:
        """Return (absolute path, reason, detail) of every file without an embedding, by path."""
        roots = {root.id: root.path for root in self.roots()}
        found = self._all("SELECT root, path, reason, detail FROM images WHERE reason IS NOT NULL")
        skipped = [
            (os.path.join(roots[root], os.fsdecode(path)), SkipReason(reason), detail or "")
            for root, path, reason, detail in found
        ]
        return sorted(skipped, key=lambda entry: os.fsencode(entry[0]))

    # Contents and rows

    def content(self, digest: bytes, vector_set: str) -> tuple[int, int | None] | None:
        """Return (id, row in the set or None) of the content with this hash; None: not seen yet."""
        found = self._all(
            "SELECT id, row FROM contents LEFT JOIN rows"
            " ON rows.content=contents.id AND vector_set=? WHERE hash=?",
            (vector_set, digest),
        )
        return (found[0][0], found[0][1]) if found else None

    def put_content(self, digest: bytes, facts: ImageFacts) -> int:
        """Record a content, for all sets, and return its id; one already there stays as it is."""
        known = self._all("SELECT id FROM contents WHERE hash=?", (digest,))
        if known:
            return int(known[0][0])
        return int(
            self._one(
                "INSERT INTO contents(hash, width, height, format, taken_at, camera)"
                " VALUES(?, ?, ?, ?, ?, ?) RETURNING id",
                (digest, facts.width, facts.height, facts.format, facts.taken_at, facts.camera),
            )[0]
        )

    def put_row(self, vector_set: str, row: int, content: int) -> None:
        """Record that row `row` of the set's matrix holds the embedding of a content."""
        self._run(
            "INSERT INTO rows(vector_set, row, content) VALUES(?, ?, ?)", (vector_set, row, content)
        )

    def images_of(self, vector_set: str, rows: Sequence[int]) -> dict[int, list[ImageRecord]]:
        """Return the files that answer for each of the set's `rows`, by path; none: left out."""
        roots = {root.id: root.path for root in self.roots()}
        found = self._all(
            # CROSS JOIN: SQLite keeps the order written, from the few wanted rows outwards. Left to
            # itself it scans every row of the set first (91 ms of 100,000, against 0.1 ms).
            "SELECT rows.row, images.root, images.path, images.size,"
            " width, height, format, taken_at, camera"
            " FROM json_each(?) AS wanted"
            " CROSS JOIN rows ON rows.vector_set=? AND rows.row=wanted.value"
            " CROSS JOIN contents ON contents.id=rows.content"
            " CROSS JOIN images ON images.content=rows.content",
            (json.dumps(list(rows)), vector_set),
        )
        records: dict[int, list[ImageRecord]] = {}
        for row, root, path, size, *facts in found:
            record = ImageRecord(roots[root], os.fsdecode(path), row, size, ImageFacts(*facts))
            records.setdefault(row, []).append(record)
        for same in records.values():
            same.sort(key=lambda record: os.fsencode(os.path.join(record.root, record.path)))
        return records

    def content_of(self, root: Root, path: str) -> int | None:
        """Return the id of the content recorded for the file `path` of `root`; None without one."""
        found = self._all(
            "SELECT content FROM images WHERE root=? AND path=?", (root.id, os.fsencode(path))
        )
        return found[0][0] if found else None

    # Vector sets

    def sets(self) -> list[VectorSet]:
        """Return all vector sets, oldest first."""
        # A reader may find a catalog of format 1, in which a set has no state.
        version = self._one("PRAGMA user_version")[0]
        found = self._all(
            "SELECT name, model, rows, 'active' FROM sets"
            if version == 1
            else "SELECT name, model, rows, state FROM sets ORDER BY length(name), name"
        )
        try:
            return [
                VectorSet(name, ModelIdentity(**json.loads(model)), rows, state)
                for name, model, rows, state in found
            ]
        except (ValueError, TypeError) as error:
            raise IndexDamaged(
                f"the catalog names no model that can be read, in {self._path}; "
                "move the index away and run `vsearch index` again"
            ) from error

    def active(self) -> VectorSet | None:
        """Return the set that answers; None before the first is made."""
        sets = self.sets()
        found = next((one for one in sets if one.state == "active"), None)
        if sets and found is None:
            raise IndexDamaged(
                f"the catalog names no vectors to answer with, in {self._path}; "
                "move the index away and run `vsearch index` again"
            )
        return found

    def add_set(self, name: str, identity: ModelIdentity) -> VectorSet:
        """Start the set of `identity`, with no rows; the first of all is active at once."""
        state: Literal["active", "building"] = "building" if self.active() else "active"
        self._run(
            "INSERT INTO sets(name, model, rows, state) VALUES(?, ?, 0, ?)",
            (name, json.dumps(asdict(identity)), state),
        )
        return VectorSet(name, identity, 0, state)

    def set_model(self, vector_set: str, identity: ModelIdentity) -> None:
        """Say by which name a set's model goes now; its vectors are comparable with the old."""
        self._run(
            "UPDATE sets SET model=? WHERE name=?", (json.dumps(asdict(identity)), vector_set)
        )

    def activate(self, vector_set: str) -> None:
        """Let this set answer from now on; the one that did is kept."""
        self._run("UPDATE sets SET state='kept' WHERE state='active'")
        self._run("UPDATE sets SET state='active' WHERE name=?", (vector_set,))

    def drop_others(self) -> None:
        """Forget all sets but the active one."""
        self._run(
            "DELETE FROM rows WHERE vector_set IN (SELECT name FROM sets WHERE state<>'active')"
        )
        self._run("DELETE FROM sets WHERE state<>'active'")

    def set_committed_rows(self, vector_set: str, rows: int) -> None:
        """Say how many matrix rows of the set count; mappings of rows past that are dropped."""
        self._run("UPDATE sets SET rows=? WHERE name=?", (rows, vector_set))
        self._run("DELETE FROM rows WHERE vector_set=? AND row>=?", (vector_set, rows))

    # How much there is

    def counts(self, vector_set: str) -> Counts:
        """Return how much the set of that name holds; of one that does not exist, nothing."""
        pictures, images = self._pictures(vector_set)
        live = self._one(
            "SELECT count(*) FROM rows WHERE vector_set=?"
            " AND EXISTS(SELECT 1 FROM images WHERE images.content=rows.content)",
            (vector_set,),
        )[0]
        return Counts(images, pictures - images, live)

    def skip_counts(self) -> dict[SkipReason, int]:
        """Return how many files are no pictures, by reason."""
        found = self._all(
            "SELECT reason, count(*) FROM images WHERE reason IS NOT NULL GROUP BY 1 ORDER BY 1"
        )
        return {SkipReason(reason): count for reason, count in found}

    def images(self, vector_set: str) -> int:
        """Return how many files have an embedding in the set."""
        return self._pictures(vector_set)[1]

    def lacking(self, vector_set: str) -> int:
        """Return how many known pictures have no embedding in the set."""
        pictures, images = self._pictures(vector_set)
        return pictures - images

    def images_below(self, root: Root, vector_set: str) -> int:
        """Return how many files of `root` have an embedding in the set."""
        return self._pictures(vector_set, root)[1]

    def _pictures(self, vector_set: str, root: Root | None = None) -> tuple[int, int]:
        """Return (known pictures, those with an embedding in the set), below `root` or at all."""
        sql = (
            "SELECT count(*), count(rows.row) FROM images LEFT JOIN rows"
            " ON rows.vector_set=? AND rows.content=images.content WHERE images.content IS NOT NULL"
        )
        found = (
            self._one(sql, (vector_set,))
            if root is None
            else self._one(sql + " AND root=?", (vector_set, root.id))
        )
        return int(found[0]), int(found[1])

    # SQLite

    def _all(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        import sqlite3

        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def _one(self, sql: str, parameters: Sequence[object] = ()) -> tuple[Any, ...]:
        return self._all(sql, parameters)[0]

    def _run(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._all(sql, parameters)

    def _script(self, sql: str) -> None:
        import sqlite3

        try:
            self._connection.executescript(sql)
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.Error) -> StoreError:
        import sqlite3

        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return IndexLocked(f"the catalog is locked, in {self.folder}; try again in a moment")
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return IndexDamaged(
                f"the catalog is damaged ({error}), in {self._path}; "
                "move the index away and run `vsearch index` again"
            )
        if code == sqlite3.SQLITE_FULL:
            return StoreError(f"the disk is full, at {self.folder}; free some space and run again")
        return StoreError(
            f"the catalog cannot be used ({error}), in {self._path}; "
            "check the disk and the permissions of the folder"
        )


def _no_index(folder: Path) -> IndexMissing:
    return IndexMissing(f"there is no index, in {folder}; make one with `vsearch index FOLDER`")


def _is_filled(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _is_below(path: str, folder: str) -> bool:
    """Whether the absolute `path` lies strictly below the absolute `folder`."""
    return path != folder and path.startswith(folder.rstrip("/") + "/")
