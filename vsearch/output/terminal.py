"""Terminals: whether there is one, and making names safe to show on it."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vsearch.output.links import file_url

if TYPE_CHECKING:
    from rich.console import Console
    from rich.style import Style

# Control characters, which a terminal obeys instead of showing; format characters, which have no
# looks of their own or change the direction of text, and let a name pose as another (but U+200C
# and U+200D, which scripts and emoji are written with); line and paragraph separators; and lone
# surrogates, which stand for the bytes of a name that are no valid UTF-8.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001-\U000e007f]"
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    r"""Return `text` with everything a terminal would not simply show written out.

    A newline becomes \n, an escape \x1b, an undecodable byte \xff, a direction mark \u202e.
    """
    return _UNSAFE.sub(_written_out, text)


def in_columns(text: str) -> str:
    """Return `text` with the control characters written out, which break lines and columns.

    For programs, to which all else is the name itself, bytes that are no valid UTF-8 among it.
    """
    return _CONTROL.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def is_terminal(stream: Any) -> bool:  # noqa: ANN401  # any file-like object
    """Whether `stream` is a terminal that understands more than plain lines."""
    return bool(stream.isatty()) and not is_dumb()


def is_dumb() -> bool:
    """Whether TERM says that a terminal knows no more than lines, or says nothing."""
    usual = "vt100" if os.name == "nt" else "dumb"  # Windows knows no TERM
    return (os.environ.get("TERM") or usual) == "dumb"


def may_color(*, no_color: bool = False) -> bool:
    """Whether colour is wanted: not refused by an option, nor by NO_COLOR (https://no-color.org)."""
    return not (no_color or os.environ.get("NO_COLOR"))


def console(*, stderr: bool = False, color: bool = True, exact: bool = False) -> Console:
    """Return a rich console on stdout or stderr; it honours NO_COLOR by itself.

    Without `color` there is bold and dim only; `exact`: colours are not matched to fewer ones, nor
    left out.
    """
    from rich.console import Console

    return Console(
        stderr=stderr,
        highlight=False,
        emoji=False,
        markup=False,
        no_color=False if exact else None if color else True,
        color_system="truecolor" if exact else "auto",
    )


def linked(path: str) -> Style:
    """Return the style of a hyperlink to a file (OSC 8), for terminals that follow such."""
    import socket

    from rich.style import Style

    return Style(link=file_url(path, socket.gethostname()))


def say(message: str) -> None:
    """Print one line for the person, on stderr; where that is full or closed, nobody is told."""
    with suppress(OSError):
        print(printable(message), file=sys.stderr)


def shown_path(path: str, here: str) -> str:
    """Return the absolute `path` as one would type it in the folder `here`.

    A name that begins with a dash comes as "./-name", so that no program takes it for an option.
    """
    below = here.rstrip("/") + "/"
    shown = path[len(below) :] if path.startswith(below) else path
    return f"./{shown}" if shown.startswith("-") else shown


def size(count: float) -> str:
    """Return a number of bytes for reading: "154 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            digits = 0 if count >= 10 or unit == "bytes" else 1
            return f"{count:.{digits}f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """Return "1 picture" or "2,000 pictures"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
