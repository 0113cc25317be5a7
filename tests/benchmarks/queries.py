"""How many queries a second: `vsearch search --queries` against a process each.

    python tests/benchmarks/queries.py [--pictures 10000] [--queries 1000]

Made-up pictures, as their embeddings only; the example captions, cut into words and joined anew,
as queries, and the example photographs. Seconds are those of one core, which other work on the
machine changes less than those on the wall.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from vsearch.index.writer import IndexWriter
from vsearch.models.folder import built_in
from vsearch.records import ImageFacts
from vsearch.vectors import unit

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"
EACH = 20  # queries asked with a process each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--queries", type=int, default=1_000)
    options = parser.parse_args()
    words, pictures = texts(options.queries), photographs(options.queries // 10)
    print("pictures  queries       many at once     a process each   ratio   peak memory")
    with tempfile.TemporaryDirectory() as folder:
        for count in options.pictures:
            index = Path(folder) / str(count)
            made_up(index, count)
            for kind, queries in (("words", words), ("pictures", pictures)):
                seconds, peak = run(index, "--queries", "-", stdin="\n".join(queries))
                together = len(queries) / seconds
                alone = EACH / sum(run(index, query)[0] for query in queries[:EACH])
                print(
                    f"{count:8,}  {len(queries):5,} {kind:8} {together:7.1f} /s  "
                    f"{alone:14.2f} /s {together / alone:7.1f}   {peak:.0f} MB"
                )


def texts(count: int) -> list[str]:
    """Return as many different sentences of 2 to 9 words."""
    with (PHOTOS / "captions.csv").open(encoding="utf-8") as file:
        words = " ".join(row["caption"] for row in csv.DictReader(file)).split()
    drawn = random.Random(0)
    return [" ".join(drawn.sample(words, drawn.randint(2, 9))) for _ in range(count)]


def photographs(count: int) -> list[str]:
    found = sorted(os.fspath(path) for path in PHOTOS.glob("IMG_*.jpg"))
    return [found[number % len(found)] for number in range(count)]


def made_up(folder: Path, count: int) -> None:
    """Make an index of so many random embeddings, with its graph."""
    identity = built_in().identity
    vectors = unit(np.random.default_rng(0).standard_normal((count, identity.dim), np.float32))
    with IndexWriter(folder, identity) as writer:
        root = writer.add_root("/made-up", whole=True)
        for number, vector in enumerate(vectors):
            facts = ImageFacts(640, 480, "JPEG")
            writer.add(root, f"{number}.jpg", 1, 1, number.to_bytes(16), facts, vector)
        writer.commit()
        writer.extend_graph()


def run(index: Path, *arguments: str, stdin: str = "") -> tuple[float, float]:
    """Run a search; return its seconds of a core, and the most memory it had, in MB."""
    command = [sys.executable, "-m", "vsearch", "search", "--index", str(index)]
    process = subprocess.Popen(
        [*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stdin
    process.stdin.write(stdin.encode())
    process.stdin.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


if __name__ == "__main__":
    main()
