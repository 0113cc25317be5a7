"""`--names W`: what names add and what they cost. See stamps.py for the pictures.

    PYTHONPATH=tests/benchmarks python tests/benchmarks/names.py stamps

Queries are English names of what is shown; which pictures show it is told by the descriptions that
come with them (the first line of the .txt beside), not by their names.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from stamps import average_precision, read

from vsearch.index import Index
from vsearch.index.writer import IndexWriter
from vsearch.models.folder import built_in
from vsearch.models.onnx import OnnxEncoder
from vsearch.records import ImageFacts
from vsearch.searching.names import Names, names_for
from vsearch.searching.query import parse
from vsearch.vectors import unit

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
ROWS = 100_000


def main() -> None:
    stamps, encoder = Path(sys.argv[1]), OnnxEncoder(built_in(), 1)
    with tempfile.TemporaryDirectory() as folder:
        pictures = read(stamps, encoder, Path(folder) / "pictures")
        (top,) = stamps.rglob("stamps")
        told = [description(top / path) for path in pictures.paths]
        queries = asked(told)
        print(f"{len(told)} pictures, {len(queries)} queries; AP and recall@10 by weight")
        print(f"{'names':32} {' '.join(f'{weight:^9}' for weight in WEIGHTS)}")
        for name, paths in named(pictures.paths).items():
            index = made_up(Path(folder) / name, paths, pictures.vectors)
            print(f"{name:32} {' '.join(quality(index, encoder, queries, told))}")
        latency(Path(folder) / "large", pictures.paths, encoder.identity.dim)


def description(path: Path) -> str:
    text = path.with_suffix(".txt")
    if not text.exists():
        return ""
    return text.read_text("utf-8", errors="replace").partition("\n")[0].lower()


def asked(told: Sequence[str]) -> list[str]:
    """Return each word that 3 to 40 descriptions have, and that is no word of grammar."""
    grammar = {
        "the", "and", "with", "from", "this", "that", "its", "for", "into", "like", "made", "has",
        "are", "was", "who", "called", "also", "used", "you", "can", "one", "two", "some", "other",
        "which", "their", "them", "they", "have", "when", "very", "about", "letter", "english",
        "sign", "german", "spanish", "language", "upper", "lower", "case", "capital", "number",
        "symbol", "coin", "cent", "asl", "american", "front", "back", "side", "left", "right",
        "small", "large", "big", "little", "long", "new", "old",
    }  # fmt: skip
    words = {word for text in told for word in re.findall(r"[a-z]{3,}", text)} - grammar
    return sorted(word for word in words if 3 <= sum(shows(text, word) for text in told) <= 40)


def shows(text: str, word: str) -> bool:
    return re.search(rf"\b{word}s?\b", text) is not None


def named(paths: Sequence[str]) -> dict[str, list[str]]:
    """Return the pictures' paths as they are, and as they might be."""
    drawn = random.Random(0)
    numbered = [f"DCIM/IMG_{number:04d}.png" for number in range(len(paths))]
    shuffled = drawn.sample(list(paths), len(paths))
    return {
        "as they are": list(paths),
        "half of them as a camera does": [
            drawn.choice(pair) for pair in zip(paths, numbered, strict=True)
        ],
        "all as a camera does": numbered,
        "a fifth wrong": [
            wrong if drawn.random() < 0.2 else right
            for right, wrong in zip(paths, shuffled, strict=True)
        ],
        "all wrong": shuffled,
    }


def made_up(folder: Path, paths: Sequence[str], vectors: np.ndarray) -> Path:
    """Make an index of these embeddings, under these paths."""
    with IndexWriter(folder, built_in().identity) as writer:
        root = writer.add_root("/made-up", whole=True)
        facts = ImageFacts(640, 480, "PNG")
        for number, (path, vector) in enumerate(zip(paths, vectors, strict=True)):
            writer.add(root, f"{number}/{path}", 1, 1, number.to_bytes(16), facts, vector)
        writer.commit()
    return folder


def quality(
    folder: Path, encoder: OnnxEncoder, queries: Sequence[str], told: Sequence[str]
) -> list[str]:
    results: dict[float, list[tuple[float, float]]] = {weight: [] for weight in WEIGHTS}
    with Index(folder) as index:
        for query in queries:
            relevant = np.array([shows(text, query) for text in told])
            scores = index.scores(encoder.encode_texts([query])[0])
            said = names_for(index, parse([f"text:{query}"]), 0.5)
            for weight in WEIGHTS:
                by = Names(weight, said.evidence).fused(scores, None) if said else scores
                first = np.argsort(-by, kind="stable")[:10]
                recall = relevant[first].sum() / min(10, relevant.sum())
                results[weight].append((average_precision(relevant, by), recall))
    means = [np.mean(results[weight], axis=0) for weight in WEIGHTS]
    return [f"{precision:.3f} {recall:.2f}" for precision, recall in means]


def latency(folder: Path, paths: Sequence[str], dim: int) -> None:
    """Print how long looking through the names of ROWS pictures takes."""
    drawn = random.Random(0)
    names = [f"{drawn.choice(paths)[:-4]}_{number:05d}.png" for number in range(ROWS)]
    vectors = unit(np.random.default_rng(0).standard_normal((ROWS, dim), np.float32))
    made_up(folder, names, vectors)
    for query in ("zyzzyva", "a penguin", "a small dog on a green lawn", "animals"):
        times = []
        for _ in range(5):
            with Index(folder) as index:
                started = time.process_time()
                found = names_for(index, parse([query]), 0.3)
                times.append(time.process_time() - started)
        count = len(found.evidence) if found else 0
        print(f"{ROWS:,} names, {query!r}: {count:,} have words of it, {1000 * min(times):.0f} ms")


if __name__ == "__main__":
    main()
