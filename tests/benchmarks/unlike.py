"""`--minus`: what it does to "A and not B", by ways to mean it. See stamps.py for the pictures.

PYTHONPATH=tests/benchmarks python tests/benchmarks/unlike.py stamps
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from stamps import average_precision, read

from vsearch.models.folder import built_in
from vsearch.models.onnx import OnnxEncoder
from vsearch.vectors import unit, without

Vector = NDArray[np.float32]

# What is looked for, the paths that show it; what it should be unlike, and the paths of those.
ASKED = [
    ("fruit", "food/fruit", "apple", "/apple|granny"),
    ("fruit", "food/fruit", "orange", "orange|mandarin"),
    ("fruit", "food/fruit", "strawberry", "strawberry"),
    ("food", "^food", "fruit", "food/fruit"),
    ("food", "^food", "vegetables", "vegetables"),
    ("an animal", "^animals", "a bird", "animals/birds"),
    ("an animal", "^animals", "a fish", "animals/fish"),
    ("an animal", "^animals", "an insect", "animals/insects"),
    ("a bird", "animals/birds", "a penguin", "penguin"),
    ("a bird", "animals/birds", "a duck", "duck|drake|gander"),
    ("a bird", "animals/birds", "a hen", r"hen\.|chick|rooster|turkey"),
    ("a wild animal", "animals/mammals", "a cow", "cow|bull|yak|zebu"),
    ("a wild animal", "animals/mammals", "a dog", "mammals/dogs"),
    ("a plant", "^plants", "a flower", "plants/flowers"),
    ("a plant", "^plants", "a tree", "plants/trees"),
    ("a flower", "plants/flowers", "a rose", "rose"),
    ("a vehicle", "^vehicles", "an airplane", "planes"),
    ("a vehicle", "^vehicles", "a train", "locomotive"),
    ("a vehicle", "^vehicles", "a boat", "/ship"),
    ("clothes", "^clothes", "a hat", "hat|cap"),
    ("a musical instrument", "hobbies/music", "a guitar", "guitar"),
    ("a musical instrument", "hobbies/music", "drums", "percussion"),
    ("a tool", "household/tools", "a hammer", "hammer|mallet"),
    ("christmas", "seasonal/christmas", "a christmas tree", "christmas.*tree"),
    ("halloween", "seasonal/halloween", "a grave", "grave"),
    ("a ball", "sports.*ball|soccer", "a basketball", "basketball"),
    ("a planet", "space/planets", "the sun", "sun"),
    ("a planet", "space/planets", "saturn with its rings", "saturn"),
]


def share(amount: float) -> Callable[[Vector, Vector, Vector], Vector]:
    return lambda query, term, pictures: pictures @ without(query, term, amount)


def penalty(query: Vector, term: Vector, pictures: Vector) -> Vector:
    """Take what is nearer to the term than two standard deviations above all off the score."""
    near = pictures @ term
    return np.asarray(pictures @ query - np.maximum(0, near - near.mean() - 2 * near.std()))


WAYS: dict[str, Callable[[Vector, Vector, Vector], Vector]] = {
    "left out": lambda query, _, pictures: pictures @ query,
    "subtracted": lambda query, term, pictures: pictures @ unit(query - term),
    "a quarter taken": share(0.25),
    "half taken (--minus)": share(0.5),
    "three quarters taken": share(0.75),
    "all taken": share(1),
    "off the score": penalty,
}


def main() -> None:
    encoder = OnnxEncoder(built_in(), 1)
    with tempfile.TemporaryDirectory() as folder:
        stamps = read(Path(sys.argv[1]), encoder, Path(folder) / "index")
    pairs = [encoder.encode_texts([text, minus]) for text, _, minus, _ in ASKED]
    common = np.mean([query @ term for query, term in pairs])
    print(
        f"{len(stamps.paths)} pictures, {len(ASKED)} queries; cosine of query and term {common:.2f}"
    )
    print("                        AP   of the first 10: wanted, unwanted, others")
    for name, way in WAYS.items():
        rows = []
        for (_, wanted, _, unwanted), (query, term) in zip(ASKED, pairs, strict=True):
            against = stamps.matching(unwanted)
            sought = stamps.matching(wanted) & ~against
            scores = way(query, term, stamps.vectors)
            first = np.argsort(-scores, kind="stable")[:10]
            rows.append(
                (
                    average_precision(sought, scores),
                    sought[first].mean(),
                    against[first].mean(),
                    (~sought & ~against)[first].mean(),
                )
            )
        print(f"{name:22} {' '.join(f'{value:.3f}' for value in np.mean(rows, axis=0))}")


if __name__ == "__main__":
    main()
