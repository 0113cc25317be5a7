"""Pictures from many reading threads -> the encoder, as many at a time as it likes best.

Reading threads hand their pixels in and go on; two threads here take what has come together, embed
it, and answer through futures. Two, so that one batch is copied while another is computed.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING

from vsearch.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.models.encoder import Encoder

    _Waiting = tuple[NDArray[np.uint8], Future[NDArray[np.float32]]]

ENCODING_THREADS = 2
# How long to wait for a batch to fill up while more is being read. Starting the kernels of a large
# model takes Python some milliseconds of the lock that the reading threads need too.
_LINGER = 0.004  # seconds


class Batches:
    """Gathers pictures for an encoder. Holds what was handed in: how much is for the caller to say.

    Its threads start with the first picture, and end with `close`.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._waiting: deque[_Waiting] = deque()
        self._changed = Condition()
        self._gathering = Lock()
        self._threads: list[Thread] = []
        self._reading = 0
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Say that a picture may be handed in soon: a batch is worth waiting for meanwhile."""
        with self._changed:
            self._reading += 1
        try:
            yield
        finally:
            with self._changed:
                self._reading -= 1
                if not self._reading:
                    self._changed.notify_all()

    def submit(self, pixels: NDArray[np.uint8]) -> Future[NDArray[np.float32]]:
        """Hand in one prepared picture (size, size, 3); the future's result is its vector (dim,).

        Where the encoder fails on a batch, its pictures are tried one by one: the future of the
        one it fails on has the exception.
        """
        future: Future[NDArray[np.float32]] = Future()
        with self._changed:
            if not self._threads:
                self._threads = [
                    Thread(target=self._work, name=f"encode-{number}", daemon=True)
                    for number in range(ENCODING_THREADS)
                ]
                for thread in self._threads:
                    thread.start()
            self._waiting.append((pixels, future))
            if len(self._waiting) == 1 or len(self._waiting) >= self._encoder.batch_size:
                self._changed.notify_all()
        return future

    def close(self) -> None:
        """Cancel what is waiting and end the threads; a batch being embedded is finished first."""
        with self._changed:
            self._closed = True
            for _, future in self._waiting:
                future.cancel()
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while batch := self._gather():
            self._encode(batch)

    def _gather(self) -> list[_Waiting]:
        """Wait for pictures and take up to a batch of them; none once closed."""
        with self._gathering, self._changed:  # one thread at a time, or both would take halves
            while not self._waiting and not self._closed:
                self._changed.wait()
            until = time.monotonic() + _LINGER
            while (
                self._reading
                and not self._closed
                and len(self._waiting) < self._encoder.batch_size
                and (left := until - time.monotonic()) > 0
            ):
                self._changed.wait(left)
            count = min(len(self._waiting), self._encoder.batch_size)
            return [self._waiting.popleft() for _ in range(count)]

    def _encode(self, batch: Sequence[_Waiting]) -> None:
        """Answer each picture's future, with an exception at worst."""
        import numpy as np

        futures = [future for _, future in batch]
        try:
            pixels = np.stack([one for one, _ in batch])  # (n, size, size, 3) uint8
            vectors = self._encoder.encode_images(pixels)  # (n, dim) float32
            answers = list(zip(futures, vectors, strict=True))
        except Exception as error:  # noqa: BLE001  # whatever it is, who waits for it is told
            # A model that cannot run at all would fail on each.
            if len(batch) == 1 or isinstance(error, ModelError):
                for future in futures:
                    future.set_exception(error)
            else:
                for one in batch:
                    self._encode([one])
            return
        for future, vector in answers:
            future.set_result(vector)
