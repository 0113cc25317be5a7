"""Raw files: a DNG built from its tags, since no camera's file may be handed on with the tests."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from vsearch.errors import ImageError, SkipReason
from vsearch.images.decode import decode

_SIZES = {"B": 1, "s": 1, "H": 2, "I": 4, "R": 8, "r": 8}
_TYPES = {"B": 1, "s": 2, "H": 3, "I": 4, "R": 5, "r": 10}


def _ifd(tags, at):
    """Lay out one TIFF directory at offset `at`: {tag: (type, values)}; "R", "r" are rationals."""
    head, tail = struct.pack("<H", len(tags)), b""
    start = at + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        if kind == "s":
            data = values + b"\0"
            count = len(data)
        elif kind in "Rr":
            numbers = [part for value in values for part in (round(value * 10000), 10000)]
            data = struct.pack(f"<{len(numbers)}{'I' if kind == 'R' else 'i'}", *numbers)
            count = len(values)
        else:
            data = struct.pack(f"<{len(values)}{kind}", *values)
            count = len(values)
        head += struct.pack("<HHI", tag, _TYPES[kind], count)
        if len(data) <= 4:
            head += data.ljust(4, b"\0")
        else:
            head += struct.pack("<I", start + len(tail))
            tail += data + b"\0" * (len(data) % 2)
    return head + struct.pack("<I", 0) + tail


def make_dng(width=64, height=48, orientation=1, preview=None):
    """Return a DNG 1.4 whose left half is red and right half blue, with a JPEG preview if given."""
    sensor = np.full((height, width), 600, "<u2")
    sensor[0::2, 0 : width // 2 : 2] = 12000  # red pixels of RGGB
    sensor[1::2, width // 2 + 1 :: 2] = 12000  # blue ones
    pixels = sensor.tobytes()
    jpeg = b""
    if preview is not None:
        buffer = io.BytesIO()
        preview.save(buffer, "JPEG", quality=95)
        jpeg = buffer.getvalue()
        jpeg += b"\0" * (len(jpeg) % 2)
    pixels_at = 8
    jpeg_at = pixels_at + len(pixels)
    first_at = jpeg_at + len(jpeg)
    raw = {
        254: ("I", [0]), 256: ("I", [width]), 257: ("I", [height]), 258: ("H", [16]),
        259: ("H", [1]), 262: ("H", [32803]), 273: ("I", [pixels_at]), 277: ("H", [1]),
        278: ("I", [height]), 279: ("I", [len(pixels)]), 284: ("H", [1]),
        33421: ("H", [2, 2]), 33422: ("B", [0, 1, 1, 2]), 50714: ("H", [512]),
        50717: ("I", [16383]),
    }  # fmt: skip
    camera = {
        271: ("s", b"Example"), 272: ("s", b"Example Raw 1"), 274: ("H", [orientation]),
        306: ("s", b"2024:02:29 08:09:10"), 50706: ("B", [1, 4, 0, 0]),
        50708: ("s", b"Example Raw 1"), 50721: ("r", [1, 0, 0, 0, 1, 0, 0, 0, 1]),
        50728: ("R", [1, 1, 1]), 50778: ("H", [21]),
    }  # fmt: skip
    if preview is None:
        directories = _ifd({**raw, **camera}, first_at)
    else:
        picture = {
            254: ("I", [1]), 256: ("I", [preview.width]), 257: ("I", [preview.height]),
            258: ("H", [8, 8, 8]), 259: ("H", [7]), 262: ("H", [6]), 273: ("I", [jpeg_at]),
            277: ("H", [3]), 278: ("I", [preview.height]), 279: ("I", [len(jpeg)]),
        }  # fmt: skip
        length = len(_ifd({**picture, **camera, 330: ("I", [0])}, first_at))
        second_at = first_at + length
        directories = _ifd({**picture, **camera, 330: ("I", [second_at])}, first_at)
        directories += _ifd(raw, second_at)
    return struct.pack("<2sHI", b"II", 42, first_at) + pixels + jpeg + directories


def _decode(data, **options):
    return decode(data, **{"shorter": 16, "pixel_limit": 10**6, "suffix": ".dng", **options})


def _is_red(pixel):
    return pixel[0] > 2 * max(pixel[1:])


def _is_blue(pixel):
    return pixel[2] > 2 * max(pixel[:2])


if __name__=="__main__":
    import sys
    d=make_dng(); open('/tmp/x.dng','wb').write(d)
    x=_decode(d); print(x, x.image.getpixel((4,10)), x.image.getpixel((27,10)))
    for o in (3,6,8):
        x=_decode(make_dng(orientation=o)); print(o,x)
    pv=Image.new('RGB',(64,48),'green')
    x=_decode(make_dng(preview=pv,orientation=6)); print(x, x.image.getpixel((4,10)))
    x=_decode(make_dng(640,480,preview=pv),shorter=100); print(x, x.image.getpixel((4,10)))
