"""What a second `vsearch index` costs when nothing has changed, against walking and stat alone.

    python tests/benchmarks/rescan.py [--files N] [--json]

Makes a tree of N small pictures in folders of 100, indexes it once, and then times, in turn (A B A
B ...), in one process so that start-up is aside:

    ours    vsearch.indexing.run.update: walk, compare with the catalog, commit
    plain   os.walk and os.stat of every file in Python

Prints one JSON object (or a line): name, files, ours_s, plain_s, ratio; medians of 7 pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from vsearch.images.limits import pixel_limit
from vsearch.indexing.events import Tally
from vsearch.indexing.run import Options, update
from vsearch.models.folder import built_in
from vsearch.models.onnx import OnnxEncoder

PAIRS = 7


def make_tree(folder: Path, files: int) -> None:
    """Write `files` different 16 x 16 PNGs, an hour old, into folders of 100."""
    for number in range(files):
        place = folder / f"{number // 100:04d}"
        place.mkdir(exist_ok=True)
        path = place / f"IMG_{number:06d}.png"
        Image.new("RGB", (16, 16), (number & 255, number >> 8 & 255, number >> 16)).save(path)
        os.utime(path, (time.time() - 3600,) * 2)


def seconds(work: Callable[[], None]) -> float:
    """Return the wall time of `work`."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    encoder = OnnxEncoder(built_in())
    options = Options(workers=os.cpu_count() or 1, pixel_limit=pixel_limit(2))
    with tempfile.TemporaryDirectory() as scratch:
        tree, index = Path(scratch) / "tree", Path(scratch) / "index"
        tree.mkdir()
        make_tree(tree, arguments.files)

        def ours() -> None:
            tally = Tally()
            for event in update(index, encoder, [str(tree)], options):
                tally.add(event)
            if tally.images != arguments.files:
                raise SystemExit(f"rescan: {tally.images} pictures instead of {arguments.files}")

        def plain() -> None:
            for folder, _, names in os.walk(tree):
                for name in names:
                    os.stat(os.path.join(folder, name))

        ours()
        pairs = [(seconds(ours), seconds(plain)) for _ in range(PAIRS)]
    ours_s = statistics.median(pair[0] for pair in pairs)
    plain_s = statistics.median(pair[1] for pair in pairs)
    ratio = statistics.median(a / b for a, b in pairs)
    result = {
        "name": "rescan",
        "files": arguments.files,
        "ours_s": round(ours_s, 4),
        "plain_s": round(plain_s, 4),
        "ratio": round(ratio, 2),
    }
    if arguments.json:
        print(json.dumps(result))
    else:
        print(
            f"{arguments.files:,} files, nothing changed: {ours_s:.3f} s; "
            f"os.walk and os.stat {plain_s:.3f} s; ratio {ratio:.2f}"
        )


if __name__ == "__main__":
    main()
