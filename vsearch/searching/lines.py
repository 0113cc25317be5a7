"""Many queries, one a line of a file or of what another program writes -> their answers, in order.

What has come is answered before more is waited for, so that a program can write a query and read
its answer; and no more than a batch is ever held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.searching.query import line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedIOBase

    from vsearch.searching.searcher import Answer, Query, Searcher

BATCH = 64  # queries whose words are embedded in one call; with more, what is padded costs more
LONGEST = 1 << 16  # bytes of a line
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Line:
    """A line and its number, from 1; `fault`: it cannot be a query, whatever is in it."""

    number: int
    text: str
    fault: UsageError | None = None


def batches(stream: BufferedIOBase) -> Iterator[list[Line]]:
    """Yield the lines that are not blank, at most BATCH at a time, as soon as they have come.

    Of one that is too long, only the beginning is kept. Raises UsageError for what is no text: it
    has a NUL byte among the first that come, as any picture.
    """
    number, rest = 0, b""
    while chunk := stream.read1(_CHUNK):
        if not number and not rest and b"\0" in chunk:
            raise UsageError(
                "the queries are no text; name a file with one a line, in which a picture is a "
                "line `image:PATH`"
            )
        *ended, rest = (rest + chunk).split(b"\n")
        rest = rest[: LONGEST + 1]
        yield from _batches(number, ended)
        number += len(ended)
    yield from _batches(number, [rest])


def _batches(before: int, parts: list[bytes]) -> Iterator[list[Line]]:
    lines = [_line(number, part) for number, part in enumerate(parts, start=before + 1)]
    lines = [line for line in lines if line.fault or line.text.strip()]
    for first in range(0, len(lines), BATCH):
        yield lines[first : first + BATCH]


def _line(number: int, data: bytes) -> Line:
    if len(data) > LONGEST:
        return Line(
            number,
            line_of(data[:80]),
            UsageError(f"a query of more than {LONGEST:,} bytes; name what you look for"),
        )
    return Line(number, line_of(data))


def answered(
    searcher: Searcher, lines: Iterable[list[Line]], understood: Callable[[str], Query]
) -> Iterator[tuple[Line, Answer | UsageError]]:
    """Yield the answer to each line, or why there is none, in order.

    `understood` makes a query of a line's text, or raises UsageError. Raises StoreError, ModelError
    and DecoderError, which are no line's fault.
    """
    for batch in lines:
        queries: list[Query | UsageError] = []
        for line in batch:
            try:
                if line.fault:
                    raise line.fault
                queries.append(understood(line.text))
            except UsageError as error:
                queries.append(error)
        answers = searcher.answers([one for one in queries if not isinstance(one, UsageError)])
        for line, query in zip(batch, queries, strict=True):
            yield line, query if isinstance(query, UsageError) else next(answers)
