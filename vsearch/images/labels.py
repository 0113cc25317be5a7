"""The labels (keywords, tags) that people and programs write into a picture file.

Read from, in this order:

    XMP    dc:subject; the last word of each way in lr:hierarchicalSubject ("Places|France|Paris")
           and digiKam:TagsList ("Places/France/Paris") (XMP Specification, Part 2, 2022)
    IPTC   2:25 Keywords (IPTC-NAA Information Interchange Model 4.2); UTF-8 where 1:90 says so
           or where it is valid, else Latin-1
    EXIF   XPKeywords, which Windows writes: UTF-16, separated by ";"

All of it is believed in nothing: what cannot be read, or is more than any sound file has, costs the
labels, never the picture.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from vsearch.images import xmp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from PIL.Image import Exif
    from PIL.ImageFile import ImageFile

MOST = 200
"""As many labels of a picture are kept."""
LONGEST = 64
"""Characters of a label; more is none. IPTC lets a keyword have as many bytes."""

_XP_KEYWORDS = 0x9C9E
# Where labels are in XMP, and what parts the words of a way to one.
_PROPERTIES = {
    "{http://purl.org/dc/elements/1.1/}subject": "",
    "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject": "|",
    "{http://www.digikam.org/ns/1.0/}TagsList": "/",
}
# Most XMP holds none of them, and need not be parsed.
_MARK = re.compile(rb"subject|hierarchicalSubject|TagsList")
_CHARSET, _KEYWORDS = (1, 90), (2, 25)  # datasets of IPTC
_IPTC = frozenset({0x0404, 0x83BB})  # the block of a JPEG, the tag of a TIFF
_UTF8 = b"\x1b%G"  # the escape sequence of ISO 2022 for it
_JOINERS = "\u200c\u200d"  # within words of some scripts, and within emoji


def tidy(found: Iterable[str]) -> tuple[str, ...]:
    """Return labels in their one form: NFC, on one line, none twice but for case, in their order.

    What is empty or longer than LONGEST is left out, and what comes after MOST.
    """
    labels: dict[str, str] = {}
    for text in found:
        kept = "".join(
            " " if c.isspace() else c if c.isprintable() or c in _JOINERS else ""
            for c in text[: 4 * LONGEST]
        )
        label = unicodedata.normalize("NFC", " ".join(kept.split()))
        if label.strip(_JOINERS) and len(label) <= LONGEST:
            labels.setdefault(label.casefold(), label)
        if len(labels) == MOST:
            break
    return tuple(labels.values())


def of_xmp(opened: ImageFile | None, exif: Exif) -> Iterator[str]:
    """Yield what XMP holds, of a picture that Pillow has opened and loaded, or of EXIF alone.

    Raises what parsers raise, as the others here do.
    """
    for name, value in xmp.properties(opened, exif, _MARK):
        separator = _PROPERTIES.get(name)
        if separator is None or isinstance(value, str):
            continue
        for item in value.iter(f"{xmp.RDF}li"):
            words = item.text or ""
            yield words.rsplit(separator, 1)[-1] if separator else words


def of_iptc(opened: ImageFile | None, exif: Exif) -> Iterator[str]:  # noqa: ARG001  # as the others
    """Yield the keywords of IPTC, of a JPEG or TIFF that Pillow has opened."""
    if opened is None or not _IPTC.intersection(_blocks(opened)):
        return
    from PIL.IptcImagePlugin import getiptcinfo

    found = getiptcinfo(opened) or {}
    charset, keywords = found.get(_CHARSET), found.get(_KEYWORDS, [])
    for keyword in keywords if isinstance(keywords, list) else [keywords]:
        if charset == _UTF8:
            yield keyword.decode("utf-8", "replace")
            continue
        try:
            yield keyword.decode("utf-8")
        except UnicodeError:
            yield keyword.decode("latin-1")


def _blocks(opened: ImageFile) -> Iterable[int]:
    """Return the tags of a TIFF, or those of the blocks that Photoshop put into a JPEG."""
    tags = getattr(opened, "tag_v2", None)
    return tags if tags is not None else opened.info.get("photoshop") or ()


def of_windows(opened: ImageFile | None, exif: Exif) -> Iterator[str]:  # noqa: ARG001  # as the others
    """Yield the keywords of Windows, UTF-16 of the lower byte first."""
    stored = exif.get(_XP_KEYWORDS)
    if isinstance(stored, tuple | bytes):
        yield from bytes(stored).decode("utf-16-le", "replace").split("\0")[0].split(";")


SOURCES = (of_xmp, of_iptc, of_windows)
