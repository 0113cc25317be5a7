"""A sheet with splits -> CSV (RFC 4180), which is a truth again: all its columns, and `split`."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING

from vsearch.errors import VsearchError
from vsearch.files.whole import require_place, whole
from vsearch.truth.read import read_sheet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsearch.truth.sheet import Sheet

_NAMED = {"noun": "split", "kind": "CSV with a column `split`"}


def csv_with_splits(
    sheet: Sheet, pictures: Sequence[str], splits: Mapping[str, str], folder: Path | None
) -> bytes:
    """Return the rows of a sheet, whose row i is of `pictures[i]`, with the split of each.

    A split that they had is replaced. Rows of pictures that have none in `splits` are left out.
    Paths are relative to `folder` where the picture is below it, else absolute.
    """
    below = "" if folder is None else os.path.join(os.path.abspath(folder), "")
    columns = sheet.columns
    names = list(columns.names)
    place = len(names) if columns.split is None else columns.split
    names[place : place + 1] = ["split"]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(names)
    for row, picture in zip(sheet.rows, pictures, strict=True):
        if picture in splits:
            cells = list(row)
            inside = below and picture.startswith(below)
            cells[columns.picture] = picture[len(below) :] if inside else picture
            cells[place : place + 1] = [splits[picture]]
            writer.writerow(cells)
    return text.getvalue().encode("utf-8", "surrogateescape")


def require_target(target: Path) -> None:
    """Look whether the CSV can be written there. Raises UsageError or OSError, as `write` would."""
    require_place(target, _is_split, **_NAMED)


def write(target: Path, content: bytes) -> None:
    """Write it whole or not at all; it takes the place of an earlier split, of nothing else.

    Raises UsageError where something else is in the way, and OSError.
    """
    with whole(target, _is_split, folder=False, replace=True, **_NAMED) as new:
        new.write_bytes(content)


def _is_split(path: Path) -> bool:
    try:
        return path.is_file() and read_sheet(path).columns.split is not None
    except VsearchError:
        return False
