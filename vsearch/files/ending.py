"""What is to be put away when a signal ends the process."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

_KILLED = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def ended_cleanly() -> Iterator[None]:
    """Let SIGTERM, and a terminal that closes, end the process as Ctrl-C does: with 128 and more.

    What is temporary goes then. A signal that is handled or ignored already stays so, and in
    another thread than the main one, which gets none, nothing changes.
    """

    def end(number: int, _: object) -> NoReturn:
        sys.exit(128 + number)

    taken = []
    if threading.current_thread() is threading.main_thread():
        taken = [number for number in _KILLED if signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep signals that end the process, as Ctrl-C, until this is done: it is to be short."""
    came: list[int] = []
    before: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():  # the others get none
            for number in (signal.SIGINT, *_KILLED):
                before[number] = signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: no handler of Python's
        for number in came:
            signal.raise_signal(number)
