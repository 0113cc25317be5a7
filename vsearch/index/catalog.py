"""The catalog: SQLite in WAL mode, the index's source of truth. What is asked of it is asked here.

    roots      the folders that were asked for
    images     every picture file seen below a root: its content, or why it has none
    contents   every distinct file content (xxh3-128 of all its bytes) and the facts read from it
    labels     the labels among those facts
    sets       vector sets, one a model: how many matrix rows are committed, which one answers
    rows       which matrix row of a set holds the embedding of which content
    blocks     the checksums of a matrix, 256 rows each

Files of equal content share one row, so a moved or copied file costs no second embedding, and a
content whose files are gone keeps its row until it is compacted away: it comes back for free.
Paths are stored as the bytes the file system gave.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from vsearch.errors import IndexDamaged, SkipReason, StoreError
from vsearch.index import schema
from vsearch.index.database import Database, no_index
from vsearch.index.matrix import BLOCK_ROWS
from vsearch.index.roots import Root, below
from vsearch.records import UNSETTLED, Entry, ImageFacts, ImageRecord, ModelIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vsearch.conditions import Condition


def unsettled(mtime_ns: int) -> int:
    """Return what is recorded of a time of change that proves nothing: it is still about when.

    A nanosecond beside it, so that it is never taken for that of the file.
    """
    return mtime_ns ^ 1


def is_unsettled(recorded: int, mtime_ns: int) -> bool:
    """Whether what is `recorded` of a file that has this time now proves nothing of its content."""
    return recorded in (UNSETTLED, unsettled(mtime_ns))


_KNOWN = (
    "SELECT path, size, mtime_ns, reason, rows.row IS NOT NULL, contents.perceptual IS NOT NULL"
    " FROM images LEFT JOIN contents ON contents.id=images.content"
    " LEFT JOIN rows ON rows.content=images.content AND rows.vector_set=?2 WHERE root=?1"
)
_FACTS = (
    "width, height, format, taken_at, camera, (SELECT json_group_array(label ORDER BY position)"
    " FROM labels WHERE labels.content=contents.id)"
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalog remembers of one file: `size` in bytes, `mtime_ns` in nanoseconds.

    `reason` says why the file has no embedding in any set; None when it is a picture. `embedded`
    is whether the set in question has its embedding: False where another model made the only one,
    or where it was lost (a matrix cut short), so that the file must be read again. `described`:
    its labels and its perceptual hash were looked for, which a vsearch before format 4 did not.
    """

    size: int
    mtime_ns: int
    reason: SkipReason | None
    embedded: bool
    described: bool


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

        A writer brings one of an older format to this one, a reader takes it as it is. Raises
        IndexMissing, IndexDamaged, or StoreError for a format this version cannot read.
        """
        self.folder = folder
        path = folder / "catalog.sqlite"
        # A journal is there only while a catalog is made; after that SQLite keeps a log.
        made = path.is_file() and not path.with_name(f"{path.name}-journal").exists()
        if not write and not made:
            raise no_index(folder)
        self._database = Database(path, write=write)
        self._all, self._one = self._database.all, self._database.one
        self._run, self._each = self._database.run, self._database.each
        try:
            self.format = self._checked_format(write=write)
        except BaseException:  # whatever ends it, no connection is left open
            self.close()
            raise

    def _checked_format(self, *, write: bool) -> int:
        version = int(self._one("PRAGMA user_version")[0])
        if version == 0 and self._one("SELECT count(*) FROM sqlite_schema")[0] == 0:
            # New, or the work of a writer killed before its first commit.
            if not write:
                raise no_index(self.folder)
            if not self._database.is_checksummed:  # by an older vsearch
                self._database.vacuum()
            schema.create(self._database)
            return schema.FORMAT
        if version > schema.FORMAT and self._is_ours():
            raise StoreError(
                f"the index has format {version}, in {self.folder}; this vsearch reads up to "
                f"{schema.FORMAT}: update vsearch"
            )
        if version < 1 or not self._is_ours():
            raise IndexDamaged(
                f"not a vsearch catalog, in {self._database.path}; name another place with --index"
            )
        if version >= schema.WITH_CHECKSUMS and not self._database.is_checksummed:
            raise IndexDamaged(
                f"the catalog is damaged (its pages have lost their checksums), in "
                f"{self._database.path}; save what can be saved with `vsearch check --repair`"
            )
        if self._database.is_cut_short:
            raise IndexDamaged(
                f"the catalog is damaged (it was cut short), in {self._database.path}; "
                "save what can be saved with `vsearch check --repair`"
            )
        if version < schema.FORMAT and write:
            schema.migrate(self._database, self.folder, version)
            return schema.FORMAT
        schema.read_as_today(self._database, version)
        return version

    def _is_ours(self) -> bool:
        return bool(self._one("PRAGMA application_id")[0] == schema.APPLICATION_ID)

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self._database.close()

    # Transactions

    def begin_reading(self) -> None:
        """Pin what is read from here on to one committed state."""
        self._database.begin_reading()

    def begin_writing(self) -> None:
        """Start a transaction; readers go on reading the last committed state."""
        self._database.begin_writing()

    def commit(self) -> None:
        """Make everything since `begin_writing` durable at once; nothing where none has begun.

        After `begin_reading`: let go of the pinned state.
        """
        self._database.commit()

    def roll_back(self) -> None:
        """Undo everything since `begin_writing`; nothing where none has begun."""
        self._database.roll_back()

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
                if other.id != root.id and below(other.path, path):
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

    def remove_root(self, root: Root) -> None:
        """Forget a root and all its files."""
        self._run("DELETE FROM images WHERE root=?", (root.id,))
        self._run("DELETE FROM roots WHERE id=?", (root.id,))

    def drop_empty_roots(self) -> None:
        """Forget roots of single files of which none is recorded."""
        self._run("DELETE FROM roots WHERE NOT whole AND id NOT IN (SELECT root FROM images)")

    def set_device(self, root: Root, device: int) -> None:
        """Remember the device (st_dev) that `root` was on when it was last walked."""
        self._run("UPDATE roots SET device=? WHERE id=?", (device, root.id))

    def _stored(self, path: str) -> tuple[bytes, bool]:
        """Return (path as stored, whether relative): a root that holds the index moves with it."""
        inside = below(os.fspath(self.folder), path)
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
        below = f"{_KNOWN} AND path=?3 UNION ALL {_KNOWN} AND path>=?4 AND path<?5"
        found = self._all(
            below if prefix else _KNOWN,
            (root.id, vector_set, *((name, name + b"/", name + b"0") if prefix else ())),
        )
        return {
            os.fsdecode(path): Known(
                size,
                mtime,
                SkipReason(reason) if reason else None,
                bool(embedded),
                bool(described or reason),
            )
            for path, size, mtime, reason, embedded, described in found
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

    def restamp(self, entries: Iterable[Entry], mtime_ns: int) -> None:
        """Record another time of change for some files."""
        roots = {root.path: root.id for root in self.roots()}
        for entry in entries:
            self._run(
                "UPDATE images SET mtime_ns=? WHERE root=? AND path=?",
                (mtime_ns, roots[entry.root], os.fsencode(entry.path)),
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

    def add_content(self, digest: bytes, facts: ImageFacts, perceptual: bytes | None = None) -> int:
        """Record a content that was not seen yet, for all sets, and return its id."""
        content = int(
            self._one(
                "INSERT INTO contents(hash, width, height, format, taken_at, camera, perceptual)"
                " VALUES(?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (digest, facts.width, facts.height, facts.format, facts.taken_at, facts.camera,
                 perceptual),
            )[0]
        )  # fmt: skip
        self._put_labels(content, facts.labels)
        return content

    def describe(
        self, content: int, labels: Sequence[str], perceptual: bytes, taken_at: str | None
    ) -> None:
        """Record the labels and the perceptual hash of a content, where they were not looked for.

        `perceptual` is empty where it could not be made. `taken_at` counts where it is known: an
        older vsearch did not look for it in XMP.
        """
        if self.is_described(content):
            return
        self._run(
            "UPDATE contents SET perceptual=?, taken_at=coalesce(?, taken_at) WHERE id=?",
            (perceptual, taken_at, content),
        )
        self._run("DELETE FROM labels WHERE content=?", (content,))
        self._put_labels(content, labels)

    def is_described(self, content: int) -> bool:
        """Whether the labels and the perceptual hash of a content were looked for."""
        found = self._one("SELECT perceptual IS NOT NULL FROM contents WHERE id=?", (content,))
        return bool(found[0])

    def _put_labels(self, content: int, labels: Sequence[str]) -> None:
        for position, label in enumerate(labels):
            self._run(
                "INSERT INTO labels(content, position, label, folded) VALUES(?, ?, ?, ?)",
                (content, position, label, label.casefold()),
            )

    def labels(self, vector_set: str) -> dict[str, int]:
        """Return how many files with an embedding in the set have each label, most frequent first.

        Labels that differ in case only count as one, written as it is most often.
        """
        found = self._all(
            "SELECT label, folded, count(*) FROM labels"
            " JOIN images ON images.content=labels.content"
            " JOIN rows ON rows.vector_set=? AND rows.content=labels.content"
            " GROUP BY label ORDER BY count(*) DESC, label",
            (vector_set,),
        )
        names: dict[str, str] = {}
        counts: dict[str, int] = {}
        for label, folded, count in found:
            name = names.setdefault(folded, label)
            counts[name] = counts.get(name, 0) + count
        return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))

    def perceptual_hashes(
        self, vector_set: str, rows: Sequence[int]
    ) -> Iterator[tuple[int, bytes]]:
        """Yield (place among `rows`, perceptual hash) of the set's rows whose content has one."""
        yield from self._each(
            "SELECT wanted.key, perceptual FROM json_each(?) AS wanted"
            " CROSS JOIN rows ON rows.vector_set=? AND rows.row=wanted.value"
            " CROSS JOIN contents ON contents.id=rows.content WHERE length(perceptual)>0",
            (json.dumps(list(rows)), vector_set),
        )

    def put_row(self, vector_set: str, row: int, content: int, checksum: bytes) -> None:
        """Record that row `row` of the set's matrix, of this checksum, embeds a content."""
        self._run(
            "INSERT INTO rows(vector_set, row, content, checksum) VALUES(?, ?, ?, ?)",
            (vector_set, row, content, checksum),
        )

    def rows_between(self, vector_set: str, first: int, end: int) -> dict[int, bytes]:
        """Return row -> checksum of the rows from `first` to below `end` that hold a content."""
        return dict(
            self._all(
                "SELECT row, checksum FROM rows WHERE vector_set=? AND row>=? AND row<?",
                (vector_set, first, end),
            )
        )

    def drop_row(self, vector_set: str, row: int) -> None:
        """Forget which content a row holds: that one has no embedding any more."""
        self._run("DELETE FROM rows WHERE vector_set=? AND row=?", (vector_set, row))

    def blocks(self, vector_set: str) -> list[bytes] | None:
        """Return the checksums of the set's blocks, in order; None in an older format.

        One that is missing among others is b"".
        """
        if self.format < schema.WITH_CHECKSUMS:
            return None
        found = dict(
            self._all("SELECT block, checksum FROM blocks WHERE vector_set=?", (vector_set,))
        )
        return [found.get(block, b"") for block in range(max(found, default=-1) + 1)]

    def put_blocks(self, vector_set: str, checksums: Mapping[int, bytes]) -> None:
        """Record the checksums of some of the set's blocks, by number."""
        for block, checksum in checksums.items():
            self._run(
                "INSERT OR REPLACE INTO blocks(vector_set, block, checksum) VALUES(?, ?, ?)",
                (vector_set, block, checksum),
            )

    def entries(
        self,
        vector_set: str,
        condition: Condition | None = None,
        rows: Sequence[int] | None = None,
    ) -> Iterator[Entry]:
        """Yield every file with an embedding in the set, by row, those of one row by path.

        With a `condition`, those that meet it; with `rows`, those of these rows. Raises ValueError
        as `as_sql`.
        """
        roots = {root.id: root.path for root in self.roots()}
        where, values = "1", list[Any]()
        if condition is not None:
            from vsearch.index.selection import as_sql

            where, values = as_sql(condition, self.roots())
        if rows is not None:
            where += " AND rows.row IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(list(rows)))
        for root, path, size, mtime, digest, row, perceptual, *facts in self._each(
            "SELECT images.root, images.path, size, mtime_ns, hash, rows.row,"  # noqa: S608  # values are parameters
            f" nullif(perceptual, x''), {_FACTS}"
            " FROM rows CROSS JOIN contents ON contents.id=rows.content"
            " CROSS JOIN images ON images.content=rows.content"
            f" WHERE rows.vector_set=? AND {where} ORDER BY rows.row, images.root, images.path",
            (vector_set, *values),
        ):
            name = os.fsdecode(path)
            yield Entry(roots[root], name, size, mtime, digest, row, _facts(*facts), perceptual)

    def entry(self, vector_set: str, root: Root, path: str) -> Entry | None:
        """Return what is known of the file `path` of `root`; None: it is not in the set."""
        found = self._all(
            f"SELECT size, mtime_ns, hash, rows.row, perceptual, {_FACTS}"  # noqa: S608  # as above
            " FROM images JOIN contents ON contents.id=images.content"
            " JOIN rows ON rows.vector_set=? AND rows.content=images.content"
            " WHERE images.root=? AND images.path=?",
            (vector_set, root.id, os.fsencode(path)),
        )
        for size, mtime, digest, row, perceptual, *facts in found:
            return Entry(root.path, path, size, mtime, digest, row, _facts(*facts), perceptual)
        return None

    def named(self, vector_set: str, parts: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield (row, path below its root) of each file whose path has one of `parts` in it.

        Parts are letters; those of ASCII match capitals, too.
        """
        for row, path in self._having(
            "CAST(images.path AS TEXT)",
            "SELECT rows.row, images.path FROM images"
            " CROSS JOIN rows ON rows.vector_set=? AND rows.content=images.content"
            " WHERE images.content IS NOT NULL",
            vector_set,
            parts,
        ):
            yield row, os.fsdecode(path)

    def labelled(self, vector_set: str, parts: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield (row, label) of each label that has one of `parts` in it, as `named` does."""
        yield from self._having(
            "labels.label",
            "SELECT rows.row, labels.label FROM labels"
            " CROSS JOIN rows ON rows.vector_set=? AND rows.content=labels.content WHERE 1",
            vector_set,
            parts,
        )

    def _having(
        self, text: str, sql: str, vector_set: str, parts: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        has = " OR ".join(f"{text} LIKE ?" for _ in parts) or "0"
        return self._each(f"{sql} AND ({has})", (vector_set, *(f"%{part}%" for part in parts)))

    def selected(self, vector_set: str, condition: Condition) -> list[int]:
        """Return the set's rows of which a file meets the condition, ascending.

        Raises ValueError as `as_sql`.
        """
        from vsearch.index.selection import as_sql

        where, values = as_sql(condition, self.roots())
        found = self._all(
            "SELECT DISTINCT rows.row FROM images"  # noqa: S608  # values are parameters
            " JOIN contents ON contents.id=images.content"
            " JOIN rows ON rows.vector_set=? AND rows.content=images.content"
            f" WHERE {where} ORDER BY rows.row",
            (vector_set, *values),
        )
        return [row for (row,) in found]

    def images_of(
        self, vector_set: str, rows: Sequence[int], condition: Condition | None = None
    ) -> dict[int, list[ImageRecord]]:
        """Return the files that answer for each of the set's `rows`, by path; none: left out.

        With a `condition`, those that meet it.
        """
        roots = {root.id: root.path for root in self.roots()}
        where, values = "1", list[Any]()
        if condition is not None:  # which most searches have none of: they need not import this
            from vsearch.index.selection import as_sql

            where, values = as_sql(condition, self.roots())
        found = self._all(
            # CROSS JOIN: SQLite keeps the order written, from the few wanted rows outwards. Left to
            # itself it scans every row of the set first (91 ms of 100,000, against 0.1 ms).
            "SELECT rows.row, images.root, images.path, size, mtime_ns,"  # noqa: S608  # as above
            f" {_FACTS}"
            " FROM json_each(?) AS wanted"
            " CROSS JOIN rows ON rows.vector_set=? AND rows.row=wanted.value"
            " CROSS JOIN contents ON contents.id=rows.content"
            " CROSS JOIN images ON images.content=rows.content"
            f" WHERE {where}",
            (json.dumps(list(rows)), vector_set, *values),
        )
        records: dict[int, list[ImageRecord]] = {}
        for row, root, path, size, mtime, *facts in found:
            record = ImageRecord(roots[root], os.fsdecode(path), row, size, mtime, _facts(*facts))
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

    def faults(self) -> list[str]:
        """Read all of the catalog and return what does not fit, a line each.

        Raises IndexDamaged where a page is not as it was written.
        """
        found = [f"SQLite: {line}" for line in self._database.faults()]
        for what, table, condition in (
            ("files below no root", "images", "root NOT IN (SELECT id FROM roots)"),
            (
                "files whose content is not recorded",
                "images",
                "content IS NOT NULL AND content NOT IN (SELECT id FROM contents)",
            ),
            (
                "vectors of a content that is not recorded",
                "rows",
                "content NOT IN (SELECT id FROM contents)",
            ),
            ("hashes of a wrong length", "contents", "length(hash)<>16"),
            (
                "labels of a content that is not recorded",
                "labels",
                "content NOT IN (SELECT id FROM contents)",
            ),
            (
                "perceptual hashes of a wrong length",
                "contents",
                "length(perceptual) NOT IN (0, 32)",
            ),
        ):
            count = self._one(f"SELECT count(*) FROM {table} WHERE {condition}")[0]  # noqa: S608  # ours
            if count:
                found.append(f"{count:,} {what}")
        for one in self.sets():
            beyond = self._one(
                "SELECT count(*) FROM rows WHERE vector_set=? AND row>=?", (one.name, one.rows)
            )[0]
            if beyond:
                found.append(f"{beyond:,} vectors past the committed ones")
        self.active()
        return found

    def totals(self) -> tuple[int, int]:
        """Return how many files and how many contents are recorded."""
        files = self._one("SELECT count(*) FROM images")[0]
        return int(files), int(self._one("SELECT count(*) FROM contents")[0])

    # Vector sets

    def sets(self) -> list[VectorSet]:
        """Return all vector sets, oldest first."""
        # A reader may find a catalog of format 1, in which a set has no state.
        found = self._all(
            "SELECT name, model, rows, 'active' FROM sets"
            if self._one("PRAGMA user_version")[0] == 1
            else "SELECT name, model, rows, state FROM sets ORDER BY length(name), name"
        )
        try:
            return [
                VectorSet(name, ModelIdentity(**json.loads(model)), rows, state)
                for name, model, rows, state in found
            ]
        except (ValueError, TypeError) as error:
            raise IndexDamaged(
                f"the catalog names no model that can be read, in {self._database.path}; "
                "save what can be saved with `vsearch check --repair`"
            ) from error

    def active(self) -> VectorSet | None:
        """Return the set that answers; None before the first is made."""
        sets = self.sets()
        found = next((one for one in sets if one.state == "active"), None)
        if sets and found is None:
            raise IndexDamaged(
                f"the catalog names no vectors to answer with, in {self._database.path}; "
                "save what can be saved with `vsearch check --repair`"
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
        for one in self.sets():
            if one.state != "active":
                self.drop_set(one.name)

    def drop_set(self, vector_set: str) -> None:
        """Forget one set."""
        for table, column in (("rows", "vector_set"), ("blocks", "vector_set"), ("sets", "name")):
            self._run(f"DELETE FROM {table} WHERE {column}=?", (vector_set,))  # noqa: S608  # two names of ours

    def live_rows(self, vector_set: str) -> list[int]:
        """Return the rows of the set that some file refers to, ascending."""
        return [
            row
            for (row,) in self._each(
                "SELECT row FROM rows WHERE vector_set=?"
                " AND EXISTS(SELECT 1 FROM images WHERE images.content=rows.content) ORDER BY row",
                (vector_set,),
            )
        ]

    def replace_set(
        self, old: VectorSet, name: str, rows: Sequence[int], checksums: Mapping[int, bytes]
    ) -> None:
        """Let the set `name` take the place of `old`: row i of it is row `rows[i]` of the old one.

        `checksums` are those of its blocks, by number.
        """
        self._run(
            "INSERT INTO sets(name, model, rows, state) VALUES(?, ?, ?, 'building')",
            (name, json.dumps(asdict(old.model)), len(rows)),
        )
        self._run(
            "INSERT INTO rows(vector_set, row, content, checksum)"
            " SELECT ?, wanted.key, content, checksum FROM json_each(?) AS wanted"
            " CROSS JOIN rows ON rows.vector_set=? AND rows.row=wanted.value",
            (name, json.dumps(list(rows)), old.name),
        )
        self.put_blocks(name, checksums)
        self.drop_set(old.name)
        self._run("UPDATE sets SET state=? WHERE name=?", (old.state, name))

    def drop_unused_contents(self) -> None:
        """Forget the contents that neither a file nor a row of any set refers to."""
        self._run(
            "DELETE FROM contents WHERE id NOT IN (SELECT content FROM rows)"
            " AND id NOT IN (SELECT content FROM images WHERE content IS NOT NULL)"
        )
        self._run("DELETE FROM labels WHERE content NOT IN (SELECT id FROM contents)")

    def checkpoint(self) -> None:
        """Bring what was committed from the log into the file: do so before files are removed.

        A log that is damaged after a crash takes the catalog back to an earlier commit, which must
        not be one that needs what is gone.
        """
        self._database.checkpoint()

    def vacuum(self) -> None:
        """Rewrite the file without free pages; readers go on with what they see."""
        self._database.vacuum()

    def set_committed_rows(self, vector_set: str, rows: int) -> None:
        """Say how many matrix rows of the set count; mappings of rows past that are dropped."""
        self._run("UPDATE sets SET rows=? WHERE name=?", (rows, vector_set))
        self._run("DELETE FROM rows WHERE vector_set=? AND row>=?", (vector_set, rows))
        blocks = -(-rows // BLOCK_ROWS)
        self._run("DELETE FROM blocks WHERE vector_set=? AND block>=?", (vector_set, blocks))

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


def _facts(
    width: int, height: int, format_: str, taken_at: str | None, camera: str | None, labels: str
) -> ImageFacts:
    """Return what `_FACTS` selects."""
    named = tuple(json.loads(labels)) if labels != "[]" else ()
    return ImageFacts(width, height, format_, taken_at, camera, named)
