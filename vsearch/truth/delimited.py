"""CSV, TSV and what is like them -> a sheet.

RFC 4180    "," or, as spreadsheets of other languages write it, ";"; TAB. The first row names
            the columns.
Flickr30k   results.csv: "image_name| comment_number| comment", nothing is quoted
Flickr8k    Flickr8k.token.txt: "name.jpg#0<TAB>caption", no header, nothing is quoted
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from vsearch.truth.sheet import Columns, Sheet, columns_of, fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SEPARATORS = (",", "\t", ";", "|")
_TOKEN = re.compile(r"([^\t]+)#\d+\t(.*)")
# A line of Flickr30k lacks the second "|": "2199200615.jpg| 4   A dog runs across the grass ."
_LACKING = re.compile(r"\s*(\d+)\s+(\S.*)")

_CELLS = "put what has the separator in it between double quotes"


def read_delimited(place: Path, text: str) -> Sheet | None:
    """Return the sheet that a text is; None where its first line names no columns that we know.

    Raises SourceError where a line after that is damaged.
    """
    if _TOKEN.fullmatch(text.split("\n", 1)[0].rstrip("\r")):
        return _tokens(place, text)
    for separator in _SEPARATORS:
        records = _records(place, text, separator)
        try:
            _, names = next(records, (0, []))
        except csv.Error:
            continue
        try:
            columns = columns_of(names)
        except ValueError as error:
            raise fault(place, str(error), "remove one of the two", "line 1") from None
        if columns:
            return _sheet(place, columns, records, separator)
    return None


def _records(place: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the number of the line it begins in.

    Raises csv.Error for the first, SourceError for the others.
    """
    # newline="": line breaks in quotes stay as they are, and CR, LF and CRLF all end a row.
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        quoting=csv.QUOTE_NONE if separator == "|" else csv.QUOTE_MINIMAL,
        strict=True,
    )
    header = True
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if header:
                raise
            what = "a quotation mark is not closed, or what is after it is not separated"
            raise fault(place, f"{what} ({error})", "mend the line", f"line {line}") from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            header = False
            yield line, [cell.strip() for cell in cells] if separator == "|" else cells


def _sheet(
    place: Path, columns: Columns, records: Iterator[tuple[int, list[str]]], separator: str
) -> Sheet:
    rows, numbers = [], []
    count = len(columns.names)
    for line, cells in records:
        if separator == "|" and len(cells) == count - 1 and (two := _LACKING.fullmatch(cells[-1])):
            cells[-1:] = two.groups()
        if separator == "|" and len(cells) > count:  # nothing is quoted, and the caption is last
            cells[count - 1 :] = [separator.join(cells[count - 1 :])]
        while len(cells) > count and not cells[-1].strip():
            cells.pop()
        if len(cells) != count:
            what = f"there are {len(cells)} cells where the first line has {count}"
            raise fault(place, what, _CELLS, f"line {line}")
        rows.append(cells)
        numbers.append(line)
    return Sheet(columns, rows, numbers)


def _tokens(place: Path, text: str) -> Sheet:
    rows, numbers = [], []
    for line, one in enumerate(text.split("\n"), start=1):
        if not one.strip():
            continue
        match = _TOKEN.fullmatch(one.rstrip("\r"))
        if match is None:
            what = "it is not a name, #, a number, a tab and a caption, as the first line is"
            raise fault(place, what, "mend the line", f"line {line}")
        rows.append(list(match.groups()))
        numbers.append(line)
    return Sheet(Columns(("image", "caption"), "captions", 0, 1), rows, numbers)
