"""Labels in a file: where they may be, what they are made into, and what harm they cannot do."""

import io
import struct
import unicodedata
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

import pytest
from end_to_end.pictures import xmp_of
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vsearch.images.decode import decode
from vsearch.images.labels import LONGEST, MOST, tidy

XP_KEYWORDS = 0x9C9E


def found(data: bytes, suffix: str = "") -> tuple[str, ...]:
    return decode(data, shorter=8, pixel_limit=10_000, suffix=suffix).facts.labels


def saved(kind: str, xmp: bytes = b"", keywords: bytes = b"", **options: Any) -> bytes:
    """Save a picture with a packet of XMP and the keywords of Windows."""
    if keywords:
        exif = Image.Exif()
        exif[XP_KEYWORDS] = keywords
        options["exif"] = exif
    if xmp and kind == "PNG":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    elif xmp and kind == "TIFF":
        options["tiffinfo"] = {700: xmp}
    elif xmp:
        options["xmp"] = xmp
    file = io.BytesIO()
    Image.new("RGB", (32, 24), "red").save(file, kind, **options)
    return file.getvalue()


def xmp(properties: str) -> bytes:
    """Return XMP with these properties, the prefixes other than most write them."""
    return (
        '\ufeff<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF'
        ' xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns:d="http://purl.org/dc/elements/1.1/" xmlns:l="http://ns.adobe.com/lightroom/1.0/"'
        ' xmlns:k="http://www.digikam.org/ns/1.0/"><r:Description r:about="">'
        f"{properties}</r:Description></r:RDF></x:xmpmeta>"
         "\n" + " " * 2000 + '<?xpacket end="w"?>'
    ).encode()  # fmt: skip


def items(name: str, *labels: str, kind: str = "Bag") -> str:
    inside = "".join(f"<r:li>{escape(label)}</r:li>" for label in labels)
    return f"<{name}><r:{kind}>{inside}</r:{kind}></{name}>"


def iptc(*keywords: bytes, charset: bytes | None = None) -> bytes:
    def dataset(record: int, number: int, data: bytes) -> bytes:
        return struct.pack(">BBBH", 0x1C, record, number, len(data)) + data

    head = dataset(1, 90, charset) if charset is not None else b""
    return head + dataset(2, 0, b"\0\4") + b"".join(dataset(2, 25, one) for one in keywords)


def with_iptc(block: bytes, kind: str = "JPEG") -> bytes:
    """Return a JPEG with IPTC in the block that Photoshop writes, or a TIFF with it in its tag."""
    if kind == "TIFF":
        return saved("TIFF", tiffinfo={33723: block})
    resource = b"8BIM" + struct.pack(">H2xI", 0x0404, len(block)) + block + b"\0" * (len(block) % 2)
    segment = b"Photoshop 3.0\0" + resource
    data = saved("JPEG")
    return data[:2] + struct.pack(">HH", 0xFFED, len(segment) + 2) + segment + data[2:]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP", "HEIF", "AVIF"])
def test_every_kind_of_file_that_has_them(kind: str) -> None:
    packet = xmp(items("d:subject", "Müllers Hund", "sea & sand", "海"))
    assert found(saved(kind, packet)) == ("Müllers Hund", "sea & sand", "海")
    both = saved(kind, xmp_of("sea"), keywords="Sea;Boot;\N{SAILBOAT}\0".encode("utf-16-le"))
    if kind == "TIFF":  # Pillow writes its EXIF as tags of the file itself
        both = saved(
            "TIFF", tiffinfo={700: xmp_of("sea"), XP_KEYWORDS: "Sea;Boot;⛵".encode("utf-16-le")}
        )
    assert found(both) == ("sea", "Boot", "⛵")
    assert found(saved(kind)) == ()


CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "a bag": (items("d:subject", "a", "b"), ("a", "b")),
    "a sequence": (items("d:subject", "b", "a", kind="Seq"), ("b", "a")),
    "ways to them": (
        items("l:hierarchicalSubject", "Places|France|Paris", "plain"), ("Paris", "plain"),
    ),
    "ways of digiKam": (items("k:TagsList", "Places/France/Paris", kind="Seq"), ("Paris",)),
    "all three": (
        items("l:hierarchicalSubject", "Where|Paris") + items("d:subject", "Where", "paris")
        + items("k:TagsList", "Who/Ann"),
        ("Paris", "Where", "Ann"),
    ),
    "a way in a plain one": (items("d:subject", "AC/DC", "a|b"), ("AC/DC", "a|b")),
    "a way that ends in nothing": (items("l:hierarchicalSubject", "Places|"), ()),
    "twice but for case": (items("d:subject", "Straße", "STRASSE", "straße", "x"), ("Straße", "x")),
    "white space": (items("d:subject", "  New \n York\t", " ", "\u00a0"), ("New York",)),
    "decomposed": (items("d:subject", "cafe\u0301", "caf\u00e9"), ("caf\u00e9",)),
    "joined": (items("d:subject", "👩\u200d🚀", "a\u200cb"), ("👩\u200d🚀", "a\u200cb")),
    "turned around": (items("d:subject", "\u202eevil\u202c", "\u200b", "\u200d"), ("evil",)),
    "a description": ("<d:description>subject</d:description>", ()),
    "elsewhere": (items("d:title", "subject"), ()),
    "empty": (f"<d:subject/>{items('d:subject')}{items('d:subject', '')}", ()),
}  # fmt: skip


@pytest.mark.parametrize(("properties", "expected"), CASES.values(), ids=CASES.keys())
def test_xmp(properties: str, expected: tuple[str, ...]) -> None:
    assert found(saved("JPEG", xmp(properties))) == expected


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (iptc(b"sea", b"sand"), ("sea", "sand")),
        (iptc(b"sea"), ("sea",)),
        (iptc("Übung".encode(), charset=b"\x1b%G"), ("Übung",)),
        (iptc("Übung".encode()), ("Übung",)),
        (iptc("Übung".encode("latin-1")), ("Übung",)),
        (iptc(b"\xdcbung", b"Meer", charset=b"\x1b%G"), ("\ufffdbung", "Meer")),
        (iptc(), ()),
        (iptc(b"sea", b"sand")[:-6], ("sea",)),
        (iptc(b"sea") + b"\x1c\x02\x19\xff\xff\0\0\0", ()),
        (b"\0" * 40, ()),
    ],
    ids=["two", "one", "UTF-8 as it says", "UTF-8", "Latin-1", "not the UTF-8 that it says", "none",
         "cut short", "a length beyond all", "no IPTC"],
)  # fmt: skip
def test_iptc(block: bytes, expected: tuple[str, ...]) -> None:
    assert found(with_iptc(block)) == expected
    assert found(with_iptc(block, "TIFF")) == expected


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ("sea;sand\0".encode("utf-16-le"), ("sea", "sand")),
        (" sea ;; SEA;\N{SAILBOAT}".encode("utf-16-le"), ("sea", "⛵")),
        (b"s\0e\0a", ("se\ufffd",)),
        (b"\x00\xd8;\0x\0", ("\ufffd", "x")),
        (b"\0\0", ()),
    ],
    ids=["two", "blanks and an emoji", "half a character", "half a pair", "nothing"],
)
def test_windows(keywords: bytes, expected: tuple[str, ...]) -> None:
    assert found(saved("JPEG", keywords=keywords)) == expected


def bomb() -> bytes:
    """Return XMP whose entities would grow to a billion characters."""
    entities = "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol" * 10}">' for n in range(9)
    )
    return f"<!DOCTYPE x [{entities}]>".encode() + xmp(items("d:subject", "x")).replace(
        b"<r:li>x<", b"<r:li>&e8;<"
    )


HOSTILE: dict[str, Callable[[], bytes]] = {
    "entities without end": bomb,
    "a file from outside": lambda: (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        + xmp(items("d:subject", "x")).replace(b"<r:li>x<", b"<r:li>&e;<")
    ),
    "cut short": lambda: xmp(items("d:subject", "x"))[:360],
    "no XML": lambda: b"subject \0\xff",
    "no UTF-8": lambda: xmp(items("d:subject", "x")).replace(b"<r:li>x<", b"<r:li>\xff<"),
    "another prefix": lambda: xmp(items("z:subject", "x")),
    "elements in elements": lambda: xmp("<d:subject>" + "<a>" * 15_000),
    "a surrogate": lambda: xmp(items("d:subject", "x")).replace(b"<r:li>x<", b"<r:li>&#xd800;<"),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_xmp_costs_its_labels_and_not_those_of_others(make: Callable[[], bytes]) -> None:
    assert found(saved("JPEG", make(), keywords="sea".encode("utf-16-le"))) == ("sea",)


def test_there_is_an_end_to_labels() -> None:
    many = [f"label {number}" for number in range(3000)]
    assert found(saved("WEBP", xmp(items("d:subject", *many)))) == tuple(many[:MOST])
    long = ["a" * LONGEST, "b" * (LONGEST + 1), "c" * 10_000_000]
    assert found(saved("WEBP", xmp(items("d:subject", *long)))) == ()
    assert found(saved("WEBP", xmp(items("d:subject", *long[:2])))) == ("a" * LONGEST,)


def test_those_of_a_raw_file_and_of_its_preview() -> None:
    """Most raw files are a TIFF; how they are decoded, see `test_raw`."""
    from vsearch.images.raster import labels_of

    exif = Image.Exif()
    exif[700] = xmp_of("sea")
    exif[XP_KEYWORDS] = "sand".encode("utf-16-le")
    assert labels_of(None, exif) == ("sea", "sand")


@given(st.lists(st.text()))
def test_what_is_tidy_stays_so_and_can_be_stored_and_shown(texts: list[str]) -> None:
    labels = tidy(texts)
    assert tidy(labels) == labels
    assert len(labels) <= MOST
    assert len({label.casefold() for label in labels}) == len(labels)
    for label in labels:
        assert 0 < len(label) <= LONGEST
        assert label == label.strip() == unicodedata.normalize("NFC", label)
        assert label.encode()
        assert label.replace("\u200c", "").replace("\u200d", "").isprintable()
