r"""The line in which one types: terms joined by " + ", those to be unlike after " - ".

A term in double quotes is taken as it stands, signs and all. Within them it is written as a string
of JSON (RFC 8259): `\"` is a quote, `\\` a backslash, `\n` a new line.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from vsearch.output.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNFINISHED = re.compile(r"(?:\s+[+-])+\s*$")
_SIGNED = re.compile(r"[+-]\s")
_PART = re.compile(
    r"""
    \s+ (?P<sign> [+-]) \s+
    (?:
        (?P<quoted> "(?: [^"\\] | \\. )*" ) (?= \s+[+-]\s | $ )
        | (?P<open> "(?: [^"\\] | \\. )+ ) $    # the closing quote is yet to be typed
        | (?P<plain> .+? ) (?= \s+[+-]\s | $ )
    )
    """,
    re.VERBOSE | re.DOTALL,
)
# What would not be one term, as it is, if it stood in a line.
_TO_BE_QUOTED = re.compile(r'^$|^"|^\s|\s$|(?:^|\s)[+-](?:\s|$)')


def terms_of(line: str) -> tuple[list[str], list[str]]:
    """Return the terms in a line, and those that the answer should be unlike.

    A sign counts between spaces only, so that "black-and-white" is one term; one at the end is not
    finished and says nothing yet.
    """
    line = _UNFINISHED.sub("", line.strip())
    terms, minus = list[str](), list[str]()
    if not line:
        return terms, minus
    for part in _PART.finditer(f" {line}" if _SIGNED.match(line) else f" + {line}"):
        quoted, unclosed, plain = part["quoted"], part["open"], part["plain"]
        term = plain or _read(quoted or f'{unclosed}"')
        (terms if part["sign"] == "+" else minus).append(term)
    return terms, minus


def _read(quoted: str) -> str:
    try:
        return str(json.loads(quoted, strict=False))
    except ValueError:  # a backslash that is meant as such
        return quoted[1:-1]


def line_of(terms: Sequence[str], minus: Sequence[str] = ()) -> str:
    """Return the line that asks for these terms, without a character that is not to be seen."""
    signed = [*(("+", term) for term in terms), *(("-", term) for term in minus)]
    return " ".join(f"{sign} {_written(term)}" for sign, term in signed).removeprefix("+ ")


def _written(term: str) -> str:
    hidden = printable(term) != term
    if hidden or _TO_BE_QUOTED.search(term):
        return json.dumps(term, ensure_ascii=hidden)
    return term
