"""How the processes talk, on pairs of sockets.

With a decoder, in frames: a length (4 bytes, little-endian) and so many bytes. The pixels of an
answer follow their frame bare, since both sides know how many there are.

    <-  {"named_image": true, "size": 224, ...} NUL path     read and hash this file
    ->  {"digest": "..."}                                    its hash
    <-  "go on" or "known"                                   known: that is all
    ->  {"facts": {...}}, and size x size x 3 bytes          the picture
    ->  {"reason": "...", "detail": "..."}                   or instead, why there is none

With the zygote, a letter and a process number, answered by one number:

    F        fork a decoder, which talks on the descriptor sent along -> its process number, or
             an errno below zero
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
import time
from dataclasses import asdict
from functools import lru_cache

from vsearch.records import Preprocessing

GO_ON, KNOWN = b"go on", b"known"

FORK, ENDED, KILL = b"F", b"E", b"K"
CONTROL = struct.Struct("<ci")
ANSWER = struct.Struct("<i")
STILL_THERE = 1 << 30

OUT_OF_MEMORY = 77
"""Exit code of a decoder whose memory ran out: a new one is better than what is left of this."""

_LENGTH = struct.Struct("<I")
_LONGEST = 1 << 16  # bytes of a frame: a path and a few words, or a fault and its detail
_BUFFER = 1 << 20  # bytes; a picture goes over without a pause between its parts
_TICK = 1.0  # seconds
# Without it, a decoder that is gone would take the one that writes to it along (SIGPIPE).
NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
_SO_NOSIGPIPE = 0x1022  # of macOS, which has no MSG_NOSIGNAL


class Patience:
    """How long to wait in all, over several receipts.

    Counted a second at a time: what passes at once while the machine or this process is stopped
    (Ctrl-Z, a laptop's lid) is one second, whatever the clock says.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self.left = seconds

    def tick(self) -> float:
        """Return how long to wait next, in seconds."""
        return min(self.left, _TICK)

    def spend(self, seconds: float) -> None:
        """Count what was waited of a tick."""
        self.left = max(0.0, self.left - min(seconds, self.tick()))


class Channel:
    """One end of a connection. Its methods raise EOFError and OSError when the other is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        if not NO_SIGNAL:
            connection.setsockopt(socket.SOL_SOCKET, _SO_NOSIGPIPE, 1)

    def send(self, frame: bytes, pixels: bytes = b"") -> None:
        """Send a frame, and the pixels that follow it."""
        self._connection.settimeout(None)
        self._connection.sendall(b"".join((_LENGTH.pack(len(frame)), frame, pixels)), NO_SIGNAL)

    def receive(self, patience: Patience) -> bytes:
        """Return the next frame. Raises TimeoutError, and ValueError for one of no such length."""
        (length,) = _LENGTH.unpack(self.receive_exactly(_LENGTH.size, patience))
        if length > _LONGEST:
            raise ValueError(f"a frame of {length} bytes")
        return bytes(self.receive_exactly(length, patience))

    def receive_exactly(self, count: int, patience: Patience) -> bytearray:
        """Return the next `count` bytes. Raises TimeoutError."""
        data = bytearray(count)
        rest = memoryview(data)
        while rest:
            self._connection.settimeout(None if math.isinf(patience.left) else patience.tick())
            began = time.monotonic()
            try:
                received = self._connection.recv_into(rest)
            except (TimeoutError, BlockingIOError):
                patience.spend(time.monotonic() - began)
                if not patience.left:
                    raise TimeoutError from None
                continue
            patience.spend(time.monotonic() - began)
            if not received:
                raise EOFError
            rest = rest[received:]
        return data

    def shut(self) -> None:
        """Let both ends see the end of the connection, whatever they are waiting for."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other end was quicker

    def close(self) -> None:
        """Give the descriptor back."""
        self._connection.close()


def request(path: str, spec: Preprocessing, *, named_image: bool) -> bytes:
    """Return the frame that asks for the file at `path`."""
    return b"%s\0%s" % (_asked(spec, named_image), os.fsencode(path))


@lru_cache(8)
def _asked(spec: Preprocessing, named_image: bool) -> bytes:
    return json.dumps({"named_image": named_image} | asdict(spec)).encode()


def understood(frame: bytes) -> tuple[str, Preprocessing, bool]:
    """Return what `request` was given."""
    how, _, path = frame.partition(b"\0")
    return os.fsdecode(path), *_understood(how)


@lru_cache(8)
def _understood(how: bytes) -> tuple[Preprocessing, bool]:
    asked = json.loads(how)
    named_image = asked.pop("named_image")
    asked["mean"], asked["std"] = tuple(asked["mean"]), tuple(asked["std"])
    return Preprocessing(**asked), named_image
