"""A condition -> SQL over images, contents and labels, with every value as a parameter.

The statement it becomes a part of joins `images` and `contents` under these names.
"""

from __future__ import annotations

import os
import re
import unicodedata
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from vsearch.conditions import AllOf, AnyOf, Below, Compared, Matching, Named, Not
from vsearch.index.roots import within
from vsearch.records import UNSETTLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsearch.conditions import Condition
    from vsearch.index.roots import Root

_SQL = {
    "width": "contents.width",
    "height": "contents.height",
    "pixels": "contents.width*contents.height",
    "bytes": "images.size",
    "type": "lower(contents.format)",
    "camera": "lower(coalesce(contents.camera,''))",
    "name": "substr(CAST(images.path AS TEXT),"
    " length(rtrim(CAST(images.path AS TEXT), replace(CAST(images.path AS TEXT),'/','')))+1)",
}
_MOST_NS = (1 << 63) - 1
_LAST = "9999-12-31T23:59:59"  # what is missing on the right of a date, at its latest
_FIRST = "0000-01-01T00:00:00"
_NEAR = timedelta(days=5)  # further from each other than clocks (a day), and than months differ
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d)?)?)?)?)?", re.ASCII)

Parameters = list[int | float | str | bytes]


def as_sql(condition: Condition, roots: Sequence[Root]) -> tuple[str, Parameters]:
    """Return the condition as an SQL expression, and the values of its question marks.

    Raises ValueError for a date that is none.
    """
    match condition:
        case AllOf(conditions) | AnyOf(conditions):
            parts = [as_sql(one, roots) for one in conditions]
            values = [value for _, values in parts for value in values]
            join = _all_of if isinstance(condition, AllOf) else _one_of
            return join([sql for sql, _ in parts]), values
        case Not(inner):
            sql, values = as_sql(inner, roots)
            return f"(NOT {sql})", values
        case Below(place):
            return _below(place, roots)
        case Matching(field, pattern):
            text, values = _text(field, roots)
            if not pattern.isascii() or "?" in pattern or "[" in pattern:
                text, pattern = _composed(text), unicodedata.normalize("NFC", pattern)
            glob = os.fsencode(pattern.replace("[!", "[^"))  # as SQLite has it
            return f"({text} GLOB CAST(? AS TEXT))", [*values, glob]
        case Compared():
            return _compared(condition, roots)


def _compared(one: Compared, roots: Sequence[Root]) -> tuple[str, Parameters]:
    if one.field == "date":
        return _dated(one)
    if one.field == "label":
        return _labelled(one)
    if isinstance(one.value, Named):
        return f"({_SQL[one.field]} {one.operator} {_SQL[one.value.field]})", []
    if not isinstance(one.value, str):
        return f"({_SQL[one.field]} {one.operator} ?)", [one.value]
    text, values = _text(one.field, roots)
    if not one.value.isascii():
        text = _composed(text)
    value = os.fsencode(unicodedata.normalize("NFC", one.value))
    if one.operator == "contains":
        return f"(instr(lower({text}), lower(CAST(? AS TEXT)))>0)", [*values, value]
    return f"(lower({text}) {one.operator} lower(CAST(? AS TEXT)))", [*values, value]


def _composed(text: str) -> str:
    """Return what has each letter of a text in one piece, be it stored so or not, in SQL."""
    return f"CAST(nfc(CAST({text} AS BLOB)) AS TEXT)"


def _labelled(one: Compared) -> tuple[str, Parameters]:
    value = unicodedata.normalize("NFC", " ".join(str(one.value).split())).casefold()
    fits = "instr(labels.folded, ?)>0" if one.operator == "contains" else "labels.folded=?"
    among = f"EXISTS(SELECT 1 FROM labels WHERE labels.content=contents.id AND {fits})"  # noqa: S608  # ours
    return f"(NOT {among})" if one.operator == "!=" else among, [value]


def _dated(one: Compared) -> tuple[str, Parameters]:
    """Compare a date with a stretch of time: all that a value such as "2023-05" may mean."""
    value = str(one.value)
    if not _DATE.fullmatch(value) or one.operator == "contains":
        raise ValueError(f"no date: {value!r}")
    # 31 days are in no month too many, since texts are compared; "~" comes after a time zone.
    first, last = value + _FIRST[len(value) :], value + _LAST[len(value) :] + "~"
    ways = {
        "==": ("NOT {} AND {}", [first, last]),
        "!=": ("({} OR NOT {})", [first, last]),
        "<": ("{}", [first]),
        "<=": ("{}", [last]),
        ">": ("NOT {}", [last]),
        ">=": ("NOT {}", [first]),
    }
    form, bounds = ways[one.operator]
    parts = [_earlier(bound) for bound in bounds]
    what = form.format(*(sql for sql, _ in parts))
    known = f"(contents.taken_at IS NOT NULL OR images.mtime_ns<>{UNSETTLED})"
    return f"({known} AND {what})", [value for _, values in parts for value in values]


def _earlier(bound: str) -> tuple[str, Parameters]:
    """Return whether a known date is before `bound`, "2023-05-04T12:33:10", in SQL.

    A time zone, which few cameras write, is left out: what counts is the clock on the wall. That of
    a file's change takes long to tell, so it is asked for only within some days of the bound. In
    words that SQLite stops at once the answer is known: of a CASE it computes all.
    """
    near = _about(bound)
    sql = (
        "(contents.taken_at IS NOT NULL AND contents.taken_at<? OR contents.taken_at IS NULL"
        " AND images.mtime_ns<? AND (images.mtime_ns<? OR on_the_wall(images.mtime_ns)<?))"
    )
    return sql, [bound, _ns(near + _NEAR), _ns(near - _NEAR), bound]


def _about(text: str) -> timedelta:
    """Return about when the clocks showed this, counted from 1970. ValueError: they never do."""
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError(f"no date: {text!r}")
    return datetime(max(year, 1), month, 1) - datetime(1970, 1, 1) + timedelta(day - 1)


def _ns(time: timedelta) -> int:
    """Return it in nanoseconds, as far as the catalog's numbers go."""
    return max(-_MOST_NS, min(_MOST_NS, time // timedelta(microseconds=1) * 1000))


def _text(field: str, roots: Sequence[Root]) -> tuple[str, Parameters]:
    if field != "path":
        return _SQL[field], []
    # Roots are few; the catalog may have stored them relative to the index.
    cases = " ".join("WHEN ? THEN CAST(? AS TEXT)" for _ in roots)
    values: Parameters = []
    for root in roots:
        values += [root.id, os.fsencode(root.path.rstrip("/") + "/")]
    tops = f"CASE images.root {cases} END" if roots else "''"
    return f"({tops} || CAST(images.path AS TEXT))", values


def _below(place: str, roots: Sequence[Root]) -> tuple[str, Parameters]:
    parts: list[str] = []
    values: Parameters = []
    for root in roots:
        if within(root.path, place):
            parts.append("images.root=?")
            values.append(root.id)
        elif within(place, root.path):
            name = os.fsencode(os.path.relpath(place, root.path))
            parts.append("images.root=? AND (images.path=? OR images.path>=? AND images.path<?)")
            values += [root.id, name, name + b"/", name + b"0"]  # "0" is the byte after "/"
    return _one_of(parts), values


def _all_of(parts: Sequence[str]) -> str:
    return _joined(parts, " AND ") if parts else "1"


def _one_of(parts: Sequence[str]) -> str:
    return _joined(parts, " OR ") if parts else "0"


def _joined(parts: Sequence[str], word: str) -> str:
    """Join in halves: SQLite takes an expression that is nested 1,000 deep, as "a OR b OR c" is."""
    if len(parts) == 1:
        return f"({parts[0]})"
    middle = len(parts) // 2
    return f"({_joined(parts[:middle], word)}{word}{_joined(parts[middle:], word)})"
