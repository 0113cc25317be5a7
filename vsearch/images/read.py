"""A path -> the whole file as bytes, and the hash that tells two contents apart."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager

from vsearch.errors import ImageError, SkipReason
from vsearch.records import changed_ns

_KINDS = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "fifo"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "character device"),
    (stat.S_ISBLK, "block device"),
)

# Opening a fifo without O_NONBLOCK waits for a writer, for ever; both flags mean nothing to a
# regular file. O_BINARY exists on Windows only, the others do not exist there.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_CHUNK = 1 << 16
_FRESH_NS = 2_000_000_000
_READINGS = 5


def kind(mode: int) -> str:
    """Name what a `st_mode` says the file is: "fifo", "folder", ...; "" for a regular file."""
    if stat.S_ISREG(mode):
        return ""
    return next((name for test, name in _KINDS if test(mode)), "special file")


def read(path: str, limit_bytes: int) -> bytes:
    """Return the whole content of a regular file of 1 to `limit_bytes` bytes.

    Not a memory map: a file that another process cuts short while it is mapped would kill this
    process with SIGBUS. A file that was changed a moment ago may be changing still: it is read
    until two readings agree, so that no one gets half of one picture and half of another.

    Raises `ImageError`: UNREADABLE with the system's words or because it does not stop changing,
    SPECIAL for what is not a regular file (looked at after opening, so nothing can be swapped in
    between), EMPTY, or TOO_LARGE.
    """
    with _opened(path) as (file, length):
        data = _content(file, length, limit_bytes)
        readings = 1
        # Looked at after reading. Where the system tells no size (/proc), all is made on the spot.
        while length and is_fresh(_mtime_ns(file), time.time_ns()) and not _holds(file, data):
            if readings == _READINGS:
                raise ImageError(SkipReason.UNREADABLE, "it is being written")
            data = _content(file, length, limit_bytes)
            readings += 1
    if not data:
        raise ImageError(SkipReason.EMPTY)
    return data


def read_fifo(path: str, limit_bytes: int) -> bytes:
    """Return all that comes through a FIFO, of 1 to `limit_bytes` bytes, once its writer is done.

    Waits for the writer: only where a person named it, who can press Ctrl-C. Raises `ImageError` as
    `read` does, SPECIAL for what is no FIFO.
    """
    parts: list[bytes] = []
    size = 0
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # as all else here
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISFIFO(mode):
                raise ImageError(SkipReason.SPECIAL, kind(mode) or "a file, where a fifo was")
            while size <= limit_bytes and (part := file.read(_CHUNK)):
                parts.append(part)
                size += len(part)
    except OSError as error:
        raise ImageError(SkipReason.UNREADABLE, error.strerror or type(error).__name__) from error
    if size > limit_bytes:
        raise ImageError(
            SkipReason.TOO_LARGE,
            f"more than {limit_bytes:,} bytes; raise the limit with --max-megapixels",
        )
    if not parts:
        raise ImageError(SkipReason.EMPTY)
    return b"".join(parts)


def _content(file: int, length: int, limit_bytes: int) -> bytes:
    """Return what an open file holds; `length` is what the system said its length was."""
    os.lseek(file, 0, os.SEEK_SET)
    size = length
    parts: list[bytes] = []
    # Until nothing comes: some files are longer than their size says (/proc), some grow.
    while size <= limit_bytes and (part := os.read(file, max(length, _CHUNK))):
        parts.append(part)
        size = max(length, sum(map(len, parts)))
    if size > limit_bytes:
        raise ImageError(
            SkipReason.TOO_LARGE,
            f"{size:,} bytes, the limit is {limit_bytes:,}; raise it with --max-megapixels",
        )
    return parts[0] if len(parts) == 1 else b"".join(parts)


def is_fresh(mtime_ns: int, at_ns: int) -> bool:
    """Whether a file that was changed at `mtime_ns` may have been changed again at `at_ns`, unseen.

    Both in nanoseconds since 1970. The time of change moves in ticks (2 s on FAT, some ms
    elsewhere): what was changed in the last one could be so again without its moving on. A clock
    that is a little ahead (a share of another machine) proves no more.
    """
    return abs(at_ns - mtime_ns) < _FRESH_NS


def _mtime_ns(file: int) -> int:
    return changed_ns(os.fstat(file))


def _holds(file: int, data: bytes) -> bool:
    """Whether an open file's content is `data`."""
    os.lseek(file, 0, os.SEEK_SET)
    place = 0
    while part := os.read(file, _CHUNK):
        if part != data[place : place + len(part)]:
            return False
        place += len(part)
    return place == len(data)


def head(path: str, count: int = 64) -> bytes:
    """Return the first `count` bytes of a regular file. Raises `ImageError` as `read` does."""
    with _opened(path) as (file, _):
        return os.read(file, count)


@contextmanager
def _opened(path: str) -> Iterator[tuple[int, int]]:
    """Open a regular file; give its descriptor and its length in bytes."""
    try:
        file = os.open(path, _FLAGS)
        try:
            status = os.fstat(file)
            if special := kind(status.st_mode):
                raise ImageError(SkipReason.SPECIAL, special)
            yield file, status.st_size
        finally:
            os.close(file)
    except OSError as error:
        raise ImageError(SkipReason.UNREADABLE, error.strerror or type(error).__name__) from error


def content_hash(data: bytes) -> bytes:
    """Return the 16 bytes of XXH3-128 over the full content (10 GB/s; not a cryptographic hash)."""
    import xxhash

    return xxhash.xxh3_128_digest(data)
