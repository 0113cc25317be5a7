"""A decoder: one file after the other, in a process that may take no more than it needs."""

from __future__ import annotations

import json
import mmap
import os
import resource
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from vsearch.errors import ImageError, SkipReason
from vsearch.images.decode import one_line
from vsearch.images.isolation.wire import (
    DIGEST,
    FAULT,
    GO_ON,
    OUT_OF_MEMORY,
    PICTURE,
    Channel,
    understood,
)

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


class _Served(BaseException):
    """The other process has gone, which is no fault of the file: no `except Exception` may see."""


def serve(connection: socket.socket, memory: int, load: Load, pixel_limit: int) -> int:
    """Answer requests until the connection closes; return the exit code.

    `memory` is the descriptor of a file that the pixels of a picture are laid into.
    """
    decoder = _Decoder(Channel(connection), memory, load, pixel_limit)
    try:
        request = decoder.channel.receive()
        while True:
            request = decoder.answer(request) or decoder.channel.receive()
    except (_Served, EOFError, OSError):
        return 0
    except MemoryError:
        return OUT_OF_MEMORY


class _Decoder:
    def __init__(self, channel: Channel, memory: int, load: Load, pixel_limit: int) -> None:
        self.channel = channel
        self._memory = memory
        self._pixels: mmap.mmap | None = None
        self._load = load
        self._pixel_limit = pixel_limit
        # Of the parent, since those of this process may have been narrowed already.
        linux = sys.platform == "linux"
        self._processors = os.sched_getaffinity(os.getppid()) if linux else set[int]()

    def answer(self, request: bytes) -> bytes | None:
        """Answer a request; return the next one if that came already."""
        self._stay()
        path, spec, named_image = understood(request)
        following = None

        def is_known(digest: bytes) -> bool:
            nonlocal following
            try:
                self.channel.send(DIGEST + digest)
                said = self.channel.receive()
            except (EOFError, OSError):
                raise _Served from None
            if said == GO_ON:
                return False
            following = said
            return True

        try:
            _, square = self._load(
                path,
                spec,
                pixel_limit=self._pixel_limit,
                named_image=named_image,
                is_known=is_known,
            )
            if square is None:
                return following
            self._lay(square.image.tobytes() + square.luminance.tobytes())
            facts = square.facts
            said = PICTURE + _json(
                facts.width, facts.height, facts.format, facts.taken_at, facts.camera, facts.labels
            )
        except ImageError as error:
            if isinstance(error.__cause__, MemoryError):
                raise error.__cause__ from None
            said = FAULT + _json(error.reason, error.detail)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  # a decoder's fault costs its file, whatever it is
            said = FAULT + _json(SkipReason.DAMAGED, one_line(f"{type(error).__name__}: {error}"))
        self.channel.send(said)
        return None

    def _stay(self) -> None:
        """Take back where this process may run, which was narrowed to wake it (see `processes`)."""
        if sys.platform == "linux":
            with suppress(OSError):
                os.sched_setaffinity(0, self._processors)

    def _lay(self, pixels: bytes) -> None:
        if self._pixels is None or len(self._pixels) < len(pixels):
            self._pixels = mmap.mmap(self._memory, len(pixels))
        self._pixels[: len(pixels)] = pixels


def _json(*values: str | int | tuple[str, ...] | None) -> bytes:
    # All but surrogates as it is: escaped, many labels would be too long for a frame.
    return json.dumps(values, ensure_ascii=False).encode(errors="backslashreplace")
