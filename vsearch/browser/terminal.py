"""Which terminal there is and what it can show; stdout kept free for what is printed at the end."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vsearch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

Graphics = Literal["kitty", "sixel", "blocks", "shades"]
"""How pictures are drawn: by a protocol, as coloured half blocks, or in shades of text."""

# https://sw.kovidgoyal.net/kitty/graphics-protocol/#querying-support-and-available-transmission-mediums
# Every terminal answers the last of the three (DA1, ECMA-48), so that nobody waits for the others.
_QUESTIONS = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\" + b"\x1b[16t" + b"\x1b[c"
_KITTY = re.compile(rb"\x1b_Gi=31;([^\x1b]*)\x1b\\")
_CELL = re.compile(rb"\x1b\[6;(\d+);(\d+)t")
_ATTRIBUTES = re.compile(rb"\x1b\[\?([\d;]*)c")
_SIXEL = b"4"  # among the attributes
_SECONDS = 0.5  # for the answer, over a slow line too
_WITHOUT_ANSWERS = ("linux", "vt")  # consoles that would print the questions


@dataclass(frozen=True, slots=True)
class Terminal:
    """What a terminal can show: `cell` is width and height of a character in pixels.

    `typed` is what the person typed while the terminal was asked.
    """

    graphics: Graphics = "blocks"
    cell: tuple[int, int] = (10, 20)
    typed: str = ""


@contextmanager
def foreground() -> Iterator[None]:
    """Lead stdin, stdout and stderr to the terminal, wherever they lead outside of this.

    Raises UsageError when there is no terminal to draw on.
    """
    if os.environ.get("TERM") == "dumb":
        raise _nowhere("TERM is dumb")
    streams = sys.__stdin__, sys.__stdout__, sys.__stderr__
    if any(stream is None for stream in streams):
        raise _nowhere("stdin, stdout or stderr is closed")
    with ExitStack() as restored:
        if not all(os.isatty(descriptor) for descriptor in (0, 1, 2)):
            try:
                terminal = os.open("/dev/tty", os.O_RDWR)
            except OSError as error:
                raise _nowhere(error.strerror or str(error)) from None
            restored.callback(os.close, terminal)
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor in (0, 1, 2):
                if not os.isatty(descriptor):
                    kept = os.dup(descriptor)
                    restored.callback(os.close, kept)
                    restored.callback(os.dup2, kept, descriptor)
                    os.dup2(terminal, descriptor)
        yield


def _nowhere(reason: str) -> UsageError:
    return UsageError(
        f"no terminal to browse on ({reason}); use `vsearch search`, or run it in a terminal"
    )


def ask(wanted: Graphics | None = None) -> Terminal:
    """Ask the terminal at stdin and stdout what it can show; `wanted` overrides how to draw.

    Over ssh half blocks are chosen: the others would send many times as much.
    """
    answers = _answers()
    kitty, cell = _KITTY.search(answers), _CELL.search(answers)
    attributes = _ATTRIBUTES.search(answers)
    size = (int(cell[2]), int(cell[1])) if cell else (10, 20)
    graphics: Graphics = "blocks"
    if os.environ.get("NO_COLOR"):
        graphics = "shades"
    elif os.environ.get("SSH_CONNECTION"):
        graphics = "blocks"
    # Some that know kitty's protocol lack the part that is used here, and know Sixel (WezTerm).
    elif attributes and _SIXEL in attributes[1].split(b";"):
        graphics = "sixel"
    elif kitty and kitty[1] == b"OK":
        graphics = "kitty"
    rest = answers
    for answer in (_KITTY, _CELL, _ATTRIBUTES):
        rest = answer.sub(b"", rest)
    typed = rest.partition(b"\x1b")[0].decode(errors="ignore")
    return Terminal(wanted or graphics, size, "".join(filter(str.isprintable, typed)))


def _answers() -> bytes:
    """Return what came from the terminal until it answered the last question."""
    if sys.platform == "win32" or os.environ.get("TERM", "").startswith(_WITHOUT_ANSWERS):
        return b""
    import select
    import termios
    import tty

    before = termios.tcgetattr(0)
    answers = b""
    try:
        tty.setcbreak(0, termios.TCSANOW)
        os.write(1, _QUESTIONS)
        until = time.monotonic() + _SECONDS
        while not _ATTRIBUTES.search(answers):
            ready, _, _ = select.select([0], [], [], max(0.0, until - time.monotonic()))
            if not ready or not (part := os.read(0, 4096)):
                break
            answers += part
    except OSError:
        pass  # a terminal that goes away, which is told when the screen is drawn
    finally:
        termios.tcsetattr(0, termios.TCSANOW, before)
    return answers
