"""Any pixel mode -> 8-bit RGB as a person sees it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

# How EXIF's orientation is undone (EXIF 2.32, tag 0x0112): the name in `PIL.Image.Transpose`.
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def to_rgb(image: Picture) -> Picture:
    """Return a loaded picture of any mode as RGB, what is transparent as white.

    16-bit grey keeps its high byte (12 bits in a TIFF: their high 8). 32-bit integers that fit 16
    bits are taken for such, and floats from 0 to 1 for that range; all others, which have no
    agreed range, are stretched from their own least to their own greatest value.
    """
    from PIL import Image

    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        image = Image.fromarray(_eight_bits(image))
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode != "RGBA":  # else it would be copied
        image = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image)
    return white


def turned(image: Picture, orientation: int) -> Picture:
    """Return the picture upright; an orientation that EXIF does not define changes nothing."""
    from PIL.Image import Transpose

    turn = _TURNS.get(orientation)
    return image.transpose(Transpose[turn]) if turn else image


def to_srgb(image: Picture, profile: bytes | None, shorter: int) -> Picture:
    """Return an RGB picture of another colour space (Display P3, Adobe RGB, ...) in sRGB.

    Profiles that call themselves sRGB, nearly all, are not looked at further: their pixels are
    right as they are. A profile that is broken or not for RGB is ignored, as browsers do. Before
    a conversion the picture is made smaller, by a whole number, as far as `shorter` allows.
    """
    if not profile or b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile:
        return image
    from PIL import ImageCms

    image = image.reduce(max(1, min(image.size) // shorter))
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return converted or image


def _eight_bits(image: Picture) -> NDArray[np.uint8]:
    """Return one channel of more than 8 bits as (H, W) uint8."""
    import numpy as np

    values = np.asarray(image)  # (H, W) uint16, int32 or float32
    if values.dtype.kind == "u":
        bits = getattr(image, "tag_v2", {}).get(258, (16,))[0]  # BitsPerSample of a TIFF
        return (values >> (4 if bits == 12 else 8)).astype(np.uint8)
    # Floats in a file may be anything; differences of what is left fit a float32. All in place: a
    # copy of each step were many times what the pixels take.
    values = values.astype(np.float32)
    np.nan_to_num(values, copy=False)
    np.clip(values, -1e30, 1e30, out=values)
    least, greatest = float(values.min()), float(values.max())
    if least >= 0 and greatest <= (65535 if image.mode == "I" else 1):
        least, greatest = 0.0, 65535.0 if image.mode == "I" else 1.0
    span = max(greatest - least, 1e-30)
    values -= least
    values *= 255 / span
    np.rint(values, out=values)
    eight: NDArray[np.uint8] = values.astype(np.uint8)
    return eight


def _lab_to_rgb(image: Picture) -> Picture:
    """Convert CIE L*a*b* (a TIFF or a Photoshop file may be in it) by its definition."""
    from PIL import ImageCms

    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    if converted is None:  # only a conversion in place returns nothing
        raise ValueError("no conversion from LAB")
    return converted
