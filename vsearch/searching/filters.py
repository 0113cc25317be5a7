"""What a person typed to narrow an answer down -> one condition."""

from __future__ import annotations

import ast
import glob
import os
import re
import warnings
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

from vsearch.conditions import (
    NUMBERS,
    TEXTS,
    AllOf,
    AnyOf,
    Below,
    Compared,
    Condition,
    Matching,
    Named,
    Not,
)
from vsearch.errors import UsageError
from vsearch.images.formats import NAMES, RAW_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vsearch.conditions import Field, Operator

Orientation = Literal["landscape", "portrait", "square"]

_COMPARED: dict[Orientation, Operator] = {"landscape": ">", "portrait": "<", "square": "=="}
_TYPES = {
    "jpg": "jpeg", "tif": "tiff", "heic": "heif", "jp2": "jpeg2000", "dib": "bmp", "mpo": "jpeg",
    "jpe": "jpeg", "jfif": "jpeg", "apng": "png", "hif": "heif", "j2k": "jpeg2000",
    "pgm": "ppm", "pbm": "ppm", "pnm": "ppm",
}  # fmt: skip
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?)?)?", re.ASCII)
_SIZE = re.compile(r"(\d{1,9})(?:[x\u00d7](\d{1,9}))?", re.ASCII)
_HERE_OR_BELOW = re.compile(r"(?:^|(?<=/))(?:\*\*/)+")
_BRACES = re.compile(r"(.*)\{([^{}]*,[^{}]*)\}(.*)", re.DOTALL)
_MOST_PATTERNS = 1000
_SINGLE = re.compile(r"(?<![<>=!:])=(?!=)")
_TOO_LARGE = "a number is too large"
_SHOWN = 200  # characters of what is not understood
_DEEPEST = 50  # parentheses in an expression


@dataclass(frozen=True, slots=True)
class Filters:
    """What was typed, see `vsearch search --help`. Of those that may be many, one has to hold."""

    folders: Sequence[str] = ()
    globs: Sequence[str] = ()
    after: str | None = None
    before: str | None = None
    cameras: Sequence[str] = ()
    types: Sequence[str] = ()
    labels: Sequence[str] = ()
    min_size: str | None = None
    orientation: Orientation | None = None
    where: str | None = None

    def condition(self, today: date | None = None) -> Condition | None:
        """Return what all of them ask for together; None: nothing.

        `today` is what "last month" counts from. Raises UsageError.
        """
        today = today or date.today()
        parts: list[Condition] = []

        def one_of(found: list[Condition]) -> None:
            if found:
                parts.append(found[0] if len(found) == 1 else AnyOf(tuple(found)))

        one_of([Below(_place(folder)) for folder in self.folders])
        one_of([one for pattern in self.globs for one in _globs(pattern)])
        if self.after is not None:
            parts.append(Compared("date", ">=", day(self.after, today)))
        if self.before is not None:
            parts.append(Compared("date", "<", day(self.before, today)))
        one_of([Compared("camera", "contains", _text(name, "camera")) for name in self.cameras])
        one_of([Compared("type", "==", _type(name)) for name in self.types])
        one_of([Compared("label", "==", _text(name, "label")) for name in self.labels])
        if self.min_size is not None:
            parts += _at_least(self.min_size)
        if self.orientation is not None:
            parts.append(Compared("width", _COMPARED[self.orientation], Named("height")))
        if self.where is not None:
            parts.append(expression(self.where, today))
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _some(typed: str, what: str) -> str:
    if not typed:
        raise UsageError(f"an empty name for a {what}; name one")
    return typed


def _text(typed: str, what: str) -> str:
    """Return a name as it is, which can be in no picture where it is no valid UTF-8."""
    try:
        _some(typed, what).encode()
    except UnicodeEncodeError:
        raise UsageError(f"a {what} that is no valid UTF-8, {typed!r}; check it") from None
    return typed


def _place(typed: str) -> str:
    return os.path.realpath(_some(typed, "folder"))


def _globs(typed: str) -> Iterator[Condition]:
    """Yield what a pattern means: one of names, or, with a "/", of paths from this folder on.

    A first "~" is a home folder, "{a,b}" one or the other, and "**/" here or in any folder below,
    as in shells, which see none of it in quotes.
    """
    patterns = [_HERE_OR_BELOW.sub("{,*/}", _some(typed, "pattern"))]
    while match := next(filter(None, map(_BRACES.fullmatch, patterns)), None):
        patterns.remove(match[0])
        patterns += [match[1] + one + match[3] for one in match[2].split(",")]
        if len(patterns) > _MOST_PATTERNS:
            raise UsageError(
                f"more than {_MOST_PATTERNS:,} patterns, in {typed[:_SHOWN]!r}; write fewer braces"
            )
    if _BRACES.fullmatch(typed):  # a name may have them, too
        patterns.append(typed)
    for pattern in dict.fromkeys(patterns):
        yield Matching("path", _from_here(pattern)) if "/" in typed else Matching("name", pattern)


def _from_here(pattern: str) -> str:
    """Return an absolute pattern. The folders it begins with are those that they lead to.

    What was not typed of it, as a home folder, is no pattern.
    """
    user, _, rest = pattern.partition("/")
    home = os.path.expanduser(user)
    place, below = (os.getcwd(), pattern) if home == user else (home, rest)
    names = os.path.normpath(os.path.join("/" if below.startswith("/") else "", below)).split("/")
    folders = list(takewhile(lambda name: not glob.has_magic(name), names[:-1]))
    fixed = os.path.realpath(os.path.join(place, "/".join(folders) + "/" if folders else ""))
    return os.path.join(glob.escape(fixed), *names[len(folders) :])


def _type(typed: str) -> str:
    name = _some(typed, "type").lower().lstrip(".")
    name = _TYPES.get(name, name)
    known = sorted({one.lower() for one in NAMES})
    if name in known:
        return name
    import difflib  # who types what is right need not wait for it

    near = difflib.get_close_matches(name, known, n=1)
    if "." + name in RAW_SUFFIXES:
        near = ["raw"]
    meant = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    raise UsageError(f"no such type of picture, {typed!r}; {meant}")


def _at_least(typed: str) -> list[Condition]:
    match = _SIZE.fullmatch(typed)
    if not match:
        raise UsageError(f"no size in pixels, {typed!r}; write 2000 for both sides, or 3000x2000")
    width, height = int(match[1]), int(match[2] or match[1])
    return [Compared("width", ">=", width), Compared("height", ">=", height)]


# Dates


def day(typed: str, today: date) -> str:
    """Return the beginning of what was typed as a date, as conditions have it.

    "2023", "2023-05", "2023-05-04", "2023-05-04 12:30"; "today", "yesterday", "this week" (or
    month, or year), "last week", "3 days ago" (or weeks, months, years). Raises UsageError.
    """
    text = " ".join(typed.lower().split())
    if match := _DATE.fullmatch(text.upper()):
        year, month, of_month, hour, minute, second = match.groups()
        try:
            date(int(year), int(month or 1), int(of_month or 1))
        except ValueError as error:
            raise UsageError(f"no such day, {typed!r} ({error}); check it") from None
        if int(hour or 0) > 23 or int(minute or 0) > 59 or int(second or 0) > 59:
            raise UsageError(f"no such time of day, {typed!r}; check it")
        return text.upper().replace(" ", "T")
    begun = _named_day(text, today)
    if begun is None:
        raise UsageError(
            f"no date that is understood, {typed!r}; write 2023, 2023-05, 2023-05-04, "
            "'last month' or '3 days ago'"
        )
    return begun.isoformat()


def _named_day(text: str, today: date) -> date | None:
    begins: dict[str, Callable[[date], date]] = {
        "day": lambda one: one,
        "week": lambda one: one - timedelta(one.weekday()),  # on Monday, as ISO 8601 has it
        "month": lambda one: one.replace(day=1),
        "year": lambda one: one.replace(month=1, day=1),
    }
    words = {"today": "this day", "yesterday": "last day"}.get(text, text)
    if match := re.fullmatch(r"(this|last) (day|week|month|year)", words):
        start = begins[match[2]](today)
        return start if match[1] == "this" else begins[match[2]](start - timedelta(1))
    if match := re.fullmatch(r"(\d{1,4}) (day|week|month|year)s? ago", words, re.ASCII):
        try:
            return _ago(today, int(match[1]), match[2])
        except (ValueError, OverflowError):
            return None
    return None


def _ago(today: date, count: int, unit: str) -> date:
    if unit in {"day", "week"}:
        return today - timedelta(count * (7 if unit == "week" else 1))
    months = 12 * today.year + today.month - 1 - count * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    first = date(year, month + 1, 1)
    last = (first.replace(day=28) + timedelta(4)).replace(day=1) - timedelta(1)
    return first.replace(day=min(today.day, last.day))  # there is no 31 February


# Expressions

_OPERATORS: dict[type[ast.cmpop], Operator] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_TURNED: dict[Operator, Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def expression(text: str, today: date) -> Condition:
    """Return what a `--where` expression means: comparisons with `and`, `or`, `not`, parentheses.

    In Python's words and never run: "width > height and 1000 <= pixels", "'canon' in camera",
    "type in ('png', 'webp')", "date == '2023-05'". `today` is what "last month" counts from.
    Raises UsageError.
    """
    # The bytes of a name that is no valid UTF-8 are written as Python does in a text.
    source = text.strip().encode("utf-8", "backslashreplace").decode()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "1or 2" is understood, if not for ever by Python
            tree = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        why = "write == for equal" if _SINGLE.search(text) else error.msg
        if "integer string conversion" in why:  # Python's words are for those who program in it
            why = _TOO_LARGE
        raise _unclear(text, why) from None
    except (ValueError, RecursionError, MemoryError):
        raise _unclear(text, "it cannot be read") from None
    return _Reader(text, today).condition(tree)


def _unclear(text: str, why: str) -> UsageError:
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "\u2026"
    return UsageError(
        f"--where is not understood ({why}), in {shown!r}; write such as "
        "\"width > 2000 and 'canon' in camera\""
    )


class _Reader:
    """Turns the syntax tree of one expression into a condition."""

    def __init__(self, text: str, today: date) -> None:
        self._text = text
        self._today = today

    def condition(self, node: ast.expr, depth: int = 0) -> Condition:
        if depth > _DEEPEST:
            raise self._wrong("it is nested too deeply")
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return AllOf(tuple(self.condition(value, depth + 1) for value in values))
            case ast.BoolOp(values=values):
                return AnyOf(tuple(self.condition(value, depth + 1) for value in values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self.condition(operand, depth + 1))
            case ast.Compare(left=left, ops=operators, comparators=others):
                sides = [left, *others]
                found = [
                    self._compared(*one) for one in zip(sides, operators, sides[1:], strict=False)
                ]
                return found[0] if len(found) == 1 else AllOf(tuple(found))
        raise self._wrong("it compares nothing")

    def _compared(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Condition:
        if isinstance(operator, ast.In | ast.NotIn):
            found = self._contained(left, right)
            return found if isinstance(operator, ast.In) else Not(found)
        if type(operator) not in _OPERATORS:
            raise self._wrong("'is' compares no values; write ==")
        sign = _OPERATORS[type(operator)]
        if not isinstance(left, ast.Name):
            left, right, sign = right, left, _TURNED.get(sign, sign)
        return self._with_value(self._field(left), sign, right)

    def _with_value(self, field: Field, sign: Operator, right: ast.expr) -> Condition:
        if isinstance(right, ast.Name):
            other = self._field(right)
            if field in NUMBERS and other in NUMBERS:
                return Compared(field, sign, Named(other))
            raise self._wrong(f"{field} and {other} cannot be compared")
        value = self._value(right)
        if field in NUMBERS and not isinstance(value, int | float):
            raise self._wrong(f"{field} is a number")
        if field not in NUMBERS and not isinstance(value, str):
            raise self._wrong(f"{field} is a text")
        if field in TEXTS and sign not in {"==", "!="}:
            raise self._wrong(f"{field} is equal or not, or contains a text")
        if field == "date":
            return self._dated(sign, str(value))
        if field == "type":
            value = _type(str(value))
        return Compared(field, sign, self._possible(field, value))

    def _dated(self, sign: Operator, typed: str) -> Condition:
        """Read a date, of which a week, month or year that is named is all of it."""
        begin = day(typed, self._today)
        span = re.fullmatch(r"(this|last) (week|month|year)", " ".join(typed.lower().split()))
        if not span:  # conditions know how much "2023-05" is
            return Compared("date", sign, begin)
        end = _ago(date.fromisoformat(begin), -1, span[2]).isoformat()
        since, until = Compared("date", ">=", begin), Compared("date", "<", end)
        before, after = Compared("date", "<", begin), Compared("date", ">=", end)
        meanings: dict[Operator, Condition] = {
            "==": AllOf((since, until)), "!=": AnyOf((before, after)),
            "<": before, "<=": until, ">": after, ">=": since,
        }  # fmt: skip
        return meanings[sign]

    def _contained(self, left: ast.expr, right: ast.expr) -> Condition:
        """Read `'text' in field`, or `field in (value, ...)`."""
        if isinstance(right, ast.Tuple | ast.List | ast.Set):
            field = self._field(left)
            return AnyOf(tuple(self._with_value(field, "==", one) for one in right.elts))
        if isinstance(left, ast.Name) and isinstance(right, ast.Constant):
            raise self._wrong(
                "what a field is in is a list, with a comma in it even of one: ('jpg',)"
            )
        field, value = self._field(right), self._value(left)
        if field not in TEXTS or not isinstance(value, str):
            raise self._wrong(f"{field} contains no {value!r}")
        return Compared(field, "contains", self._possible(field, value))

    def _possible(self, field: Field, value: float | str) -> float | str:
        """Return a value, unless it is a text that nothing can have, and no catalog takes."""
        if isinstance(value, str):
            try:
                os.fsencode(value) if field in {"path", "name"} else value.encode()
            except UnicodeEncodeError:
                raise self._wrong(f"{value!r} is no valid text for {field}") from None
        return value

    def _field(self, node: ast.expr) -> Field:
        names: tuple[Field, ...] = (*NUMBERS, *TEXTS, "date")
        if isinstance(node, ast.Name):
            for name in names:
                if node.id == name:
                    return name
            raise self._wrong(f"there is no {node.id!r}, but {', '.join(names)}")
        raise self._wrong("one side of each comparison is a field")

    def _value(self, node: ast.expr) -> int | float | str:
        sign = 1
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            sign = -1 if isinstance(node.op, ast.USub) else 1
            node = node.operand
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                raise self._wrong("a text has no sign")
        if isinstance(node, ast.Constant):
            value = node.value
            if isinstance(value, str):
                return value
            if isinstance(value, int | float) and not isinstance(value, bool):
                if abs(value) >= 1 << 63:  # more than the catalog's numbers go to
                    raise self._wrong(_TOO_LARGE)
                return sign * value
        raise self._wrong("a value is a number or a text in quotes")

    def _wrong(self, why: str) -> UsageError:
        return _unclear(self._text, why)
