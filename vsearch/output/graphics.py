"""What pictures a terminal can show: asked of it once, with an answer or within a second.

The question has three parts, the last of which every terminal answers, so that there is no waiting
for those that only some know:

    the graphics protocol of Kitty    https://sw.kovidgoyal.net/kitty/graphics-protocol/
    CSI 16 t                          a cell's size in pixels (xterm's control sequences)
    CSI c                             what it can do: 4 is Sixel (DEC's primary device attributes)

A multiplexer answers for itself: tmux says Sixel where it was built with it. iTerm2, WezTerm, foot,
Konsole, mintty, Windows Terminal, the terminal of VS Code and xterm speak Sixel; Kitty and Ghostty
their own.
"""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Protocol = Literal["sixel", "kitty", "blocks", "shades"]

SECONDS = 1.0
"""How long an answer is waited for: a slow line to the other side of the world, and a bit.

One that comes later is read by the shell, which shows it as if it had been typed.
"""

_QUESTION = b"\x1b_Gi=4211,s=1,v=1,a=q,t=d,f=24,U=1;AAAA\x1b\\\x1b[16t\x1b[c"
# U=1 is the part of the protocol that the pictures need: a Kitty before 0.28 does not answer to it.
_KITTY = re.compile(rb"\x1b_Gi=4211;OK\x1b\\")
_CELL = re.compile(rb"\x1b\[6;(\d{1,4});(\d{1,4})t")
_GUESS = 10, 20  # a cell of the VT340, which other programs take too
_ATTRIBUTES = re.compile(rb"\x1b\[\?([\d;]*)c")


@dataclass(frozen=True, slots=True)
class Graphics:
    """How a terminal shows pictures, and the size of a cell in pixels (a guess where unknown).

    "blocks" are half blocks in colour, "shades" blocks without any.
    """

    protocol: Protocol
    cell_width: int
    cell_height: int


def graphics(*, color: bool) -> Graphics:
    """Return what the terminal at stdout can show; `color`: whether blocks may have any."""
    answer, cell = _asked()
    return understood(answer, cell, color=color)


def understood(answer: bytes, cell: tuple[int, int], *, color: bool) -> Graphics:
    """Return what a terminal that gave this answer can show; `cell` is its size where known."""
    attributes = _ATTRIBUTES.search(answer)
    # Sixel first: those that know both (WezTerm, Konsole) do not know all of Kitty's protocol that
    # is used here, its placeholders; those that know these, Kitty and Ghostty, have no Sixel.
    if attributes and b"4" in attributes[1].split(b";"):
        protocol: Protocol = "sixel"
    elif _KITTY.search(answer):
        protocol = "kitty"
    else:
        protocol = "blocks" if color else "shades"
    said = _CELL.search(answer)
    told = (int(said[2]), int(said[1])) if said else (0, 0)
    return Graphics(protocol, *next(size for size in (told, cell, _GUESS) if all(size)))


def _asked() -> tuple[bytes, tuple[int, int]]:
    """Ask the terminal; return its answer, and the size of a cell that the system knows, or 0.

    b"" where there is none to be asked (Windows, no terminal of one's own).
    """
    if sys.platform == "win32":
        return b"", (0, 0)
    try:
        with _raw_terminal() as terminal:
            os.write(terminal, _QUESTION)
            return _read(terminal), _cell(terminal)
    except OSError:
        return b"", (0, 0)


if sys.platform != "win32":
    import fcntl
    import select
    import struct
    import termios
    import tty

    @contextmanager
    def _raw_terminal() -> Iterator[int]:
        """Open the terminal, whatever stdin is, so that its answer comes at once and is not shown.

        What was typed meanwhile is lost with it. Raises OSError.
        """
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        try:
            # A job in the background may not ask: it would be stopped.
            if os.tcgetpgrp(terminal) != os.getpgrp():
                raise OSError("in the background")
            before = termios.tcgetattr(terminal)
            try:
                tty.setcbreak(terminal, termios.TCSANOW)
                yield terminal
            finally:
                termios.tcsetattr(terminal, termios.TCSANOW, before)
        except termios.error as error:
            raise OSError(*error.args) from error
        finally:
            os.close(terminal)

    def _read(terminal: int) -> bytes:
        """Return what comes until the last part is answered, or the time is over."""
        answer, until = b"", time.monotonic() + SECONDS
        while not _ATTRIBUTES.search(answer):
            left = until - time.monotonic()
            if left <= 0 or not select.select([terminal], [], [], left)[0]:
                break
            part = os.read(terminal, 1024)
            if not part:
                break
            answer += part
        return answer

    def _cell(terminal: int) -> tuple[int, int]:
        """Return a cell's width and height in pixels, as the system knows them; 0 where not."""
        size = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
        rows, columns, width, height = struct.unpack("4H", size)
        return width // max(columns, 1), height // max(rows, 1)
