"""Pictures of every format, and what is made of them: damaged, cut, crossed, told wrong lengths."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image
from unit.images.test_raw import make_dng

from vsearch.images import formats


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file to be tried: which format it was, what was done to it, and its bytes."""

    format: str
    kind: str
    suffix: str
    data: bytes


SAVED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("JPEG", "RGB", ".jpg", {}),
    ("JPEG", "RGB", ".jpg", {"progressive": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}),
    ("JPEG", "CMYK", ".jpg", {}),
    ("JPEG", "L", ".jpg", {"restart_marker_blocks": 2, "comment": b"a comment"}),
    ("MPO", "RGB", ".mpo", {"save_all": True}),
    *(("PNG", mode, ".png", {}) for mode in ("RGB", "RGBA", "P", "L", "LA", "1", "I;16")),
    ("PNG", "RGB", ".apng", {"save_all": True}),
    ("GIF", "P", ".gif", {"save_all": True}),
    ("WEBP", "RGB", ".webp", {}),
    ("WEBP", "RGBA", ".webp", {"lossless": True}),
    ("WEBP", "RGB", ".webp", {"save_all": True}),
    ("TIFF", "RGB", ".tif", {}),
    *(
        ("TIFF", mode, ".tif", {"compression": compression})
        for mode, compression in (
            ("RGB", "tiff_lzw"), ("RGB", "jpeg"), ("RGBA", "tiff_adobe_deflate"),
            ("1", "group3"), ("1", "group4"), ("L", "packbits"), ("CMYK", "tiff_deflate"),
            ("I;16", "raw"), ("F", "raw"), ("P", "tiff_lzw"), ("LAB", "raw"),
        )
    ),
    ("TIFF", "RGB", ".tiff", {"save_all": True}),
    ("BMP", "RGB", ".bmp", {}), ("BMP", "P", ".bmp", {}), ("BMP", "1", ".bmp", {}),
    ("DIB", "RGB", ".dib", {}),
    ("PPM", "RGB", ".ppm", {}), ("PPM", "L", ".pgm", {}), ("PPM", "1", ".pbm", {}),
    ("PPM", "F", ".pfm", {}),
    ("TGA", "RGBA", ".tga", {"compression": "tga_rle"}), ("TGA", "RGB", ".tga", {}),
    ("ICO", "RGBA", ".ico", {}), ("ICNS", "RGBA", ".icns", {}),
    ("PCX", "RGB", ".pcx", {}), ("PCX", "1", ".pcx", {}), ("SGI", "RGB", ".sgi", {}),
    ("DDS", "RGBA", ".dds", {}), ("JPEG2000", "RGB", ".jp2", {}),
    ("JPEG2000", "RGB", ".j2k", {"no_jp2": True}),
    ("MSP", "1", ".msp", {}), ("XBM", "1", ".xbm", {}), ("QOI", "RGB", ".qoi", {}),
    ("BLP", "P", ".blp", {}),
    ("HEIF", "RGB", ".heic", {"quality": 50}), ("HEIF", "RGBA", ".heic", {"quality": 50}),
    ("AVIF", "RGB", ".avif", {"quality": 50, "speed": 10}),
]  # fmt: skip


def _picture(mode: str) -> Image.Image:
    random_ = np.random.default_rng(5)
    coarse = random_.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((48, 36), Image.Resampling.BICUBIC)
    if mode == "LAB":
        from PIL import ImageCms

        spaces = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(image, *spaces, outputMode="LAB") or image
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert(mode)


@cache
def seeds() -> list[tuple[str, str, bytes]]:
    """Return (format, suffix, bytes) of an intact picture of each kind that can be made here."""
    formats.load_plugins()
    made = []
    for name, mode, suffix, options in SAVED:
        if name not in Image.SAVE:
            continue
        buffer = io.BytesIO()
        more = {}
        if options.get("save_all"):
            more = {"append_images": [_picture(mode).rotate(90), _picture(mode).rotate(180)]}
        _picture(mode).save(buffer, name, **options, **more)
        made.append((name, suffix, buffer.getvalue()))
    made.append(("RAW", ".dng", make_dng()))
    made.append(("RAW", ".nef", make_dng(preview=_picture("RGB"))))
    photoshop = struct.pack(">4sH6xHIIHHIII", b"8BPS", 1, 3, 36, 48, 8, 3, 0, 0, 0)
    made.append(("PSD", ".psd", photoshop + b"\0\0" + bytes(3 * 36 * 48)))
    sun = struct.pack(">8I", 0x59A66A95, 48, 36, 24, 48 * 36 * 3, 1, 0, 0)
    made.append(("SUN", ".ras", sun + bytes(48 * 36 * 3)))
    cards = ["SIMPLE  =                    T", "BITPIX  =                    8",
             "NAXIS   =                    2", "NAXIS1  =                   48",
             "NAXIS2  =                   36", "END"]  # fmt: skip
    head = "".join(card.ljust(80) for card in cards).ljust(2880).encode()
    made.append(("FITS", ".fits", head + bytes(48 * 36)))
    made.append(
        ("XPM", ".xpm", b'/* XPM */\nstatic char *a[] = {\n"2 1 1 1",\n"a c #ff0000",\n"aa"\n};')
    )
    made.append(("FLI", ".fli", _fli()))
    made.append(
        (
            "GBR",
            ".gbr",
            struct.pack(">7I", 30, 2, 48, 36, 1, 0x47494D50, 10) + b"a\0" + bytes(48 * 36),
        )
    )
    return made


def _fli() -> bytes:
    chunk = struct.pack("<IH", 6 + 48 * 36, 16) + bytes(48 * 36)
    frame = struct.pack("<IHH8x", 16 + len(chunk), 0xF1FA, 1) + chunk
    head = struct.pack("<IHHHHHHI", 128 + len(frame), 0xAF11, 1, 48, 36, 8, 3, 5)
    return head.ljust(128, b"\0") + frame


# What is done to any file


def _bits(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def _early_bits(data: bytes, chance: random.Random) -> bytes:
    """Flip bits among the first bytes, where headers are."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 2, 4))):
        out[chance.randrange(min(len(out), 128))] ^= 1 << chance.randrange(8)
    return bytes(out)


def _numbers(data: bytes, chance: random.Random) -> bytes:
    """Put a number that lengths and counts break at somewhere."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 3))):
        size = chance.choice((1, 2, 4, 8))
        value = chance.choice((0, 1, -1, 1 << (8 * size - 1), (1 << (8 * size - 1)) - 1, 0xFFFF))
        order = chance.choice((">", "<"))
        packed = struct.pack(
            order + "BHIQ"[(1, 2, 4, 8).index(size)], value & ((1 << 8 * size) - 1)
        )
        at = chance.randrange(len(out))
        out[at : at + size] = packed
    return bytes(out)


def _run(data: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(data)), chance.randrange(1, 64)
    filled = bytes([chance.choice((0, 255, 0x41))]) * length
    return data[:at] + filled + data[at + length :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(1, len(data))]


def _hole(data: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(data)), chance.randrange(1, 200)
    return data[:at] + data[at + length :]


def _doubled(data: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(data)), chance.randrange(1, 400)
    part = data[at : at + length]
    return data[:at] + part * chance.choice((2, 3, 50)) + data[at + length :]


def _crossed(data: bytes, chance: random.Random) -> bytes:
    _, _, other = chance.choice(seeds())
    return data[: chance.randrange(1, len(data))] + other[chance.randrange(len(other)) :]


Mutate = Callable[[bytes, random.Random], bytes]
ANY: list[Mutate] = [_bits, _early_bits, _numbers, _run, _cut, _hole, _doubled, _crossed]

# What keeps the form of a format, so that it gets past the first look


def _png(data: bytes, chance: random.Random) -> bytes:
    """Damage the content of a chunk, or its length or place, with a checksum that fits."""
    chunks = list(_png_chunks(data))
    number = chance.randrange(len(chunks))
    kind, content = chunks[number]
    match chance.randrange(5):
        case 0 if content:
            chunks[number] = kind, _numbers(content, chance)
        case 1:
            chunks[number] = kind, content + bytes(chance.randrange(1, 5000))
        case 2:
            chunks.insert(chance.randrange(len(chunks)), chunks[number])
        case 3:
            del chunks[number]
        case _:
            kinds = (
                b"tRNS",
                b"PLTE",
                b"gAMA",
                b"iCCP",
                b"eXIf",
                b"acTL",
                b"fcTL",
                b"fdAT",
                b"zTXt",
            )
            some = bytes(chance.randrange(256) for _ in range(chance.randrange(64)))
            chunks.insert(chance.randrange(1, len(chunks)), (chance.choice(kinds), some))
    return data[:8] + b"".join(png_chunk(*chunk) for chunk in chunks)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _jpeg(data: bytes, chance: random.Random) -> bytes:
    """Tell a segment another length, another marker, or repeat it."""
    segments = list(_jpeg_segments(data))
    start, end = chance.choice(segments)
    out = bytearray(data)
    match chance.randrange(4):
        case 0:
            out[start + 2 : start + 4] = struct.pack(">H", chance.choice((0, 1, 2, 3, 0xFFFF)))
        case 1:
            out[start + 1] = chance.choice((0xC0, 0xC2, 0xC4, 0xC9, 0xDB, 0xDD, 0xE1, 0xE2, 0xED))
        case 2:
            return data[:end] + data[start:end] * chance.choice((1, 10, 300)) + data[end:]
        case _:
            out[start + 4 : end] = _numbers(bytes(out[start + 4 : end]) or b"\0", chance)
    return bytes(out)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        length = int.from_bytes(data[at + 2 : at + 4])
        yield at, at + 2 + length
        if data[at + 1] == 0xDA:
            return
        at += 2 + length


def _tiff(data: bytes, chance: random.Random) -> bytes:
    """Give a tag of the first directory another number, type, count, value or offset."""
    order = "<" if data[:2] == b"II" else ">"
    (first,) = struct.unpack(order + "I", data[4:8])
    (count,) = struct.unpack(order + "H", data[first : first + 2])
    out = bytearray(data)
    at = first + 2 + 12 * chance.randrange(count)
    match chance.randrange(5):
        case 0:
            out[at + 2 : at + 4] = struct.pack(order + "H", chance.randrange(20))
        case 1:
            many = chance.choice((0, 1, 2, 0xFFFF, 1 << 24, 0xFFFFFFFF))
            out[at + 4 : at + 8] = struct.pack(order + "I", many)
        case 2:
            value = chance.choice((0, 1, first, len(data), 0xFFFF, 1 << 30, 0xFFFFFFFF))
            out[at + 8 : at + 12] = struct.pack(order + "I", value)
        case 3:
            tag = chance.choice(
                (256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 322, 330, 34665)
            )
            out[at : at + 2] = struct.pack(order + "H", tag)
        case _:
            end = first + 2 + 12 * count
            after = chance.choice((first, 8, len(data) - 2, 0xFFFFFFFE))
            out[end : end + 4] = struct.pack(order + "I", after)  # the next directory
    return bytes(out)


def _boxes(data: bytes, chance: random.Random) -> bytes:
    """Tell a box of an ISO-BMFF file, at any depth that has one, another length or kind."""
    names = (
        b"meta", b"iloc", b"iprp", b"ipco", b"ispe", b"hvcC", b"av1C", b"iinf", b"mdat", b"pitm",
        b"iref", b"ftyp", b"jp2h", b"ihdr", b"colr", b"jp2c",
    )  # fmt: skip
    places = [data.find(name) for name in names if data.find(name) >= 4]
    at = chance.choice(places)
    out = bytearray(data)
    if chance.random() < 0.6:
        out[at - 4 : at] = struct.pack(">I", chance.choice((0, 1, 7, 8, 0x7FFFFFFF, 0xFFFFFFFF)))
    else:
        end = min(len(out), at + 60)
        out[at + 4 : end] = _numbers(bytes(out[at + 4 : end]), chance)
    return bytes(out)


def _riff(data: bytes, chance: random.Random) -> bytes:
    """Tell a chunk of a WebP another length, or another kind."""
    places, at = [4], 12
    while at + 8 <= len(data):
        places.append(at + 4)
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little") + 1 & ~1
    out = bytearray(data)
    at = chance.choice(places)
    out[at : at + 4] = struct.pack("<I", chance.choice((0, 1, 5, 0x7FFFFFFF, 0xFFFFFFFF)))
    if chance.random() < 0.3 and at > 4:
        out[at - 4 : at] = chance.choice(
            (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP")
        )
    return bytes(out)


def _gif(data: bytes, chance: random.Random) -> bytes:
    """Change the blocks of a GIF: sizes of the screen, of a frame, of codes, lengths of parts."""
    out = bytearray(data)
    places = [at for at in range(13, len(data)) if data[at] in b"\x2c\x21"]
    at = chance.choice([6, 8, 10, *places])
    for place in range(at, min(at + chance.choice((1, 2, 4, 11)), len(out))):
        out[place] = chance.choice((0, 1, 12, 0x7F, 0x80, 0xFF))
    return bytes(out)


STRUCTURED: dict[str, Mutate] = {
    "PNG": _png, "JPEG": _jpeg, "MPO": _jpeg, "TIFF": _tiff, "RAW": _tiff, "HEIF": _boxes,
    "AVIF": _boxes, "WEBP": _riff, "GIF": _gif,
}  # fmt: skip


def mutant(number: int, seed: int) -> Mutant:
    """Return the file of that number: the same for the same seed, whatever came before."""
    chance = random.Random(f"{seed}/{number}")
    made = seeds()
    name, suffix, data = made[number % len(made)]
    ways = list(ANY)
    if structured := STRUCTURED.get(name):
        ways += [structured] * len(ways)  # as often as all others together
        if name == "JPEG2000" and suffix == ".jp2":
            ways += [_boxes] * len(ANY)
    way = chance.choice(ways)
    out = way(data, chance)
    if chance.random() < 0.2:
        out = chance.choice(ANY)(out or b"\0", chance)
    return Mutant(name, way.__name__.strip("_"), suffix, out)
