"""Strike an index with faults and say what came of it.

python tests/faults/run.py [--steps] [--kills N] [--flips N] [--concurrent SECONDS] [--json]

--steps strikes every step of every scenario with every kind of fault, --kills sends `kill -9` at
random times, --flips damages the files of a finished index, --concurrent lets readers and writers
at one index at once. Exit code 1 when anything was lost or wrong; with --json the last line on
stdout is one object with the figures. Linux with gcc only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


def main() -> int:
    """Run what is asked for, in a process with the failing disk."""
    sys.path[:0] = [os.fspath(TESTS), os.fspath(TESTS.parent)]
    from faults import disk

    if why := disk.missing():
        print(f"no faults here: {why}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        library = disk.compiled(Path(place))
        paths = [os.fspath(TESTS), os.fspath(TESTS.parent), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {
            "LD_PRELOAD": os.fspath(library),
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "HOME": place,
            # A parent that forks has one thread.
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        arguments = [sys.executable, "-m", "faults.run", "--inside", place, *sys.argv[1:]]
        return subprocess.run(arguments, env=environment, check=False).returncode


def inside() -> int:
    """Do it, in the process that the failing disk is loaded in."""
    options = _options()
    figures: dict[str, Any] = {}
    place = Path(options.inside).resolve()
    if options.steps:
        figures |= _steps(place / "steps", options)
    if options.json:
        print(json.dumps(figures))
    return 1 if figures.get("bad") else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--size", type=int, default=6, help="pictures of a scenario, for --steps")
    parser.add_argument("--part", type=int, default=1, help="only every PARTth case of --steps")
    parser.add_argument("--only", action="append", help="only this scenario")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--flips", type=int, default=0)
    parser.add_argument("--concurrent", type=float, default=0.0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _steps(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    from faults.outcome import prepared
    from faults.scenarios import SCENARIOS
    from faults.steps import every, table

    from vsearch.indexing import run

    run.COMMIT_SECONDS = -1.0  # after each picture: the steps are the same in every run
    cases = []
    begun = time.monotonic()
    for make in SCENARIOS:
        if options.only and make.__name__ not in options.only:
            continue
        ready = prepared(make, place, options.size)
        print(f"{ready.name}: {len(ready.steps)} steps, {len(ready.states)} states", flush=True)
        cases += list(every(ready, place, part=options.part))
    print(table(cases))
    for case in cases:
        if case.bad:
            print(f"BAD {case.scenario}, step {case.number} ({case.step}), {case.fault.kind}, "
                  f"{case.outcome}: {case.bad}: {case.detail}")
    bad = sum(bool(case.bad) for case in cases)
    print(f"{len(cases)} cases, {bad} bad, in {time.monotonic() - begun:.0f} s")
    return {
        "steps": len(cases),
        "bad": bad,
        "lost": sum(case.bad == "lost" for case in cases),
        "wrong": sum(case.bad == "wrong" for case in cases),
        "redone": max((case.redone for case in cases), default=0),
    }


if __name__ == "__main__":
    sys.exit(inside() if "--inside" in sys.argv else main())
