"""Which files a person wants left alone: .gitignore, .ignore and .vsearchignore.

The patterns mean what `git help ignore` says, with git's own corner cases (its `wildmatch.c` and
`dir.c` are what this module was written from, and `git check-ignore` is its oracle in the tests).
One departure: `?` and `[...]` match one character where git matches one byte.

A pattern is matched against the file or folder itself, never against what lies below it: the walk
does not enter an ignored folder, which is how git does it and why "!" cannot bring back a file
whose folder is ignored.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vsearch.errors import ImageError, SkipReason
from vsearch.images.read import read

NAMES = (".gitignore", ".ignore", ".vsearchignore")
"""The files that are read in each folder; a later one beats an earlier one."""

_LIMIT_BYTES = 1 << 20  # an ignore file of more than a megabyte is something else

_SPECIAL = re.compile(r"[*?\[\\]")

_POSIX_CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": r" \t", "cntrl": r"\x01-\x1f\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~",
    "punct": r"!-/:-@\[-`{-~", "space": r" \t-\r", "upper": "A-Z", "xdigit": "0-9a-fA-F",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """The patterns of one folder as a single regular expression, the last pattern tried first.

    It is matched against "d" or "f" (folder or file), the name, NUL, and the path relative to the
    folder of the rules. `excludes[i]`: whether the group i that matched excludes or re-includes.
    """

    expression: re.Pattern[str]
    excludes: tuple[bool, ...]

    def verdict(self, kind: Literal["d", "f"], name: str, path: str) -> bool | None:
        """Say whether they exclude (True), re-include (False), or do not mention (None) it."""
        match = self.expression.match(f"{kind}{name}\0{path}")
        return self.excludes[match.lastindex] if match and match.lastindex else None


def folder_rules(
    folder: str, names: Sequence[str]
) -> tuple[Rules | None, list[tuple[str, ImageError]]]:
    """Read the ignore files `names` of one folder, given in the order of `NAMES`.

    Returns their rules, None when they say nothing, and the files that could not be read. An empty
    file says nothing and is no fault.
    """
    lines: list[str] = []
    faults: list[tuple[str, ImageError]] = []
    for name in names:
        try:
            text = os.fsdecode(read(os.path.join(folder, name), _LIMIT_BYTES))
        except ImageError as error:
            if error.reason is not SkipReason.EMPTY:
                faults.append((name, error))
            continue
        lines += text.removeprefix("\N{BYTE ORDER MARK}").split("\n")
    return compile_rules(lines), faults


def compile_rules(lines: list[str]) -> Rules | None:
    """Compile the lines of ignore files of one folder; None when there is no pattern among them."""
    expressions: list[str] = []
    excludes: list[bool] = []
    for line in reversed(lines):
        pattern = _without_trailing_spaces(line.removesuffix("\r"))
        negated = pattern.startswith("!")
        if line.startswith("#") or (expression := _expression(pattern[negated:])) is None:
            continue
        expressions.append(f"({expression})")
        excludes.append(not negated)
    if not expressions:
        return None
    return Rules(re.compile("|".join(expressions), re.DOTALL), (False, *excludes))


def _without_trailing_spaces(line: str) -> str:
    r"""Cut spaces off the end, but keep one that a backslash protects ("name\ ")."""
    kept = re.match(r"(?:\\.|[^\\ ]|\\$| +(?! |$))*", line, re.DOTALL)
    return kept[0] if kept else line


def _expression(pattern: str) -> str | None:
    """Translate one pattern, without its "!", or return None when it can match nothing."""
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    kind = "d" if folders_only else "[df]"
    if "/" not in pattern:  # a name at any depth
        glob = _glob(pattern)
        return f"{kind}{glob}\\0" if glob else None
    glob = _glob(pattern.removeprefix("/"))
    return rf"{kind}[^\0]*\0{glob}\Z" if glob else None


def _glob(pattern: str) -> str | None:
    """Translate a glob as git's wildmatch reads it, or return None when it can match nothing."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
            if at == len(pattern):
                return None
            out.append(re.escape(pattern[at]))
        elif char == "?":
            out.append(r"[^/\0]")
        elif char == "*":
            stars = at
            while at + 1 < len(pattern) and pattern[at + 1] == "*":
                at += 1
            rest = pattern[at + 1 :]
            # Git compares the literal beginning apart, and then sees no letter before the stars.
            literal = not _SPECIAL.search(pattern, 0, stars)
            between_slashes = literal or pattern[stars - 1] == "/"
            if at > stars and between_slashes and rest.startswith("/"):
                out.append(r"(?:[^\0]*/)?")  # "**/": any number of folders, also none
                at += 1
            elif at > stars and between_slashes and (not rest or rest.startswith("\\/")):
                out.append(r"[^\0]*")
            else:
                out.append(r"[^/\0]*")
        elif char == "[":
            found = _class(pattern, at)
            if found is None:
                return None
            expression, at = found
            out.append(expression)
        else:
            out.append(re.escape(char))
        at += 1
    return "".join(out)


def _class(pattern: str, at: int) -> tuple[str, int] | None:
    """Translate the "[...]" that begins at `at`.

    Returns the expression and where its "]" is, or None when it is not closed, in which case git
    lets the whole pattern match nothing. A range that runs backwards holds no character.
    """
    at += 1
    negated = pattern[at : at + 1] in {"!", "^"}
    at += negated
    members: list[str] = []
    before = ""  # what a "-" after it would begin a range with
    first = True
    while first or pattern[at : at + 1] != "]":
        first = False
        char = pattern[at : at + 1]
        ahead = pattern[at + 1 : at + 2]
        if char == "-" and before and ahead and ahead != "]":
            at += 1
            if ahead == "\\":
                at += 1
                ahead = pattern[at : at + 1]
                if not ahead:
                    return None
            if before <= ahead:
                members.append(f"{re.escape(before)}-{re.escape(ahead)}")
            before = ""
        elif char == "[" and ahead == ":" and (end := pattern.find("]", at + 2)) >= 0:
            if end > at + 2 and pattern[end - 1] == ":":
                posix = _POSIX_CLASSES.get(pattern[at + 2 : end - 1])
                if posix is None:
                    return None
                members.append(posix)
                at = end
                before = ""
            else:
                members.append(re.escape("["))
                before = "["
        else:
            if char == "\\":
                at += 1
                char = pattern[at : at + 1]
            if not char or (char == "[" and ahead == ":"):
                return None
            members.append(re.escape(char))
            before = char
        at += 1
    if not members:
        return (r"[^/\0]" if negated else r"(?!)"), at
    if negated:
        return rf"[^/\0{''.join(members)}]", at
    return rf"(?!/)[{''.join(members)}]", at
