"""The disk that fails on demand, disk.c, as seen from Python.

It is preloaded into a process (`preloaded`), whose forked children `arm` themselves; what they did
is read by the parent, from memory they share.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Action = Literal["kill before", "kill after", "torn", "short", "ENOSPC", "EIO"]
_ACTIONS = {"kill before": 1, "kill after": 2, "torn": 3, "short": 4, "ENOSPC": 5, "EIO": 5}
_CODES = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}


@dataclass(frozen=True, slots=True)
class Step:
    """One call that changed the folder: "write sets/whole/matrix.f32", and how many bytes."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a step: the one with the number `step`, or the `occurrence`th of that `name`.

    "torn" writes half of the bytes and kills, "short" writes half of them and says so, ENOSPC and
    EIO refuse the call; when `lasting`, all after it too (a full disk still removes files).
    """

    action: Action
    step: int = 0
    name: str = ""
    occurrence: int = 1
    lasting: bool = False

    @property
    def kind(self) -> str:
        """What is done, without where."""
        return f"{self.action}, lasting" if self.lasting else self.action

    @property
    def kills(self) -> bool:
        """Whether the process is killed by it."""
        return self.action in ("kill before", "kill after", "torn")


KINDS = (
    Fault("kill before"),
    Fault("kill after"),
    Fault("torn"),
    Fault("short"),
    Fault("ENOSPC"),
    Fault("ENOSPC", lasting=True),
    Fault("EIO"),
    Fault("EIO", lasting=True),
)


def missing() -> str:
    """Return why there can be no failing disk here; "" where there can."""
    if sys.platform != "linux":
        return "the failing disk is preloaded, which only Linux is sure to do"
    return "" if shutil.which("gcc") else "there is no gcc to compile the failing disk with"


def compiled(folder: Path) -> Path:
    """Compile the library into `folder`. Raises CalledProcessError where that fails."""
    library = folder / "disk.so"
    source = Path(__file__).with_name("disk.c")
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl", "-lpthread"], check=True
    )
    return library


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    text, number, flag = ctypes.c_char_p, ctypes.c_long, ctypes.c_int
    library.disk_arm.argtypes = [text, number, text, number, flag, flag, flag, flag]
    library.disk_shift_clock.argtypes = [ctypes.c_double]
    for name in ("disk_arm", "disk_shift_clock", "disk_reset", "disk_disarm"):
        getattr(library, name).restype = None
    for name in ("disk_steps", "disk_struck"):
        getattr(library, name).restype = number
    for name in ("disk_log", "disk_outside"):
        getattr(library, name).restype = text
    return library


def loaded() -> bool:
    """Whether this process has the library."""
    return hasattr(ctypes.CDLL(None), "disk_arm")


def reset() -> None:
    """Forget all steps. For the parent, before it forks."""
    _library().disk_reset()


def arm(folder: Path, fault: Fault | None = None, *, sync: bool = False) -> None:
    """Count the steps of this process below `folder` from here on, and strike one of them.

    Without `sync`, nothing is really synced: what was written outlives a killed process anyway.
    """
    fault = fault or Fault("short")
    _library().disk_arm(
        os.fsencode(os.path.realpath(folder)),
        fault.step,
        os.fsencode(fault.name),
        fault.occurrence,
        _ACTIONS[fault.action],
        _CODES.get(fault.action, 0),
        fault.lasting,
        not sync,
    )


def disarm() -> None:
    """Let the calls of this process be as they are."""
    _library().disk_disarm()


def shift_clock(seconds: int) -> None:
    """Let the wall clock of this process show so many seconds more from here on."""
    _library().disk_shift_clock(seconds)


def struck() -> int:
    """Return how many calls were struck since `reset`."""
    return int(_library().disk_struck())


def steps() -> list[Step]:
    """Return all steps since `reset`."""
    lines = os.fsdecode(_library().disk_log()).splitlines()
    found = [Step(name, int(count)) for name, _, count in (line.rpartition("\t") for line in lines)]
    if len(found) != _library().disk_steps():
        raise RuntimeError("more steps than disk.c has room to log")
    return found


def outside() -> list[str]:
    """Return what was changed outside the folder since `reset`, as "OP path"."""
    return os.fsdecode(_library().disk_outside()).splitlines()
