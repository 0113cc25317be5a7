"""Decode thousands of damaged pictures, as indexing does, and say what came of it.

python tests/faults/fuzz.py --files 20000 --json
python tests/faults/fuzz.py --pillow FOLDER

Exit code 1 when anything but a picture or an ImageError came out of a file, with a line BAD for
each; with --json the last line on stdout is one object with the figures. A file depends on its
number and the seed alone: --only NUMBER --keep FOLDER makes it again. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

TESTS = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path[:0] = [os.fspath(TESTS), os.fspath(TESTS.parent)]

from faults.bombs import bombs  # noqa: E402  # found by the path above
from faults.measured import LOADER, NOTES, Notes, peak  # noqa: E402  # found by the path above
from faults.mutations import mutated  # noqa: E402  # found by the path above
from faults.seeds import Seed, seeds  # noqa: E402  # found by the path above
from processes import descendants  # noqa: E402  # found by the path above

from vsearch.errors import DecoderError, ImageError, SkipReason  # noqa: E402  # found by the path above
from vsearch.images.formats import SUFFIXES  # noqa: E402  # found by the path above
from vsearch.images.isolation.decoders import SECONDS, Decoders  # noqa: E402  # found by the path above
from vsearch.records import Preprocessing  # noqa: E402  # found by the path above

if TYPE_CHECKING:
    from vsearch.images.isolation.processes import Loaded

PIXELS = 64_000_000  # as indexing allows at least
SPEC = Preprocessing(224, "shortest", "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_SAMPLING = 0.02  # seconds
_SHOWN = 6


class Case(Protocol):
    """A file to try: what it is called, counted as, and where it lies once it is made."""

    @property
    def name(self) -> str:
        """What `--only` takes to make it again."""
        ...

    @property
    def format(self) -> str:
        """The format of the sound picture it was."""
        ...

    def made(self, folder: Path, place: int) -> tuple[str, Path]:
        """Put it into `folder` under a name that begins with `place`; return the kind of damage."""
        ...


@dataclass(frozen=True, slots=True)
class Mutation:
    """A damaged copy of one of `seeds`."""

    seeds: dict[str, list[Seed]]
    seed: int
    number: int

    @property
    def name(self) -> str:
        return str(self.number)

    @property
    def format(self) -> str:
        return self._chosen()[0].format

    def _chosen(self) -> tuple[Seed, Random]:
        """Return the sound picture; formats of many variants come oftener, none comes seldom."""
        half, odd = divmod(self.number, 2)
        random = Random(f"{self.seed}:{self.number}")
        if odd:
            variants = list(self.seeds.values())[half % len(self.seeds)]
            return random.choice(variants), random
        every = [one for variants in self.seeds.values() for one in variants]
        return every[half % len(every)], random

    def made(self, folder: Path, place: int) -> tuple[str, Path]:
        seed, random = self._chosen()
        other = random.choice(random.choice(list(self.seeds.values())))
        kind, data = mutated(seed, other, random)
        path = folder / f"{place}-{self.number}{seed.suffix}"
        path.write_bytes(data)
        return kind, path


@dataclass(frozen=True, slots=True)
class Bomb:
    """One of `bombs`."""

    name: str

    @property
    def format(self) -> str:
        return "bombs"

    def made(self, folder: Path, place: int) -> tuple[str, Path]:
        suffix, make = bombs()[self.name]
        path = folder / f"{place}-{self.name.replace(' ', '-')}{suffix}"
        path.write_bytes(make())
        return "bomb", path


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is there already, below `folder`."""

    path: Path
    folder: Path

    @property
    def name(self) -> str:
        return os.fspath(self.path.relative_to(self.folder))

    @property
    def format(self) -> str:
        return self.path.suffix.lower() or "no suffix"

    def made(self, folder: Path, place: int) -> tuple[str, Path]:
        link = folder / f"{place}-found{self.path.suffix}"
        link.symlink_to(self.path.resolve())
        return "as it is", link


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a file: `outcome` "decoded", a `SkipReason`, or what must not be.

    `seconds` it took with the others beside it, and the most `bytes` its decoder had in memory.
    """

    name: str
    format: str
    kind: str
    outcome: str
    detail: str
    seconds: float
    bytes: int
    unexpected: bool = False
    lost: bool = False
    other: bool = False

    @property
    def bad(self) -> bool:
        return self.unexpected or self.lost or self.other

    @property
    def crash(self) -> str:
        """How it ended its decoder; "" when it did not."""
        return self.detail if self.outcome == SkipReason.CRASHED else ""


class Harness:
    """Tries files, in some threads at a time, and measures each."""

    def __init__(
        self, place: Path, threads: int, seconds: float, keep: Path | None, keep_all: bool
    ) -> None:
        self._place = place
        self._threads = threads
        self._seconds = seconds
        self._keep = keep
        self._keep_all = keep_all
        self._seen = [0] * threads  # the peak of the file at each place, so far
        os.environ[NOTES] = os.fspath(place / "notes")
        paths = [os.fspath(TESTS), os.fspath(TESTS.parent)]
        sys.path[:] = [*paths, *(path for path in sys.path if path not in paths)]
        self._notes = Notes(place / "notes", places=threads)
        for number in range(threads):
            (place / str(number)).mkdir()

    def try_all(self, cases: list[Case]) -> list[Tried]:
        """Try them and return what came of each, in their order."""
        with (
            Decoders(PIXELS, self._seconds, loader=LOADER) as decoders,
            ThreadPoolExecutor(self._threads) as pool,
        ):
            turns = iter(enumerate(cases))  # shared: who is done takes the next one
            work = [
                pool.submit(self._strand, turns, number, decoders)
                for number in range(self._threads)
            ]
            left: set[Future[list[tuple[int, Tried]]]] = set(work)
            while left:
                _, left = wait(left, _SAMPLING)
                self._sample()
        done = dict(pair for one in work for pair in one.result())
        return [done[turn] for turn in sorted(done)]

    def _strand(
        self, turns: Iterator[tuple[int, Case]], place: int, decoders: Decoders
    ) -> list[tuple[int, Tried]]:
        return [(turn, self._try(case, place, decoders)) for turn, case in turns]

    def _sample(self) -> None:
        """Look at decoders that are at work: who is killed cannot say what it took."""
        for place in range(self._threads):
            process, told, _ = self._notes.get(place)
            if process and not told:
                self._seen[place] = max(self._seen[place], peak(process))

    def _try(self, case: Case, place: int, decoders: Decoders) -> Tried:
        kind, path = case.made(self._place / str(place), place)
        self._notes.put(place, 0, 0, unexpected=False)
        self._seen[place] = 0
        named = path.suffix.lower() in SUFFIXES
        begun = time.monotonic()
        work = partial(decoders.load, os.fspath(path), SPEC, named_image=named)
        outcome, detail, lost, other = _outcome(work)
        seconds = time.monotonic() - begun
        _, told, unexpected = self._notes.get(place)
        tried = Tried(
            case.name, case.format, kind, outcome, detail, seconds, told or self._seen[place],
            unexpected, lost, other,
        )  # fmt: skip
        if self._keep and (self._keep_all or tried.bad or tried.crash):
            name = case.name.replace("/", "-").removesuffix(path.suffix) + path.suffix
            (self._keep / name).write_bytes(path.read_bytes())
        path.unlink()
        return tried


def _outcome(load: Callable[[], Loaded]) -> tuple[str, str, bool, bool]:
    """Return what came of a file, the detail, whether the run is lost, or anything else came."""
    try:
        load()
    except ImageError as error:
        return error.reason, error.detail, False, False
    except DecoderError as error:
        return "run lost", str(error), True, False
    except Exception as error:  # noqa: BLE001  # that there is none is what is tried
        return "other error", f"{type(error).__name__}: {error}", False, True
    return "decoded", "", False, False


def main() -> int:
    """Try what is asked for, and say what came of it."""
    options = _options()
    if sys.platform != "linux":
        print("no measuring here: it looks into /proc", file=sys.stderr)
        return 2
    cases = _cases(options)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    before, begun = descendants(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        harness = Harness(
            Path(place), options.threads, options.seconds, options.keep, bool(options.only)
        )
        done = harness.try_all(cases)
        took = time.monotonic() - begun
        left = len(descendants() - before)
        alone = _alone(harness, cases, done)
    figures = _figures(done, alone, took)
    figures["lost"] += len(cases) - len(done)
    figures["processes_left"] = left
    figures["bad"] += len(cases) - len(done) + left
    _show(done, alone, options)
    print(
        f"{figures['files']} files in {took:.0f} s; {figures['crashes']} crashes contained, "
        f"{figures['timeouts']} timeouts, {figures['unexpected']} unexpected errors, "
        f"{figures['lost']} runs lost, {left} processes left"
    )
    if options.json:
        print(json.dumps(figures))
    return 1 if figures["bad"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="fuzz.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=20_000, metavar="N", help="damaged pictures")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the damage")
    parser.add_argument("--bombs", choices=("all", "huge", "none"), default="all")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this number or bomb")
    parser.add_argument("--pillow", type=Path, metavar="FOLDER", help="all files below it instead")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for a file to decode")
    parser.add_argument("--threads", type=int, default=max(2, os.cpu_count() or 1))
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep files that crashed, and all of --only"
    )
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    return parser.parse_args()


def _cases(options: argparse.Namespace) -> list[Case]:
    if options.pillow:
        files = (path for path in sorted(options.pillow.rglob("*")) if path.is_file())
        return [Found(path, options.pillow) for path in files]
    by_format: dict[str, list[Seed]] = {}
    for seed in seeds():
        by_format.setdefault(seed.format, []).append(seed)
    if options.only:
        return [
            Mutation(by_format, options.seed, int(name)) if name.isdigit() else Bomb(name)
            for name in options.only
        ]
    cases: list[Case] = [
        Bomb(name)
        for name in bombs()
        if options.bombs == "all" or (options.bombs == "huge" and name.startswith("huge "))
    ]
    return cases + [Mutation(by_format, options.seed, number) for number in range(options.files)]


def _alone(harness: Harness, cases: list[Case], done: list[Tried]) -> dict[str, list[Tried]]:
    """Try the slowest and the largest again, each with nothing beside it and a new decoder.

    Beside others a file takes longer, and what an earlier one left may count as its memory.
    """
    by_name = {case.name: case for case in cases}
    ended = [one for one in done if one.outcome not in {SkipReason.TIMED_OUT, SkipReason.CRASHED}]
    found: dict[str, list[Tried]] = {"seconds": [], "bytes": []}
    for what, again in found.items():
        for bombs_only in (False, True):
            ones = [one for one in ended if (one.kind == "bomb") == bombs_only]
            most = sorted(ones, key=lambda one: -getattr(one, what))[:_SHOWN]
            again += [harness.try_all([by_name[one.name]])[0] for one in most]
        again.sort(key=lambda one: -getattr(one, what))
    return found


def _figures(done: list[Tried], alone: dict[str, list[Tried]], took: float) -> dict[str, Any]:
    timeouts = [one for one in done if one.outcome == SkipReason.TIMED_OUT]
    killed = [one for one in done if one.crash or one.outcome == SkipReason.TIMED_OUT]
    unexpected = sum(one.unexpected or one.other for one in done)
    return {
        "files": len(done),
        "bombs": sum(one.kind == "bomb" for one in done),
        "formats": dict(Counter(one.format for one in done).most_common()),
        "kinds": dict(Counter(one.kind for one in done).most_common()),
        "outcomes": dict(Counter(one.outcome for one in done).most_common()),
        "crashes": sum(bool(one.crash) for one in done),
        "crashes_by_signal": dict(Counter(one.crash for one in done if one.crash)),
        "timeouts": len(timeouts),
        **_most("", [*killed, *alone["seconds"], *alone["bytes"]]),
        **_most(
            "_but_bombs",
            [one for one in (*killed, *alone["seconds"], *alone["bytes"]) if one.kind != "bomb"],
        ),
        "unexpected": unexpected,
        "lost": sum(one.lost for one in done),
        "bad": sum(one.bad for one in done),
        "seconds": round(took),
    }


def _most(of: str, ones: list[Tried]) -> dict[str, float]:
    return {
        f"longest_seconds{of}": round(max((one.seconds for one in ones), default=0), 2),
        f"largest_megabytes{of}": round(max((one.bytes for one in ones), default=0) / 1e6),
    }


def _show(done: list[Tried], alone: dict[str, list[Tried]], options: argparse.Namespace) -> None:
    outcomes = [name for name, _ in Counter(one.outcome for one in done).most_common()]
    for title, of in (("format", "format"), ("damage", "kind")):
        counts = Counter((getattr(one, of), one.outcome) for one in done)
        totals = Counter(getattr(one, of) for one in done)
        print(f"{title:<14} {'files':>6}", *(f"{name:>{max(8, len(name))}}" for name in outcomes))
        for name, total in totals.most_common():
            cells = (f"{counts[name, one] or '-':>{max(8, len(one))}}" for one in outcomes)
            print(f"{name:<14} {total:>6}", *cells)
    how = "" if options.pillow else f", made again by --seed {options.seed} --only NAME --keep"
    lists = {
        "slowest, alone": alone["seconds"],
        "largest, alone": alone["bytes"],
        "timed out": [one for one in done if one.outcome == SkipReason.TIMED_OUT],
        "crashed": [one for one in done if one.crash],
    }
    for title, ones in lists.items():
        if ones:
            print(f"{title}{how}:")
        for one in ones:
            print(f"  {_line(one)}")
    for one in done:
        if one.bad:
            print(f"BAD {_line(one)}")


def _line(one: Tried) -> str:
    words = f"{one.outcome}: {one.detail[:90]}" if one.detail else str(one.outcome)
    return (
        f"{one.seconds:6.2f} s {one.bytes / 1e6:6.0f} MB  {one.name} ({one.format}, {one.kind}): "
        f"{ascii(words)[1:-1]}"
    )


if __name__ == "__main__":
    sys.exit(main())
