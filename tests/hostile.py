"""A decoder that does what a file's content says: what a fault in a decoder would do, by its means.

A file that begins with `!` names one of `DEEDS`; every other is decoded as usual. Named to
`Decoders` as its loader: "hostile:load".
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vsearch.images.load import load as load_usual
from vsearch.images.read import content_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsearch.images.load import Square
    from vsearch.records import Preprocessing

LOADER = f"{__name__}:load"


def load(
    path: str,
    spec: Preprocessing,
    *,
    pixel_limit: int,
    named_image: bool,
    is_known: Callable[[bytes], bool],
) -> tuple[bytes, Square | None]:
    data = Path(path).read_bytes() if os.path.isfile(path) else b""
    if not data.startswith(b"!"):
        return load_usual(
            path, spec, pixel_limit=pixel_limit, named_image=named_image, is_known=is_known
        )
    when, name = data[1:].split()[:2]
    digest = content_hash(data)
    if when == b"decoding" and is_known(digest):
        return digest, None
    DEEDS[name.decode()]()
    return digest, None


def deed(name: str, *, when: str = "decoding", salt: int = 0) -> bytes:
    """Return the content of a file that does this, while it is read or while it is decoded."""
    return f"!{when} {name} {salt}".encode()


def _read_nowhere() -> None:
    ctypes.string_at(8)


def _spin() -> None:
    while True:
        pass


def _hang_in_native_code() -> None:
    ctypes.CDLL(None).sleep(3600)


def _allocate() -> None:
    kept = []
    while True:
        kept.append(bytes(10_000_000))


def _allocate_in_native_code() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    while libc.malloc(ctypes.c_size_t(10_000_000)):
        pass
    os.abort()  # as C++ does with an exception that nobody catches


def _write(frame: bytes) -> None:
    for descriptor in _connections():
        os.write(descriptor, frame)
    time.sleep(3600)


def _frame(said: bytes) -> bytes:
    return len(said).to_bytes(4, "little") + said


def _close_connection() -> None:
    for descriptor in _connections():
        os.close(descriptor)
    time.sleep(3600)


def _connections() -> list[int]:
    return [number for number in range(3, 64) if _is_socket(number)]


def _is_socket(descriptor: int) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
    except OSError:
        return False


def _write_a_file() -> None:
    Path(os.environ["HOME"], "written").write_bytes(bytes(100))


def _raise() -> None:
    raise BufferError("odd\x1b[31m words")


def _tell_processors() -> None:
    raise BufferError(f"{len(os.sched_getaffinity(0))} processors")


def _kill_parent() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)


DEEDS: dict[str, Callable[[], None]] = {
    "segfault": _read_nowhere,
    "segv": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": os.abort,
    "spin": _spin,
    "sleep": _hang_in_native_code,
    "allocate": _allocate,
    "malloc": _allocate_in_native_code,
    "nonsense": lambda: _write(b"\xff" * 1000),
    "long": lambda: _write(_frame(b"P" + b"x" * 70_000)[:60_000]),
    "empty": lambda: _write(_frame(b"")),
    "unasked": lambda: _write(_frame(b"Z[]")),
    "two-frames": lambda: _write(2 * _frame(b'F["damaged image", ""]')),
    "no-facts": lambda: _write(_frame(b'P["x", -1, "PNG", null, null, []]')),
    "no-labels": lambda: _write(_frame(b'P[1, 1, "PNG", null, null, ["sea", "SEA"]]')),
    "no-json": lambda: _write(_frame(b"P" + b"[" * 10_000)),
    "no-reason": lambda: _write(_frame(b'F["because", ""]')),
    "close": _close_connection,
    "exit": lambda: os._exit(0),
    "oom": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "term": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "write": _write_a_file,
    "raise": _raise,
    "processors": _tell_processors,
    "kill-parent": _kill_parent,
}
