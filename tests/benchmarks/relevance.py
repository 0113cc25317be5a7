"""Is the relevance honest? Calibration error, off-topic queries refused, others refused wrongly.

    PYTHONPATH=tests python tests/benchmarks/relevance.py [--json]

Searches the example photographs, none of which the model's calibration was fitted on, for their
captions (sentences), for the keywords of relevance.csv, and for words and sentences that name what
is on none of them (those without pictures there). A query is refused when no result reaches the
relevance below which one is weak.

The calibration error (ECE: Naeini et al., 2015) is of what is shown: the ten best results of every
query, and the best alone, in ten bins of equal width, the results of queries with and without an
answer weighing half each. A result is right when it is the picture that the caption was written
for, a near-duplicate of it, or a picture listed in relevance.csv. Intervals are of 95 %, by drawing
queries anew (bootstrap; an ECE drawn so is a little too large). "Uncalibrated" is the same model as
if its model.json knew nothing of cosines. The last lines compare keywords put into the model's
templates with the same as they are; separation is the chance that a query with an answer has a
better best result than one without.

Pictures and sentences are none that anything was fitted on; some of the keywords (banana, dog) name
what is on other pictures that were.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsearch.indexing.run import Options, update
from vsearch.models.folder import built_in
from vsearch.models.onnx import OnnxEncoder
from vsearch.records import Calibration
from vsearch.searching.query import is_keyword, parse
from vsearch.searching.relevance import WEAK
from vsearch.searching.searcher import Query, Searcher

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"
QUERIES = Path(__file__).with_suffix(".csv")
NEAR_DUPLICATES = (
    ("IMG_0001.jpg", "IMG_0001_crop.jpg"),
    ("IMG_0010.jpg", "IMG_0010_q30.jpg"),
    ("IMG_0036.jpg", "IMG_0036_small.jpg"),
)
BINS, DRAWS = 10, 2000


class Plain(OnnxEncoder):
    """The same model without templates."""

    templates = ()


class Uncalibrated(OnnxEncoder):
    """The same model without a calibration."""

    calibration = Calibration()


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, and the relevance of all pictures, best first, beside whether each is an answer."""

    text: str
    relevances: NDArray[np.float64]
    right: NDArray[np.bool_]

    @property
    def refused(self) -> bool:
        return bool(self.relevances[0] < WEAK)

    @property
    def average_precision(self) -> float:
        precision = np.cumsum(self.right) / np.arange(1, len(self.right) + 1)
        return float(precision[self.right].mean())


def queries() -> dict[str, frozenset[str]]:
    """Return the names of the pictures that answer each query."""
    found = {}
    with (PHOTOS / "captions.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            same = [pair for pair in NEAR_DUPLICATES if row["image"] in pair]
            found[row["caption"]] = frozenset(same[0] if same else [row["image"]])
    with QUERIES.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found[row["query"]] = frozenset(row["pictures"].split())
    return found


def ask(folder: Path, encoder: OnnxEncoder, texts: dict[str, frozenset[str]]) -> list[Asked]:
    """Answer every query with all pictures."""
    with Searcher(folder, encoder, pixel_limit=10**9, queries=len(texts)) as searcher:
        asked = []
        for text, pictures in texts.items():
            matches = searcher.answer(Query(parse([text]), k=1000)).matches
            right = [Path(match.path).name in pictures for match in matches]
            assert sum(right) == len(pictures), text
            relevances = [match.relevance for match in matches]
            asked.append(Asked(text, np.array(relevances, dtype=np.float64), np.array(right)))
    return asked


def calibration_error(on: Sequence[Asked], off: Sequence[Asked], shown: int = 10) -> float:
    """Return the ECE of what is shown; queries with and without an answer weigh half each."""
    told, right, weight = [], [], []
    for group in (on, off):
        for one in group:
            told.append(one.relevances[:shown])
            right.append(one.right[:shown])
            weight.append(np.full(len(told[-1]), 0.5 / len(group) / len(told[-1])))
    p, y, w = np.concatenate(told), np.concatenate(right), np.concatenate(weight)
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(bins, w * (p - y), BINS)).sum())


def error_of_best(on: Sequence[Asked], off: Sequence[Asked]) -> float:
    """Return the ECE of the best result of each query."""
    return calibration_error(on, off, shown=1)


def separation(on: Sequence[Asked], off: Sequence[Asked]) -> float:
    """Return how often the best result of a query with an answer is above that of one without."""
    above = np.array([one.relevances[0] for one in on])[:, None]
    return float(np.mean(above > np.array([one.relevances[0] for one in off])))


def refused(asked: Sequence[Asked]) -> float:
    """Return the share of queries of which nothing is told but weak results."""
    return float(np.mean([one.refused for one in asked]))


def interval(measure: Callable[..., float], *groups: Sequence[object]) -> tuple[float, float]:
    """Return the 95 % interval of a measure, drawing the queries of each group anew."""
    random = np.random.default_rng(0)
    drawn = [
        measure(
            *([group[i] for i in random.integers(0, len(group), len(group))] for group in groups)
        )
        for _ in range(DRAWS)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def gain(
    measure: Callable[..., float],
    after: Sequence[Sequence[Asked]],
    before: Sequence[Sequence[Asked]],
) -> tuple[float, tuple[float, float]]:
    """Return by how much a measure of groups of the same queries differs, and its interval."""
    pairs = [list(zip(*groups, strict=True)) for groups in zip(after, before, strict=True)]

    def difference(*pairs: Sequence[tuple[Asked, Asked]]) -> float:
        return measure(*([one for one, _ in group] for group in pairs)) - measure(
            *([one for _, one in group] for group in pairs)
        )

    return difference(*pairs), interval(difference, *pairs)


def precision(asked: Sequence[Asked]) -> float:
    """Return the mean average precision."""
    return float(np.mean([one.average_precision for one in asked]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    texts = queries()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "index"
        encoder = OnnxEncoder(built_in())
        list(update(folder, encoder, [str(PHOTOS)], Options(2, 10**9)))
        asked = ask(folder, encoder, texts)
        plain = ask(folder, Plain(built_in()), texts)
        uncalibrated = ask(folder, Uncalibrated(built_in()), texts)

    def kind(asked: Sequence[Asked], *, keyword: bool, on: bool) -> list[Asked]:
        return [
            one for one in asked if is_keyword(one.text) == keyword and bool(texts[one.text]) == on
        ]

    lines: list[tuple[str, int, float, tuple[float, float]]] = []
    groups = {
        "keywords": (asked, (True,)),
        "sentences": (asked, (False,)),
        "both": (asked, (True, False)),
        "both, uncalibrated": (uncalibrated, (True, False)),
    }
    for name, (given, kinds) in groups.items():
        on, off = (
            [one for keyword in kinds for one in kind(given, keyword=keyword, on=right)]
            for right in (True, False)
        )
        for what, measure, groups_of_it in (
            ("calibration error (ECE), ten best", calibration_error, (on, off)),
            ("calibration error (ECE), best", error_of_best, (on, off)),
            ("off-topic, refused", refused, (off,)),
            ("on-topic, refused wrongly", refused, (on,)),
        ):
            count = sum(map(len, groups_of_it))
            found = measure(*groups_of_it), interval(measure, *groups_of_it)
            lines.append((f"{name}: {what}", count, *found))
    for what, measure, rights in (
        ("mean average precision", precision, (True,)),
        ("separation", separation, (True, False)),
    ):
        after, before = (
            [kind(one, keyword=True, on=right) for right in rights] for one in (asked, plain)
        )
        count = sum(map(len, after))
        lines.append((f"templates: gain in {what}", count, *gain(measure, after, before)))
    for what, count, value, (low, high) in lines:
        if arguments.json:
            print(
                json.dumps(
                    {"what": what, "queries": count, "value": value, "interval": [low, high]}
                )
            )
        else:
            print(f"{what:52} {count:4} queries  {value:6.3f}  ({low:6.3f} to {high:6.3f})")


if __name__ == "__main__":
    main()
