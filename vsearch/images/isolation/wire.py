"""How the processes talk.

With a decoder, on a pair of sockets, in frames: a length (4 bytes, little-endian), a letter, and
the rest:

    <-  ? how NUL path       read and hash this file, and prepare it so (JSON)
    ->  D digest             its hash
    <-  G                    go on; the next request instead: it is known, and that is all
    ->  P facts              the picture (JSON); its pixels are in the memory that both share, and
                             after them the luminances that its perceptual hash is made of
    ->  F reason, detail     or instead, why there is none (JSON)

With the zygote, on another, a letter and a process number, answered by one number:

    F        fork a decoder, which has the two descriptors sent along, its connection and its
             memory -> its process number, or an errno below zero
    E pid    its connection is closed: how did it end? -> its exit code, the number of the signal
             that ended it below zero, or STILL_THERE
    K pid    kill it -> the same
"""

from __future__ import annotations

import json
import math
import os
import socket
import struct
from dataclasses import asdict
from functools import lru_cache

from vsearch.records import Preprocessing

DIGEST, GO_ON, PICTURE, FAULT = b"D", b"G", b"P", b"F"

FORK, ENDED, KILL = b"F", b"E", b"K"
CONTROL = struct.Struct("<ci")
ANSWER = struct.Struct("<i")
STILL_THERE = 1 << 30

OUT_OF_MEMORY = 77
"""Exit code of a decoder whose memory ran out: a new one is better than what is left of this."""

_LENGTH = struct.Struct("<I")
_LONGEST = 1 << 16  # bytes of a frame: a path and a few words, or facts with 200 labels
_PARTS = 16  # of a frame, which is hardly ever in more than one

# Without it, a decoder that is gone would take the one that writes to it along (SIGPIPE).
NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
_SO_NOSIGPIPE = 0x1022  # of macOS, which has no MSG_NOSIGNAL


class Channel:
    """One end of a connection. Its methods raise EOFError and OSError when the other is gone."""

    def __init__(self, connection: socket.socket, tick: float | None = None) -> None:
        """Take over `connection`; `tick`: how long to wait at a time, in seconds."""
        self._connection = connection
        if tick is not None:
            # Of the system and not of Python, so that it costs no call when there is an answer.
            wait = struct.pack("@ll", int(tick), int(tick % 1 * 1e6))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)
        if not NO_SIGNAL:
            connection.setsockopt(socket.SOL_SOCKET, _SO_NOSIGPIPE, 1)

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        self._connection.sendall(_LENGTH.pack(len(frame)) + frame, NO_SIGNAL)

    def receive(self, ticks: int = 0) -> bytes:
        """Return the next frame. Waits so many ticks at most.

        Counted and not read off a clock: an hour for which this process or the machine is stopped
        (Ctrl-Z, a laptop's lid) is one tick. Raises TimeoutError, and ValueError for what is no
        frame.
        """
        data, needed = b"", _LENGTH.size
        for _ in range(_PARTS):
            data += self._part(ticks)
            if len(data) >= _LENGTH.size:
                needed = _LENGTH.size + _LENGTH.unpack_from(data)[0]
                if len(data) == needed:
                    return data[_LENGTH.size :]
                if not len(data) < needed < _LONGEST:
                    break
        raise ValueError("no frame")

    def _part(self, ticks: int) -> bytes:
        while True:
            try:
                part = self._connection.recv(_LONGEST)
            except BlockingIOError:  # a tick has passed
                ticks -= 1
                if not ticks:
                    raise TimeoutError from None
                continue
            if not part:
                raise EOFError
            return part

    def shut(self) -> None:
        """Let both ends see the end of the connection, whatever they are waiting for."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other end was quicker

    def close(self) -> None:
        """Give the descriptor back."""
        self._connection.close()


def ticks_of(seconds: float) -> tuple[float, int]:
    """Return how long a tick is, a second or less, and how many of them are so many seconds."""
    count = math.ceil(seconds)
    return seconds / count, count


def request(path: str, spec: Preprocessing, *, named_image: bool) -> bytes:
    """Return the frame that asks for the file at `path`."""
    return b"?%s\0%s" % (_asked(spec, named_image), os.fsencode(path))


@lru_cache(8)
def _asked(spec: Preprocessing, named_image: bool) -> bytes:
    return json.dumps({"named_image": named_image} | asdict(spec)).encode()


def understood(frame: bytes) -> tuple[str, Preprocessing, bool]:
    """Return what `request` was given."""
    how, _, path = frame[1:].partition(b"\0")
    return os.fsdecode(path), *_understood(how)


@lru_cache(8)
def _understood(how: bytes) -> tuple[Preprocessing, bool]:
    asked = json.loads(how)
    named_image = asked.pop("named_image")
    asked["mean"], asked["std"] = tuple(asked["mean"]), tuple(asked["std"])
    return Preprocessing(**asked), named_image
