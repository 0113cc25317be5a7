"""A picture -> the same in another format or size: so that decoding can be measured."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from vsearch.images.decode import decode
from vsearch.images.formats import load_plugins

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUALITY: Mapping[str, Mapping[str, int]] = {
    "JPEG": {"quality": 90},
    "WEBP": {"quality": 80},
    "HEIF": {"quality": 60},
}
_PIXELS = 100_000_000  # more is not to be measured with
_GRAIN = 0.06  # of the brightest light, about what a camera adds at dusk


def reencoded(data: bytes, form: str, size: tuple[int, int] | None = None) -> bytes:
    """Return a picture file as one of Pillow's format `form`: "JPEG", "PNG", "WEBP", "HEIF".

    With a `size` (width, height) it is enlarged to it and has grain, without which no camera's
    picture is: a smooth one would be decoded in half the time. Raises ImageError for what is no
    picture, OSError or KeyError for a format that cannot be written here.
    """
    from PIL import Image

    load_plugins()
    image = decode(data, shorter=_PIXELS, pixel_limit=_PIXELS).image
    if size:
        grain = Image.effect_noise(size, 100).convert("RGB")
        image = Image.blend(image.resize(size, Image.Resampling.BICUBIC), grain, _GRAIN)
    file = io.BytesIO()
    image.save(file, form, **_QUALITY.get(form, {}))
    return file.getvalue()
