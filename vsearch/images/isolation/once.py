"""One picture, decoded in a fork of this process: for a search, which has but this to decode.

A zygote would take it 60 ms to start; forking takes 2, and what the decoder imports this process
need not. For a process that has no other threads yet.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NoReturn, Self

from vsearch.errors import DecoderError, ImageError, SkipReason
from vsearch.images.isolation.processes import Decoder, DecoderLost, shared_memory
from vsearch.images.load import prepare, square

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsearch.images.crop import Crop
    from vsearch.images.load import Prepared, Square
    from vsearch.records import Preprocessing

_FORKS = hasattr(os, "fork")


def ready_for_many() -> None:
    """Import here what decoders need, so that not each of many forks does so anew (25 ms)."""
    from PIL import Image, ImageCms, TiffImagePlugin  # noqa: F401  # by their use in `images`

    Image.preinit()


class Decoding:
    """One picture that is decoded in a fork of this process; whoever makes it closes it.

    Whatever the content does to its decoder is an ImageError. Where processes cannot be forked
    (Windows), it is decoded in this one.
    """

    def __init__(
        self,
        data: bytes,
        spec: Preprocessing,
        *,
        pixel_limit: int,
        path: str,
        seconds: float,
        crop: Crop | None = None,
    ) -> None:
        """Fork. The arguments are those of `load.prepare`, and how long it may take at most.

        Raises DecoderError when no process can be started.
        """
        self._spec = spec
        self._path = path
        self._seconds = seconds
        self._begun = False
        self._here = partial(prepare, data, spec, pixel_limit=pixel_limit, path=path, crop=crop)
        self._decoder = _forked(data, crop, pixel_limit, seconds) if _FORKS else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._decoder:
            self._decoder.end()

    def begin(self) -> None:
        """Let it be decoded, and do not wait for it. Raises as `prepared`."""
        if self._decoder and not self._begun:
            self._begun = True
            with self._charging():
                self._decoder.begin(self._path, self._spec, named_image=True)

    def prepared(self) -> Prepared:
        """Return the picture. Raises `ImageError`."""
        if not self._decoder:
            return self._here()
        self.begin()
        with self._charging():
            return self._decoder.picture(self._spec)

    @contextmanager
    def _charging(self) -> Iterator[None]:
        """Charge the picture with what becomes of its decoder."""
        try:
            yield
        except DecoderLost as error:
            if error.fault and error.fault.reason is SkipReason.TIMED_OUT:
                words = f"more than {self._seconds:g} s"
                raise ImageError(SkipReason.TIMED_OUT, words) from error
            raise error.fault or ImageError(SkipReason.CRASHED, str(error)) from error


def _forked(data: bytes, crop: Crop | None, pixel_limit: int, seconds: float) -> Decoder:
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
        _decode(theirs, memory, parent, data, crop, pixel_limit)
    theirs.close()
    return Decoder(_This(), pid, ours, memory, seconds)


def _decode(
    connection: socket.socket,
    memory: int,
    parent: int,
    data: bytes,
    crop: Crop | None,
    pixel_limit: int,
) -> NoReturn:
    from vsearch.images.isolation.zygote import be_decoder

    def load(
        path: str,
        spec: Preprocessing,
        *,
        pixel_limit: int,
        named_image: bool,  # noqa: ARG001  # `data` was read already
        is_known: Callable[[bytes], bool],  # noqa: ARG001  # it was asked for to be decoded
    ) -> tuple[bytes, Square | None]:
        return b"", square(data, spec, pixel_limit=pixel_limit, path=path, crop=crop)

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
