"""How long evaluation takes, and how much memory: 100,000 pictures, of which 10,000 ask.

    PYTHONPATH=tests/benchmarks python tests/benchmarks/evaluation.py [--pictures N] [--queries N]

The embeddings are random ones around random centres, 384 numbers each as mini has them. "labels":
1,000 classes, leaving one out (every metric, vote and pair of `vsearch evaluate LABELS`);
"captions": each query has one answer. Memory is the most that the process ever had; each protocol
runs in a process of its own, on as many threads as there are cores.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time

import numpy as np

from vsearch.evaluation.gallery import Gallery
from vsearch.evaluation.protocols.captions import text_to_image
from vsearch.evaluation.protocols.labels import image_to_image
from vsearch.machine import cores
from vsearch.records import Calibration
from vsearch.truth.values import Captions, Labels
from vsearch.vectors import unit

DIM, CLASSES = 384, 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--protocol", choices=["labels", "captions"])
    asked = parser.parse_args()
    if asked.protocol is None:
        for protocol in ("labels", "captions"):
            sizes = ["--pictures", str(asked.pictures), "--queries", str(asked.queries)]
            command = [sys.executable, __file__, *sizes, "--protocol", protocol]
            # As `vsearch` itself has it: its threads are those of the blocks.
            subprocess.run(command, check=True, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
        return
    random = np.random.default_rng(0)
    n, q = asked.pictures, asked.queries
    classes = random.integers(0, min(CLASSES, n), n)
    centres = random.standard_normal((min(CLASSES, n), DIM)).astype(np.float32)
    vectors = centres[classes]
    for first in range(0, n, 10_000):
        part = vectors[first : first + 10_000]
        part += 2 * random.standard_normal(part.shape, dtype=np.float32)
        part[:] = unit(part)
    paths = tuple(f"/pictures/{number}.jpg" for number in range(n))
    gallery = Gallery(paths, vectors)
    names = [path[1:] for path in paths]
    started = time.perf_counter()
    if asked.protocol == "labels":
        truth = Labels(paths, tuple(f"class {one}" for one in classes))
        queries = np.sort(random.choice(n, q, replace=False))
        result, _ = image_to_image(
            truth, names, queries, gallery, (1, 5, 10), workers=cores(), progress=lambda *_: None
        )
    else:
        image_of = np.sort(random.choice(n, q, replace=False))
        captions = Captions(
            paths, tuple(f"number {one}" for one in image_of), tuple(image_of.tolist())
        )
        words = unit(vectors[image_of] + random.standard_normal((q, DIM)).astype(np.float32) / 20)
        result = text_to_image(
            captions,
            names,
            words,
            gallery,
            Calibration(),
            (1, 5, 10),
            workers=cores(),
            progress=lambda *_: None,
        )
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{asked.protocol}: {n:,} pictures, {result.queries:,} queries: {seconds:.0f} s, "
        f"{peak:.2f} GB at most; {cores()} threads"
    )


if __name__ == "__main__":
    main()
