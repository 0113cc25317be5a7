"""Small sound pictures of every format that vsearch opens, to be damaged by `mutations`."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageCms
from unit.images.test_raw import make_dng

from vsearch.images import formats

_SIZE = (72, 56)


@dataclass(frozen=True, slots=True)
class Seed:
    """A picture file: `format` as it is counted, `name` of the variant, and how it is named."""

    format: str
    name: str
    suffix: str
    data: bytes


def seeds() -> list[Seed]:
    """Return them all, each of some hundred bytes to some kilobytes; the same ones every time."""
    formats.load_plugins()
    return [*_written(), *_built()]


def picture(mode: str = "RGB", size: tuple[int, int] = _SIZE) -> Image.Image:
    """Return a picture of a mode that is neither flat nor noise, so that coders have work to do."""
    bands = [
        Image.linear_gradient("L").resize(size),
        Image.radial_gradient("L").resize(size),
        Image.effect_mandelbrot(size, (-2.0, -1.2, 1.0, 1.2), 40),
        Image.linear_gradient("L").rotate(90).resize(size),
    ]
    if mode in {"RGBA", "LA", "RGBa"}:
        made = Image.merge("RGBA", bands)
        return made if mode == "RGBA" else made.convert(mode)
    if mode == "CMYK":
        return Image.merge("CMYK", bands)
    colour = Image.merge("RGB", bands[:3])
    if mode == "I;16":
        sixteen = bytes(byte for value in bands[2].tobytes() for byte in (value, 255 - value))
        return Image.frombytes("I;16", size, sixteen)
    if mode == "LAB":
        return Image.frombytes("LAB", size, colour.tobytes())
    return colour if mode == "RGB" else colour.convert(mode)


def saved(image: Image.Image, name: str, **options: Any) -> bytes:
    """Return the file of a picture in one of Pillow's formats."""
    file = io.BytesIO()
    if "append_images" in options:  # saving leaves the settings of its format in them
        options["append_images"] = [frame.copy() for frame in options["append_images"]]
    image.save(file, name, **options)
    return file.getvalue()


def exif() -> Image.Exif:
    """Return EXIF with all that vsearch reads, and a thumbnail's and a place's directories."""
    made = Image.Exif()
    made[0x010F], made[0x0110], made[0x0112] = "Maker", "Model 1", 6
    made[0x0132] = "2024:02:29 08:09:10"
    made.get_ifd(0x8769).update({0x9003: "2024:02:29 08:09:10", 0x927C: bytes(40)})
    made.get_ifd(0x8825).update({1: "N", 2: (1.0, 2.0, 3.0)})
    return made


def profile() -> bytes:
    """Return a colour profile that is not passed over: one that does not call itself sRGB."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made.replace(b"sRGB", b"xRGB").replace("sRGB".encode("utf-16-be"), b"\0x\0R\0G\0B")


_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF tiff:Orientation="3"/></x:xmpmeta>'


def _written() -> Iterator[Seed]:
    """Yield what Pillow and pillow-heif can write."""
    rgb, frames = picture(), [picture().rotate(angle) for angle in (30, 60)]
    meta: dict[str, Any] = {"exif": exif(), "icc_profile": profile()}
    several: dict[str, Any] = {"save_all": True, "append_images": frames}

    def seed(name: str, variant: str, suffix: str, image: Image.Image, **options: Any) -> Seed:
        return Seed(name, f"{name} {variant}".strip(), suffix, saved(image, name, **options))

    for variant, mode, options in (
        ("baseline", "RGB", {}), ("progressive", "RGB", {"progressive": True}),
        ("grey", "L", {}), ("CMYK", "CMYK", {}), ("with EXIF", "RGB", {**meta, "xmp": _XMP}),
        ("restarts", "RGB", {"restart_marker_blocks": 4}), ("4:4:4", "RGB", {"subsampling": 0}),
        ("progressive CMYK", "CMYK", {"progressive": True, **meta}),
        ("comment", "RGB", {"comment": b"c" * 90, "keep_rgb": True}),
    ):  # fmt: skip
        yield seed("JPEG", variant, ".jpg", picture(mode), **options)
    yield seed("MPO", "", ".mpo", rgb, **several)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield seed("PNG", mode, ".png", picture(mode))
    yield seed("PNG", "with EXIF", ".png", rgb, **meta)
    yield seed("PNG", "animated", ".png", rgb, **several)
    yield seed("PNG", "transparent", ".png", picture("P"), transparency=3)
    yield seed("PNG", "4 colours", ".png", rgb.quantize(4), bits=2)
    yield Seed("PNG", "PNG interlaced", ".png", _interlaced_png())
    yield seed("GIF", "", ".gif", picture("P"))
    yield seed("GIF", "animated", ".gif", rgb, **several, duration=20, loop=0, disposal=2)
    yield seed("GIF", "transparent", ".gif", picture("P"), transparency=1, comment=b"c" * 300)
    for variant, options in (
        ("lossy", {}), ("lossless", {"lossless": True}), ("animated", several),
        ("with EXIF", {**meta, "xmp": _XMP}), ("animated lossless", {**several, "lossless": True}),
    ):  # fmt: skip
        yield seed("WEBP", variant, ".webp", rgb, **options)
    yield seed("WEBP", "transparent", ".webp", picture("RGBA"))
    yield from _tiffs(several, meta)
    for name, suffix, modes in (
        ("BMP", ".bmp", ("1", "L", "P", "RGB", "RGBA")), ("DIB", ".dib", ("RGB",)),
        ("PPM", ".ppm", ("1", "L", "RGB", "I;16", "F")), ("TGA", ".tga", ("L", "P", "RGB", "RGBA")),
        ("PCX", ".pcx", ("1", "L", "P", "RGB")), ("SGI", ".sgi", ("L", "RGB", "RGBA")),
        ("DDS", ".dds", ("L", "LA", "RGB", "RGBA")), ("MSP", ".msp", ("1",)),
        ("XBM", ".xbm", ("1",)), ("QOI", ".qoi", ("RGB", "RGBA")), ("BLP", ".blp", ("P",)),
        ("JPEG2000", ".jp2", ("L", "LA", "RGB", "RGBA", "I;16")), ("ICO", ".ico", ("RGBA",)),
    ):  # fmt: skip
        for mode in modes:
            yield seed(name, mode, suffix, picture(mode))
    yield seed("TGA", "RLE", ".tga", rgb, compression="tga_rle")
    for pixel_format in ("DXT1", "DXT3", "DXT5", "BC2", "BC3", "BC5"):
        image = picture("RGB" if pixel_format == "BC5" else "RGBA")
        yield seed("DDS", pixel_format, ".dds", image, pixel_format=pixel_format)
    yield seed("ICO", "bitmaps", ".ico", rgb, bitmap_format="bmp", sizes=[(16, 16), (32, 32)])
    yield seed("JPEG2000", "codestream", ".j2k", rgb, no_jp2=True)
    yield seed(
        "JPEG2000", "tiled", ".jp2", rgb,
        tile_size=(32, 32), irreversible=True, quality_layers=[20, 5], quality_mode="rates",
    )  # fmt: skip
    for name, suffix in (("AVIF", ".avif"), ("HEIF", ".heic")):
        yield seed(name, "", suffix, rgb)
        yield seed(name, "transparent", suffix, picture("RGBA"))
        yield seed(name, "with EXIF", suffix, rgb, **meta)
        yield seed(name, "animated", suffix, rgb, **several)


def _tiffs(several: dict[str, Any], meta: dict[str, Any]) -> Iterator[Seed]:
    def seed(variant: str, image: Image.Image, **options: Any) -> Seed:
        return Seed("TIFF", f"TIFF {variant}", ".tif", saved(image, "TIFF", **options))

    for compression in (
        "raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "jpeg", "lzma",
        "zstd",
    ):  # fmt: skip
        try:
            yield seed(compression, picture(), compression=compression)
        except (OSError, ValueError, RuntimeError, KeyError):
            continue  # libtiff was built without it
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield seed(compression, picture("1"), compression=compression)
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F", "LAB", "YCbCr"):
        yield seed(mode, picture(mode))
    yield seed("tiled", picture(), tiffinfo={322: 32, 323: 32}, compression="tiff_lzw")
    yield seed("strips", picture(), strip_size=500, compression="tiff_lzw")
    yield seed("LZW with predictor", picture(), compression="tiff_lzw", tiffinfo={317: 2})
    yield seed("several pages", picture(), **several)
    yield seed("with EXIF", picture(), **meta)
    yield seed("big", picture(), big_tiff=True)
    yield Seed("TIFF", "TIFF big-endian", ".tif", _big_endian_tiff())


def _big_endian_tiff() -> bytes:
    """Return a grey TIFF with the greater bytes first, with a second directory and a SubIFD."""
    pixels = picture("L").tobytes()
    width, height = _SIZE
    tags = [(256, 3, width), (257, 3, height), (258, 3, 8), (259, 3, 1), (262, 3, 1)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 3, height), (279, 4, len(pixels))]
    first, length = 8 + len(pixels), 2 + 12 * (len(tags) + 1) + 4
    made = b"MM\0*" + struct.pack(">I", first) + pixels
    for following in (first + length, 0):
        made += struct.pack(">H", len(tags) + 1)
        for tag, kind, value in tags:
            made += struct.pack(">HHI", tag, kind, 1)
            made += struct.pack(">HH" if kind == 3 else ">I", *([value, 0][: 5 - kind]))
        made += struct.pack(">HHII", 330, 13, 1, first + length) + struct.pack(">I", following)
    return made


def _interlaced_png() -> bytes:
    """Return an RGB PNG in Adam7: Pillow writes none, and reads them."""
    import zlib

    image = picture()
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    rows = b""
    for left, top, across, down in (*passes, (0, 1, 1, 2)):
        for y in range(top, image.height, down):
            row = image.crop((0, y, image.width, y + 1)).tobytes()
            columns = range(left, image.width, across)
            rows += b"\0" + b"".join(row[3 * x : 3 * x + 3] for x in columns)
    header = struct.pack(">IIBBBBB", *_SIZE, 8, 2, 0, 0, 1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    import zlib

    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _built() -> Iterator[Seed]:
    """Yield what Pillow reads and does not write, laid out by hand as the formats have it."""
    rgb, palette = picture(), picture("P")
    width, height = _SIZE
    grey = picture("L").tobytes()
    dngs = {
        "": make_dng(),
        "with preview": make_dng(preview=rgb),
        "turned": make_dng(orientation=6, preview=rgb),
    }
    for variant, data in dngs.items():
        yield Seed("RAW", f"RAW {variant}".strip(), ".dng", data)
    yield Seed("RAW", "RAW named NEF", ".nef", saved(rgb, "TIFF", compression="tiff_lzw"))

    plain = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, height, width, 8, 3) + bytes(12)
    planes = b"".join(rgb.getchannel(band).tobytes() for band in "RGB")
    yield Seed("PSD", "PSD", ".psd", plain + b"\0\0" + planes)
    packed = b"".join(b"\x3f" + bytes(64) + b"\x07" + bytes(8) for _ in range(3 * height))
    lengths = struct.pack(">H", 74) * (3 * height)
    yield Seed("PSD", "PSD packed", ".psd", plain + b"\0\1" + lengths + packed)

    icon = struct.pack("<HHHBBBBHHII", 0, 2, 1, 32, 32, 0, 0, 1, 1, 40 + 3 * 32 * 32 + 128, 22)
    bitmap = struct.pack("<IiiHHIIiiII", 40, 32, 64, 1, 24, 0, 0, 0, 0, 0, 0)
    yield Seed("CUR", "CUR", ".cur", icon + bitmap + rgb.resize((32, 32)).tobytes() + bytes(128))

    page = saved(rgb, "PCX")
    yield Seed("DCX", "DCX", ".dcx", struct.pack("<III", 0x3ADE68B1, 12, 0) + page)

    cards = ["SIMPLE  =                    T", "BITPIX  =                    8",
             "NAXIS   =                    2", f"NAXIS1  = {width:20}", f"NAXIS2  = {height:20}",
             "END"]  # fmt: skip
    header = "".join(card.ljust(80) for card in cards).ljust(2880).encode()
    yield Seed("FITS", "FITS", ".fits", header + grey.ljust(5760, b"\0"))

    packed = (b"\x7f" + bytes(range(128)) + b"\xff\x07" * 6 + b"\xf1\x07") * 3
    for variant, kind, data in (
        ("PNG", b"ic07", saved(picture("RGBA", (128, 128)), "PNG")),
        ("JPEG 2000", b"ic07", saved(picture("RGBA", (128, 128)), "JPEG2000")),
        ("packed", b"il32", packed),
    ):
        entry = kind + struct.pack(">I", 8 + len(data)) + data
        file = b"icns" + struct.pack(">I", 8 + len(entry)) + entry
        yield Seed("ICNS", f"ICNS {variant}", ".icns", file)
    yield Seed("FLI", "FLI", ".fli", _fli(grey))
    yield Seed("GBR", "GBR", ".gbr", struct.pack(">7I", 32, 2, 48, 84, 1, 0x47494D50, 10) +
               b"gbr\0" + grey[: 48 * 84])  # fmt: skip
    head = struct.pack("<4s5I2I", b"FTEX", 1, width, height, 1, 1, 1, 32)
    yield Seed("FTEX", "FTEX", ".ftu", head + struct.pack("<I", len(planes)) + rgb.tobytes())
    compressed = saved(picture("RGBA"), "DDS", pixel_format="DXT1")[128:]
    head = struct.pack("<4s5I2I", b"FTEX", 1, width, height, 1, 1, 0, 32)
    yield Seed("FTEX", "FTEX DXT1", ".ftc", head + struct.pack("<I", len(compressed)) + compressed)
    sun = struct.pack(">8I", 0x59A66A95, width, height, 24, len(planes), 1, 0, 0)
    yield Seed("SUN", "SUN", ".ras", sun + rgb.tobytes())
    sun = struct.pack(">8I", 0x59A66A95, width, height, 8, 90, 2, 1, 768)
    yield Seed("SUN", "SUN packed", ".ras", sun + bytes(range(256)) * 3 + b"\x80\x7f\x05" * 60)
    pixar = b"\x80\xe8\0\0".ljust(416, b"\0") + struct.pack("<HHIHH", height, width, 0, 14, 2)
    yield Seed("PIXAR", "PIXAR", ".pxr", pixar.ljust(1024, b"\0") + rgb.tobytes())
    thumbnail = b"P7 332\n#END_OF_COMMENTS\n" + f"{width} {height} 255\n".encode()
    yield Seed("XVTHUMB", "XVTHUMB", "", thumbnail + palette.tobytes())
    photo = bytes(2048) + b"PCD_" + bytes(96 * 2048 + 3 * 768 * 256 - 2052)
    yield Seed("PCD", "PCD", ".pcd", photo)
    yield Seed("XPM", "XPM", ".xpm", _xpm())
    plain_text = f"P3 {width} {height} 255\n" + " ".join(map(str, rgb.tobytes()))
    yield Seed("PPM", "PPM plain", ".ppm", plain_text.encode())
    yield Seed("BLP", "BLP2", ".blp", _blp2(compressed))


def _fli(grey: bytes) -> bytes:
    width, height = _SIZE
    colours = struct.pack("<IHHBB", 6 + 4 + 768, 4, 1, 0, 0) + bytes(range(256)) * 3
    pixels = struct.pack("<IH", 6 + len(grey), 16) + grey
    frame = struct.pack("<IHH8x", 16 + len(colours + pixels), 0xF1FA, 2) + colours + pixels
    head = struct.pack("<IHHHHHHI", 128 + len(frame), 0xAF12, 1, width, height, 8, 3, 70)
    return head.ljust(80, b"\0") + struct.pack("<I", 128).ljust(48, b"\0") + frame


def _xpm() -> bytes:
    width, height = _SIZE
    rows = ",\n".join(f'"{"ab" * (width // 2)}"' for _ in range(height))
    return (
        "/* XPM */\nstatic char *x[] = {\n"
        f'"{width} {height} 2 1",\n"a c #FF0000",\n"b c #00FF00",\n{rows}\n}};\n'
    ).encode()


def _blp2(compressed: bytes) -> bytes:
    width, height = _SIZE
    places = [20 + 128 + 1024] + [0] * 15
    lengths = [len(compressed)] + [0] * 15
    head = struct.pack("<4sIBBBBII", b"BLP2", 1, 2, 0, 0, 0, width, height)
    return head + struct.pack("<32I", *places, *lengths) + bytes(1024) + compressed
