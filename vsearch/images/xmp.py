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

_LONGEST = 4 << 20  # bytes; what Photoshop writes of a picture's history can be megabytes
_TAG = 0x02BC  # where EXIF and TIFF have it


def elements(
    opened: ImageFile | None, exif: Exif, mark: re.Pattern[bytes]
) -> Iterator[Element[str]]:
    """Yield the elements of XMP, of a picture that Pillow has opened and loaded, or of EXIF alone.

    None where there is nothing that fits the `mark`: parsing takes long, and most have no need of
    it. Raises what parsers raise.
    """
    packet = (opened.info.get("xmp") if opened else None) or exif.get(_TAG)
    if isinstance(packet, bytes) and len(packet) <= _LONGEST and mark.search(packet):
        from defusedxml.ElementTree import fromstring

        # No document type: XMP has none, and entities could grow without end. Some writers end it
        # by NUL, as a text in C.
        yield from fromstring(packet.rstrip(b"\0 \r\n\t"), forbid_dtd=True).iter()
