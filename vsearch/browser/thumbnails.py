"""Thumbnails: decoded for the size they are shown at, newest page first, a bounded number kept."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING

from vsearch.errors import DecoderError, ImageError
from vsearch.images.isolation.decoders import Decoders
from vsearch.images.thumbnail import SECONDS, thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

KEPT_BYTES = 64 << 20
"""Of pixels, three bytes each: some 1,500 thumbnails of 160 x 90, 60,000 of half blocks."""

_FAULT_BYTES = 1000  # what is kept of a file without a picture counts for so much


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The picture of a file for one size, or why there is none, in a word or two."""

    image: Image | None
    fault: str = ""

    @property
    def bytes(self) -> int:
        """What it takes of memory, about."""
        return 3 * self.image.width * self.image.height if self.image else _FAULT_BYTES


Wanted = tuple[str, int]
"""The absolute path of a file, and how many pixels the longer side should have."""


class Thumbnails:
    """Decodes what is wanted now in threads of its own, and tells when one is there.

    What was wanted before and is not there yet is forgotten. Whoever makes it closes it.
    """

    def __init__(
        self,
        ready: Callable[[Wanted, Thumbnail], None],
        *,
        workers: int,
        pixel_limit: int,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        """`ready` is called in one of the `workers` threads with each that was wanted."""
        self._ready = ready
        self._decoders = Decoders(pixel_limit, SECONDS)
        self._kept_bytes = kept_bytes
        self._changed = Condition()  # of what follows
        self._wanted: list[Wanted] = []
        self._running: set[Wanted] = set()
        self._kept: OrderedDict[Wanted, Thumbnail] = OrderedDict()
        self._bytes = 0
        self._closed = False
        self._decoders.start()
        self._threads = [
            Thread(target=self._work, name=f"vsearch-thumbnails-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def want(self, wanted: Sequence[Wanted]) -> dict[Wanted, Thumbnail]:
        """Return those that are here; the others come, in order, until it is called anew."""
        with self._changed:
            there = {one: self._kept[one] for one in wanted if one in self._kept}
            for one in there:
                self._kept.move_to_end(one)
            self._wanted = [one for one in wanted if one not in there]
            self._changed.notify_all()
        return there

    def forget(self) -> None:
        """Drop all: the files may have changed."""
        with self._changed:
            self._kept.clear()
            self._bytes = 0

    def close(self) -> None:
        """End the threads and the processes they decode in."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._decoders.close()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (one := self._next()) is not None:
            made = self._made(one)
            with self._changed:
                self._running.discard(one)
                if self._closed:
                    return
                self._keep(one, made)
                if one in self._wanted:  # again, while it was made
                    self._wanted.remove(one)
            self._ready(one, made)

    def _next(self) -> Wanted | None:
        with self._changed:
            while not self._closed:
                for place, one in enumerate(self._wanted):
                    if one not in self._running:
                        del self._wanted[place]
                        self._running.add(one)
                        return one
                self._changed.wait()
        return None

    def _made(self, one: Wanted) -> Thumbnail:
        path, longest = one
        try:
            return Thumbnail(thumbnail(path, longest, self._decoders))
        except ImageError as error:
            return Thumbnail(None, str(error.reason) if os.path.lexists(path) else "gone")
        except DecoderError:  # the system has no process to give
            return Thumbnail(None, "cannot be decoded now")

    def _keep(self, one: Wanted, made: Thumbnail) -> None:
        before = self._kept.pop(one, None)
        self._bytes += made.bytes - (before.bytes if before else 0)
        self._kept[one] = made
        while self._bytes > self._kept_bytes and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.bytes
