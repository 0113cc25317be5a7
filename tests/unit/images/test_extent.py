"""`Extent`: the same corner of a picture, wherever turning and reducing take it."""

import numpy as np
import pytest
from PIL import Image

from vsearch.images import color
from vsearch.images.extent import Extent


@pytest.mark.parametrize("orientation", [*range(1, 9), 77])
def test_it_goes_with_the_picture_when_that_is_turned(orientation: int) -> None:
    """A picture that fills a part of its canvas, of whole pixels so that it can be looked at."""
    canvas = np.zeros((6, 9, 3), np.uint8)
    canvas[1:5, 2:8] = 255
    upright = np.asarray(color.turned(Image.fromarray(canvas), orientation))
    found = Extent(6, 4, 2.0, 1.0, 8.0, 5.0).turned(orientation, 9, 6)
    rows, columns = np.nonzero(upright[..., 0])
    assert (found.left, found.top) == (columns.min(), rows.min())
    assert (found.right, found.bottom) == (columns.max() + 1, rows.max() + 1)
    assert (found.width, found.height) == ((4, 6) if 5 <= orientation <= 8 else (6, 4))


def test_a_fraction_of_it_keeps_the_full_size() -> None:
    found = Extent.whole(4001, 2250).reduced(4)
    assert found == Extent(4001, 2250, 0.0, 0.0, 1000.25, 562.5)
    assert found.turned(3, 1001, 563) == Extent(4001, 2250, 0.75, 0.5, 1001.0, 563.0)
