"""A file or a folder -> the truth it holds; its kind is told by its content, not by its name."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from vsearch.errors import SourceError, UsageError
from vsearch.truth.delimited import read_delimited
from vsearch.truth.folders import read_folder
from vsearch.truth.json_file import read_json
from vsearch.truth.sheet import Sheet, fault
from vsearch.truth.values import Captions, Labels, Queries, Truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_LARGEST = 1 << 30  # bytes; the captions of COCO are 90 MB
_LOOKED_AT = 50  # pictures, to find out below which folder all of them are
_KINDS = (
    "a CSV of image,caption or path,label or query,path; COCO or Karpathy JSON; or a folder of "
    "class folders"
)


def read(place: Path, *, images: Path | None = None, split: str | None = None) -> Truth:
    """Return the truth in a file or a folder; with `split`, only what is of that.

    Paths in it are below `images` where given, else below the folder of the file, or `images` or
    `Images` beside it, where the first ones are. Whether each picture is there is not looked at.

    Raises SourceError when it is damaged, or of no kind that we know, and UsageError when `place`
    or `images` is not there, or no split is called so.
    """
    sheet = read_sheet(place)
    if sheet.columns.kind == "pictures":
        if place.is_dir():
            what = "there are no class folders with pictures" if sheet.rows else "no pictures"
            raise SourceError(f"{what}, in {place}; name {_KINDS}")
        raise SourceError(f"it says nothing of its pictures, {place}; name {_KINDS}")
    return truth_of(place, sheet, pictures_of(place, sheet, images), split)


def read_sheet(place: Path) -> Sheet:
    """Return the rows of a file or a folder, of one picture each, as they are written there.

    Raises as `read`, but takes what says nothing of its pictures, too.
    """
    if place.is_dir():
        return read_folder(place)
    text = _text(place)
    begins = text.lstrip()[:1]
    if not begins:
        raise SourceError(f"it is empty, {place}; name {_KINDS}")
    sheet = read_json(place, text.lstrip()) if begins in {"{", "["} else read_delimited(place, text)
    if sheet is None:
        raise SourceError(f"it is no truth of a kind that we know, {place}; name {_KINDS}")
    if not sheet.rows:
        raise SourceError(f"there is nothing in it but its head, {place}; name {_KINDS}")
    return sheet


def pictures_of(place: Path, sheet: Sheet, images: Path | None = None) -> list[str]:
    """Return the absolute path of the picture of each row, see `read`.

    Normalised ("..", "//"), without resolving links. Raises SourceError for what cannot be a path,
    UsageError when `images` is no folder.
    """
    written = [row[sheet.columns.picture] for row in sheet.rows]
    for row, path in enumerate(written):
        if not _is_path(path):
            what = "there is no path of a picture" if not path.strip() else "it is no path"
            raise fault(place, what, "write one, or remove the row", sheet.where(row))
    if images is not None and not images.is_dir():
        raise UsageError(f"it is no folder, {images}; name the one that the pictures are below")
    folder = os.path.abspath(place if place.is_dir() else place.parent)
    bases = [folder, os.path.join(folder, "images"), os.path.join(folder, "Images")]
    if images is not None:
        bases = [os.path.abspath(images)]
    ways = [(base, names) for names in (written, sheet.bare) if names for base in bases]
    base, names = max(ways, key=_there)  # the first of those that have the most
    return [os.path.normpath(os.path.join(base, name)) for name in names]


def truth_of(place: Path, sheet: Sheet, pictures: Sequence[str], split: str | None = None) -> Truth:
    """Return the truth of a sheet, whose row i is of `pictures[i]`; see `read`.

    Raises SourceError where two rows contradict each other, and UsageError as `read`.
    """
    truth = _built(place, sheet, pictures)
    if split is None:
        return truth
    kept = _rows_of(place, sheet, split)
    rows, numbers = [sheet.rows[row] for row in kept], [sheet.numbers[row] for row in kept]
    part = replace(sheet, rows=rows, numbers=numbers)
    return _built(place, part, [pictures[row] for row in kept])


def _built(place: Path, sheet: Sheet, pictures: Sequence[str]) -> Truth:
    if sheet.columns.kind == "queries":
        return _queries(place, sheet, pictures)
    if sheet.columns.kind == "captions":
        return _captions(place, sheet, pictures)
    return _labels(place, sheet, pictures)


def _text(place: Path) -> str:
    try:
        with place.open("rb") as file:
            data = file.read(1 << 16)
            if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise SourceError(f"it is no text, {place}; name {_KINDS}")
            data += file.read(_LARGEST - len(data) + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"it is not there, {place}; name {_KINDS}") from None
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"it cannot be read ({words}), {place}; check its permissions") from None
    if len(data) > _LARGEST:
        raise SourceError(f"it is larger than {_LARGEST >> 30} GB, {place}; name {_KINDS}")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # what spreadsheets call "Unicode text"
        text = data.decode("utf-16", "replace")
    else:
        text = data.decode("utf-8", "surrogateescape").removeprefix("\N{BYTE ORDER MARK}")
    if "\0" in text:
        raise SourceError(f"it is no text, {place}; name {_KINDS}")
    return text


def _is_path(path: str) -> bool:
    try:
        return bool(path.strip()) and b"\0" not in os.fsencode(path)
    except UnicodeError:  # JSON can write half a character
        return False


def _there(way: tuple[str, Sequence[str]]) -> int:
    """Count how many of the first pictures are there."""
    base, names = way
    first = list(dict.fromkeys(names[: 20 * _LOOKED_AT]))[:_LOOKED_AT]
    return sum(os.path.lexists(os.path.join(base, name)) for name in first)


class _Agreed:
    """Values by key, each with the row it was read in; a second value has to be the same."""

    def __init__(self, place: Path, sheet: Sheet, noun: str) -> None:
        self._place = place
        self._sheet = sheet
        self._noun = noun
        self._rows: dict[object, int] = {}
        self.values: dict[object, object] = {}

    def set(self, key: object, value: object, row: int, of: str) -> None:
        """Raise SourceError where `key` has another value already; `of` names it in messages."""
        first = self._rows.setdefault(key, row)
        if self.values.setdefault(key, value) != value:
            what = f"it has two {self._noun}s, {self.values[key]!r} and {value!r}: {of}"
            both = f"{self._sheet.where(first)} and {self._sheet.where(row)}"
            raise fault(self._place, what, "keep one", both)


def _cells(place: Path, sheet: Sheet, noun: str) -> Iterator[tuple[int, str]]:
    """Yield the value of each row, none of them blank."""
    assert sheet.columns.value is not None  # noqa: S101  # of pictures alone there are none
    for row, cells in enumerate(sheet.rows):
        value = cells[sheet.columns.value].strip()
        if not value:
            what = f"there is no {noun}"
            raise fault(place, what, "write one, or remove the row", sheet.where(row))
        yield row, value


def _splits(place: Path, sheet: Sheet, keys: Sequence[str]) -> dict[str, str] | None:
    """Return the split of each key, of which row i has `keys[i]`."""
    if sheet.columns.split is None:
        return None
    splits = _Agreed(place, sheet, "split")
    for row, key in enumerate(keys):
        splits.set(key, sheet.rows[row][sheet.columns.split].strip(), row, key)
    return {key: str(splits.values[key]) for key in keys}


def _labels(place: Path, sheet: Sheet, pictures: Sequence[str]) -> Labels:
    labels = _Agreed(place, sheet, "label")
    for row, label in _cells(place, sheet, "label"):
        labels.set(pictures[row], unicodedata.normalize("NFC", label), row, pictures[row])
    paths = tuple(dict.fromkeys(pictures))
    splits = _splits(place, sheet, pictures)
    return Labels(
        paths,
        tuple(str(labels.values[path]) for path in paths),
        None if splits is None else tuple(splits[path] for path in paths),
        tuple(sheet.beside),
        _names(sheet, pictures),
    )


def _captions(place: Path, sheet: Sheet, pictures: Sequence[str]) -> Captions:
    places = {path: at for at, path in enumerate(dict.fromkeys(pictures))}
    captions: dict[tuple[int, str], None] = {}  # a row that is there twice says no more than once
    for row, caption in _cells(place, sheet, "caption"):
        captions[places[pictures[row]], caption] = None
    splits = _splits(place, sheet, pictures)
    return Captions(
        tuple(places),
        tuple(caption for _, caption in captions),
        tuple(at for at, _ in captions),
        None if splits is None else tuple(splits[path] for path in places),
        _names(sheet, pictures),
    )


def _queries(place: Path, sheet: Sheet, pictures: Sequence[str]) -> Queries:
    grades = _Agreed(place, sheet, "grade")
    queries: list[str] = []
    relevant: dict[str, dict[str, float]] = {}
    for row, query in _cells(place, sheet, "query"):
        grade = _grade(place, sheet, row)
        path = pictures[row]
        grades.set((query, path), grade, row, f"{path}, for {query!r}")
        queries.append(query)
        of_query = relevant.setdefault(query, {})
        if grade > 0:
            of_query[path] = grade
    splits = _splits(place, sheet, queries)
    return Queries(
        tuple(dict.fromkeys(pictures)),
        tuple(relevant),
        tuple(relevant.values()),
        None if splits is None else tuple(splits[query] for query in relevant),
        _names(sheet, pictures),
    )


def _names(sheet: Sheet, pictures: Sequence[str]) -> dict[str, str]:
    """Return what each picture is called there, first, by its path."""
    names = dict[str, str]()
    for row, path in zip(sheet.rows, pictures, strict=True):
        names.setdefault(path, os.path.normpath(row[sheet.columns.picture]))
    return names


def _grade(place: Path, sheet: Sheet, row: int) -> float:
    if sheet.columns.grade is None:
        return 1.0
    written = sheet.rows[row][sheet.columns.grade].strip()
    try:
        grade = float(written) if written else 1.0
    except ValueError:
        grade = float("nan")
    if not abs(grade) < float("inf"):
        what = f"the grade {written!r} is no number"
        raise fault(place, what, "write one, as 1 or 0.5", sheet.where(row))
    return grade


def _rows_of(place: Path, sheet: Sheet, split: str) -> list[int]:
    if sheet.columns.split is None:
        raise UsageError(
            f"it has no splits, {place}; leave out --split, or make them with `vsearch split`"
        )
    splits = [cells[sheet.columns.split].strip() for cells in sheet.rows]
    if split not in splits:
        there = ", ".join(sorted({one for one in splits if one})) or "none with a name"
        raise UsageError(f"there is no split {split!r}, in {place}; there are: {there}")
    return [row for row, one in enumerate(splits) if one == split]
