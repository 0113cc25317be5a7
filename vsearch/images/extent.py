"""Where a picture lies in a decoded one that is a fraction of its size."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Extent:
    """A picture of `width` x `height` pixels, decoded at a fraction.

    A side that the fraction does not divide is rounded up, so that the last row or column holds a
    part of a pixel only. `left`, `top`, `right` and `bottom` are the edges of the picture in pixels
    of the decoded one, not all of them whole.
    """

    width: int
    height: int
    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def whole(cls, width: int, height: int) -> Extent:
        """Return the extent of a picture that was decoded as it is."""
        return cls(width, height, 0.0, 0.0, float(width), float(height))

    def reduced(self, by: int) -> Extent:
        """Return it in the same picture at 1 / `by` of its size."""
        edges = (edge / by for edge in (self.left, self.top, self.right, self.bottom))
        return Extent(self.width, self.height, *edges)

    def turned(self, orientation: int, width: int, height: int) -> Extent:
        """Return it after `color.turned`; `width` and `height` of the decoded picture before."""
        left, top, right, bottom = self.left, self.top, self.right, self.bottom
        if orientation in {2, 3, 7, 8}:  # mirrored from left to right, before sides are exchanged
            left, right = width - right, width - left
        if orientation in {3, 4, 6, 7}:
            top, bottom = height - bottom, height - top
        if orientation in {5, 6, 7, 8}:
            return Extent(self.height, self.width, top, left, bottom, right)
        return replace(self, left=left, top=top, right=right, bottom=bottom)
