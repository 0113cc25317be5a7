"""A decoder: one file after the other, in a process that may take no more than it needs."""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from vsearch.errors import ImageError, SkipReason
from vsearch.images.decode import one_line
from vsearch.images.isolation.wire import KNOWN, OUT_OF_MEMORY, Channel, Patience, understood

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from vsearch.images.load import Square
    from vsearch.records import Preprocessing


class Load(Protocol):
    """What a decoder does with a file: `load.load`, or what a test puts in its place."""

    def __call__(
        self,
        path: str,
        spec: Preprocessing,
        *,
        pixel_limit: int,
        named_image: bool,
        is_known: Callable[[bytes], bool],
    ) -> tuple[bytes, Square | None]:
        """Return the hash of the content at `path`, and the picture unless it is known."""
        ...


def confine(memory: int) -> None:
    """Bound what this process may take: `memory` bytes, no file written, no core dumped.

    The bound on memory is Linux's alone: elsewhere RLIMIT_DATA does not count what is mapped. When
    the system runs out of memory all the same, this process is the first it should end.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            path = "/proc/self/oom_score_adj"
            with open(path, "w", encoding="ascii") as file:  # noqa: PTH123  # one import less
                file.write("1000")
        _lower(resource.RLIMIT_DATA, memory)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(what: int, limit: int) -> None:
    _, most = resource.getrlimit(what)
    if most != resource.RLIM_INFINITY:
        limit = min(limit, most)
    resource.setrlimit(what, (limit, limit))


def serve(connection: socket.socket, load: Load, pixel_limit: int) -> int:
    """Answer requests until the connection closes; return the exit code."""
    channel = Channel(connection)
    try:
        while True:
            _answer(channel, load, pixel_limit, channel.receive(Patience()))
    except (EOFError, OSError):
        return 0
    except MemoryError:
        return OUT_OF_MEMORY


def _answer(channel: Channel, load: Load, pixel_limit: int, request: bytes) -> None:
    path, spec, named_image = understood(request)

    def is_known(digest: bytes) -> bool:
        try:
            channel.send(json.dumps({"digest": digest.hex()}).encode())
            return channel.receive(Patience()) == KNOWN
        except (EOFError, OSError):
            # Nobody is left to answer to; an OSError would pass for one of the file's.
            raise SystemExit(0) from None

    pixels, found = b"", dict[str, Any]()
    try:
        _, square = load(
            path,
            spec,
            pixel_limit=pixel_limit,
            named_image=named_image,
            is_known=is_known,
        )
        if square is None:
            return
        pixels, found = square.image.tobytes(), {"facts": asdict(square.facts)}
    except ImageError as error:
        if isinstance(error.__cause__, MemoryError):
            raise error.__cause__ from None
        found = {"reason": error.reason, "detail": error.detail}
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # a decoder's fault costs its file, whatever it is
        words = one_line(f"{type(error).__name__}: {error}")
        found = {"reason": SkipReason.DAMAGED, "detail": words}
    channel.send(json.dumps(found).encode(), pixels)
