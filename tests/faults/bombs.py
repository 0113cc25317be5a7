"""Files made to cost much: small ones that claim to be huge, and loops, chains and repetitions."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from faults.seeds import chunk, picture, profile, saved
from PIL import Image

_SIDE = 60_000  # pixels: 3,600 megapixels
_FULL = 8_000  # pixels a side: 64 megapixels, which are within the limit
_PNG = b"\x89PNG\r\n\x1a\n"


def bombs() -> dict[str, tuple[str, Callable[[], bytes]]]:
    """Return them all, each made on demand: name -> suffix and maker."""
    return {
        **{f"huge {name}": (suffix, make) for name, suffix, make in _HUGE},
        **{f"full {name}": (suffix, make) for name, suffix, make in _AT_THE_LIMIT},
        **{name: (suffix, make) for name, suffix, make in _OTHERS},
    }


# A few bytes, and a header that says there are 3,600 megapixels


def _huge_png(side: int = _SIDE) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20))
    return _PNG + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _patched(data: bytes, at: int, form: str, *values: int) -> bytes:
    return data[:at] + struct.pack(form, *values) + data[at + struct.calcsize(form) :]


def _huge_gif() -> bytes:
    data = saved(picture("P"), "GIF")
    frame = data.index(b"\x2c\0\0\0\0")
    return _patched(_patched(data, 6, "<HH", _SIDE, _SIDE), frame + 5, "<HH", _SIDE, _SIDE)


def _huge_webp() -> bytes:
    data = saved(picture("RGBA"), "WEBP", save_all=True, append_images=[picture("RGBA")] * 2)
    at = data.index(b"VP8X") + 12
    side = struct.pack("<I", _SIDE - 1)[:3]
    return data[:at] + side + side + data[at + 6 :]


def _huge_lossless_webp() -> bytes:
    bits = struct.pack("<I", 16383 - 1 | (16383 - 1) << 14)
    stream = b"\x2f" + bits + bytes(40)
    body = b"WEBPVP8L" + struct.pack("<I", len(stream)) + stream + b"\0"
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff(
    tags: dict[int, tuple[int, tuple[int, ...]]], rest: bytes = b"", following: int = 0
) -> bytes:
    """Return a little-endian TIFF: tag -> type (3 or 4) and values; `rest` begins at byte 8."""
    first = 8 + len(rest)
    tail, entries = b"", b""
    behind = first + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        data = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        entries += struct.pack("<HHI", tag, kind, len(values))
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", behind + len(tail))
            tail += data
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", first) + rest + directory + tail


def _plain(
    width: int, height: int, **more: tuple[int, tuple[int, ...]]
) -> dict[int, tuple[int, tuple[int, ...]]]:
    """Return the tags of a grey picture in one strip at byte 8; `more` by "t273"."""
    return {
        256: (4, (width,)), 257: (4, (height,)), 258: (3, (8,)), 259: (3, (1,)), 262: (3, (1,)),
        273: (4, (8,)), 277: (3, (1,)), 278: (4, (height,)), 279: (4, (width * height,)),
        **{int(name[1:]): value for name, value in more.items()},
    }  # fmt: skip


def _huge_tiff() -> bytes:
    return tiff(_plain(_SIDE, _SIDE, t279=(4, (100,))), bytes(100))


def _huge_packed_tiff(compression: int) -> bytes:
    data = zlib.compress(bytes(1 << 20)) if compression == 8 else b"\x80\0\x10" * 100
    return tiff(_plain(_SIDE, _SIDE, t259=(3, (compression,)), t279=(4, (len(data),))), data)


def _huge_psd() -> bytes:
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, _SIDE // 2, _SIDE // 2, 8, 3)
    return head + bytes(12) + b"\0\1" + bytes(200)


def _huge_jpeg2000() -> bytes:
    data = saved(picture(), "JPEG2000")
    at = data.index(b"ihdr") + 4
    data = _patched(data, at, ">II", _SIDE, _SIDE)
    at = data.index(b"\xff\x4f\xff\x51") + 8
    data = _patched(data, at, ">II", _SIDE, _SIDE)
    return _patched(data, at + 16, ">II", _SIDE, _SIDE)


def _small_boxes_large_codestream() -> bytes:
    """Return a JPEG 2000 whose box says 72x56 and whose codestream is huge."""
    data = saved(picture(), "JPEG2000")
    at = data.index(b"\xff\x4f\xff\x51") + 8
    return _patched(_patched(data, at, ">II", _SIDE, _SIDE), at + 16, ">II", _SIDE, _SIDE)


def _many_tiles() -> bytes:
    """Return a JPEG 2000 of one pixel a tile, all within the limit."""
    data = saved(picture(), "JPEG2000", no_jp2=True)
    data = _patched(data, 8, ">II", _FULL, _FULL)
    return _patched(data, 24, ">II", 8, 8)


def _huge_heif(name: str) -> bytes:
    data = saved(picture(), name)
    at = data.index(b"ispe") + 8
    return _patched(data, at, ">II", _SIDE, _SIDE)


def _huge_ico() -> bytes:
    inside = _huge_png()
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inside), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + inside


def _huge_bitmap_ico() -> bytes:
    bitmap = struct.pack("<IiiHHIIiiII", 40, _SIDE, 2 * _SIDE, 1, 32, 0, 0, 0, 0, 0, 0)
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(bitmap) + 100, 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + bitmap + bytes(100)


def _huge_icns(kind: bytes = b"ic10") -> bytes:
    inside = _huge_png()
    entry = kind + struct.pack(">I", 8 + len(inside)) + inside
    return b"icns" + struct.pack(">I", 8 + len(entry)) + entry


_HUGE: list[tuple[str, str, Callable[[], bytes]]] = [
    ("PNG", ".png", _huge_png),
    ("PNG of 2^31 - 1", ".png", lambda: _huge_png(0x7FFFFFFF)),
    ("GIF", ".gif", _huge_gif),
    ("WebP", ".webp", _huge_webp),
    ("lossless WebP", ".webp", _huge_lossless_webp),
    ("TIFF", ".tif", _huge_tiff),
    ("TIFF in deflate", ".tif", lambda: _huge_packed_tiff(8)),
    ("TIFF in LZW", ".tif", lambda: _huge_packed_tiff(5)),
    ("TIFF in tiles", ".tif", lambda: tiff(
        {tag: value for tag, value in _plain(72, 56).items() if tag not in {273, 278, 279}}
        | {322: (4, (_SIDE,)), 323: (4, (_SIDE,)), 324: (4, (8,)), 325: (4, (100,)),
           259: (3, (8,))},
        bytes(100))),
    ("BMP", ".bmp", lambda: _patched(saved(picture(), "BMP"), 18, "<ii", _SIDE, _SIDE)),
    ("BMP of negative height", ".bmp",
     lambda: _patched(saved(picture(), "BMP"), 18, "<ii", _SIDE, -_SIDE)),
    ("PSD", ".psd", _huge_psd),
    ("JPEG 2000", ".jp2", _huge_jpeg2000),
    ("JPEG 2000 in a small box", ".jp2", _small_boxes_large_codestream),
    ("HEIF", ".heic", lambda: _huge_heif("HEIF")),
    ("AVIF", ".avif", lambda: _huge_heif("AVIF")),
    ("ICO", ".ico", _huge_ico),
    ("ICO of a bitmap", ".ico", _huge_bitmap_ico),
    ("ICNS", ".icns", _huge_icns),
    ("QOI", ".qoi", lambda: _patched(saved(picture(), "QOI"), 4, ">II", _SIDE, _SIDE)),
    ("TGA", ".tga", lambda: _patched(saved(picture(), "TGA"), 12, "<HH", _SIDE, _SIDE)),
    ("PPM", ".ppm", lambda: b"P6 60000 60000 255\n" + bytes(100)),
    ("plain PPM", ".ppm", lambda: b"P3 60000 60000 255\n" + b"1 " * 100),
    ("DDS", ".dds", lambda: _patched(saved(picture(), "DDS"), 12, "<II", _SIDE, _SIDE)),
    ("SGI", ".sgi", lambda: _patched(saved(picture(), "SGI"), 6, ">HH", _SIDE, _SIDE)),
    ("PCX", ".pcx", lambda: _patched(saved(picture(), "PCX"), 4, "<HHHH", 0, 0, 65534, 65534)),
    ("XBM", ".xbm",
     lambda: b"#define a_width 60000\n#define a_height 60000\nstatic char a[] = {0};"),
    ("MSP", ".msp", lambda: _patched(saved(picture("1"), "MSP"), 4, "<HH", _SIDE, _SIDE)),
    ("SUN", ".ras",
     lambda: struct.pack(">8I", 0x59A66A95, _SIDE, _SIDE, 24, 9, 2, 0, 0) + bytes(99)),
    ("JPEG", ".jpg", lambda: _patched(
        jpeg := saved(picture(), "JPEG"), jpeg.index(b"\xff\xc0") + 5, ">HH", _SIDE, _SIDE)),
    ("progressive JPEG", ".jpg", lambda: _patched(
        jpeg := saved(picture(), "JPEG", progressive=True),
        jpeg.index(b"\xff\xc2") + 5, ">HH", _SIDE, _SIDE)),
]  # fmt: skip


# Small files that hold as many pixels as are allowed


def _flat(
    name: str, mode: str = "RGB", side: int = _FULL, **options: object
) -> Callable[[], bytes]:
    return lambda: saved(Image.new(mode, (side, side)), name, **options)


def _half_frame_jpeg() -> bytes:
    """Return a progressive JPEG of 64 megapixels of which the data end at once."""
    data = saved(picture(), "JPEG", progressive=True)
    return _patched(data, data.index(b"\xff\xc2") + 5, ">HH", _FULL, _FULL)


_AT_THE_LIMIT: list[tuple[str, str, Callable[[], bytes]]] = [
    ("PNG", ".png", _flat("PNG", "RGBA")),
    ("PNG of 16 bits", ".png", lambda: _PNG + chunk(
        b"IHDR", struct.pack(">IIBBBBB", _FULL, _FULL, 16, 6, 0, 0, 0)) + chunk(
        b"IDAT", zlib.compress(bytes((8 * _FULL + 1) * _FULL), 1)) + chunk(b"IEND", b"")),
    ("interlaced PNG", ".png", lambda: _PNG + chunk(
        b"IHDR", struct.pack(">IIBBBBB", _FULL, _FULL, 8, 6, 0, 0, 1)) + chunk(
        b"IDAT", zlib.compress(bytes(5 * _FULL * _FULL), 1)) + chunk(b"IEND", b"")),
    ("GIF", ".gif", _flat("GIF", "P")),
    ("TIFF in deflate", ".tif", _flat("TIFF", "CMYK", compression="tiff_adobe_deflate")),
    ("TIFF of floats", ".tif", _flat("TIFF", "F", compression="tiff_adobe_deflate")),
    ("TIFF of integers", ".tif", _flat("TIFF", "I", compression="tiff_adobe_deflate")),
    ("progressive JPEG", ".jpg", _half_frame_jpeg),
    ("progressive JPEG of 480 scans", ".jpg", lambda: _scans(480 - 6, _FULL)),
    ("WebP", ".webp", _flat("WEBP")),
    ("lossless WebP", ".webp", _flat("WEBP", "RGBA", lossless=True, quality=0, method=0)),
    ("JPEG 2000", ".jp2", _flat("JPEG2000")),
    ("HEIF", ".heic", _flat("HEIF", quality=10)),
    ("AVIF", ".avif", _flat("AVIF", quality=10, speed=10)),
    ("TGA", ".tga", _flat("TGA", "RGBA", compression="tga_rle")),
    ("JPEG 2000 of many tiles", ".j2k", _many_tiles),
    ("QOI", ".qoi", lambda: struct.pack(">4sIIBB", b"qoif", _FULL, _FULL, 4, 0)
     + b"\xfd" * (_FULL * _FULL // 62 + 1) + bytes(7) + b"\1"),
    ("SGI", ".sgi", lambda: struct.pack(">HBBHHHH", 474, 1, 1, 3, _FULL, _FULL, 3).ljust(512, b"\0")
     + struct.pack(">I", 512 + 24 * _FULL) * 3 * _FULL + struct.pack(">I", 127) * 3 * _FULL
     + b"\x7f\0" * 63 + b"\0"),
    ("PSD", ".psd", lambda: struct.pack(">4sH6xHIIHH", b"8BPS", 1, 4, _FULL, _FULL, 8, 4)
     + bytes(12) + b"\0\1" + struct.pack(">H", 126) * 4 * _FULL + b"\x81\0" * 63 * 4 * _FULL),
]  # fmt: skip


# Loops, chains and repetitions


def _many_frames() -> bytes:
    """Return a GIF of 100,000 frames."""
    data = saved(Image.new("P", (8, 8)), "GIF")
    at = data.index(b"\x2c\0\0\0\0")
    return data[:at] + data[at:-1] * 100_000 + b";"


def _many_png_frames() -> bytes:
    frame = struct.pack(">IIIIIHHBB", 1, 8, 8, 0, 0, 1, 1, 0, 0)
    made = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    made += chunk(b"acTL", struct.pack(">II", 0xFFFFFFFF >> 1, 0)) + chunk(b"fcTL", frame) * 50_000
    return _PNG + made + chunk(b"IDAT", zlib.compress(bytes(72))) + chunk(b"IEND", b"")


def _looping_directories() -> bytes:
    return tiff(_plain(72, 56), bytes(72 * 56), following=8 + 72 * 56)


def _chain(count: int) -> bytes:
    """Return a TIFF of so many directories, one after the other."""
    pixels = bytes(72 * 56)
    tags = struct.pack("<H", 9) + b"".join(
        struct.pack("<HHII", tag, kind, 1, values[0])
        for tag, (kind, values) in _plain(72, 56).items()
    )
    first = 8 + len(pixels)
    links = (first + (number + 1) * (len(tags) + 4) for number in range(count))
    return b"II*\0" + struct.pack("<I", first) + pixels + b"".join(
        tags + struct.pack("<I", link) for link in links
    )  # fmt: skip


def _nested(tag: int, count: int, suffix_dng: bool = False) -> bytes:
    """Return a TIFF whose directory has one below, which has one below, and so on round."""
    tags = _plain(72, 56) | ({50706: (4, (0x0401,))} if suffix_dng else {})
    first = 8 + 72 * 56
    length = 2 + 12 * (len(tags) + 1) + 4
    made = b"II*\0" + struct.pack("<I", first) + bytes(72 * 56)
    for number in range(count):
        below = first + (number + 1) % count * length
        entries = {**tags, tag: (4, (below,))}
        made += struct.pack("<H", len(entries)) + b"".join(
            struct.pack("<HHII", tag, kind, 1, values[0])
            for tag, (kind, values) in sorted(entries.items())
        ) + struct.pack("<I", 0)  # fmt: skip
    return made


def _many_entries() -> bytes:
    """Return a TIFF of 25,000 entries, each with the same 64 KiB of values."""
    rest = bytes(72 * 56).ljust(1 << 16, b"\0")
    entries = _plain(72, 56) | dict.fromkeys(range(40_000, 65_535), (3, (0,)))
    made = bytearray(tiff(entries, rest))
    at = 8 + len(rest) + 2 + 12 * 9
    for place in range(at, at + 12 * (65_535 - 40_000), 12):
        struct.pack_into("<HII", made, place + 2, 12, 8192, 8)
    return bytes(made)


def _overlapping_strips(count: int, compression: int) -> bytes:
    """Return a TIFF of 64 megapixels whose strips are all the same few bytes."""
    rows = _FULL // count
    data = bytes(rows * _FULL)
    strip = zlib.compress(data) if compression == 8 else data
    return tiff(
        _plain(
            _FULL, _FULL, t259=(3, (compression,)), t273=(4, (8,) * count), t278=(4, (rows,)),
            t279=(4, (len(strip),) * count),
        ),
        strip,
    )  # fmt: skip


def _many_tiny_strips() -> bytes:
    """Return a TIFF of one pixel that says it has millions of strips."""
    tags = _plain(1, 1, t278=(4, (1,)))
    made = bytearray(tiff(tags, bytes(100)))
    for place in range(8 + 100 + 2, 8 + 100 + 2 + 12 * len(tags), 12):
        if struct.unpack_from("<H", made, place)[0] in {273, 279}:
            struct.pack_into("<II", made, place + 4, 50_000_000, 8)
    return bytes(made)


def _scans(count: int, side: int) -> bytes:
    """Return a progressive JPEG in which a scan that changes nothing comes again and again."""
    data = saved(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    start, end = data[:-2], data[-2:]
    return start + start[start.rindex(b"\xff\xda") :] * count + end


def _with_profile(profile: bytes, name: str = "PNG") -> bytes:
    return saved(picture(), name, icc_profile=profile)


def _profile_of_many_tags(count: int) -> bytes:
    """Return a colour profile that has one table under many names, in a size that cannot be."""
    made = bytearray(profile())
    struct.pack_into(">I", made, 128, count)
    for number in range(min(count, (len(made) - 132) // 12)):
        struct.pack_into(">4sII", made, 132 + 12 * number, b"A2B0", 128, 0xFFFFFF00)
    return bytes(made)


def _profile_of_a_large_table() -> bytes:
    """Return a profile that maps colours by a table of 255 points in each of 15 dimensions."""
    table = (
        struct.pack(">4sIBBBB", b"mft2", 0, 15, 3, 255, 0)
        + bytes(36)
        + struct.pack(">HH", 4096, 4096)
    )
    table += bytes(200_000)
    tags = struct.pack(">I", 1) + struct.pack(">4sII", b"A2B0", 144, len(table))
    size = 144 + len(table)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"scnr", b"RGB ", b"Lab ")
    return head.ljust(36, b"\0") + b"acsp".ljust(92, b"\0") + tags + table


def _text_bomb(kind: bytes, count: int, megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()
    prefix = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}[kind]
    png = saved(picture(), "PNG")
    return png[:33] + chunk(kind, prefix + data) * count + png[33:]


def _exif_of(tags: bytes) -> bytes:
    return b"Exif\0\0II*\0\x08\0\0\0" + tags


def _looping_exif() -> bytes:
    """Return a JPEG whose EXIF is its own details, its own place and its own next directory."""
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, 8) for tag in (0x8769, 0x8825, 0xA005, 0x927C)
    )
    exif = _exif_of(struct.pack("<H", 4) + entries + struct.pack("<I", 8))
    return saved(picture(), "JPEG", exif=exif)


def _wide_exif() -> bytes:
    """Return a PNG with EXIF of thousands of entries, each the same 8 MiB of numbers."""
    count = 5000
    entries = b"".join(
        struct.pack("<HHII", 1000 + number, 3, 1 << 22, 8) for number in range(count)
    )
    exif = _exif_of(struct.pack("<H", count) + entries + bytes(4) + bytes(8 << 20))
    png = saved(picture(), "PNG")
    return png[:33] + chunk(b"eXIf", exif[6:]) + png[33:]


def _wide_details() -> bytes:
    """Return a JPEG whose EXIF has all the entries 64 KiB can hold, each pointing at all of it."""
    count = 5000
    entries = struct.pack("<HHII", 0x8769, 4, 1, 26) + b"".join(
        struct.pack("<HHII", 0x9000 + number, 5, 8000, 8) for number in range(count)
    )
    body = struct.pack("<H", 1) + entries[:12] + bytes(4) + struct.pack("<H", count) + entries[12:]
    return saved(picture(), "JPEG", exif=_exif_of(body))


def _many_segments() -> bytes:
    data = saved(picture(), "JPEG")
    return data[:2] + (b"\xff\xe1\xff\xff" + b"Exif\0\0".ljust(65533, b"\0")) * 1500 + data[2:]


def _many_small_segments() -> bytes:
    data = saved(picture(), "JPEG")
    return data[:2] + b"\xff\xe2\0\x10ICC_PROFILE\0\xff\xff" * 1_000_000 + data[2:]


def _xmp(xmp: bytes) -> bytes:
    png = saved(picture(), "PNG")
    return png[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp) + png[33:]


def _laughs() -> bytes:
    lines = [b'<!ENTITY a0 "ha">']
    lines += [b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)]
    return _xmp(b"<!DOCTYPE x [" + b"".join(lines) + b"]><x>&a11;</x>")


def _overlapping_tiles() -> bytes:
    """Return a HEIF whose one picture is said to be a grid of itself."""
    data = saved(picture(), "HEIF")
    return data.replace(b"hvc1", b"grid")


def _many_psd_layers() -> bytes:
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 56, 72, 8, 3) + bytes(8)
    layer = struct.pack(">4iH", 0, 0, 56, 72, 56) + b"\0\0\0\0\0\x3c" * 56 + bytes(16)
    layers = struct.pack(">h", 32_000) + layer * 8000
    body = struct.pack(">I", len(layers)) + layers
    return head + struct.pack(">I", len(body)) + body + b"\0\0" + bytes(3 * 72 * 56)


def _many_icons(count: int) -> bytes:
    inside = saved(picture(), "PNG")
    at = 6 + 16 * count
    entry = struct.pack("<BBBBHHII", 72, 56, 0, 0, 1, 32, len(inside), at)
    return struct.pack("<HHH", 0, 1, count) + entry * count + inside


_OTHERS: list[tuple[str, str, Callable[[], bytes]]] = [
    ("GIF of 100,000 frames", ".gif", _many_frames),
    ("GIF of a comment of 30 MB", ".gif", lambda: (
        gif := saved(picture("P"), "GIF"))[: (at := gif.index(b"\x2c\0\0\0\0"))]
        + b"\x21\xfe" + (b"\xff" + b"c" * 255) * 120_000 + b"\0" + gif[at:]),
    ("PNG of 50,000 frames", ".png", _many_png_frames),
    ("TIFF of looping directories", ".tif", _looping_directories),
    ("TIFF of 200,000 directories", ".tif", lambda: _chain(200_000)),
    ("TIFF of looping SubIFDs", ".tif", lambda: _nested(330, 1)),
    ("TIFF of 30,000 nested SubIFDs", ".tif", lambda: _nested(330, 30_000)),
    ("TIFF of looping EXIF", ".tif", lambda: _nested(0x8769, 2)),
    ("DNG of looping SubIFDs", ".dng", lambda: _nested(330, 1, suffix_dng=True)),
    ("DNG of 30,000 nested SubIFDs", ".dng", lambda: _nested(330, 30_000, suffix_dng=True)),
    ("NEF of looping directories", ".nef", _looping_directories),
    ("NEF of 200,000 directories", ".nef", lambda: _chain(200_000)),
    ("TIFF of 25,000 entries", ".tif", _many_entries),
    ("TIFF of overlapping strips", ".tif", lambda: _overlapping_strips(_FULL, 1)),
    ("TIFF of overlapping deflated strips", ".tif", lambda: _overlapping_strips(_FULL, 8)),
    ("TIFF of 50,000,000 strips", ".tif", _many_tiny_strips),
    ("JPEG of 5,000 scans", ".jpg", lambda: _scans(5_000, 2000)),
    ("JPEG of 50,000 scans", ".jpg", lambda: _scans(50_000, 1000)),
    ("JPEG of 1,500 long segments", ".jpg", _many_segments),
    ("JPEG of 1,000,000 segments", ".jpg", _many_small_segments),
    ("JPEG of looping EXIF", ".jpg", _looping_exif),
    ("JPEG of wide EXIF", ".jpg", _wide_details),
    ("PNG of wide EXIF", ".png", _wide_exif),
    ("PNG of a profile of 60 MB", ".png", lambda: _with_profile(profile() + bytes(60 << 20))),
    ("PNG of a profile of zeros", ".png", lambda: _with_profile(bytes(10_000))),
    ("PNG of a profile of many tags", ".png", lambda: _with_profile(_profile_of_many_tags(100))),
    ("PNG of a profile of too many tags", ".png",
     lambda: _with_profile(_profile_of_many_tags(0xFFFFFFFF))),
    ("PNG of a profile of a large table", ".png",
     lambda: _with_profile(_profile_of_a_large_table())),
    ("JPEG of a profile of a large table", ".jpg",
     lambda: _with_profile(_profile_of_a_large_table(), "JPEG")),
    ("iCCP bomb", ".png", lambda: _text_bomb(b"iCCP", 1, 1000)),
    ("zTXt bomb", ".png", lambda: _text_bomb(b"zTXt", 1, 1000)),
    ("iTXt bomb", ".png", lambda: _text_bomb(b"iTXt", 1, 1000)),
    ("zTXt bombs", ".png", lambda: _text_bomb(b"zTXt", 2000, 1)),
    ("PNG of 10 MB of XMP", ".png", lambda: _xmp(b"<a>" * 3_000_000)),
    ("XMP of entities in entities", ".png", _laughs),
    ("HEIF that is a grid of itself", ".heic", _overlapping_tiles),
    ("PSD of 8,000 layers", ".psd", _many_psd_layers),
    ("ICO of 65,535 pictures", ".ico", lambda: _many_icons(65_535)),
    ("PPM of an endless comment", ".ppm", lambda: b"P6 #" + b"c" * 20_000_000),
    ("PPM of an endless number", ".ppm", lambda: b"P6 " + b"1" * 20_000_000),
    ("XPM of 5,000,000 colours", ".xpm", lambda: b'/* XPM */\n"9 9 5000000 1",\n'
     + b'"a c #FF0000",\n' * 1_000_000),
    ("XBM of 20 MB of spaces", ".xbm", lambda: b"#define a_width 9\n" + b" \n" * 10_000_000),
    ("FITS of 500,000 cards", ".fits", lambda: b"SIMPLE  =                    T".ljust(80)
     + b"COMMENT".ljust(80) * 500_000),
    ("BLP of 2 GB of palette", ".blp", lambda: b"BLP2" + struct.pack(
        "<IBBBBII", 1, 1, 8, 0, 0, 8000, 8000) + struct.pack("<32I", *[1172] * 16, *[64] * 16)
     + bytes(1100)),
    ("only zeros, 100 MB", ".tga", lambda: bytes(100_000_000)),
]  # fmt: skip
