"""Which kinds of picture we open: by suffix to find them, by their first bytes to decode them.

Pillow can open more than is listed here. Left out, each for its reason:

    EPS (.eps .ps)             runs Ghostscript, an interpreter, on the file
    WMF (.wmf .emf)            Pillow draws these on Windows only
    MPEG (.mpg .mpeg)          a video; Pillow reads its size, never a picture
    BUFR, GRIB, HDF5           stubs: named by Pillow, decoded by nobody
    (.bufr .grib .h5 .hdf)
    IPTC (.iim)                captions of a news agency, no signature
    IM (.im)                   scientific stacks, no signature
    IMT, MCIDAS, SPIDER        scientific, no suffix of their own, no or a weak signature

PDF and PALM are formats that Pillow writes but cannot read. JPEG XL is not read by Pillow.
"""

from __future__ import annotations

import threading

RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".k25", ".kdc",
    ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2",
    ".srf", ".srw", ".x3f",
})  # fmt: skip
"""What LibRaw reads. Lower case, with the dot, as all suffixes here."""

HEIF_SUFFIXES = frozenset({
    ".heic", ".heics", ".heif", ".heifs", ".hif",
})  # fmt: skip

PILLOW_SUFFIXES = frozenset({
    ".apng", ".avif", ".avifs", ".blp", ".bmp", ".bw", ".cur", ".dcx", ".dds", ".dib", ".fit",
    ".fits", ".flc", ".fli", ".ftc", ".ftu", ".gbr", ".gif", ".icb", ".icns", ".ico", ".j2c",
    ".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".msp",
    ".pbm", ".pcd", ".pcx", ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".pxr", ".qoi", ".ras",
    ".rgb", ".rgba", ".sgi", ".tga", ".tif", ".tiff", ".vda", ".vst", ".webp", ".xbm", ".xpm",
})  # fmt: skip

SUFFIXES = PILLOW_SUFFIXES | HEIF_SUFFIXES | RAW_SUFFIXES
"""A file with one of these is a picture by its name."""

# In the order they are tried; the first five are loaded by Pillow itself before any other.
_SIGNED = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "HEIF", "AVIF", "TIFF", "JPEG2000", "ICO",
           "ICNS", "PSD", "QOI", "DDS", "FITS", "DCX", "SGI", "SUN", "FTEX", "BLP", "MSP", "XPM",
           "PIXAR", "XVTHUMB")  # fmt: skip

# No signature, or one that other files carry by chance: tried only under a suffix of their own.
_UNSIGNED = {
    ".cur": "CUR", ".dib": "DIB", ".flc": "FLI", ".fli": "FLI", ".gbr": "GBR", ".icb": "TGA",
    ".pcd": "PCD", ".pcx": "PCX", ".tga": "TGA", ".vda": "TGA", ".vst": "TGA", ".xbm": "XBM",
}  # fmt: skip

# Two bytes or so: a text that begins with "BM" or "P5" and has no suffix is not a broken picture.
_BRIEFLY_SIGNED = frozenset({"BMP", "ICO", "PPM", "SGI"})

NAMES = frozenset({*_SIGNED, *_UNSIGNED.values(), "RAW"} - {"DIB"})
"""What the format of a picture is called. "DIB" counts as "BMP"."""

_RAW_SIGNATURES = (
    (4, b"ftypcrx "),  # Canon CR3
    (8, b"CR\x02\x00"),  # Canon CR2, a TIFF that says so
    (6, b"HEAPCCDR"),  # Canon CRW
    (0, b"FUJIFILMCCD-RAW"),
    (0, b"IIU\x00"),  # Panasonic RW2
    (0, b"IIRO"), (0, b"IIRS"), (0, b"MMOR"),  # Olympus ORF
    (0, b"\x00MRM"),  # Minolta
    (0, b"FOVb"),  # Sigma X3F
)  # fmt: skip

_TIFF_SIGNATURES = (b"II*\x00", b"MM\x00*")

_OTHERS = (
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL \r\n\x87\n", "JPEG XL"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript"),
    (0, b"\xd7\xcd\xc6\x9a", "Windows Metafile"),
    (40, b" EMF", "Windows Metafile"),
    (0, b"8BPB", "large Photoshop document"),
    (0, b"gimp xcf", "GIMP picture"),
    (0, b"II+\x00", "BigTIFF"),
    (0, b"MM\x00+", "BigTIFF"),
    (0, b"II\xbc", "JPEG XR"),
)

_loading = threading.Lock()
_loaded: set[str] = set()


def is_raw(data: bytes, suffix: str) -> bool:
    """Whether the content is a camera's raw file; of TIFFs the suffix says which are."""
    if any(data.startswith(magic, at) for at, magic in _RAW_SIGNATURES):
        return True
    return is_tiff(data) and suffix.lower() in RAW_SUFFIXES


def is_tiff(data: bytes) -> bool:
    """Whether the content begins as a TIFF, which most raw formats are too."""
    return data.startswith(_TIFF_SIGNATURES)


def is_brief(name: str, suffix: str) -> bool:
    """Whether the first bytes alone are too little to call the file a picture of this format."""
    return name in _BRIEFLY_SIGNED and suffix.lower() not in SUFFIXES


def known_by_others(data: bytes) -> str | None:
    """Name a kind of picture that we cannot open, by its first bytes, or None."""
    return next((name for at, magic, name in _OTHERS if data.startswith(magic, at)), None)


def is_signed(data: bytes) -> bool:
    """Whether a file that begins so (64 bytes are enough) says by its content it is a picture."""
    return is_raw(data, "") or pillow_format(data, "") is not None


def pillow_format(data: bytes, suffix: str) -> str | None:
    """Return the name of the Pillow format whose signature the content has, or None."""
    from PIL import Image

    Image.preinit()  # the first five of _SIGNED; nothing once it is done
    prefix = data[:16]  # as much as Pillow's own `open` shows them
    unsigned = _UNSIGNED.get(suffix.lower())
    for name in (*_SIGNED, unsigned) if unsigned else _SIGNED:
        if name not in Image.OPEN:
            load_plugins()
        _, accepts = Image.OPEN.get(name, (None, bool))
        # A string in place of True says that this Pillow was built without the decoder.
        if accepts is None or accepts(prefix) is True:
            return name
    return None


def load_plugins() -> None:
    """Load Pillow's other plugins and HEIF (25 ms), once; any thread may call it at any time."""
    from PIL import Image

    with _loading:
        if _loaded:
            return
        import pillow_heif

        Image.init()
        # Parsing thumbnails and depth maps is time spent on what is never looked at.
        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
        _loaded.add("all")
