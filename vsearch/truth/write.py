"""A sheet with splits -> CSV, which is a truth again: all its columns, and `split`.

As RFC 4180 has it, but for the ends of lines, which are those of the shell's other tools.
"""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING

from vsearch.errors import UsageError, VsearchError
from vsearch.files.whole import require_place, whole
from vsearch.truth.read import read_sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vsearch.truth.sheet import Sheet

_NAMED = {"noun": "split", "kind": "CSV with a column `split`"}


def rows_with_splits(
    sheet: Sheet, pictures: Sequence[str], splits: Mapping[str, str], folder: Path | None
) -> Iterator[list[str]]:
    """Yield the names of the columns, then the rows of a sheet with the split of each.

    Row i of the sheet is of `pictures[i]`. A split that they had is replaced. Rows of pictures that
    have none in `splits` are left out. Paths are relative to `folder` where the picture is below
    it, else absolute.
    """
    below = "" if folder is None else os.path.join(os.path.abspath(folder), "")
    columns = sheet.columns
    names = list(columns.names)
    place = len(names) if columns.split is None else columns.split
    names[place : place + 1] = ["split"]
    yield names
    for row, picture in zip(sheet.rows, pictures, strict=True):
        if picture in splits:
            cells = list(row)
            inside = below and picture.startswith(below)
            cells[columns.picture] = picture[len(below) :] if inside else picture
            cells[place : place + 1] = [splits[picture]]
            yield cells


def as_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows of cells as CSV in UTF-8; bytes that are no valid UTF-8 stay as they were."""
    text = io.StringIO(newline="")
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        # Readers end a row at a bare CR, which Python before 3.13 does not quote of itself.
        (quoted if any("\r" in cell for cell in row) else plain).writerow(row)
    return text.getvalue().encode("utf-8", "surrogateescape")


def require_target(target: Path) -> None:
    """Look whether the CSV can be written there. Raises UsageError or OSError, as `write` would."""
    require_place(target, _is_split, **_NAMED)


def write(target: Path, content: bytes) -> None:
    """Write it whole or not at all; it takes the place of an earlier split of the same rows.

    Raises UsageError where something else is in the way, a table with other columns or rows, which
    would be lost, among it; and OSError.
    """
    if target.exists() and (lost := _lost(target, content)):
        raise UsageError(
            f"a split with {lost} that this one has not is there already, and would be lost, at "
            f"{target}; name another place"
        )
    with whole(target, _is_split, folder=False, replace=True, **_NAMED) as new:
        new.write_bytes(content)


def _is_split(path: Path) -> bool:
    try:
        return path.is_file() and read_sheet(path).columns.split is not None
    except VsearchError:
        return False


def _lost(target: Path, content: bytes) -> str | None:
    """Return what an earlier split has that `content` has not; None: nothing, or it is none."""
    if not _is_split(target):
        return None
    try:
        before = _table(target.read_bytes())
    except (OSError, csv.Error):
        return "something"
    now = _table(content)
    if set(before[0]) - set(now[0]):
        return "columns"
    kept = {tuple(sorted(row.items())) for row in _without_split(*now, set(before[0]))}
    rows = {tuple(sorted(row.items())) for row in _without_split(*before, set(before[0]))}
    return "rows" if rows - kept else None


def _table(content: bytes) -> tuple[list[str], list[list[str]]]:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig", "surrogateescape"), newline="")))
    return (rows[0], rows[1:]) if rows else ([], [])


def _without_split(
    names: list[str], rows: list[list[str]], wanted: set[str]
) -> Iterator[dict[str, str]]:
    for row in rows:
        cells = dict(zip(names, row, strict=False))
        yield {name: cell for name, cell in cells.items() if name in wanted and name != "split"}
