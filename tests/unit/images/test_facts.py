"""EXIF: when, with what, and which way up."""

import io
from typing import Any

import pytest
from PIL import Image

from vsearch.images import facts
from vsearch.images.decode import decode
from vsearch.images.raster import taken_at

ORIGINAL, DIGITIZED, CHANGED = 0x9003, 0x9004, 0x0132
ZONE, ZONE_ORIGINAL = 0x9010, 0x9011
DAY = "2021:05:04 12:33:10"


def exif(tags: dict[int, Any]) -> Image.Exif:
    """Make EXIF as a file has it: tags from 0x9000 lie in the sub-directory."""
    made = Image.Exif()
    for tag, value in tags.items():
        if tag >= 0x9000:
            made.get_ifd(0x8769)[tag] = value
        else:
            made[tag] = value
    return made


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, None),
        ({ORIGINAL: DAY}, "2021-05-04T12:33:10"),
        ({ORIGINAL: DAY, DIGITIZED: "2022:01:01 00:00:00", CHANGED: "2023:01:01 00:00:00"},
         "2021-05-04T12:33:10"),
        ({DIGITIZED: DAY, CHANGED: "2023:01:01 00:00:00"}, "2021-05-04T12:33:10"),
        ({CHANGED: DAY}, "2021-05-04T12:33:10"),
        ({ORIGINAL: "0000:00:00 00:00:00", CHANGED: DAY}, "2021-05-04T12:33:10"),
        ({ORIGINAL: "    :  :     :  :  "}, None),
        ({ORIGINAL: "2021:13:45 99:00:00"}, None),
        ({ORIGINAL: "yesterday"}, None),
        ({ORIGINAL: "2021-05-04T12:33:10"}, "2021-05-04T12:33:10"),
        ({ORIGINAL: DAY + "\0junk"}, "2021-05-04T12:33:10"),
        ({ORIGINAL: DAY, ZONE_ORIGINAL: "+02:00"}, "2021-05-04T12:33:10+02:00"),
        ({ORIGINAL: DAY, ZONE_ORIGINAL: "Z"}, "2021-05-04T12:33:10+00:00"),
        ({ORIGINAL: DAY, ZONE_ORIGINAL: "+99:00"}, "2021-05-04T12:33:10"),
        ({ORIGINAL: DAY, ZONE: "+02:00"}, "2021-05-04T12:33:10"),
        ({CHANGED: DAY, ZONE: "-05:30"}, "2021-05-04T12:33:10-05:30"),
    ],
    ids=["none", "original", "original first", "digitized second", "changed third", "unset clock",
         "blank", "no such day", "words", "ISO", "NUL", "offset", "Zulu", "no such offset",
         "offset of another date", "offset of the change"],
)  # fmt: skip
def test_taken_at(tags: dict[int, Any], expected: str | None) -> None:
    assert taken_at(None, exif(tags)) == expected


def xmp(attributes: str = "", inside: str = "") -> bytes:
    """Return XMP with these properties, the prefixes other than most write them."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF'
        ' xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns:e="http://ns.adobe.com/exif/1.0/" xmlns:p="http://ns.adobe.com/photoshop/1.0/"'
        ' xmlns:b="http://ns.adobe.com/xap/1.0/">'
        f'<r:Description r:about="" {attributes}>{inside}</r:Description></r:RDF></x:xmpmeta>'
    ).encode()


# Of another picture, which this one was put together from.
PANTRY = (
    '<m:Pantry xmlns:m="http://ns.adobe.com/xap/1.0/mm/"><r:Bag><r:li><r:Description'
    ' e:DateTimeOriginal="1999-01-01T00:00:00"><b:CreateDate>1998-01-01</b:CreateDate>'
    "</r:Description></r:li></r:Bag></m:Pantry>"
)


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (xmp('e:DateTimeOriginal="2021-05-04T12:33:10.25+02:00"'), "2021-05-04T12:33:10+02:00"),
        (xmp("", "<p:DateCreated> 2021-05-04T12:33Z </p:DateCreated>"),
         "2021-05-04T12:33:00+00:00"),
        (xmp('b:CreateDate="2021-05-04"'), "2021-05-04T00:00:00"),
        (xmp('b:CreateDate="2023-01-01" p:DateCreated="2022-01-01"',
             "<e:DateTimeOriginal>2021-05-04T12:33:10</e:DateTimeOriginal>"),
         "2021-05-04T12:33:10"),
        (xmp('e:DateTimeOriginal="2021-02-30" b:CreateDate="2021-05-04"'), "2021-05-04T00:00:00"),
        (xmp('b:ModifyDate="2021-05-04"'), None),
        (xmp('b:CreateDate="2021-05-04"', PANTRY), "2021-05-04T00:00:00"),
        (xmp("", PANTRY + "<b:CreateDate>2021-05-04</b:CreateDate>"), "2021-05-04T00:00:00"),
        (xmp("", PANTRY), None),
        (xmp('b:CreateDate="2021-05"'), None),
        (xmp('b:CreateDate="2021-05-04T12:33:10Z"')[:-10], None),
        (b'<!DOCTYPE a [<!ENTITY b "2021-05-04">]>' + xmp('b:CreateDate="2021-05-04"'), None),
    ],
    ids=["attribute", "element", "a day", "original first", "no such day", "changed",
         "of what it is made of, after", "before", "alone", "a month", "cut off", "entities"],
)  # fmt: skip
def test_what_xmp_says_where_exif_has_no_date(packet: bytes, expected: str | None) -> None:
    def decoded(with_exif: Image.Exif) -> str | None:
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "WEBP", xmp=packet, exif=with_exif)
        return decode(file.getvalue(), shorter=8, pixel_limit=100).facts.taken_at

    later = "2024:01:01 00:00:00"
    assert decoded(Image.Exif()) == expected
    assert decoded(exif({CHANGED: later})) == (expected or "2024-01-01T00:00:00")
    assert decoded(exif({DIGITIZED: later})) == "2024-01-01T00:00:00"


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        (None, None, None),
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D750", "NIKON D750"),
        ("Apple", "iPhone 15", "Apple iPhone 15"),
        ("Apple", None, "Apple"),
        (None, "X100", "X100"),
        ("  Sony  ", " ILCE-7 \0\0\0", "Sony ILCE-7"),
        ("Ev\x1b[31mil", "Mo\ndel\x07", "Ev[31mil Model"),
        ("A" * 300, "B", "A" * 100),
        ("\0\0", "", None),
    ],
    ids=["none", "make repeated", "make in part repeated", "both", "make", "model", "blanks",
         "control characters", "overlong", "blank"],
)  # fmt: skip
def test_camera(make: str | None, model: str | None, expected: str | None) -> None:
    tags = {tag: value for tag, value in ((0x010F, make), (0x0110, model)) if value is not None}
    assert facts.camera(exif(tags)) == expected


@pytest.mark.parametrize(("value", "expected"), [(1, 1), (8, 8), (0, 1), (9, 1), ("6", 1)])
def test_orientation(value: object, expected: int) -> None:
    assert facts.orientation(exif({0x0112: value})) == expected


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_every_format_with_exif_gives_it(name: str) -> None:
    from vsearch.images import formats

    formats.load_plugins()
    buffer = io.BytesIO()
    tags = {ORIGINAL: DAY, ZONE_ORIGINAL: "+02:00", 0x010F: "Example", 0x0110: "Nine"}
    Image.new("RGB", (64, 64)).save(buffer, name, exif=exif(tags).tobytes())
    found = decode(buffer.getvalue(), shorter=8, pixel_limit=10**6).facts
    assert (found.taken_at, found.camera) == ("2021-05-04T12:33:10+02:00", "Example Nine")
