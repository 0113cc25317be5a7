"""vsearch search --queries: many queries, one a line of a file."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedIOBase

    from vsearch.errors import UsageError
    from vsearch.searching.lines import Line
    from vsearch.searching.searcher import Query, Searcher


def answer_lines(
    name: str,
    searcher: Callable[[], Searcher],
    understood: Callable[[str], Query],
    *,
    explain: bool,
    quiet: bool,
) -> int:
    """Answer the queries in the file `name` ("-": standard input); return the exit code.

    1: nothing was found for any; 3: some of them could not be used, which was said; 2: none could.
    Raises UsageError where the file cannot be read.
    """
    from vsearch.output.queries import print_answers
    from vsearch.searching.lines import answered

    with _opened(name) as stream, searcher() as one:
        found, nothing, wrong = print_answers(
            answered(one, _read(stream, name), understood), explain=explain, quiet=quiet
        )
    if wrong:
        return 3 if found or nothing else 2
    return 0 if found else 1


def _read(stream: BufferedIOBase, name: str) -> Iterator[list[Line]]:
    """Yield the lines of a stream; what goes wrong with reading is told of it by its name."""
    from vsearch.searching.lines import batches

    try:
        yield from batches(stream)
    except OSError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: OSError) -> UsageError:
    from vsearch.errors import UsageError

    where = "standard input; pipe lines of text in"
    if name != "-":
        where = f"{name!r}; check the path, or name - for standard input"
    return UsageError(f"the queries cannot be read ({error.strerror}), from {where}")


def _opened(name: str) -> BufferedIOBase:
    from vsearch.output.terminal import say

    if name == "-":
        if not isinstance(sys.stdin, io.TextIOWrapper):  # closed (`<&-`)
            return io.BytesIO()
        if sys.stdin.isatty():
            say("vsearch: reading queries from this terminal, one a line; end with Ctrl-D")
        buffer: BufferedIOBase = sys.stdin.buffer
        return buffer
    try:
        return open(name, "rb")  # noqa: PTH123  # one import less
    except OSError as error:
        raise _unreadable(name, error) from error
