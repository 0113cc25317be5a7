"""Handles to the other processes: a zygote, and a decoder that it forked."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Protocol, TypeVar

from vsearch.errors import ImageError, SkipReason
from vsearch.images.isolation.wire import (
    ANSWER,
    CONTROL,
    DIGEST,
    ENDED,
    FAULT,
    FORK,
    GO_ON,
    KILL,
    NO_SIGNAL,
    OUT_OF_MEMORY,
    PICTURE,
    STILL_THERE,
    Channel,
    request,
    ticks_of,
)
from vsearch.images.labels import tidy
from vsearch.images.load import Prepared
from vsearch.images.perceptual import SIDE, hash_of_luminance
from vsearch.records import ImageFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsearch.records import Preprocessing

# A disk that is slow is no fault of the file, so this is long; but one that never answers (a share
# of a machine that is off) must not hold up the run for ever.
_READING_SECONDS = 600.0
_STARTING_SECONDS = 60.0  # for the zygote to come up and answer, on a machine that is very busy
_ENDING_SECONDS = 5.0
_LONGEST = 200  # characters of what a decoder says of its file

# The zygote imports nothing on its own account (-I, -S): what is where, it is told.
_START = """
import sys
control, loader, pixel_limit, *sys.path = sys.argv[1:]
from vsearch.images.isolation.zygote import main
main(int(control), loader, int(pixel_limit))
"""

_UNREAD = SkipReason.UNREADABLE, f"not read within {_READING_SECONDS:g} s"

# Sent by a person or a system that shuts down, never by a decoder's fault.
_FROM_OUTSIDE = {"SIGTERM", "SIGINT", "SIGHUP"}


_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The hash of a file's content (16 bytes), and its picture unless that was known."""

    digest: bytes
    prepared: Prepared | None


class DecoderLost(Exception):
    """A decoder is of no more use. `fault`: what its file is charged with, if it is its doing."""

    def __init__(self, fault: ImageError | None) -> None:
        self.fault = fault
        super().__init__(str(fault or "no fault of the file"))


class Zygote:
    """A process that forks decoders. Its methods raise OSError or EOFError when it is gone."""

    def __init__(self, loader: str, pixel_limit: int) -> None:
        """Start it. It is not waited for until it is asked something."""
        self._lock = Lock()
        self._forked = self._failed = False
        self._control, theirs = socket.socketpair()
        self._control.settimeout(_STARTING_SECONDS)
        start = [sys.executable, "-I", "-S", "-c", _START]
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*start, str(theirs.fileno()), loader, str(pixel_limit), *sys.path],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    # Ctrl-C and Ctrl-Z are for the command, which ends its decoders itself.
                    start_new_session=True,
                )
            except OSError:
                self._control.close()
                raise

    @property
    def serves(self) -> bool:
        """Whether it has answered all it was asked."""
        return not self._failed

    def fork(self, seconds: float) -> Decoder:
        """Return a new decoder, which takes at most `seconds` for a file.

        Raises OSError with an errno when it cannot have a process.
        """
        ours, theirs = socket.socketpair()
        memory = shared_memory()
        try:
            with theirs:
                pid = self._ask(FORK, 0, theirs.fileno(), memory)
            if pid < 0:
                raise OSError(-pid, os.strerror(-pid))
        except (OSError, EOFError):
            ours.close()
            os.close(memory)
            raise
        self._forked = True
        return Decoder(self, pid, ours, memory, seconds)

    def ended(self, pid: int, *, kill: bool) -> int | None:
        """Return how the decoder `pid` ended: its exit code, or a signal's number below zero.

        STILL_THERE for one that has closed its connection and did not end; None when nobody knows.
        """
        try:
            return self._ask(KILL if kill else ENDED, pid)
        except (OSError, EOFError):
            return None

    def _ask(self, what: bytes, pid: int, *descriptors: int) -> int:
        rights = struct.pack(f"{len(descriptors)}i", *descriptors)
        along = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if descriptors else []
        with self._lock:
            try:
                self._control.sendmsg([CONTROL.pack(what, pid)], along, NO_SIGNAL)
                answer = self._control.recv(ANSWER.size)
                if len(answer) < ANSWER.size:
                    raise EOFError
            except (OSError, EOFError):
                self._failed = (
                    True  # after a timeout, its answers would be those of other questions
                )
                raise
        (number,) = ANSWER.unpack(answer)
        return int(number)

    def release(self) -> None:
        """Let it end, with its decoders, and whoever waits for its answer see that."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)

    def close(self) -> str:
        """End it and its decoders. Return its last line on stderr, of why it could not start."""
        self.release()
        if self._failed or not self._forked:
            self._process.kill()  # it is stuck, or still busy importing
        try:
            _, said = self._process.communicate(timeout=_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its decoders go with it
            _, said = self._process.communicate()
        self._control.close()
        lines = said.decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")


def shared_memory() -> int:
    """Return the descriptor of a file without a name, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("vsearch")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Parent(Protocol):
    """Whose child a decoder is."""

    def ended(self, pid: int, *, kill: bool) -> int | None:
        """Return how the decoder `pid` ended, see `Zygote.ended`."""


class Decoder:
    """One decoder. `used`: it has been given a file before."""

    def __init__(
        self, parent: Parent, pid: int, connection: socket.socket, memory: int, seconds: float
    ) -> None:
        self.used = False
        self._parent = parent
        self._pid = pid
        self._memory = memory
        self._room = 0  # bytes in `memory`
        tick, self._ticks = ticks_of(seconds)
        self._reading_ticks = math.ceil(_READING_SECONDS / tick)
        self._channel = Channel(connection, tick)
        self._timed_out = SkipReason.TIMED_OUT, f"more than {seconds:g} s; see --max-seconds"
        self._ended = False

    def load(
        self,
        path: str,
        spec: Preprocessing,
        *,
        named_image: bool,
        is_known: Callable[[bytes], bool],
    ) -> Loaded:
        """Do what `load.load` does, within the time it has for that.

        Raises `ImageError`, and DecoderLost when another one is needed for the next file.
        """
        self.begin(path, spec, named_image=named_image)
        digest = self._hear(DIGEST, _digest, self._reading_ticks, _UNREAD)
        if is_known(digest):
            return Loaded(digest, None)
        self._say(GO_ON)
        return Loaded(digest, self.picture(spec))

    def begin(self, path: str, spec: Preprocessing, *, named_image: bool) -> None:
        """Ask for a picture, and do not wait for it. Raises DecoderLost."""
        count = 3 * spec.size**2 + SIDE**2
        if self._room < count:
            os.ftruncate(self._memory, count)
            self._room = count
        self._call_over()
        self._say(request(path, spec, named_image=named_image))

    def picture(self, spec: Preprocessing) -> Prepared:
        """Return the picture that was asked for. Raises as `load`."""
        import numpy as np

        facts = self._hear(PICTURE, _facts, self._ticks, self._timed_out)
        pixels = np.empty((spec.size, spec.size, 3), np.uint8)
        square = np.empty((SIDE, SIDE), np.uint8)
        if os.preadv(self._memory, [pixels.data, square.data], 0) < pixels.nbytes + square.nbytes:
            raise DecoderLost(_nonsense())
        return Prepared(pixels, facts, hash_of_luminance(square))

    def _say(self, frame: bytes) -> None:
        try:
            self._channel.send(frame)
        except OSError as error:
            raise DecoderLost(self._charge()) from error

    def _hear(
        self,
        wanted: bytes,
        read: Callable[[bytes], _Answer],
        ticks: int,
        late: tuple[SkipReason, str],
    ) -> _Answer:
        """Read the next answer, which is to begin with the letter `wanted`.

        Raises the `ImageError` it may be instead, and DecoderLost; `late`: for none in time.
        """
        try:
            answer = self._channel.receive(ticks)
            if answer[:1] == wanted:
                return read(answer[1:])
            if answer[:1] != FAULT:
                raise ValueError("no such answer")
            fault = _fault(answer[1:])
        except TimeoutError as error:
            raise DecoderLost(ImageError(*late)) from error
        except (OSError, EOFError) as error:
            raise DecoderLost(self._charge()) from error
        except (ValueError, TypeError, RecursionError) as error:
            raise DecoderLost(_nonsense()) from error
        raise fault

    def _call_over(self) -> None:
        """Let it wake on the processor that this thread is about to leave idle.

        Left to itself Linux often wakes it on another, behind a thread that embeds: with two of
        each on two processors, that took 1.25 times as long. Once it runs, it may run anywhere.
        """
        if sys.platform == "linux":
            with suppress(OSError):
                os.sched_setaffinity(self._pid, {_processor_of_this_thread()()})

    def _charge(self) -> ImageError | None:
        """Return what the file is charged with, now that the connection has closed."""
        code = self._parent.ended(self._pid, kill=False)
        self._ended = code not in (None, STILL_THERE)
        if code is None:
            return None
        if code == OUT_OF_MEMORY:
            return ImageError(SkipReason.TOO_LARGE, "memory ran out while decoding")
        if code == STILL_THERE:
            return ImageError(SkipReason.CRASHED, "it closed its connection")
        if code >= 0:
            return ImageError(SkipReason.CRASHED, f"exit code {code}")
        name = _signal_name(-code)
        if name == "SIGKILL":
            return ImageError(SkipReason.TOO_LARGE, "ended by the system, whose memory ran out")
        return None if name in _FROM_OUTSIDE else ImageError(SkipReason.CRASHED, name)

    def shut(self) -> None:
        """Let whoever waits for its answer see the end of the connection."""
        self._channel.shut()

    def close(self) -> None:
        """Give the descriptors back; the parent sees to the process."""
        self._channel.close()
        os.close(self._memory)

    def end(self) -> None:
        """End the process and give the connection back."""
        if not self._ended:
            self._parent.ended(self._pid, kill=True)
        self.close()


@cache
def _processor_of_this_thread() -> Callable[[], int]:
    import ctypes

    found: Callable[[], int] = ctypes.CDLL(None).sched_getcpu
    return found


def _digest(said: bytes) -> bytes:
    if len(said) != 16:
        raise ValueError("no digest")
    return said


def _facts(said: bytes) -> ImageFacts:
    """Read the facts of a picture. Raises ValueError or TypeError for what can be none."""
    width, height, kind, taken_at, camera, labels = json.loads(said)
    sides: list[object] = [width, height]
    texts: list[object] = [kind, taken_at or "", camera or ""]
    if not all(isinstance(side, int) and 0 < side < 1 << 31 for side in sides):
        raise ValueError("no size")
    if not all(isinstance(text, str) and len(text) <= _LONGEST for text in texts):
        raise ValueError("no text")
    if not isinstance(labels, list) or tidy(labels) != tuple(labels):
        raise ValueError("no labels")
    return ImageFacts(width, height, kind, taken_at, camera, tuple(labels))


def _fault(said: bytes) -> ImageError:
    reason, detail = json.loads(said)
    return ImageError(SkipReason(reason), str(detail)[:_LONGEST])


def _nonsense() -> ImageError:
    return ImageError(SkipReason.CRASHED, "its answer made no sense")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
