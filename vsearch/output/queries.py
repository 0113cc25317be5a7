"""The answers to many queries, as JSON Lines; what is wrong with a query on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.output.matches import explain_answer, json_line
from vsearch.output.terminal import count_of, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsearch.searching.lines import Line
    from vsearch.searching.searcher import Answer


def print_answers(
    answered: Iterable[tuple[Line, Answer | UsageError]], *, explain: bool, quiet: bool
) -> tuple[int, int, int]:
    """Print each match with its query's `line` and `query`, as it comes.

    A note or a warning is said once, of the first line that has it; `quiet`: none is. Returns how
    many queries had matches, had none, and could not be used.
    """
    terminal, out = sys.stdout.isatty(), sys.stdout.buffer
    found = nothing = wrong = 0
    told = set[str]()
    for line, answer in answered:
        if isinstance(answer, UsageError):
            wrong += 1
            say(f"vsearch: line {line.number}: {answer}")
            continue
        if explain:
            explain_answer(answer)
        for note in (*answer.notes, *filter(None, [answer.warning])):
            if note not in told and not quiet:
                where = "" if note == answer.warning else f"line {line.number}: "
                say(f"vsearch: {where}{note}")
            told.add(note)
        found, nothing = (found + 1, nothing) if answer.matches else (found, nothing + 1)
        for match in answer.matches:
            entry = json_line(match, terminal=terminal, line=line.number, query=line.text)
            out.write(entry + b"\n")
        out.flush()  # who writes the queries may wait for it
    if not found + nothing + wrong and not quiet:
        say("vsearch: no query on any line")
    elif nothing and not quiet:
        say(f"vsearch: nothing found for {count_of(nothing, 'query', 'queries')}")
    return found, nothing, wrong
