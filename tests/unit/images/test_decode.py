"""`decode`: any file to upright RGB, or one reason why not."""

import contextlib
import io
import random
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from vsearch.errors import ImageError, SkipReason
from vsearch.images import formats
from vsearch.images.decode import Decoded, decode
from vsearch.images.raster import _is_one_scan

PHOTOS = Path(__file__).parents[3] / "examples/photos"
formats.load_plugins()  # so that Pillow can also save HEIF here


def dec(data: bytes, *, shorter: int = 8, pixel_limit: int = 10**6, suffix: str = "") -> Decoded:
    return decode(data, shorter=shorter, pixel_limit=pixel_limit, suffix=suffix)


def saved(image: Image.Image, name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def quarters(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Return a picture with red, green, blue and yellow corners, in reading order."""
    image = Image.new("RGB", (2, 2))
    image.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)])
    return image.resize(size, Image.Resampling.NEAREST)


def corners(image: Image.Image) -> str:
    """Read a `quarters` picture back as letters, in reading order."""
    letters: dict[tuple[int, ...], str]
    letters = {(1, 0, 0): "r", (0, 1, 0): "g", (0, 0, 1): "b", (1, 1, 0): "y"}
    width, height = image.size
    places = [(x, y) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return "".join(
        letters.get(tuple(round(v / 255) for v in pixel(image, *place)), "?") for place in places
    )


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    value = image.getpixel((x, y))
    assert isinstance(value, tuple)
    return value


def failure(data: bytes, **options: Any) -> tuple[SkipReason, str]:
    with pytest.raises(ImageError) as caught:
        dec(data, **options)
    return caught.value.reason, caught.value.detail


# ----------------------------------------------------------------------------------- formats

FORMATS: list[tuple[str, str, dict[str, Any]]] = [
    ("JPEG", "", {"quality": 95}), ("JPEG", "", {"quality": 95, "progressive": True}),
    ("MPO", "", {"quality": 95, "save_all": True}), ("PNG", "", {}),
    ("WEBP", "", {"lossless": True}),
    ("HEIF", "", {"quality": 90}), ("AVIF", "", {"quality": 90}), ("BMP", "", {}), ("PPM", "", {}),
    ("TIFF", "", {}), ("TIFF", "", {"compression": "tiff_lzw"}),
    ("TIFF", "", {"compression": "jpeg"}),
    ("TIFF", "", {"compression": "tiff_adobe_deflate"}), ("JPEG2000", "", {}), ("SGI", "", {}),
    ("PCX", ".pcx", {}), ("TGA", ".tga", {}), ("TGA", ".TGA", {"compression": "tga_rle"}),
    ("DDS", "", {}), ("QOI", "", {}), ("DIB", ".dib", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "suffix", "options"),
    FORMATS,
    ids=[f"{n}-{'-'.join(map(str, o))}" for n, _, o in FORMATS],
)
def test_every_format_gives_the_same_picture(
    name: str, suffix: str, options: dict[str, Any]
) -> None:
    decoded = dec(saved(quarters(), name, **options), shorter=48, suffix=suffix)
    assert decoded.image.mode == "RGB"
    assert decoded.image.size == (decoded.facts.width, decoded.facts.height) == (64, 48)
    assert corners(decoded.image) == "rgby"
    assert decoded.facts.format == {"MPO": "JPEG", "DIB": "BMP"}.get(name, name)


@pytest.mark.parametrize("suffix", ["", ".txt", ".png", ".nef", ".heic"])
def test_the_content_decides_not_the_suffix(suffix: str) -> None:
    assert dec(saved(quarters(), "JPEG"), suffix=suffix).facts.format == "JPEG"
    assert dec(saved(quarters(), "TIFF"), suffix=suffix).facts.format == "TIFF"


@pytest.mark.parametrize("path", sorted(PHOTOS.glob("IMG_*")), ids=lambda path: path.name)
def test_every_example_photo_is_decoded(path: Path) -> None:
    decoded = dec(path.read_bytes(), shorter=64, suffix=path.suffix)
    assert decoded.image.mode == "RGB"
    assert min(decoded.image.size) >= 64
    with Image.open(path) as opened:
        turned = path.name == "IMG_0024.jpg"
        assert (decoded.facts.width, decoded.facts.height) == opened.size[:: -1 if turned else 1]


def test_the_first_frame_is_taken() -> None:
    frames = [quarters().rotate(0 if i == 0 else 180) for i in range(100)]
    for name in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"):
        data = saved(frames[0], name, save_all=True, append_images=frames[1:3])
        assert corners(dec(data).image) == "rgby", name
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=20)
    assert corners(dec(data).image) == "rgby"


# --------------------------------------------------------------------------------- upright


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_is_turned_upright_exactly_once(name: str, orientation: int) -> None:
    # How a camera held in each of the eight ways stores the upright picture: the inverse turn.
    stored = {
        1: quarters(), 2: quarters().transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: quarters().transpose(Image.Transpose.ROTATE_180),
        4: quarters().transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: quarters().transpose(Image.Transpose.TRANSPOSE),
        6: quarters().transpose(Image.Transpose.ROTATE_90),
        7: quarters().transpose(Image.Transpose.TRANSVERSE),
        8: quarters().transpose(Image.Transpose.ROTATE_270),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = dec(saved(stored, name, exif=exif), shorter=48)
    assert corners(decoded.image) == "rgby"
    assert decoded.image.size == (decoded.facts.width, decoded.facts.height) == (64, 48)


@pytest.mark.parametrize(
    ("angle", "expected"), [(0, "rgby"), (1, "gyrb"), (2, "ybgr"), (3, "bryg")]
)
def test_a_heic_is_turned_by_its_own_property_and_not_again_by_exif(
    angle: int, expected: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # as phones write it beside the property, which alone counts
    data = saved(quarters((64, 64)), "HEIF", exif=exif)
    # The box of bit depths becomes one of the rotation, in quarter turns anticlockwise.
    at = data.index(b"pixi")
    turned = data[:at] + b"irot" + bytes([angle]) + data[at + 5 :]
    assert corners(dec(turned).image) == expected


def test_orientation_moves_each_pixel_to_its_place() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    image = dec(saved(Image.fromarray(pixels), "PNG", exif=exif)).image
    assert np.asarray(image)[:, :, 0].tolist() == [[120, 0], [160, 40], [200, 80]]


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert corners(dec(saved(quarters(), "JPEG", exif=exif)).image) == "rgby"


def test_broken_exif_does_not_make_a_broken_picture() -> None:
    data = saved(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 40)
    decoded = dec(data)
    assert corners(decoded.image) == "rgby"
    assert (decoded.facts.taken_at, decoded.facts.camera) == (None, None)


# ----------------------------------------------------------------------------------- scale


@pytest.mark.parametrize(
    ("size", "shorter", "expected"),
    [((3200, 2400), 224, (800, 600)), ((3584, 3584), 224, (448, 448)),
     ((500, 375), 224, (500, 375)), ((100, 80), 224, (100, 80)), ((4000, 100), 224, (4000, 100)),
     ((3200, 2400), 1200, (3200, 2400))],
)  # fmt: skip
def test_a_jpeg_is_decoded_at_the_least_scale_that_keeps_twice_the_size(
    size: tuple[int, int], shorter: int, expected: tuple[int, int]
) -> None:
    decoded = dec(saved(quarters(size), "JPEG"), shorter=shorter, pixel_limit=10**8)
    assert decoded.image.size == expected
    assert (decoded.facts.width, decoded.facts.height) == size
    assert corners(decoded.image) == "rgby"


# ----------------------------------------------------------------------------------- limits


def huge_png(width: int, height: int) -> bytes:
    """Return a PNG whose header alone is there: decoding a pixel of it would be an error."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", zlib.crc32(header))
    )


def huge_jpeg(progressive: bool) -> bytes:
    """Return a small JPEG that says it has 60000 x 60000 pixels."""
    data = saved(quarters(), "JPEG", progressive=progressive)
    marker = b"\xff\xc2" if progressive else b"\xff\xc0"
    at = data.index(marker) + 5
    return data[:at] + struct.pack(">HH", 60000, 60000) + data[at + 4 :]


def test_a_bomb_is_refused_by_its_header() -> None:
    assert failure(huge_png(60000, 60000), pixel_limit=178_000_000) == (
        SkipReason.TOO_LARGE,
        "60000x60000 is 3600 megapixels, the limit is 178; raise it with --max-megapixels",
    )


def test_a_bomb_inside_an_icon_is_refused_too() -> None:
    inside = huge_png(60000, 60000)
    icon = struct.pack("<HHH", 0, 1, 1) + struct.pack(
        "<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inside), 22
    )
    assert failure(icon + inside)[0] is SkipReason.TOO_LARGE


def test_a_jpeg_counts_as_large_as_it_is_decoded() -> None:
    data = saved(Image.new("RGB", (4000, 3000), "red"), "JPEG")
    assert dec(data, shorter=224, pixel_limit=1_000_000).image.size == (1000, 750)
    progressive = saved(Image.new("RGB", (4000, 3000), "red"), "JPEG", progressive=True)
    assert failure(progressive, shorter=224, pixel_limit=1_000_000)[0] is SkipReason.TOO_LARGE


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
def test_a_huge_jpeg_is_refused_all_the_same(progressive: bool) -> None:
    assert failure(huge_jpeg(progressive), pixel_limit=64_000_000)[0] is SkipReason.TOO_LARGE


def test_whether_a_jpeg_is_in_one_scan_is_read_from_its_markers() -> None:
    assert _is_one_scan(saved(quarters(), "JPEG"))
    assert _is_one_scan(saved(quarters().convert("L"), "JPEG"))
    one = saved(quarters(), "JPEG")
    at = one.index(b"\xff\xda") + 4
    assert not _is_one_scan(one[:at] + b"\1" + one[at + 1 :])
    assert not _is_one_scan(one[:40])


def test_what_would_be_read_for_minutes_is_refused() -> None:
    comment = b"P6 8 8 #" + b"c" * 100_000 + b"\n255\n" + bytes(192)
    assert failure(comment) == (SkipReason.DAMAGED, "PPM: the header has more than 65,536 bytes")
    assert failure(b"P6" + b" " * 100_000)[0] is SkipReason.DAMAGED
    progressive = saved(quarters(), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    scans = progressive.count(b"\xff\xda")
    assert corners(dec(progressive[:-2] + scan * (500 - scans) + b"\xff\xd9").image) == "rgby"
    assert failure(progressive[:-2] + scan * (501 - scans) + b"\xff\xd9") == (
        SkipReason.DAMAGED,
        "JPEG: 501 scans",
    )
    segment = b"\xff\xe1\0\x0aExif\0\0\0\0"
    assert corners(dec(JPEG[:2] + segment * 100 + JPEG[2:]).image) == "rgby"
    assert failure(JPEG[:2] + segment * 101 + JPEG[2:]) == (
        SkipReason.DAMAGED,
        "JPEG: 101 segments of EXIF",
    )


def test_what_looks_like_that_and_is_not_is_decoded() -> None:
    plain = b"P3 64 48 255\n" + b"10 20 30\n" * 64 * 48 + b"# " + b"c" * 100_000
    assert dec(plain).image.size == (64, 48)
    assert dec(b"P6 #" + b"c" * 60_000 + b"\n8 8 255\n" + bytes(192)).image.size == (8, 8)
    film = b"\xff\xda\xff\xe1" * 1000  # of a motion photo, behind the picture
    assert corners(dec(JPEG + film).image) == "rgby"
    assert (
        corners(dec(JPEG[:2] + b"\xff\xe2\x10\x02" + b"\xff\xda\xff\xe1" * 1024 + JPEG[2:]).image)
        == "rgby"
    )


# ----------------------------------------------------------------------------------- faults

JPEG = saved(quarters(), "JPEG")
PNG = saved(quarters(), "PNG")


@pytest.mark.parametrize(
    ("data", "suffix", "reason"),
    [
        (b"", ".png", SkipReason.EMPTY),
        (b"Dear diary, today ...", ".jpg", SkipReason.NOT_AN_IMAGE),
        (b"BMW is a maker of cars", "", SkipReason.NOT_AN_IMAGE),
        (b"P5 is a road in Latvia", "", SkipReason.NOT_AN_IMAGE),
        (bytes(10_000), ".jpg", SkipReason.NOT_AN_IMAGE),
        (b"\x7fELF" + bytes(100), "", SkipReason.NOT_AN_IMAGE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ".png", SkipReason.NOT_AN_IMAGE),
        (JPEG[: len(JPEG) // 2], ".jpg", SkipReason.DAMAGED),
        (JPEG[:20], ".jpg", SkipReason.DAMAGED),
        (PNG[: len(PNG) // 2], ".png", SkipReason.DAMAGED),
        (PNG[:8], ".png", SkipReason.DAMAGED),
        (PNG[:45] + b"\xff" * 20 + PNG[65:], ".png", SkipReason.DAMAGED),
        (saved(quarters((256, 256)), "HEIF")[:400], ".heic", SkipReason.DAMAGED),
        (saved(quarters(), "AVIF")[:200], ".avif", SkipReason.DAMAGED),
        (saved(quarters(), "WEBP")[:60], ".webp", SkipReason.DAMAGED),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "", SkipReason.UNSUPPORTED),
        (b"\xff\x0a" + bytes(50), "", SkipReason.UNSUPPORTED),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", ".eps", SkipReason.UNSUPPORTED),
        (b"FUJIFILMCCD-RAW 0201" + bytes(500), ".raf", SkipReason.UNSUPPORTED),
    ],
    ids=["empty", "text named jpg", "text with BM", "text with P5", "zeros named jpg", "program",
         "SVG", "half a JPEG", "start of a JPEG", "half a PNG", "signature of a PNG",
         "PNG with bad data", "half a HEIC", "half an AVIF", "half a WebP", "JPEG XL",
         "bare JPEG XL",
         "PostScript", "RAF header"],
)  # fmt: skip
def test_what_cannot_be_decoded_has_one_reason(
    data: bytes, suffix: str, reason: SkipReason
) -> None:
    found, detail = failure(data, suffix=suffix)
    assert found is reason, detail
    assert not detail or detail.isprintable()


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "HEIF", "AVIF", "BMP"])
def test_damage_of_any_kind_is_an_image_error_or_a_picture(name: str) -> None:
    random_ = random.Random(name)
    good = saved(quarters(), name)
    for _ in range(60):
        data = bytearray(good)
        for _ in range(random_.choice([1, 3, 10])):
            data[random_.randrange(len(data))] = random_.randrange(256)
        with contextlib.suppress(ImageError):
            assert dec(bytes(data)).image.mode == "RGB"


def test_a_png_of_a_palette_that_is_missing_is_damaged() -> None:
    png = saved(quarters().quantize(4), "PNG")
    at = png.index(b"PLTE") - 4
    length = 12 + int.from_bytes(png[at : at + 4])
    assert failure(png[:at] + png[at + length :])[0] is SkipReason.DAMAGED


_SILENT = """
import sys
from pathlib import Path
from vsearch.errors import ImageError
from vsearch.images.decode import decode
for path in sys.argv[1:]:
    try:
        decode(Path(path).read_bytes(), shorter=8, pixel_limit=10**7)
    except ImageError:
        pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="libtiff has no name there to be found by")
def test_no_decoder_writes_to_the_terminal(tmp_path: Path) -> None:
    broken = {
        "lzw.tif": bytearray(saved(quarters(), "TIFF", compression="tiff_lzw")),
        "deflate.tif": bytearray(saved(quarters(), "TIFF", compression="tiff_adobe_deflate")),
        "a.jpg": bytearray(saved(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")),
    }
    for name, data in broken.items():
        data[-30:] = b"\xa5" * 30 if name.endswith("jpg") else data[-30:]
        data[20:60] = b"\xff" * 40 if name.endswith("tif") else data[20:60]
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in broken]
    ran = subprocess.run(
        [sys.executable, "-W", "always", "-c", _SILENT, *paths],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert (ran.stdout, ran.stderr) == ("", "")


# ----------------------------------------------------------------------------------- colour


def test_a_wide_gamut_picture_is_converted_and_a_broken_profile_ignored() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = Image.new("RGB", (64, 48), (200, 40, 40))
    for profile in (lab, b"not a profile at all", b"\0" * 200):
        data = saved(plain, "PNG", icc_profile=profile)
        assert pixel(dec(data, shorter=48).image, 5, 5) == (200, 40, 40)


def test_decoding_in_several_threads_gives_what_one_thread_gives() -> None:
    files = [path.read_bytes() for path in sorted(PHOTOS.glob("IMG_00[0-3]*"))]
    alone = [dec(data, shorter=64).image.tobytes() for data in files]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda data: dec(data, shorter=64).image.tobytes(), files * 3))
    assert together == alone * 3
