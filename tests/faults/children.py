"""Forked children: each case runs in one, and the parent learns how it ended.

The parent has all modules loaded and one thread only; it neither searches nor indexes itself.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import select
import signal
import struct
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE = 60.0  # seconds after which a child counts as hanging


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """How a child ended: with a `value`, an `error` of Python's, or a `signal`.

    `trace` is the error's traceback, `output` what it printed; `hung` when it had to be stopped.
    """

    value: T | None
    error: BaseException | None
    signal: int
    seconds: float
    trace: str = ""
    output: str = ""
    hung: bool = False

    @property
    def where(self) -> str:
        """The error it ended with, and the last places in vsearch on the way to it, in one line."""
        frames = [line.strip() for line in self.trace.splitlines() if "/vsearch/" in line]
        places = [frame.rpartition("/vsearch/")[2] for frame in frames if frame.startswith("File")]
        return f"{type(self.error).__name__}: {self.error} [{' < '.join(places[:-4:-1])}]"

    @property
    def killed(self) -> bool:
        """Whether it was killed as by `kill -9`."""
        return self.signal == signal.SIGKILL and not self.hung

    @property
    def crash(self) -> str:
        """What it died of, in words, where it should not have; "" else."""
        if self.hung:
            return "hung"
        if self.signal:
            return f"died of {signal.Signals(self.signal).name}: {self.output[-500:]}"
        return ""

    def result(self) -> T:
        """Return the value; raise what the child raised."""
        if self.error is not None:
            raise self.error
        if self.crash:
            raise RuntimeError(f"a child {self.crash}")
        return self.value  # type: ignore[return-value]  # None is a value where T says so


class Child(Generic[T]):
    """A running child; `end` waits for it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._begun = time.monotonic()
        self._output = os.memfd_create("output")
        self._answer, answer = os.pipe()
        self.id = os.fork()
        if self.id == 0:
            os.close(self._answer)
            _run(work, answer, self._output)
        os.close(answer)

    def kill(self) -> None:
        """Send it SIGKILL."""
        os.kill(self.id, signal.SIGKILL)

    def end(self, *, kill_after: float | None = None, patience: float = PATIENCE) -> Ended[T]:
        """Wait until it ends, or kill it after so many seconds."""
        data, hung = self._received(kill_after, self._begun + patience)
        _, status = os.waitpid(self.id, 0)
        seconds = time.monotonic() - self._begun
        os.close(self._answer)
        output = os.pread(self._output, 1 << 20, 0).decode(errors="replace")
        os.close(self._output)
        if os.WIFSIGNALED(status):
            return Ended(None, None, os.WTERMSIG(status), seconds, output=output, hung=hung)
        if not data:  # another program took its place
            code = os.WEXITSTATUS(status)
            error = RuntimeError(f"exit code {code}: {output[-500:]}") if code else None
            return Ended(None, error, 0, seconds, output=output)
        value, error, trace = pickle.loads(data)  # noqa: S301  # our own child's
        return Ended(value, error, 0, seconds, trace, output)

    def _received(self, kill_after: float | None, until: float) -> tuple[bytes, bool]:
        """Return all the child says until it closes its end, and whether it hung."""
        data = b""
        when = until if kill_after is None else min(until, self._begun + kill_after)
        while True:
            ready, _, _ = select.select([self._answer], [], [], max(0.0, when - time.monotonic()))
            if not ready:
                self.kill()
                return b"", kill_after is None or when == until
            part = os.read(self._answer, 1 << 20)
            if not part:
                return data, False
            data += part


def fork(work: Callable[[], T], *, kill_after: float | None = None) -> Ended[T]:
    """Do `work` in a child and wait for its end."""
    return Child(work).end(kill_after=kill_after)


def _run(work: Callable[[], T], answer: int, output: int) -> None:
    code = 0
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: ends with its parent
        os.set_inheritable(answer, True)  # a program that takes its place holds it to its end
        os.dup2(output, 1)
        os.dup2(output, 2)
        try:
            said: tuple[T | None, BaseException | None, str] = (work(), None, "")
        except BaseException as error:  # noqa: BLE001  # whatever it is, the parent is told
            said = (None, _portable(error), traceback.format_exc())
        data = pickle.dumps(said)
        while data:
            data = data[os.write(answer, data) :]
    except BaseException:  # noqa: BLE001  # no child may ever go on as if it were the parent
        os.write(2, traceback.format_exc().encode())
        code = 70
    finally:
        os._exit(code)


def _portable(error: BaseException) -> BaseException:
    try:
        return error if type(pickle.loads(pickle.dumps(error))) is type(error) else _told(error)  # noqa: S301  # what was just pickled
    except Exception:  # noqa: BLE001  # classes may fail in any way
        return _told(error)


def _told(error: BaseException) -> BaseException:
    return RuntimeError(f"{type(error).__name__}: {error}")


class Progress:
    """What a child has done so far, in memory that outlives it: numbers by place."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4096)

    def reset(self) -> None:
        """Set all to 0. For the parent, before it forks."""
        self._memory[:] = bytes(4096)

    def get(self, place: int) -> int:
        """Return one of the numbers."""
        (number,) = struct.unpack_from("<q", self._memory, 8 * place)
        return int(number)

    def set(self, place: int, number: int) -> None:
        """Change one of the numbers."""
        struct.pack_into("<q", self._memory, 8 * place, number)
