"""Which processes there are, read from /proc; Linux."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path


def parent(pid: int) -> int | None:
    """Return the number of the process that started this one, or None when it is gone."""
    fields = _fields(pid)
    return int(fields[1]) if fields else None


def descendants(of: int | None = None) -> set[int]:
    """Return the processes that descend from this one, or from `of`."""
    top = of or os.getpid()
    parents = {int(place.name): parent(int(place.name)) for place in Path("/proc").glob("[0-9]*")}
    found = {top}
    while more := {child for child, above in parents.items() if above in found} - found:
        found |= more
    return found - {top}


def proportional(pid: int) -> float:
    """Return the proportional set size of a process in bytes / 10^6: a share of what is shared."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:"))


def wait_until_gone(pids: Iterable[int], seconds: float = 60) -> None:
    """Wait until none of `pids` runs any more; a zombie, which is for its parent, is gone."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if (fields := _fields(pid)) and fields[0] != "Z"]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def _fields(pid: int) -> list[str] | None:
    """Return what /proc/PID/stat says after the name: state, parent, ..."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return None
