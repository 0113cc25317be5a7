"""A picture, from its file or its bytes, -> what the model reads, in one function."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.errors import ImageError, SkipReason
from vsearch.images.crop import cut_out, finer
from vsearch.images.decode import decode
from vsearch.images.formats import is_signed
from vsearch.images.limits import byte_limit
from vsearch.images.perceptual import SIDE, hash_of_luminance, luminance
from vsearch.images.preprocess import to_square
from vsearch.images.read import content_hash, head, read
from vsearch.records import ImageFacts, Preprocessing

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from vsearch.images.crop import Crop


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture ready for the model: `pixels` (size, size, 3) uint8, and what was seen on the way.

    `perceptual` is its perceptual hash, 32 bytes.
    """

    pixels: NDArray[np.uint8]
    facts: ImageFacts
    perceptual: bytes


@dataclass(frozen=True, slots=True)
class Square:
    """The same as Pillow has it: `image` RGB of size x size. Made without numpy.

    `luminance` is what the perceptual hash is computed from.
    """

    image: Image
    facts: ImageFacts
    luminance: Image

    def prepared(self) -> Prepared:
        """Return it as an array, with its hash."""
        import numpy as np

        pixels, square = np.asarray(self.image), np.asarray(self.luminance)
        return Prepared(pixels, self.facts, hash_of_luminance(square))


def prepare(
    data: bytes, spec: Preprocessing, *, pixel_limit: int, path: str, crop: Crop | None = None
) -> Prepared:
    """Decode and prepare the content of the file at `path`, of which only the suffix is used.

    With a `crop`, that part of the picture; all of it where the crop reaches beyond. The facts are
    those of the whole. Raises `ImageError`, with the one reason for which this file has no vector.
    """
    return square(data, spec, pixel_limit=pixel_limit, path=path, crop=crop).prepared()


def square(
    data: bytes, spec: Preprocessing, *, pixel_limit: int, path: str, crop: Crop | None = None
) -> Square:
    """Do what `prepare` does, and leave the pixels with Pillow."""
    suffix = os.path.splitext(path)[1]
    # Enough for every way to resize; "longest" could do with less.
    shorter = max(spec.size, SIDE)
    decoded = decode(data, shorter=shorter, pixel_limit=pixel_limit, suffix=suffix)
    if crop and (box := crop.box(decoded.facts.width, decoded.facts.height)):
        if larger := finer(decoded, box, spec.size):  # only now it is known how large it is
            decoded = decode(data, shorter=larger, pixel_limit=pixel_limit, suffix=suffix)
        decoded = cut_out(decoded, box)
    image, extent = decoded.image, decoded.extent
    return Square(to_square(image, spec, extent), decoded.facts, luminance(image, extent))


def load(
    path: str,
    spec: Preprocessing,
    *,
    pixel_limit: int,
    named_image: bool,
    is_known: Callable[[bytes], bool],
) -> tuple[bytes, Square | None]:
    """Read the file at `path`; return the hash of its content, and the picture unless it is known.

    A file that is not named like a picture is read whole only if it begins like one. `is_known` is
    asked with the hash (16 bytes) before anything is decoded. Raises `ImageError`.
    """
    if not named_image and not is_signed(head(path)):
        raise ImageError(SkipReason.NOT_AN_IMAGE)
    data = read(path, byte_limit(pixel_limit))
    digest = content_hash(data)
    if is_known(digest):
        return digest, None
    return digest, square(data, spec, pixel_limit=pixel_limit, path=path)
