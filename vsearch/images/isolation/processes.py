"""Handles to the other processes: a zygote, and a decoder that it forked."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from vsearch.errors import ImageError, SkipReason
from vsearch.images.isolation.wire import (
    ANSWER,
    CONTROL,
    ENDED,
    FORK,
    GO_ON,
    KILL,
    KNOWN,
    NO_SIGNAL,
    OUT_OF_MEMORY,
    STILL_THERE,
    Channel,
    Patience,
    request,
)
from vsearch.images.load import Prepared
from vsearch.records import ImageFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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

# Sent by a person or a system that shuts down, never by a decoder's fault.
_FROM_OUTSIDE = {"SIGTERM", "SIGINT", "SIGHUP"}


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

    def fork(self) -> Decoder:
        """Return a new decoder. Raises OSError with an errno when it cannot have a process."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                pid = self._ask(FORK, 0, theirs)
            if pid < 0:
                raise OSError(-pid, os.strerror(-pid))
        except (OSError, EOFError):
            ours.close()
            raise
        self._forked = True
        return Decoder(self, pid, ours)

    def ended(self, pid: int, *, kill: bool) -> int | None:
        """Return how the decoder `pid` ended: its exit code, or a signal's number below zero.

        STILL_THERE for one that has closed its connection and did not end; None when nobody knows.
        """
        try:
            return self._ask(KILL if kill else ENDED, pid)
        except (OSError, EOFError):
            return None

    def _ask(self, what: bytes, pid: int, descriptor: socket.socket | None = None) -> int:
        sent = descriptor and [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _number(descriptor))]
        with self._lock:
            try:
                self._control.sendmsg([CONTROL.pack(what, pid)], sent or [], NO_SIGNAL)
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


def _number(connection: socket.socket) -> bytes:
    return struct.pack("i", connection.fileno())  # as the system has it, an int of C


class Parent(Protocol):
    """Whose child a decoder is."""

    def ended(self, pid: int, *, kill: bool) -> int | None:
        """Return how the decoder `pid` ended, see `Zygote.ended`."""


class Decoder:
    """One decoder. `used`: it has been given a file before."""

    def __init__(self, parent: Parent, pid: int, connection: socket.socket) -> None:
        self.used = False
        self._parent = parent
        self._pid = pid
        self._channel = Channel(connection)
        self._ended = False

    def load(
        self,
        path: str,
        spec: Preprocessing,
        *,
        named_image: bool,
        is_known: Callable[[bytes], bool],
        seconds: float,
    ) -> Loaded:
        """Do what `load.load` does, with at most `seconds` for decoding.

        Raises `ImageError`, and DecoderLost when another one is needed for the next file.
        """
        late = ImageError(SkipReason.UNREADABLE, f"not read within {_READING_SECONDS:g} s")
        with self._heard(late):
            self._channel.send(request(path, spec, named_image=named_image))
            digest = bytes.fromhex(self._answer(Patience(_READING_SECONDS))["digest"])
        if is_known(digest):
            with suppress(OSError):  # if it is dead, that is seen when it is needed again
                self._channel.send(KNOWN)
            return Loaded(digest, None)
        late = ImageError(SkipReason.TIMED_OUT, f"more than {seconds:g} s; see --max-seconds")
        with self._heard(late):
            self._channel.send(GO_ON)
            patience = Patience(seconds)
            facts = _facts(self._answer(patience)["facts"])
            pixels = self._channel.receive_exactly(3 * spec.size**2, patience)
        return Loaded(digest, _prepared(pixels, spec.size, facts))

    def _answer(self, patience: Patience) -> dict[str, Any]:
        """Return what it says; raise `ImageError` when that is why there is no picture."""
        said = json.loads(self._channel.receive(patience))
        if "reason" in said:
            raise ImageError(SkipReason(said["reason"]), str(said["detail"])[:_LONGEST])
        return dict(said)

    @contextmanager
    def _heard(self, late: ImageError) -> Iterator[None]:
        """Turn what can go wrong with another process into DecoderLost; `late`: no answer."""
        try:
            yield
        except TimeoutError as error:
            raise DecoderLost(late) from error
        except (OSError, EOFError) as error:
            raise DecoderLost(self._charge()) from error
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            nonsense = ImageError(SkipReason.CRASHED, "its answer made no sense")
            raise DecoderLost(nonsense) from error

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
        """Give the connection back; the parent sees to the process."""
        self._channel.close()

    def end(self) -> None:
        """End the process and give the connection back."""
        if not self._ended:
            self._parent.ended(self._pid, kill=True)
        self.close()


def _facts(said: dict[str, Any]) -> ImageFacts:
    """Return the facts that a decoder tells. Raises ValueError or TypeError for any but such."""
    sides: list[object] = [said["width"], said["height"]]
    texts: list[object] = [said["format"], said["taken_at"] or "", said["camera"] or ""]
    if not all(isinstance(side, int) and 0 < side < 1 << 31 for side in sides):
        raise ValueError("no size")
    if not all(isinstance(text, str) and len(text) <= _LONGEST for text in texts):
        raise ValueError("no text")
    return ImageFacts(**said)


def _prepared(pixels: bytearray, size: int, facts: ImageFacts) -> Prepared:
    import numpy as np

    return Prepared(np.frombuffer(pixels, np.uint8).reshape(size, size, 3), facts)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
