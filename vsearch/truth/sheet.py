"""What every format is read as: rows with columns, each of one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vsearch.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Kind = Literal["captions", "labels", "queries", "pictures"]

PATHS = (
    "path", "image", "file", "filename", "file_name", "image_name", "image_path", "relevant",
    "relevant path", "relevant_path",
)  # fmt: skip
CAPTIONS = ("caption", "comment", "text")
LABELS = ("label", "class", "category")
QUERIES = ("query",)
GRADES = ("grade",)
SPLITS = ("split",)
"""What columns may be called; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column of a sheet is for, by its place; None: there is no such column.

    `value` holds the caption, the label or the query; None where the sheet is of pictures alone.
    """

    names: tuple[str, ...]
    kind: Kind
    picture: int
    value: int | None
    grade: int | None = None
    split: int | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a truth, as many cells each as `columns` has names.

    `numbers[i]` is that of row i where it was read, and `at`, "line {}", says of what.
    `bare[i]` is the picture of row i without the folder that the file says it is in, where the file
    says that apart: people move pictures. `beside` are the absolute paths of the pictures of a
    folder of class folders that are in none of them, and have no row.
    """

    columns: Columns
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int]
    at: str = "line {}"
    bare: Sequence[str] | None = None
    beside: Sequence[str] = ()

    def where(self, row: int) -> str:
        """Say where row `row`, counted from 0, was read."""
        return self.at.format(self.numbers[row])


def columns_of(names: Sequence[str]) -> Columns | None:
    """Tell what the columns with these `names` are for; None where they make no truth.

    Raises ValueError where they make two: captions and labels.
    """
    known: dict[str, int] = {}
    for place, name in enumerate(names):
        known.setdefault(name.strip().casefold(), place)

    def first(of: tuple[str, ...]) -> int | None:
        return next((known[name] for name in of if name in known), None)

    picture = first(PATHS)
    if picture is None:
        return None
    kind: Kind
    query, caption, label = first(QUERIES), first(CAPTIONS), first(LABELS)
    if query is not None:
        kind, value = "queries", query
    elif caption is not None and label is not None:
        both = f"{names[caption].strip()!r} and {names[label].strip()!r}"
        raise ValueError(f"it has columns for captions and for labels, {both}")
    elif caption is not None:
        kind, value = "captions", caption
    elif label is not None:
        kind, value = "labels", label
    else:
        return Columns(tuple(names), "pictures", picture, None, None, first(SPLITS))
    return Columns(tuple(names), kind, picture, value, first(GRADES), first(SPLITS))


def fault(place: Path, what: str, advice: str, where: str = "") -> SourceError:
    """Return what is wrong with a truth, to be raised; `where` in it is "line 3", say."""
    return SourceError(f"{what}, in {place}{where and f', {where}'}; {advice}")
