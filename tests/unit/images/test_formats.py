"""The list of what we open, held against what Pillow, pillow-heif and LibRaw can."""

from PIL import Image

from vsearch.images import formats

LEFT_OUT = {
    ".eps", ".ps",  # runs Ghostscript
    ".wmf", ".emf",  # drawn on Windows only
    ".mpg", ".mpeg",  # a video: no decoder
    ".bufr", ".grib", ".h5", ".hdf",  # stubs: no decoder
    ".iim",  # captions, no signature
    ".im",  # no signature
}  # fmt: skip


def test_the_suffixes_are_those_of_every_format_pillow_can_open() -> None:
    formats.load_plugins()
    openable = {
        suffix
        for suffix, name in Image.registered_extensions().items()
        if name in Image.OPEN or name == "MPO"  # an MPO is opened as the JPEG it begins with
    }
    assert openable - LEFT_OUT == formats.PILLOW_SUFFIXES | formats.HEIF_SUFFIXES
    assert openable >= LEFT_OUT


def test_every_format_that_is_tried_exists() -> None:
    formats.load_plugins()
    assert {*formats._SIGNED, *formats._UNSIGNED.values()} <= set(Image.OPEN)


def test_no_format_that_runs_or_stubs_is_tried() -> None:
    tried = {*formats._SIGNED, *formats._UNSIGNED.values()}
    assert not tried & {"EPS", "WMF", "MPEG", "BUFR", "GRIB", "HDF5", "IPTC", "IM"}


def test_every_format_without_a_signature_needs_its_suffix() -> None:
    formats.load_plugins()
    assert all(Image.OPEN[name][1] is not None for name in formats._SIGNED)


def test_every_format_that_is_named_is_one_of_pillow_or_raw() -> None:
    formats.load_plugins()
    assert {*Image.OPEN, "RAW"} >= formats.NAMES
    assert {"JPEG", "PNG", "HEIF", "AVIF", "TGA", "RAW"} <= formats.NAMES
    assert not {"DIB", "MPO"} & formats.NAMES  # which are told as BMP and JPEG
