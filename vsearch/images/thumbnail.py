"""Small pictures for a person to look at: decoded in other processes, and encoded."""

from __future__ import annotations

import io
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from vsearch.errors import ImageError, SkipReason
from vsearch.images.isolation.decoders import Decoders
from vsearch.records import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future

    from PIL.Image import Image

SECONDS = 20.0
"""The longest a file may take before its place stays empty: a person is waiting."""

_AHEAD = 4  # pictures for each worker that are made before they are asked for


def thumbnails(
    paths: Iterable[str], longest: int, *, workers: int, pixel_limit: int
) -> Iterator[Image | None]:
    """Yield the picture of each file, upright RGB, in order; None where there is none to be had.

    Its longer side has `longest` pixels, or as many as the picture has if those are fewer. Each is
    decoded as for indexing, in a process of its own (see `isolation`), `workers` at a time, at most
    `pixel_limit` pixels. Raises DecoderError when no process can be started.
    """

    def one(path: str) -> Image | None:
        try:
            return thumbnail(path, longest, decoders)
        except ImageError:
            return None

    # The decoders are closed first: that releases the threads, which the pool then waits for.
    with ThreadPoolExecutor(workers) as pool, Decoders(pixel_limit, SECONDS) as decoders:
        running: deque[Future[Image | None]] = deque()
        for path in paths:
            running.append(pool.submit(one, path))
            if len(running) > _AHEAD * workers:  # not all: thousands need not be in memory at once
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def thumbnail(path: str, longest: int, decoders: Decoders) -> Image:
    """Return the picture of a file, upright RGB, its longer side `longest` pixels or fewer.

    Raises `ImageError` when there is none to be had, and DecoderError.
    """
    from PIL import Image

    # "longest" puts the whole picture into the middle of a square; mean and std are the encoder's.
    spec = Preprocessing(longest, "longest", "bicubic", (0.0,) * 3, (1.0,) * 3)
    loaded = decoders.load(path, spec)
    if loaded.prepared is None:  # only for a content that was said to be known
        raise ImageError(SkipReason.CRASHED)
    facts = loaded.prepared.facts
    return _cut_out(Image.fromarray(loaded.prepared.pixels), facts.width, facts.height)


def _cut_out(square: Image, width: int, height: int) -> Image:
    """Return a picture of `width` x `height` without what `preprocess` put around it."""
    from PIL.Image import Resampling

    ratio = max(width, height) / square.width
    shown = max(1, round(width / ratio)), max(1, round(height / ratio))
    left, top = ((square.width - side) // 2 for side in shown)
    picture = square.crop((left, top, left + shown[0], top + shown[1]))
    if ratio >= 1:
        return picture
    return picture.resize((width, height), Resampling.BICUBIC)  # a small one was enlarged


def webp(image: Image) -> bytes:
    """Return a picture as WebP, at the quality of a preview."""
    file = io.BytesIO()
    image.save(file, "WEBP", quality=80, method=4)
    return file.getvalue()
