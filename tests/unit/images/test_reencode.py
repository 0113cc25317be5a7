"""Pictures in another format or size: still pictures, and the same ones."""

from __future__ import annotations

import numpy as np
import pytest

from vsearch.errors import ImageError
from vsearch.images.decode import decode
from vsearch.images.reencode import reencoded
from vsearch.models.conversion.fidelity import probe_pictures


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_another_format_shows_the_same(form: str) -> None:
    before = decode(probe_pictures()[0], shorter=10**4, pixel_limit=10**8)
    after = decode(reencoded(probe_pictures()[0], form), shorter=10**4, pixel_limit=10**8)
    assert after.facts.format == form
    assert after.image.size == before.image.size
    apart = np.asarray(after.image, np.float64) - np.asarray(before.image, np.float64)
    assert abs(apart).mean() < 6


def test_a_larger_one_has_grain() -> None:
    smooth = reencoded(probe_pictures()[0], "PNG")
    grainy = decode(reencoded(smooth, "JPEG", (800, 600)), shorter=10**4, pixel_limit=10**8)
    assert grainy.image.size == (800, 600)
    pixels = np.asarray(grainy.image.convert("L"), np.float64)
    assert abs(np.diff(pixels, axis=1)).mean() > 2


def test_what_cannot_be_read_or_written() -> None:
    with pytest.raises(ImageError):
        reencoded(b"no picture", "PNG")
    with pytest.raises(KeyError):
        reencoded(probe_pictures()[0], "NONE")
