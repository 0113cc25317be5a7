"""The XMP in a picture file (XMP Specification, Part 1, 2012), which many programs write into it.

It is believed in nothing: it may be broken, endless, or meant to cost much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from PIL.Image import Exif
    from PIL.ImageFile import ImageFile

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LONGEST = 4 << 20  # bytes; what Photoshop writes of a picture's history can be megabytes
_TAG = 0x02BC  # where EXIF and TIFF have it


def properties(
    opened: ImageFile | None, exif: Exif, mark: re.Pattern[bytes]
) -> Iterator[tuple[str, str | Element[str]]]:
    """Yield the name and value of each property of a picture in its XMP, else in EXIF's copy of it.

    A value is an attribute's text or an element. Those of other files, which it was put together
    from ("ingredients", "pantry"), are within such an element and not yielded. Nothing is where
    nothing fits the `mark`: parsing takes long, and most have no need of it. `opened` is a picture
    that Pillow has opened and loaded; None: there is EXIF alone. Raises what parsers raise.
    """
    packet = (opened.info.get("xmp") if opened else None) or exif.get(_TAG)
    if not (isinstance(packet, bytes) and len(packet) <= _LONGEST and mark.search(packet)):
        return
    from defusedxml.ElementTree import fromstring

    # No document type: XMP has none, and entities could grow without end. Some writers end it by
    # NUL, as a text in C.
    whole: Element[str] = fromstring(packet.rstrip(b"\0 \r\n\t"), forbid_dtd=True)
    for description in next(whole.iter(f"{RDF}RDF"), ()):
        yield from description.items()
        for element in description:
            yield element.tag, element
