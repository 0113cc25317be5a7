"""How decoding and the model share the cores, measured: which split indexes fastest.

    python tests/benchmarks/threads.py [ARCH ...] [--pictures N] [--json]

For the built-in model, and for each open_clip ARCH (default: ViT-B-32-256 and ViT-L-14) with random
weights in the precision that conversion chooses, N JPEGs of 500 x 375 are indexed in this process,
the model loaded, with

    each-its-own   a thread a core; each decodes a picture and embeds it, one thread a call (ours)
    twice          two threads a core, one thread a call
    one-all        one thread decodes and embeds, all cores a call
    all-all        a thread a core, all cores a call
    gathered       a thread a core decodes; two threads embed batches of 8, all cores a call

in turn, A B C D E A B C D E. Prints pictures a second (median of three rounds) and the ratio to the
first, a line a split.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from peers import SMALL, make_photos, say

from vsearch.config import cores
from vsearch.images.limits import pixel_limit
from vsearch.images.load import prepare
from vsearch.indexing.events import Tally
from vsearch.indexing.run import Options, update
from vsearch.models.conversion.convert import convert
from vsearch.models.conversion.find import find_random
from vsearch.models.folder import ModelFolder, built_in
from vsearch.models.hub import Connection
from vsearch.models.onnx import OnnxEncoder

ROUNDS = 3
BATCH = 8


class Gathering(OnnxEncoder):
    """The same encoder, which asks for batches."""

    @property
    def batch_size(self) -> int:
        """So many that indexing gathers them."""
        return BATCH


@dataclass(frozen=True, slots=True)
class Split:
    """Threads that read and decode, threads of one call, and whether pictures are gathered."""

    workers: int
    threads: int
    gathered: bool = False

    def rate(self, folder: ModelFolder, photos: Path) -> float:
        """Return the pictures a second of indexing `photos` into a new index."""
        encoder = (Gathering if self.gathered else OnnxEncoder)(folder, self.threads)
        first = prepare(
            next(photos.iterdir()).read_bytes(), folder.preprocessing, pixel_limit=10**9, path=""
        )
        encoder.encode_images(first.pixels[None])  # loads the model
        options, tally = Options(self.workers, pixel_limit(self.workers)), Tally()
        with tempfile.TemporaryDirectory() as index:
            started = time.perf_counter()
            for event in update(Path(index), encoder, [str(photos)], options):
                tally.add(event)
            return tally.embedded / (time.perf_counter() - started)


def splits() -> dict[str, Split]:
    """Return what is compared, on the cores there are."""
    count = cores()
    return {
        "each-its-own": Split(count, 1),
        "twice": Split(2 * count, 1),
        "one-all": Split(1, count),
        "all-all": Split(count, count),
        "gathered": Split(count, count, gathered=True),
    }


def converted(architecture: str, work: Path) -> ModelFolder:
    """Return the model of that architecture with random weights."""
    say(f"converting {architecture}")
    return convert(
        find_random(architecture, Connection()),
        "auto",
        work / architecture,
        prepare=lambda data, spec: prepare(data, spec, pixel_limit=10**9, path="").pixels,
    ).folder


def main() -> None:
    """Measure each model in each split and print a line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("architectures", nargs="*", metavar="ARCH")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        photos = work / "photos"
        photos.mkdir()
        make_photos(photos, SMALL, arguments.pictures, seed=6)
        for name in ["mini", *(arguments.architectures or ["ViT-B-32-256", "ViT-L-14"])]:
            folder = built_in() if name == "mini" else converted(name, work)
            rates: dict[str, list[float]] = {split: [] for split in splits()}
            for turn in range(ROUNDS):
                for split, how in splits().items():
                    rates[split].append(how.rate(folder, photos))
                    say(f"{name} {turn + 1}/{ROUNDS} {split}: {rates[split][-1]:.1f}/s")
            first = median(rates["each-its-own"])
            for split, found in rates.items():
                row = {"model": name, "split": split, "pictures_per_s": round(median(found), 2)}
                row["ratio"] = round(median(found) / first, 3)
                line = "  ".join(f"{value!s:<14}" for value in row.values())
                print(json.dumps(row) if arguments.json else line, flush=True)


if __name__ == "__main__":
    main()
