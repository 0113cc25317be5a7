"""What a 12-megapixel JPEG costs decoded at reduced scale, against decoded in full.

    python tests/benchmarks/decode.py [--json]

Enlarges the example photographs to twelve megapixels, smooth and with the grain of peers.py, and
times, in turn, on one thread: decoding in full, decoding at reduced scale as vsearch does, and both
with the way to the model's input. Prints for each kind the size of a file, medians in milliseconds
and the two ratios: the more a file holds, the more of its cost is reading its Huffman code.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
from peers import PHOTOS, cut, with_grain
from PIL import Image

from vsearch.images.decode import decode
from vsearch.images.preprocess import to_model_input
from vsearch.models.folder import built_in

PICTURES, ROUNDS = 8, 5
SIZE = (4000, 3000)


def make_pictures(*, grain: bool) -> list[bytes]:
    """Return JPEGs of SIZE, quality 90, with or without the grain of a camera."""
    random = np.random.default_rng(0)
    pictures = []
    for path in sorted(PHOTOS.glob("IMG_*.jpg"))[:PICTURES]:
        image = cut(Image.open(path).convert("RGB"), SIZE, random)
        buffer = io.BytesIO()
        (with_grain(image, random) if grain else image).save(buffer, "JPEG", quality=90)
        pictures.append(buffer.getvalue())
    return pictures


def milliseconds(way: Callable[[bytes], object], data: bytes) -> float:
    """Return the processor time of one call in milliseconds."""
    start = time.process_time()
    way(data)
    return 1000 * (time.process_time() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    spec = built_in().preprocessing

    def full(data: bytes) -> Image.Image:
        return Image.open(io.BytesIO(data)).convert("RGB")

    def reduced(data: bytes) -> Image.Image:
        return decode(data, shorter=spec.size, pixel_limit=10**9).image

    ways: dict[str, Callable[[bytes], object]] = {
        "full_ms": full,
        "reduced_ms": reduced,
        "full_input_ms": lambda data: to_model_input(full(data), spec),
        "reduced_input_ms": lambda data: to_model_input(reduced(data), spec),
    }
    for kind in ("smooth", "grainy"):
        pictures = make_pictures(grain=kind == "grainy")
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for data in pictures:
                for name, way in ways.items():
                    taken[name].append(milliseconds(way, data))
        result = {name: round(statistics.median(times), 1) for name, times in taken.items()}
        result["megabytes"] = round(statistics.mean(map(len, pictures)) / 1e6, 1)
        result["ratio"] = round(result["reduced_ms"] / result["full_ms"], 2)
        result["input_ratio"] = round(result["reduced_input_ms"] / result["full_input_ms"], 2)
        shown = {"name": kind, **result}
        print(json.dumps(shown) if arguments.json else shown)


if __name__ == "__main__":
    main()
