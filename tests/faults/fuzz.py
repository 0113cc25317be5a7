"""Try damaged files and bombs of every format on the decoders, as indexing would.

python tests/faults/fuzz.py --files 20000 [--seed S] [--pillow FOLDER] [--keep FOLDER] [--json]

Each costs itself at most: a file that crashes its decoder, takes too long or too much memory is
counted, any exception but an ImageError is a fault of vsearch's. `--pillow` tries every file below
a folder instead, such as Tests/images of the source distribution of Pillow. Exit code 1 when a run
was lost; with --json the last line on stdout is one object with the figures. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
PIXELS = 64_000_000  # the least that any machine allows a picture
WORKERS = 3
BATCH = 500  # files written before they are tried
SHOWN = 5


@dataclass(slots=True)
class Tried:
    """What came of all files so far: counts, and the (figure, file) of those that took most."""

    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    longest: list[tuple[float, str]] = field(default_factory=list)
    largest: list[tuple[int, str]] = field(default_factory=list)

    def took(self, seconds: float, growth: int, file: str) -> None:
        """Note what a file took: seconds, and the bytes its decoder grew by."""
        self.longest = sorted([*self.longest, (seconds, file)], reverse=True)[:SHOWN]
        self.largest = sorted([*self.largest, (growth, file)], reverse=True)[:SHOWN]


@dataclass(frozen=True, slots=True)
class File:
    """A file to be tried; `origin` says how it can be made again."""

    format: str
    kind: str
    origin: str
    path: str


def main() -> int:
    sys.path[:0] = [os.fspath(TESTS), os.fspath(TESTS.parent)]
    options = _options()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        tried = run(Path(place), options.files, options.seed, options.pillow, options.keep)
    print(table(tried))
    if options.json:
        print(json.dumps(figures(tried)))
    return 1 if tried.faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="fuzz.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=20_000, metavar="N", help="damaged files")
    parser.add_argument("--seed", type=int, default=0, help="of what is done at random")
    parser.add_argument("--pillow", type=Path, metavar="FOLDER", help="try what is there instead")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what crashed a decoder")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    return parser.parse_args()


def run(
    place: Path, files: int, seed: int, folder: Path | None = None, keep: Path | None = None
) -> Tried:
    """Try `files` mutants of that seed and all bombs, or all below `folder`; below `place`."""
    from faults import measured

    from vsearch.images.isolation.decoders import Decoders

    all_ = _below(folder, place) if folder else _made(place, files, seed)
    slots = place / "measured"
    count = sum(1 for one in folder.rglob("*") if one.is_file()) if folder else files + 1000
    slots.write_bytes(bytes(measured.SLOT.size * (count + 1)))
    os.environ[measured.VARIABLE] = os.fspath(slots)
    tried = Tried()
    loader = f"{measured.__name__}:load"
    with Decoders(PIXELS, loader=loader) as decoders, ThreadPoolExecutor(WORKERS) as pool:
        while batch := list(islice(all_, BATCH)):
            for one, outcome, detail in pool.map(lambda one: _try(decoders, one), batch):
                _count(tried, one, outcome, detail, slots, keep)
            for one in batch:
                os.unlink(one.path)
    return tried


def _made(place: Path, files: int, seed: int) -> Iterator[File]:
    from faults.bombs import bombs
    from faults.mutants import mutant

    for number in range(files):
        made = mutant(number, seed)
        path = place / f"{number:06}{made.suffix}"
        path.write_bytes(made.data)
        yield File(made.format, made.kind, f"mutant({number}, {seed})", os.fspath(path))
    for number, (name, data) in enumerate(bombs(), start=files):
        path = place / f"{number:06}-{name}"
        path.write_bytes(data)
        yield File(Path(name).suffix.strip(".").upper(), "bomb", f"bomb {name}", os.fspath(path))


def _below(folder: Path, place: Path) -> Iterator[File]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    for number, path in enumerate(found):
        # Under a number of its own; the suffix stays.
        copy = place / f"{number:06}-{path.name}"
        shutil.copyfile(path, copy)
        yield File(path.suffix.strip(".").upper() or "?", "given", path.name, os.fspath(copy))


def _try(decoders: Any, one: File) -> tuple[File, str, str]:
    from vsearch.errors import ImageError
    from vsearch.records import Preprocessing

    spec = Preprocessing(224, "shortest", "bicubic", (0, 0, 0), (1, 1, 1))
    try:
        decoders.load(one.path, spec)
    except ImageError as error:
        return one, str(error.reason), error.detail
    except Exception as error:  # noqa: BLE001  # what it is for: whatever else comes is a fault
        return one, "FAULT", f"{type(error).__name__}: {error}"
    return one, "decoded", ""


def _count(
    tried: Tried, one: File, outcome: str, detail: str, slots: Path, keep: Path | None
) -> None:
    from faults import measured

    from vsearch.errors import SkipReason

    tried.files += 1
    tried.outcomes[outcome] += 1
    tried.formats[one.format] += 1
    tried.kinds[one.kind] += 1
    if outcome == "FAULT":
        tried.faults.append(f"{one.origin}: {detail}")
    if outcome in (SkipReason.CRASHED, SkipReason.TIMED_OUT):
        tried.crashes[f"{one.format}: {detail}"] += 1
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(one.path, keep)
    number = int(Path(one.path).stem.split("-")[0])
    with slots.open("rb") as file:
        file.seek(measured.SLOT.size * number)
        seconds, peak, before = measured.SLOT.unpack(file.read(measured.SLOT.size))
    tried.took(seconds, max(0, peak - before), f"{one.origin} ({outcome})")


def table(tried: Tried) -> str:
    """Return what came of it, for a person."""
    lines = [f"{tried.files} files"]
    for title, counts in (
        ("format", tried.formats), ("what was done", tried.kinds), ("outcome", tried.outcomes),
        ("contained", tried.crashes),
    ):  # fmt: skip
        lines.append(f"{title}: {_listed(counts)}")
    lines.append("longest: " + "; ".join(f"{s:.2f} s {file}" for s, file in tried.longest))
    lines.append("largest: " + "; ".join(f"{size >> 20} MB {file}" for size, file in tried.largest))
    lines += [f"FAULT {line}" for line in tried.faults]
    return "\n".join(lines)


def _listed(counts: Iterable[tuple[str, int]] | Counter[str]) -> str:
    pairs = counts.most_common() if isinstance(counts, Counter) else counts
    return ", ".join(f"{name} {count}" for name, count in pairs) or "none"


def figures(tried: Tried) -> dict[str, Any]:
    """Return what came of it, for a program."""
    return {
        "files": tried.files,
        "formats": len(tried.formats),
        "outcomes": dict(tried.outcomes),
        "crashes_contained": sum(tried.crashes.values()),
        "longest_seconds": round(tried.longest[0][0], 2) if tried.longest else 0,
        "largest_bytes": tried.largest[0][0] if tried.largest else 0,
        "runs_lost": len(tried.faults),
    }


if __name__ == "__main__":
    sys.exit(main())
