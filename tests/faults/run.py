"""Strike an index with faults and say what came of it.

python tests/faults/run.py --steps --kills 1000 --flips 10000 --concurrent 60 --others --json

Exit code 1 when anything was lost or wrong, with a line BAD for each; with --json the last line on
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
from functools import partial
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
    from vsearch.images.isolation import decoders

    # Cases are many; the real command, among those that are killed, has processes of its own.
    decoders._FORKS = False
    figures: dict[str, Any] = {"bad": 0}
    place = Path(options.inside).resolve()
    if options.steps:
        _add(figures, _steps(place / "steps", options))
    if options.kills:
        _add(figures, _kills(place / "kills", options))
    if options.redone:
        _add(figures, _redone(place / "redone"))
    if options.flips:
        _add(figures, _flips(place / "flips", options))
    if options.others:
        _add(figures, _others(place / "others", options))
    if options.concurrent:
        _add(figures, _concurrent(place / "concurrent", options))
    if options.json:
        print(json.dumps(figures))
    return 1 if figures.get("bad") else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    what = parser.add_argument_group("what to do")
    what.add_argument("--steps", action="store_true", help="strike every step of every scenario")
    what.add_argument("--kills", type=int, default=0, metavar="N", help="kill -9 so often")
    what.add_argument("--redone", action="store_true", help="measure what a kill costs at worst")
    what.add_argument("--flips", type=int, default=0, metavar="N", help="damage files so often")
    what.add_argument("--concurrent", type=float, default=0.0, metavar="SECONDS")
    what.add_argument("--others", action="store_true", help="full disks, clocks, and so on")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this scenario")
    parser.add_argument("--file", default="", help="--flips: only files with this in their name")
    parser.add_argument("--part", type=int, default=1, help="--steps: only every PARTth case")
    parser.add_argument("--size", type=int, default=6, help="--steps: pictures of a scenario")
    parser.add_argument("--seed", type=int, default=0, help="of what is done at random")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    return parser.parse_args()


def _steps(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    from faults.outcome import prepared
    from faults.scenarios import SCENARIOS
    from faults.steps import every, table

    from vsearch.indexing import run

    run.COMMIT_SECONDS = -1.0  # after each picture: the steps are the same in every run
    cases = []
    seen: set[str] = set()
    begun = time.monotonic()
    for make in SCENARIOS:
        if not _wanted(make, options):
            continue
        ready = prepared(make, place, options.size)
        print(f"{ready.name}: {len(ready.steps)} steps, {len(ready.states)} states", flush=True)
        seen |= {step.name for step in ready.steps}
        cases += list(every(ready, place, part=options.part))
    print(table(cases))
    for case in cases:
        if case.bad:
            print(
                f"BAD {case.scenario}, step {case.number} ({case.step}), {case.fault.kind}, "
                f"{case.outcome}: {case.bad}: {case.detail}"
            )
    bad = sum(bool(case.bad) for case in cases)
    print(f"{len(cases)} cases, {bad} bad, in {time.monotonic() - begun:.0f} s")
    return {
        "steps": len(cases),
        "bad": bad,
        "lost": sum(case.bad == "lost" for case in cases),
        "wrong": sum(case.bad == "wrong" for case in cases),
        "redone": max((case.redone for case in cases), default=0),
        "steps_seen": sorted(seen),
    }


def _kills(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    from faults.kills import chains
    from faults.outcome import prepared
    from faults.scenarios import SCENARIOS, command

    from vsearch.indexing import run

    often = run.COMMIT_SECONDS
    run.COMMIT_SECONDS = 0.02
    makes = [make for make in [*SCENARIOS, command] if _wanted(make, options)]
    ready = [prepared(make, place, 300 if make is command else 150) for make in makes]
    done = list(chains(ready, place, options.kills, seed=options.seed))
    for one in ready:
        mine = [chain for chain in done if chain.scenario == one.name]
        kills = sum(chain.kills for chain in mine)
        print(
            f"{one.name}: {one.needed} pictures in {one.seconds:.2f} s, {kills} kills in "
            f"{len(mine)} chains; redone {sum(chain.redone for chain in mine)} pictures, "
            f"{max((chain.worst for chain in mine), default=0)} at most by one kill"
        )
    for chain in done:
        if chain.bad:
            print(f"BAD {chain.scenario} after {chain.kills} kills: {chain.bad}: {chain.detail}")
    run.COMMIT_SECONDS = often
    return {
        "kills": sum(chain.kills for chain in done),
        "bad": sum(bool(chain.bad) for chain in done),
        "lost": sum(chain.bad == "lost" for chain in done),
        "wrong": sum(chain.bad == "wrong" for chain in done),
        "redone_by_kill": max((chain.worst for chain in done), default=0),
    }


def _redone(place: Path) -> dict[str, Any]:
    from end_to_end.pictures import write_pictures
    from faults.kills import cost
    from faults.scenarios import settle

    photos = place / "photos"
    write_pictures(photos, 120)
    settle(photos)
    costs = {}
    for name, each, first in (("steady", 0.05, None), ("after a stall", 0.1, 8.0)):
        worst = cost(photos, place / name, each=each, first=first)
        costs[name] = round(worst.seconds, 2)
        print(
            f"{name}, {each} s a picture: {worst.pictures} pictures, {worst.seconds:.2f} s redone"
        )
    return {"redone_seconds": costs}


def _wanted(make: Any, options: argparse.Namespace) -> bool:
    return not options.only or make.__name__ in options.only


def _flips(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    from collections import Counter

    from faults.flips import finished_index, flips, killed_index, mended, table
    from faults.scenarios import index

    from vsearch.indexing import run

    often = run.COMMIT_SECONDS
    run.COMMIT_SECONDS = -1.0
    wholes = [finished_index(index, place / "finished", 200)]
    wholes.append(killed_index(index, place / "killed", 12))
    run.COMMIT_SECONDS = often
    done = list(
        flips(wholes, place, options.flips, seed=options.seed, only=options.file, repair=mended)
    )
    print(table(done))
    outcomes = Counter(one.outcome for one in done)
    for outcome in ("wrong", "crash"):
        for one in [one for one in done if one.outcome == outcome][:10]:
            print(f"BAD {one.file}, {one.damage}: {outcome}: {one.detail}")
    unmended = [one for one in done if one.mended in ("wrong", "crash")]
    for one in unmended[:10]:
        print(f"BAD {one.file}, {one.damage}, then repaired: {one.mended}: {one.mended_detail}")
    return {
        "flips": len(done),
        "flip_outcomes": dict(outcomes),
        "repaired": dict(Counter(one.mended for one in done)),
        "bad": outcomes["wrong"] + outcomes["crash"] + len(unmended),
        "wrong": outcomes["wrong"],
    }


def _concurrent(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    from faults.answers import Bad
    from faults.readers import together, two_writers

    found = together(place / "together", options.concurrent)
    bad = list(found.bad)
    try:
        two_writers(place / "writers")
    except Bad as error:
        bad.append(f"two writers: {error.kind}: {error.detail}")
    print(f"readers alone: {found.alone}")
    print(f"beside a writer: {found.beside}")
    print(f"{found.rounds} rounds, {found.switches} switches, {found.killed} readers killed")
    for line in bad:
        print(f"BAD {line}")
    return {
        "queries": len(found.beside.seconds),
        "readers_alone": str(found.alone),
        "readers_beside_a_writer": str(found.beside),
        "rounds": found.rounds,
        "switches": found.switches,
        "readers_killed": found.killed,
        "bad": len(bad),
    }


def _others(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    from faults.answers import Bad
    from faults.children import fork
    from faults.outcome import good
    from faults.surroundings import SURROUNDINGS, Unavailable

    outcomes = {}
    for around in SURROUNDINGS:
        name = around.__name__
        if not _wanted(around, options):
            continue
        (place / name).mkdir(parents=True)
        ended = fork(partial(around, place / name))
        if isinstance(ended.error, Unavailable):
            outcomes[name] = "not possible here"
        else:
            try:
                good(ended)
                outcomes[name] = ended.output.strip() or "good"
            except Bad as bad:
                outcomes[name] = f"BAD {bad.kind}: {bad.detail}"
        print(f"{name.replace('_', ' ')}: {outcomes[name]}, {ended.seconds:.1f} s", flush=True)
    return {
        "others": outcomes,
        "bad": sum(outcome.startswith("BAD") for outcome in outcomes.values()),
    }


def _add(figures: dict[str, Any], more: dict[str, Any]) -> None:
    """Add counts up, put what is told in other ways beside."""
    for name, value in more.items():
        counts = isinstance(value, int) and name in figures
        figures[name] = figures[name] + value if counts else value


if __name__ == "__main__":
    sys.exit(inside() if "--inside" in sys.argv else main())
