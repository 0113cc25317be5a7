"""The process that decoders are forked from: small, with one thread, and Pillow loaded.

It is started anew for a run (`processes.Zygote`), takes requests on one socket (see `wire`), and
ends its children and itself when that closes.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from vsearch.images.isolation import decoder
from vsearch.images.isolation.wire import ANSWER, CONTROL, FORK, KILL, STILL_THERE
from vsearch.images.limits import memory_limit

if TYPE_CHECKING:
    from vsearch.images.isolation.decoder import Load

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_KEPT_BYTES = 32 << 20  # the most that glibc would learn by itself
_GRACE = 1.0  # seconds for a process to end that has closed its connection, or was killed


def main(control: int, loader: str, pixel_limit: int) -> NoReturn:
    """Serve the descriptor `control`; `loader` is "module:function", what the decoders call."""
    connection = socket.socket(fileno=control)
    load = _prepared(loader)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # until here stderr is read for why it could not start
    os.close(nowhere)
    _keep_memory()
    _Zygote(connection, load, pixel_limit).serve()


def _keep_memory() -> None:
    """Let glibc keep what a picture took for the next one.

    It would give back all but 128 kB after each, and every page be made anew: 750 page faults for a
    WebP of 500 x 375, a fifth of its time. A process that has a model loaded has taught it better.
    """
    with suppress(AttributeError, OSError):  # another C library, which has its own ways
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def _prepared(loader: str) -> Load:
    """Import all that ordinary pictures need, once for all decoders."""
    # Rare, but each decoder would import it anew.
    import defusedxml.ElementTree  # noqa: F401
    from PIL import Image, ImageCms, TiffImagePlugin  # noqa: F401  # by their use in `images`

    Image.preinit()
    module, _, name = loader.partition(":")
    load: Load = getattr(import_module(module), name)
    # What is here stays: no decoder needs to look through it, or copy its pages by doing so.
    gc.collect()
    gc.freeze()
    return load


class _Zygote:
    def __init__(self, connection: socket.socket, load: Load, pixel_limit: int) -> None:
        self._connection = connection
        self._load = load
        self._pixel_limit = pixel_limit
        self._children: set[int] = set()

    def serve(self) -> NoReturn:
        """Answer requests until there is nobody left to make them."""
        while request := self._request():
            what, pid, descriptors = request
            fork = what == FORK
            answer = self._fork(descriptors) if fork else self._ended(pid, kill=what == KILL)
            try:
                self._connection.send(ANSWER.pack(answer))
            except OSError:
                break
        for pid in self._children.copy():
            os.kill(pid, signal.SIGKILL)
        for pid in self._children.copy():
            self._ended(pid, kill=True)
        os._exit(0)

    def _request(self) -> tuple[bytes, int, list[int]] | None:
        try:
            received, descriptors, _, _ = socket.recv_fds(self._connection, CONTROL.size, 2)
        except OSError:
            return None
        if len(received) < CONTROL.size:
            return None
        what, pid = CONTROL.unpack(received)
        return what, pid, list(descriptors)

    def _fork(self, descriptors: list[int]) -> int:
        parent = os.getpid()
        try:
            pid = os.fork()
            if not pid:
                self._be_decoder(*descriptors, parent=parent)
        except OSError as error:
            return -(error.errno or 1)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self._children.add(pid)
        return pid

    def _be_decoder(self, connection: int, memory: int, *, parent: int) -> NoReturn:
        self._connection.close()
        pair = socket.socket(fileno=connection)
        be_decoder(pair, memory, self._load, self._pixel_limit, parent=parent)

    def _ended(self, pid: int, *, kill: bool) -> int:
        if pid not in self._children:
            return STILL_THERE
        code = how_it_ended(pid, kill=kill)
        if code != STILL_THERE:
            self._children.remove(pid)
        return code


def be_decoder(
    connection: socket.socket, memory: int, load: Load, pixel_limit: int, *, parent: int
) -> NoReturn:
    """Be a decoder, in a process just forked by `parent`, until the connection closes."""
    code = 1
    try:
        prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
        if prctl:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:  # else it went before it could say so
            decoder.confine(memory_limit(pixel_limit))
            if prctl:  # a program that collects cores would do so in spite of RLIMIT_CORE
                prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
            code = decoder.serve(connection, memory, load, pixel_limit)
    finally:
        os._exit(code)  # never back into the parent's own work


def how_it_ended(pid: int, *, kill: bool) -> int:
    """Return how a child ended: its exit code, or a signal's number below zero.

    One that does not end by itself is killed, and said to be STILL_THERE.
    """
    if kill:
        os.kill(pid, signal.SIGKILL)
    until, pause = time.monotonic() + _GRACE, 0.0002
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            return STILL_THERE
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
