"""Which terminal there is and how it shows pictures; stdout is kept free for the end."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.output.graphics import asked, typed, understood
from vsearch.output.terminal import is_dumb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsearch.output.graphics import Graphics, Protocol


@contextmanager
def foreground() -> Iterator[None]:
    """Lead stdin, stdout and stderr to the terminal, wherever they lead outside of this.

    Raises UsageError when there is no terminal to draw on.
    """
    if is_dumb():
        raise _nowhere("TERM is dumb, or not set")
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


def ask(wanted: Protocol | None = None) -> tuple[Graphics, str]:
    """Return how pictures are drawn on this terminal, and what was typed while it was asked.

    `wanted` overrides what it says. Over ssh half blocks are chosen, since the others send
    ten times as much; without colours shades, since those would not get through Textual.
    """
    answer, cell = asked()
    color = not os.environ.get("NO_COLOR")
    shown = understood(answer, cell, color=color)
    protocol = shown.protocol
    if not color:
        protocol = "shades"
    elif os.environ.get("SSH_CONNECTION"):
        protocol = "blocks"
    return replace(shown, protocol=wanted or protocol), typed(answer)
