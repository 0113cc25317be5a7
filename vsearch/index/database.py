"""One SQLite database in WAL mode with a checksum on every page, and its errors as ours.

Each page ends in eight bytes of checksum, which SQLite's checksum VFS (cksumvfs, part of SQLite)
writes and compares whenever a page is read from the file: what a disk has changed is an error, not
an answer. Pages in the log have checksums of another kind, which SQLite compares when it reads what
a crash has left of one. Only apsw can load that VFS; it brings an SQLite of its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from vsearch.errors import IndexDamaged, IndexLocked, IndexMissing, StoreError
from vsearch.records import on_the_wall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import apsw

CHECKSUM_BYTES = 8  # at the end of each page, which is what tells cksumvfs to compute them
_VFS = "cksmvfs"
_PATIENCE_MS = 10_000  # how long a statement waits for another process's lock


class Database:
    """One connection to the database at `path`. All its errors are StoreErrors with a next step."""

    def __init__(self, path: Path, *, write: bool) -> None:
        """Open it; with `write`, create it where there is none, with the umask's permissions."""
        self.path = path
        self._connection = self._open(write=write)

    def _open(self, *, write: bool) -> apsw.Connection:
        import apsw

        _load_checksums()
        flags = apsw.SQLITE_OPEN_URI
        flags |= apsw.SQLITE_OPEN_READWRITE if write else apsw.SQLITE_OPEN_READONLY
        uri = self.path.absolute().as_uri()
        shared = self.path.with_name(self.path.name + "-shm")
        if not (write or os.access(self.path.parent, os.W_OK) or self._has_log or shared.exists()):
            # A reader of a WAL database makes files beside it, which it may not do here. Without
            # them there is no writer and no commit outside the file: it is read as it stands.
            uri += "?immutable=1"
        try:
            if write and not self.path.exists():
                # SQLite would keep the group from writing, whatever the umask says.
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666))
            connection = apsw.Connection(uri, flags=flags, vfs=_VFS)
        except apsw.Error as error:
            raise self._translated(error) from error
        except OSError as error:
            raise StoreError(
                f"the catalog cannot be opened ({error.strerror}), at {self.path}; "
                "check the permissions of the folder"
            ) from error
        try:
            connection.set_busy_timeout(_PATIENCE_MS)
            connection.create_scalar_function("nfc", _nfc, 1, deterministic=True)  # type: ignore[arg-type]  # its types know none of one value
            connection.create_scalar_function("on_the_wall", on_the_wall, 1)  # type: ignore[arg-type]  # the same
            if write:
                if self.path.stat().st_size == 0 and not self._has_log:
                    connection.reserve_bytes("main", CHECKSUM_BYTES)
                connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
        except apsw.Error as error:
            connection.close()
            raise self._translated(error) from error
        return connection

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self._connection.close(True)  # forced: whatever an error interrupted is finished too

    @property
    def is_checksummed(self) -> bool:
        """Whether pages carry checksums: all but databases of an older vsearch."""
        return self._connection.reserve_bytes() == CHECKSUM_BYTES

    @property
    def is_cut_short(self) -> bool:
        """Whether the file ends within a page, of which no checksum is compared."""
        page = self.one("PRAGMA page_size")[0]
        return bool(self.path.stat().st_size % page) and not self._has_log

    @property
    def _has_log(self) -> bool:
        log = self.path.with_name(self.path.name + "-wal")
        return log.exists() and log.stat().st_size > 0

    # Statements

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, or several without parameters, and return all rows."""
        import apsw

        try:
            return self._connection.execute(sql, parameters or None).fetchall()
        except apsw.Error as error:
            raise self._translated(error) from error

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Run a statement that has one row, and return it."""
        return self.all(sql, parameters)[0]

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run statements for their effect."""
        self.all(sql, parameters)

    def many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each of `parameters`."""
        import apsw

        try:
            self._connection.executemany(sql, parameters)
        except apsw.Error as error:
            raise self._translated(error) from error

    def each(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Run a statement and yield its rows as they are found: memory stays small."""
        import apsw

        try:
            yield from self._connection.execute(sql, parameters or None)
        except apsw.Error as error:
            raise self._translated(error) from error

    def faults(self) -> list[str]:
        """Read every page and return what SQLite finds wrong with them; none: all is well.

        Raises IndexDamaged where a checksum is wrong.
        """
        said = [str(line) for (line,) in self.all("PRAGMA integrity_check(20)")]
        return [] if said == ["ok"] else said

    def trust(self) -> None:
        """Stop comparing checksums, to read what is left of a damaged page."""
        self.run("PRAGMA checksum_verification=OFF")

    # Transactions

    def begin_reading(self) -> None:
        """Pin what is read from here on to one committed state."""
        self.run("BEGIN")
        self.one("SELECT count(*) FROM sqlite_schema")  # the first read is what pins it

    def begin_writing(self) -> None:
        """Start a transaction; readers go on reading the last committed state."""
        self.run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make everything since `begin_writing` durable at once; nothing where none has begun.

        After `begin_reading`: let go of the pinned state.
        """
        if self._connection.in_transaction:
            self.run("COMMIT")

    def roll_back(self) -> None:
        """Undo everything since `begin_writing`; nothing where none has begun."""
        if self._connection.in_transaction:
            self.run("ROLLBACK")

    def vacuum(self) -> None:
        """Rewrite the file without free pages, each page with its checksum."""
        if not self.is_checksummed:
            self._connection.reserve_bytes("main", CHECKSUM_BYTES)
        self.run("VACUUM")
        self.checkpoint()

    def empty_log(self) -> None:
        """Bring all that was committed into the file; it is whole without its log then.

        Raises StoreError where that is not possible.
        """
        if self.one("PRAGMA wal_checkpoint(TRUNCATE)")[0]:
            raise IndexLocked(f"the catalog is in use, at {self.path}; try again in a moment")

    def checkpoint(self) -> None:
        """Bring what was committed from the log into the file, as far as readers let it."""
        self.run("PRAGMA wal_checkpoint")

    # Errors

    def _translated(self, error: apsw.Error) -> StoreError:
        import apsw

        if isinstance(error, apsw.BusyError | apsw.LockedError):
            return IndexLocked(
                f"the catalog is locked, in {self.path.parent}; try again in a moment"
            )
        damaged = isinstance(error, apsw.CorruptError | apsw.NotADBError)
        if damaged or getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA:
            why = "a checksum is wrong" if not damaged else str(error)
            return IndexDamaged(
                f"the catalog is damaged ({why}), in {self.path}; "
                "save what can be saved with `vsearch check --repair`"
            )
        if isinstance(error, apsw.FullError):
            return StoreError(
                f"the disk is full, at {self.path.parent}; free some space and run again"
            )
        return StoreError(
            f"the catalog cannot be used ({error}), in {self.path}; "
            "check the disk and the permissions of the folder"
        )


def no_index(folder: Path) -> IndexMissing:
    """Return the error for a folder that holds no index."""
    return IndexMissing(f"there is no index, in {folder}; make one with `vsearch index FOLDER`")


def _load_checksums() -> None:
    """Load SQLite's checksum VFS, once for the whole process."""
    import apsw

    if _VFS in apsw.vfs_names():
        return
    connection = apsw.Connection(":memory:")
    try:
        connection.enable_load_extension(True)
        connection.load_extension(_checksum_library())
    except (apsw.Error, OSError) as error:
        raise StoreError(
            f"SQLite's checksums of pages cannot be loaded ({error}), from apsw; "
            "install apsw from its wheel"
        ) from error
    finally:
        connection.close()


def _checksum_library() -> str:
    """Return the path of the library with the VFS.

    apsw.sqlite_extra knows it too, but importing that takes a search 15 ms.
    """
    import apsw

    folder = os.path.join(os.path.dirname(apsw.__file__), "sqlite_extra_binaries")
    for name in os.listdir(folder):
        if name.startswith("cksumvfs."):
            return os.path.join(folder, name)
    raise FileNotFoundError("this apsw came without cksumvfs")


def _nfc(name: bytes) -> bytes:
    """Return a name with each letter in one piece, whatever marks it has (Unicode's NFC)."""
    if name.isascii():
        return name
    from unicodedata import normalize

    return os.fsencode(normalize("NFC", os.fsdecode(name)))
