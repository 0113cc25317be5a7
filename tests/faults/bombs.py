"""Small files that ask for much: canvases, frames, chains, texts and profiles."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from faults.mutants import png_chunk, seeds
from PIL import Image

SIDE = 60_000  # pixels of a canvas that nobody has
MANY = 100_000


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yield (name with its suffix, bytes) of each."""
    yield from _canvases()
    yield "frames.gif", _gif(MANY)
    yield "chain.tif", _tiff_chain(MANY, looping=False)
    yield "loop.tif", _tiff_chain(3, looping=True)
    yield "subifds.tif", _subifds(2000)
    yield "text.png", _png(png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 28), 9)))
    yield "many-texts.png", _png(png_chunk(b"tEXt", b"a\0" + b"b" * 1000) * 20_000)
    itext = b"a\0\1\0\0\0" + zlib.compress(bytes(1 << 28), 9)
    yield "itext.png", _png(png_chunk(b"iTXt", itext))
    yield "profile.png", _png(png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 28), 9)))
    yield "pixels.png", _png(b"", side=16_000)
    yield "exif.jpg", _jpeg(_app(0xE1, b"Exif\0\0" + _deep_exif()))
    yield "exif-loop.jpg", _jpeg(_app(0xE1, b"Exif\0\0" + _tiff_chain(1, looping=True)[:60_000]))
    yield (
        "exif-many.jpg",
        _jpeg(_app(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x0f\1" * 30_000)),
    )
    yield "icc.jpg", _jpeg(_icc(255, b"\xff" * 60_000))
    yield "icc-lies.jpg", _jpeg(_app(0xE2, b"ICC_PROFILE\0\1\1" + _profile_of_lies()))
    yield "icc-out-of-order.jpg", _jpeg(_icc(200, b"x", backwards=True))
    yield "xmp.jpg", _jpeg(_app(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _nested_xml()))
    yield (
        "segments.jpg",
        _jpeg(_app(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 1000) * 500),
    )
    yield "scans.jpg", _scans(2000)
    yield "comments.gif", _gif(1, b"\x21\xfe" + (b"\xff" + b"c" * 255) * MANY + b"\0")
    yield "nested.xpm", b"/* XPM */\n" + b'"' * 1_000_000
    yield "colours.xpm", b'/* XPM */\nstatic char*a[]={\n"1 1 99999999 1",\n' + b'"a c #fff",\n' * 9
    yield "digits.ppm", b"P3 9 9 255\n" + b"1" * 5_000_000
    yield "comment.ppm", b"P6\n#" + b"c" * 5_000_000
    yield (
        "cards.fits",
        b"SIMPLE  =                    T".ljust(80) + b"COMMENT x".ljust(80) * 50_000,
    )
    yield "entries.ico", struct.pack("<HHH", 0, 1, 0xFFFF) + bytes(16 * 0xFFFF)


def _canvases() -> Iterator[tuple[str, bytes]]:
    """Change the size in the header of one picture of each format to what nobody has."""
    wanted = {
        ".png": (16, ">II"), ".gif": (6, "<HH"), ".bmp": (18, "<ii"), ".dib": (4, "<ii"),
        ".qoi": (4, ">II"), ".tga": (12, "<HH"), ".psd": (14, ">II"), ".dds": (12, "<II"),
        ".sgi": (6, ">HH"), ".pcx": (8, "<HH"), ".ras": (4, ">II"),
    }  # fmt: skip
    done = set()
    for name, suffix, data in seeds():
        if suffix in wanted and suffix not in done:
            done.add(suffix)
            at, form = wanted[suffix]
            out = bytearray(data)
            out[at : at + struct.calcsize(form)] = struct.pack(form, SIDE, SIDE)
            if name == "PNG":
                out[29:33] = struct.pack(">I", zlib.crc32(bytes(out[12:29])))
            yield f"canvas{suffix}", bytes(out)
        for kind, at in ((b"ispe", 8), (b"ihdr", 4), (b"\xff\x51", 6)):
            place = data.find(kind)
            if suffix in (".heic", ".avif", ".jp2", ".j2k") and place > 0 and suffix not in done:
                done.add(suffix)
                out = bytearray(data)
                out[place + at : place + at + 8] = struct.pack(">II", SIDE, SIDE)
                yield f"canvas{suffix}", bytes(out)
    yield "canvas.ppm", b"P6 60000 60000 255\n" + bytes(100)
    yield "canvas.webp", _webp_canvas()
    yield "canvas.tif", _tiff(SIDE, SIDE)
    yield "strips.tif", _tiff(8000, 8000, strips=4000)
    yield "progressive.jpg", _jpeg_of(SIDE, 0xC2)
    yield "baseline.jpg", _jpeg_of(SIDE, 0xC0)
    frame = io.BytesIO()
    Image.new("1", (16_000, 16_000)).save(frame, "GIF")
    yield "large.gif", frame.getvalue()
    Image.new("L", (7_900, 7_900)).save(frame := io.BytesIO(), "PNG")
    yield "within-the-limit.png", frame.getvalue()


def _png(extra: bytes, side: int = 2) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    pixels = zlib.compress(bytes((side + 1) * side), 9)
    end = png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + extra + png_chunk(b"IDAT", pixels) + end


def _gif(frames: int, extra: bytes = b"") -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", 2, 2, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + extra
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + b"\2\2\x84\x51\0"
    return head + frame * frames + b";"


def _tiff(width: int, height: int, strips: int = 1) -> bytes:
    """Return a TIFF of that size, whose strips are all the same few bytes."""
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
        (273, 4, strips, 0), (277, 3, 1, 1), (278, 4, 1, -(-height // strips)), (279, 4, strips, 0),
    ]  # fmt: skip
    packed = zlib.compress(bytes(width * -(-height // strips)) if strips > 1 else b"\0", 9)
    first = 8
    data_at = first + 2 + 12 * len(tags) + 4
    offsets, counts = data_at + len(packed), data_at + len(packed) + 4 * strips
    out = b"II*\0" + struct.pack("<I", first) + struct.pack("<H", len(tags))
    for tag, kind, count, value in tags:
        if tag == 273:
            value = offsets if strips > 1 else data_at
        if tag == 279:
            value = counts if strips > 1 else len(packed)
        out += struct.pack("<HHII", tag, kind, count, value)
    out += struct.pack("<I", 0) + packed
    return out + struct.pack("<I", data_at) * strips + struct.pack("<I", len(packed)) * strips


def _tiff_chain(directories: int, *, looping: bool) -> bytes:
    out = [b"II*\0" + struct.pack("<I", 8)]
    at = 8
    for number in range(directories):
        last = number == directories - 1
        after = (8 if looping else 0) if last else at + 18
        out.append(struct.pack("<HHHIII", 1, 256, 4, 1, 1, after))
        at += 18
    return b"".join(out)


def _subifds(deep: int) -> bytes:
    out = [b"II*\0" + struct.pack("<I", 8)]
    for number in range(deep):
        below = 8 + 18 * (number + 1) if number < deep - 1 else 8
        out.append(struct.pack("<HHHIII", 1, 330, 4, 1, below, 0))
    return b"".join(out)


def _deep_exif() -> bytes:
    links = (struct.pack("<HHHIII", 1, 34665, 4, 1, 8 + 18 * (n + 1), 0) for n in range(3000))
    return (b"II*\0" + struct.pack("<I", 8) + b"".join(links))[:65_000]


def _app(marker: int, content: bytes) -> bytes:
    content = content[:65_533]
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def _icc(parts: int, content: bytes, *, backwards: bool = False) -> bytes:
    numbers = range(parts, 0, -1) if backwards else range(1, parts + 1)
    return b"".join(
        _app(0xE2, b"ICC_PROFILE\0" + bytes([number, parts]) + content) for number in numbers
    )


def _profile_of_lies() -> bytes:
    """Return a profile whose table of tags points everywhere, itself among it."""
    head = bytearray(struct.pack(">I", 60_000).ljust(128, b"\0"))
    head[12:24] = b"mntrRGB XYZ "
    head[36:40] = b"acsp"
    tags = b"".join(
        struct.pack(">4sII", name, at, 0xFFFFFF)
        for name, at in ((b"rXYZ", 0), (b"A2B0", 128), (b"rTRC", 0xFFFFFFF0), (b"wtpt", 130))
    )
    return bytes(head) + struct.pack(">I", 0xFFFF) + tags * 100


def _nested_xml() -> bytes:
    return b"<a>" * 20_000


def _jpeg(extra: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(buffer, "JPEG")
    data = buffer.getvalue()
    return data[:2] + extra + data[2:]


def _jpeg_of(side: int, marker: int) -> bytes:
    out = bytearray(_jpeg(b""))
    at = out.find(b"\xff\xc0")
    out[at + 1] = marker
    out[at + 5 : at + 9] = struct.pack(">HH", side, side)
    return bytes(out)


def _scans(count: int) -> bytes:
    """Return a progressive JPEG that goes over its pixels again and again."""
    buffer = io.BytesIO()
    Image.new("L", (2000, 2000), "red").save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rfind(b"\xff\xda")
    return data[:-2] + data[last:-2] * count + data[-2:]


def _webp_canvas() -> bytes:
    side = 16_383
    head = b"VP8X" + struct.pack("<IB3x", 10, 2) + (side - 1).to_bytes(3, "little") * 2
    body = b"WEBP" + head + b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    frame = bytes(6) + (side - 1).to_bytes(3, "little") * 2 + bytes(4)
    pixels = b"VP8L" + struct.pack("<IBI", 5, 0x2F, (side - 1) | (side - 1) << 14) + b"\0"
    body += b"ANMF" + struct.pack("<I", len(frame) + len(pixels)) + frame + pixels
    return b"RIFF" + struct.pack("<I", len(body)) + body
