"""How much of this machine's memory one picture may take while it is decoded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_BYTES_PER_PIXEL = 24
"""The file itself (up to 8 for 16-bit RGBA), its pixels, and two copies on the way to RGB."""

_BASE_BYTES, _BYTES_PER_CORE = 256 << 20, 16 << 20
"""Python, the libraries, and the stacks of the threads that some of them start on each core."""

_SHARE = 0.5  # of the memory available now, for all workers together
_FLOOR, _CEILING = 64_000_000, 1_000_000_000  # pixels
_FALLBACK = 4 << 30  # bytes, where the system says nothing


def pixel_limit(workers: int = 1) -> int:
    """Return how many pixels each of `workers` may decode at a time.

    Half of the memory available to this process, divided by the workers and by 24 bytes for each
    pixel; not less than 64 million, which any camera's picture has, nor more than 1,000 million.
    """
    pixels = int(available_bytes() * _SHARE / max(workers, 1) / _BYTES_PER_PIXEL)
    return min(max(pixels, _FLOOR), _CEILING)


def byte_limit(pixels: int) -> int:
    """Return the longest file worth reading: `pixels` uncompressed, 16 bits in four channels."""
    return 8 * pixels


def memory_limit(pixels: int) -> int:
    """Return the bytes of memory a process may have that decodes `pixels` at a time."""
    return _BYTES_PER_PIXEL * pixels + _BASE_BYTES + _BYTES_PER_CORE * (os.cpu_count() or 1)


def available_bytes() -> int:
    """Return the memory this process could take now: what the machine and its cgroups leave.

    Linux: MemAvailable of /proc/meminfo, less where a cgroup (a container, a systemd unit) allows
    less. Elsewhere half of the physical memory, where the system tells it.
    """
    amounts = [*_machine(), *_cgroups()]
    return max(0, min(amounts)) if amounts else _FALLBACK


def _machine() -> Iterator[int]:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) << 10
            return
    try:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return  # Windows, or a system that does not know these names


def _cgroups() -> Iterator[int]:
    """Yield what each cgroup this process is in leaves: its limit less its use, cache not counted.

    Version 2 has one hierarchy, "0::/path"; version 1 one for memory, "4:memory:/path". Inside a
    container the path may be the host's, which is why the top is always asked too.
    """
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top, names = "/sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file ")
        elif "memory" in controllers.split(","):
            top = "/sys/fs/cgroup/memory"
            names = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "
        else:
            continue
        folder = path.strip("/")
        while True:
            yield from _room(os.path.join(top, folder).rstrip("/"), *names)
            if not folder:
                break
            folder = os.path.dirname(folder)


def _room(folder: str, limit: str, used: str, cache: str) -> Iterator[int]:
    limits, uses = _lines(f"{folder}/{limit}"), _lines(f"{folder}/{used}")
    if limits and uses and limits[0].isdigit() and uses[0].isdigit():
        reclaimable = (
            int(line.removeprefix(cache))
            for line in _lines(f"{folder}/memory.stat")
            if line.startswith(cache)
        )
        yield int(limits[0]) - int(uses[0]) + next(reclaimable, 0)


def _lines(path: str) -> list[str]:
    """Return the lines of a small system file; none where it does not exist."""
    try:
        return Path(path).read_text("ascii", errors="replace").splitlines()
    except OSError:
        return []
