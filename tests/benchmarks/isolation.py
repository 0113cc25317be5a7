"""What decoding in processes of their own costs: two checkouts of vsearch, side by side.

    PYTHONPATH=tests python tests/benchmarks/isolation.py BEFORE AFTER [--pairs N] [--only ROW]

BEFORE and AFTER are folders with a `vsearch` package in them; both run with this interpreter. The
rows are `vsearch index` as a whole process, with the built-in model, into a new index, over

    jpeg       1,000 JPEGs of 500 x 375          png     the same as PNG
    jpeg-12mp  40 JPEGs of 4000 x 3000           webp    the same as WebP, quality 90

and `search`, a picture query over the first row's index. The two run in turn, A B A B, after one
uncounted run each. A line has the medians of seconds and of processor seconds (of all processes)
of both; the median over the pairs of before / after, the throughput ratio, by either; and the peak
memory of all processes together (proportional set size, pages shared among them counted once,
looked at every 20 ms in a run of its own), in megabytes (10^6 bytes). Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from peers import LARGE, SMALL, make_photos, say
from PIL import Image
from processes import descendants, proportional

LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Row:
    """What one line says."""

    name: str
    before_s: float
    after_s: float
    ratio: float
    before_cpu_s: float
    after_cpu_s: float
    cpu_ratio: float
    before_mb: float
    after_mb: float


@dataclass(frozen=True, slots=True)
class Bench:
    """The folder for the data, and the work of one row in a checkout."""

    work: Path
    arguments: Callable[[Path], list[str]]

    def start(self, checkout: Path) -> subprocess.Popen[bytes]:
        """Start the command in that checkout, into a new index."""
        shutil.rmtree(self.work / "index", ignore_errors=True)
        return subprocess.Popen(
            [sys.executable, "-m", "vsearch", *self.arguments(self.work / "index")],
            cwd=self.work,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdout=subprocess.DEVNULL,
        )

    def times(self, checkout: Path) -> tuple[float, float]:
        """Return the seconds and the processor seconds of one run."""
        started = time.perf_counter()
        process = self.start(checkout)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"isolation: exit status {process.returncode} in {checkout}")
        return seconds, usage.ru_utime + usage.ru_stime

    def peak(self, checkout: Path) -> float:
        """Return the most memory that all processes of one run had together."""
        process, most = self.start(checkout), 0.0
        while process.poll() is None:
            pids = {process.pid, *descendants(process.pid)}
            most = max(most, sum(map(proportional, pids)))
            time.sleep(LOOK_SECONDS)
        return most

    def row(self, name: str, before: Path, after: Path, pairs: int) -> Row:
        """Measure one row."""
        self.times(before)
        self.times(after)
        runs: list[tuple[float, float, float, float]] = []
        for pair in range(pairs):
            runs.append((*self.times(before), *self.times(after)))
            a, a_cpu, b, b_cpu = runs[-1]
            say(f"{name} {pair + 1}/{pairs}: {a:.2f} s {b:.2f} s; {a_cpu:.2f} s {b_cpu:.2f} s")
        columns = [median(column) for column in zip(*runs, strict=True)]
        return Row(
            name,
            columns[0],
            columns[2],
            median(a / b for a, _, b, _ in runs),
            columns[1],
            columns[3],
            median(a / b for _, a, _, b in runs),
            self.peak(before),
            self.peak(after),
        )


def make(work: Path) -> None:
    """Write the pictures, unless they are there."""
    for name, size, count in (("jpeg", SMALL, 1000), ("jpeg-12mp", LARGE, 40)):
        if not (work / name).exists():
            say(f"making {name}")
            (work / name).mkdir(parents=True)
            make_photos(work / name, size, count, seed=5)
    formats: dict[str, dict[str, Any]] = {"png": {}, "webp": {"quality": 90}}
    for name, options in formats.items():
        if not (work / name).exists():
            say(f"making {name}")
            (work / name).mkdir()
            for path in sorted((work / "jpeg").iterdir()):
                Image.open(path).save(work / name / f"{path.stem}.{name}", **options)


def benches(work: Path) -> dict[str, Bench]:
    """Return the rows."""

    def indexing(name: str) -> Callable[[Path], list[str]]:
        return lambda index: ["index", str(work / name), "--index", str(index), "--quiet"]

    rows = {name: Bench(work, indexing(name)) for name in ("jpeg", "jpeg-12mp", "png", "webp")}
    known, query = str(work / "known"), str(work / "jpeg" / "IMG_0003.jpg")
    rows["search"] = Bench(work, lambda _: ["search", query, "--index", known])
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path, metavar="BEFORE")
    parser.add_argument("after", type=Path, metavar="AFTER")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", action="append", help="this row; may be repeated")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    about = "where the pictures are made, and kept; default: a temporary folder"
    parser.add_argument("--work", type=Path, help=about)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = (arguments.work or Path(place)).resolve()
        before, after = arguments.before.resolve(), arguments.after.resolve()
        make(work)
        rows = benches(work)
        if not (work / "known").exists():
            Bench(work, lambda _: rows["jpeg"].arguments(work / "known")).times(before)
        for name in arguments.only or rows:
            pairs = arguments.pairs * (4 if name == "search" else 1)
            row = asdict(rows[name].row(name, before, after, pairs))
            row = {key: round(value, 3) if key != "name" else value for key, value in row.items()}
            line = "  ".join(f"{key} {value}" for key, value in row.items())
            print(json.dumps(row) if arguments.json else line, flush=True)


if __name__ == "__main__":
    main()
