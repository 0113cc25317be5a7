"""Facts of this machine, so that measurements of two can be compared."""

from __future__ import annotations

import os
import sys
from pathlib import Path

LIBRARIES = ("numpy", "onnxruntime", "hnswlib", "pillow")  # those that decide how quick it is


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def facts() -> dict[str, str | int | float]:
    """Return what a measurement depends on, by name; what the system does not tell is left out.

    "cpu" its model, "cores" those that this process may use, "cpu_quota" how many of them its
    container allows it the time of, "memory_gb" all that is built in, bytes / 10^9, "gpu" NVIDIA's
    by name, "os" with its version and what the CPU is called there, "python", "vsearch", and the
    libraries by the names of their distributions. No name of a person, a host or a place is among
    them. Imports none of the libraries.
    """
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from vsearch import __version__

    found: dict[str, str | int | float] = {"cpu": _cpu(), "cores": cores()}
    quota = _quota(_text("/sys/fs/cgroup/cpu.max"))
    if quota:
        found["cpu_quota"] = quota
    memory = _memory_bytes()
    if memory:
        found["memory_gb"] = round(memory / 1e9, 1)
    gpu = _gpu()
    if gpu:
        found["gpu"] = gpu
    found["os"] = _system()
    found["python"] = f"{platform.python_implementation()} {platform.python_version()}"
    found["vsearch"] = __version__
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # not installed as one is, by a packager of a system
            continue
    return found


def _cpu() -> str:
    """Return the name of the CPU, else that of its architecture."""
    import platform

    name = ""
    if sys.platform == "darwin":
        name = _said("sysctl", "-n", "machdep.cpu.brand_string")
    elif sys.platform == "win32":
        name = platform.processor()
    else:
        name = _cpu_of(_text("/proc/cpuinfo"))
    return name or platform.machine() or "unknown"


def _cpu_of(cpuinfo: str) -> str:
    """Return the CPU's name by Linux: x86 has "model name", boards with ARM at best "Model"."""
    lines = [line.partition(":") for line in cpuinfo.splitlines()]
    told = {name.strip(): value.strip() for name, _, value in reversed(lines)}  # the first counts
    return " ".join((told.get("model name") or told.get("Model") or "").split())


def _quota(cpu_max: str) -> float | None:
    """Return the cores that a cgroup allows the time of, by its cpu.max: microseconds of a period.

    None: all. See "CPU" in the Linux kernel's documentation of control groups, version 2.
    """
    allowed, _, period = cpu_max.strip().partition(" ")
    if allowed.isdigit() and period.isdigit() and int(period):
        return round(int(allowed) / int(period), 2)
    return None


def _memory_bytes() -> int:
    """Return the physical memory in bytes, 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows, or a system without these names
        return 0


def _system() -> str:
    """Return the system, its version and the architecture: "Linux 6.1 x86_64"."""
    import platform
    import re

    release = platform.mac_ver()[0] or platform.release()
    # Who builds a kernel may name it after anything: "6.1.0-by-anna".
    number = re.match(r"[\d.]*\d", release)
    name = {"Darwin": "macOS"}.get(platform.system(), platform.system())
    return " ".join(filter(None, [name, number and number[0], platform.machine()]))


def _gpu() -> str:
    """Return the names of the GPUs of NVIDIA's driver, equal ones counted; empty: none known."""
    from collections import Counter

    said = _said("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    names = Counter(line.strip() for line in said.splitlines() if line.strip())
    return ", ".join(f"{count} x {one}" if count > 1 else one for one, count in names.items())


def _said(*command: str) -> str:
    """Return what a program says; empty where it is not there or fails."""
    import subprocess

    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _text(path: str) -> str:
    """Return the text of a file of the system; empty where there is none."""
    try:
        return Path(path).read_text("utf-8", errors="replace")
    except OSError:
        return ""
