"""The line in which one types: terms joined by " + ", those to be unlike after " - "."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGN = re.compile(r"\s+([+-])\s+")
_UNFINISHED = re.compile(r"(?:\s+[+-])+\s*$")


def terms_of(line: str) -> tuple[list[str], list[str]]:
    """Return the terms in a line, and those that the answer should be unlike.

    A sign counts between spaces only, so that "black-and-white" is one term; one at the end is not
    finished and says nothing yet.
    """
    first, *rest = _SIGN.split(_UNFINISHED.sub("", line).strip())
    terms, minus = [first] if first else [], list[str]()
    for sign, term in zip(rest[::2], rest[1::2], strict=True):
        (terms if sign == "+" else minus).append(term)
    return terms, minus


def line_of(terms: Sequence[str], minus: Sequence[str] = ()) -> str:
    """Return the line that asks for these terms."""
    line = " + ".join(terms)
    return "".join([line, *(f" - {term}" for term in minus)])
