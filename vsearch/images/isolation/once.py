"""One picture, decoded in a fork of this process: for a search, which has but this to decode.

A zygote would take it 60 ms to start; forking takes 2, and what the decoder imports this process
need not. For a process that has no other threads yet.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, NoReturn

from vsearch.errors import DecoderError, ImageError, SkipReason
from vsearch.images.isolation.processes import Decoder, DecoderLost, shared_memory
from vsearch.images.load import prepare, square

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsearch.images.load import Prepared, Square
    from vsearch.records import Preprocessing

_FORKS = hasattr(os, "fork")


def prepare_once(
    data: bytes, spec: Preprocessing, *, pixel_limit: int, path: str, seconds: float
) -> Prepared:
    """Do what `load.prepare` does; whatever the content does to its decoder is an ImageError.

    It may take at most `seconds`. Raises DecoderError when no process can be started. Where
    processes cannot be forked (Windows), everything is decoded in this one.
    """
    if not _FORKS:
        return prepare(data, spec, pixel_limit=pixel_limit, path=path)
    ours, theirs = socket.socketpair()
    memory = shared_memory()
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        ours.close()
        theirs.close()
        os.close(memory)
        raise DecoderError(
            f"no process can be started to decode the picture in ({error.strerror}); see how many "
            "processes this user may have"
        ) from error
    if not pid:
        ours.close()
        _decode(theirs, memory, parent, data, pixel_limit)
    theirs.close()
    decoder = Decoder(_This(), pid, ours, memory, seconds)
    try:
        loaded = decoder.load(path, spec, named_image=True, is_known=lambda _digest: False)
    except DecoderLost as error:
        if error.fault and error.fault.reason is SkipReason.TIMED_OUT:
            raise ImageError(SkipReason.TIMED_OUT, f"more than {seconds:g} s") from error
        raise error.fault or ImageError(SkipReason.CRASHED, str(error)) from error
    finally:
        decoder.end()
    assert loaded.prepared is not None  # noqa: S101  # no content was said to be known
    return loaded.prepared


def _decode(
    connection: socket.socket, memory: int, parent: int, data: bytes, pixel_limit: int
) -> NoReturn:
    from vsearch.images.isolation.zygote import be_decoder

    def load(
        path: str,
        spec: Preprocessing,
        *,
        pixel_limit: int,
        named_image: bool,  # noqa: ARG001  # `data` was read already
        is_known: Callable[[bytes], bool],
    ) -> tuple[bytes, Square | None]:
        digest = bytes(16)  # which nobody asks for
        is_known(digest)
        return digest, square(data, spec, pixel_limit=pixel_limit, path=path)

    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # libraries write to stderr past Python
        os.dup2(nowhere, stream)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    be_decoder(connection, memory, load, pixel_limit, parent=parent)


class _This:
    """This process as the parent of a decoder."""

    def ended(self, pid: int, *, kill: bool) -> int | None:
        from vsearch.images.isolation.zygote import how_it_ended

        try:
            return how_it_ended(pid, kill=kill)
        except ChildProcessError:
            return None
