"""Two pictures -> whether one is a part of the other: a crop, straightened by a few degrees or not.

The part is looked for by template matching, then fitted exactly, then compared by its hash:

1. Normalised cross-correlation (Lewis, "Fast Normalized Cross-Correlation", 1995) of the one, in
   sizes from the largest that fits to half of that, with every window of the other, upright and
   tilted by 5 and 10 degrees either way, at 24 pixels along the longer side.
2. From the best of those, Gauss-Newton steps over the similarities of the plane, to the least
   squares between the one and its window: Lucas and Kanade's method in its compositional form
   (Baker and Matthews, "Lucas-Kanade 20 Years On: A Unifying Framework", 2004), both of mean 0 and
   variance 1 so that brightness and contrast do not matter.
3. How many bits of their perceptual hashes differ.

Points are complex numbers, x + iy from the middle of a picture, whose longer side is 1. A
similarity is z -> shift + turn z, of which |turn| is the scale and arg(turn) the tilt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from vsearch.images.perceptual import BITS, NO_STRUCTURE, SIDE, hash_of_luminance, luminance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COARSE = 24  # pixels along the longer side
_SMALLEST = 0.5  # of the largest window that fits, along each side
_TILTS = (0.0, -5.0, 5.0, -10.0, 10.0)  # degrees
_CORRELATED = 0.75  # what correlates less at its best is not fitted; parts had 0.8 and more
_STEPS = 6  # of Gauss-Newton; it has come to rest by then
_BEYOND = 0.03  # of the longer side: how far a part may seem to reach out of the whole
_MARGIN = 6  # pixels around a picture that repeat its edge; _BEYOND needs no more


@dataclass(frozen=True, slots=True)
class _Similarity:
    shift: complex
    turn: complex


class Plane:
    """The luminance of a picture, ready to be aligned with others."""

    def __init__(self, square: NDArray[np.uint8], width: int, height: int) -> None:
        """`square` (SIDE, SIDE) is all of a picture of `width` x `height` pixels, squashed."""
        import numpy as np
        from PIL import Image

        self.square = square
        self.width, self.height = (side / max(width, height) for side in (width, height))
        self._image = Image.fromarray(np.pad(square, _MARGIN, mode="edge"))

    def resized(self, width: int, height: int) -> NDArray[np.float32]:
        """Return all of it (height, width)."""
        import numpy as np
        from PIL.Image import Resampling

        box = (_MARGIN, _MARGIN, _MARGIN + SIDE, _MARGIN + SIDE)
        image = self._image.resize((width, height), Resampling.BILINEAR, box=box)
        return np.asarray(image, dtype=np.float32)

    def window(self, at: _Similarity, of: Plane, width: int, height: int) -> NDArray[np.float32]:
        """Return what is where `at` puts the picture `of`, in pixels (height, width)."""
        import numpy as np
        from PIL.Image import Resampling, Transform

        corner = at.shift - at.turn * complex(of.width, of.height) / 2
        right, down = at.turn * of.width / width, at.turn * 1j * of.height / height  # a pixel on
        x, y, middle = SIDE / self.width, SIDE / self.height, _MARGIN + SIDE / 2
        to_pixels = (
            right.real * x, down.real * x, corner.real * x + middle,
            right.imag * y, down.imag * y, corner.imag * y + middle,
        )  # fmt: skip
        size = width, height
        image = self._image.transform(size, Transform.AFFINE, to_pixels, Resampling.BILINEAR)
        return np.asarray(image, dtype=np.float32)

    @cached_property
    def tilted(self) -> NDArray[np.float32]:
        """Return it small, at each of the tilts: (tilts, height, width)."""
        import numpy as np

        width, height = (max(3, round(_COARSE * side)) for side in (self.width, self.height))
        frames = []
        for degrees in _TILTS:
            turn = _Similarity(0, np.exp(1j * np.radians(degrees)))
            finer = self.window(turn, self, 2 * width, 2 * height)
            frames.append(finer.reshape(height, 2, width, 2).mean(axis=(1, 3)))
        return np.stack(frames)

    def contains(self, at: _Similarity, of: Plane) -> bool:
        """Whether all of the picture `of`, where `at` puts it, is within this one, or nearly."""
        corners = [complex(x * of.width, y * of.height) / 2 for x in (-1, 1) for y in (-1, 1)]
        return all(
            abs(corner.real) <= self.width / 2 + _BEYOND
            and abs(corner.imag) <= self.height / 2 + _BEYOND
            for corner in (at.shift + at.turn * corner for corner in corners)
        )


def luminances(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the luminances (SIDE, SIDE) of an RGB picture (H, W, 3), as a `Plane` takes them."""
    import numpy as np
    from PIL import Image

    return np.asarray(luminance(Image.fromarray(pixels)))


def bits_between_parts(one: Plane, other: Plane) -> int:
    """Return in how many bits, 0 to 256, a picture differs from the part of another it fits best.

    Either may be the part. About 4 for a crop and its original; 256 where neither fits into the
    other, or has structure enough for a hash.
    """
    import numpy as np

    pairs = (one, other), (other, one)
    correlation, at, part, whole = max(
        ((*_found(part, whole), part, whole) for part, whole in pairs), key=lambda found: found[0]
    )
    if correlation < _CORRELATED:
        return BITS
    fitted = _fitted(part, whole, at)
    if fitted is None or not whole.contains(fitted, part):
        return BITS
    window = whole.window(fitted, part, SIDE, SIDE).astype(np.uint8)
    hashes = hash_of_luminance(part.square), hash_of_luminance(window)
    if NO_STRUCTURE in hashes:
        return BITS
    first, second = (np.frombuffer(each, np.uint64) for each in hashes)
    return int(np.bitwise_count(first ^ second).sum())


def _found(part: Plane, whole: Plane) -> tuple[float, _Similarity]:
    """Return how well a part correlates with the whole at its best, -1 to 1, and about where."""
    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view

    frames = whole.tilted
    _, rows, columns = frames.shape
    largest = _COARSE * min(whole.width / part.width, whole.height / part.height)
    best, found = -1.0, _Similarity(0, 1)
    for longer in np.arange(largest, _SMALLEST * largest, -1):
        width = min(columns, max(3, round(longer * part.width)))
        height = min(rows, max(3, round(longer * part.height)))
        template = part.resized(width, height).ravel()
        template -= template.mean()
        windows = sliding_window_view(frames, (height, width), axis=(1, 2))
        places = windows.shape[:3]
        flat = windows.reshape(-1, height * width)
        # The template's mean is 0, so that of a window falls out of the product.
        means, squares = flat.mean(axis=1), np.einsum("np,np->n", flat, flat)
        lengths = np.sqrt(np.maximum(squares - flat.shape[1] * np.square(means), 1))
        correlations = flat @ template / (lengths * max(1, np.linalg.norm(template)))
        place = int(correlations.argmax())
        if correlations[place] > best:
            best = float(correlations[place])
            tilt, y, x = np.unravel_index(place, places)
            turn = np.exp(1j * np.radians(_TILTS[tilt]))
            across, along = whole.width / columns, whole.height / rows  # of a pixel
            middle = complex(
                (x + width / 2 - columns / 2) * across, (y + height / 2 - rows / 2) * along
            )
            scale = np.sqrt(width * across / part.width * height * along / part.height)
            found = _Similarity(complex(turn * middle), complex(turn * scale))
    return best, found


def _fitted(part: Plane, whole: Plane, at: _Similarity) -> _Similarity | None:
    """Return exactly where a part is in the whole, from about where; None where it leads astray."""
    import numpy as np

    smallest = _SMALLEST * min(whole.width / part.width, whole.height / part.height)
    target = _normalised(part.square)
    places = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    x, y = places[None, :] * part.width, places[:, None] * part.height
    for _ in range(_STEPS):
        window = _normalised(whole.window(at, part, SIDE, SIDE))
        down, right = np.gradient(window, part.height / SIDE, part.width / SIDE)
        # What becomes of the window where z moves to z + (a + ib) + (c + id) z.
        slopes = np.stack([right, down, right * x + down * y, down * x - right * y]).reshape(4, -1)
        normal = slopes @ slopes.T
        normal += 1e-6 * (1 + normal.trace()) * np.eye(4)  # stripes do not say where along them
        a, b, c, d = np.linalg.solve(normal, slopes @ (target - window).ravel())
        at = _Similarity(at.shift + at.turn * complex(a, b), at.turn * complex(1 + c, d))
        if not smallest <= abs(at.turn) <= 2 or abs(at.shift) > 1:
            return None
    return at


def _normalised(pixels: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32]:
    import numpy as np

    centred = pixels.astype(np.float32)
    centred -= centred.mean()
    return centred / max(1e-3, float(np.sqrt(np.square(centred).mean())))
