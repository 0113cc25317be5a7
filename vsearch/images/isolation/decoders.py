"""What the rest of vsearch sees: a path -> model input, decoded in another process."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Self

from vsearch.errors import DecoderError, ImageError, SkipReason
from vsearch.images.isolation.processes import Decoder, DecoderLost, Loaded, Zygote
from vsearch.images.load import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsearch.records import Preprocessing

SECONDS = 60.0
"""The longest a file may take to decode unless said otherwise: many times what a camera's does."""

_LOADER = "vsearch.images.load:load"
# Seconds after each time that no process could be started: others may be ending. Then that is said.
_PAUSES = (0.2, 0.8, 3.2, 0)
_LOSSES = 3  # decoders of one file that were lost with their zygote; then it is charged with it
_FORKS = hasattr(os, "fork")


def _never(_digest: bytes) -> bool:
    return False


class Decoders:
    """Decodes pictures in processes of their own, one for each thread that asks at the same time.

    A file that crashes its decoder, takes longer than `seconds` to decode or more memory than
    `pixel_limit` pixels may (see `limits.memory_limit`) costs that one file: the process is ended
    and the next file gets another. Used from many threads at once. Whoever makes it closes it;
    with that all its processes end.

    Where processes cannot be forked (Windows), everything is decoded in this one.
    """

    def __init__(
        self, pixel_limit: int, seconds: float = SECONDS, *, loader: str = _LOADER
    ) -> None:
        """Nothing is started before there is a picture to decode, or `start` is called.

        `loader` names what a decoder calls for a file, as "module:function" (`decoder.Load`).
        """
        self._pixel_limit = pixel_limit
        self._seconds = seconds
        self._loader = loader
        self._closed = False
        self._lock = Lock()  # of what follows
        self._idle: list[Decoder] = []
        self._all: set[Decoder] = set()
        self._zygote: Zygote | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def start(self) -> None:
        """Start what can be started before the first picture, and do not wait for it."""
        with self._lock, suppress(OSError):  # the first picture tries again, and says so
            if _FORKS and not self._closed:
                self._zygote = self._zygote or Zygote(self._loader, self._pixel_limit)

    def load(
        self,
        path: str,
        spec: Preprocessing,
        *,
        named_image: bool = True,
        is_known: Callable[[bytes], bool] = _never,
    ) -> Loaded:
        """Read and prepare the picture at `path`.

        A file that is not named like a picture is read whole only if it begins like one.
        `is_known` is asked with the hash of its content; if so, nothing is decoded.

        Raises `ImageError` for what is this file's fault, and DecoderError when no process can be
        started or `close` was called meanwhile.
        """
        if not _FORKS:
            limit = self._pixel_limit
            digest, square = load(
                path, spec, pixel_limit=limit, named_image=named_image, is_known=is_known
            )
            return Loaded(digest, square.prepared() if square else None)
        decoder = self._idle_one() or self._new()
        lost = 0
        while True:
            fresh, decoder.used = not decoder.used, True
            try:
                loaded = decoder.load(path, spec, named_image=named_image, is_known=is_known)
            except ImageError:
                self._give_back(decoder)
                raise
            except DecoderLost as error:
                self._drop(decoder)
                lost += 1
                if fault := self._judged(error.fault, fresh=fresh, lost=lost):
                    raise fault from error
                decoder = self._new()
            except BaseException:  # of `is_known`, or Ctrl-C: it would wait for ever to be told
                self._drop(decoder)
                raise
            else:
                self._give_back(decoder)
                return loaded

    def _judged(self, fault: ImageError | None, *, fresh: bool, lost: int) -> ImageError | None:
        """Return what a file is charged with whose decoder was lost; None: it is tried again.

        What an earlier file did to the memory of its decoder must not count as this one's: only
        what happens in a `fresh` one does. A file that takes long is not given that time twice.
        """
        if fault and (fresh or fault.reason in {SkipReason.TIMED_OUT, SkipReason.UNREADABLE}):
            return fault
        if lost >= _LOSSES:
            return fault or ImageError(SkipReason.CRASHED, f"lost {lost} times")
        return None

    def close(self) -> None:
        """End all processes; who waits for one of them is released with DecoderError."""
        self._closed = True
        if zygote := self._zygote:
            zygote.release()  # whoever holds the lock may be waiting for it
        with self._lock:
            idle, self._idle = self._idle, []
            busy, self._all = self._all.difference(idle), set()
            zygote, self._zygote = self._zygote, None
        for decoder in busy:
            decoder.shut()
        for decoder in idle:
            decoder.close()
        if zygote:
            zygote.close()

    def _idle_one(self) -> Decoder | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, decoder: Decoder) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(decoder)

    def _drop(self, decoder: Decoder) -> None:
        with self._lock:
            self._all.discard(decoder)
        decoder.end()

    def _new(self) -> Decoder:
        words = ""
        for pause in _PAUSES:
            with self._lock:
                if self._closed:
                    raise DecoderError("the decoders were closed; start another run")
                try:
                    self._zygote = self._zygote or Zygote(self._loader, self._pixel_limit)
                    decoder = self._zygote.fork(self._seconds)
                except (OSError, EOFError) as error:
                    words = getattr(error, "strerror", None) or type(error).__name__
                    if self._zygote and not self._zygote.serves:
                        words = self._zygote.close() or words
                        self._zygote = None
                else:
                    self._all.add(decoder)
                    return decoder
            time.sleep(pause)
        raise DecoderError(
            f"no process can be started to decode pictures in ({words}); see whether there is "
            "memory, and how many processes this user may have"
        )
