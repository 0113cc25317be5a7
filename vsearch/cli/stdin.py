"""Standard input as a part of a query."""

from __future__ import annotations

import sys

MOST_TEXT = 1 << 20  # bytes; of what is no picture


def read_stdin(limit: int) -> bytes:
    """Return all that is on standard input: a picture of at most `limit` bytes, or text.

    On a terminal, say first what is waited for. Raises UsageError.
    """
    from vsearch.errors import UsageError
    from vsearch.images.formats import is_signed
    from vsearch.output.terminal import say

    if sys.stdin is None:  # closed (`<&-`)
        return b""
    if sys.stdin.isatty():
        say("vsearch: reading words from this terminal, a term a line; end with Ctrl-D")
    stream = sys.stdin.buffer
    try:
        start = stream.read(64)
        most = limit if is_signed(start) else MOST_TEXT
        data = start + stream.read(most + 1 - len(start))
    except OSError as error:
        raise UsageError(
            f"standard input cannot be read ({error.strerror}), for '-'; pipe a picture or words in"
        ) from error
    if len(data) > most:
        what = "of a picture" if most == limit else "of text"
        raise UsageError(
            f"more than {most:,} bytes {what} on standard input, for '-'; name a smaller one"
        )
    return data
