"""Small pictures for tests, all different, and files that only pretend to be one."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image


def write_pictures(folder: Path, count: int, *, seed: int = 0, start: int = 0) -> None:
    """Write `count` different 96 x 72 JPEGs, img00000.jpg and on, into sub-folders of 100.

    Each has two labels.
    """
    random = np.random.default_rng(seed)
    for number in range(start, start + count):
        place = folder / f"{number // 100:03d}"
        place.mkdir(parents=True, exist_ok=True)
        coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((96, 72), Image.Resampling.BICUBIC)
        xmp = xmp_of("made", f"tens of {number // 10}")
        picture.save(place / f"img{number:05d}.jpg", quality=80, xmp=xmp)


def xmp_of(*labels: str) -> bytes:
    """Return a packet of XMP with some labels."""
    items = "".join(f"<rdf:li>{escape(label)}</rdf:li>" for label in labels)
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims to be `width` x `height` and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
