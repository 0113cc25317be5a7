"""Judgements: a truth is known again, and what has changed in it is counted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from vsearch.evaluation.evaluate import short_names
from vsearch.evaluation.judgements import judgements
from vsearch.truth.values import Captions, Labels, Queries, Truth

NAMES = ("a.jpg", "cats/b\n\udcff.jpg", "cats/c.jpg")


def at(root: str) -> tuple[str, ...]:
    return tuple(f"{root}/{name}" for name in NAMES)


def captions(root: str = "/here") -> Captions:
    return Captions(at(root), ("one", "two", "one", "half a \ud800 letter"), (0, 0, 1, 2))


def labels(root: str = "/here") -> Labels:
    return Labels(at(root), ("dog", "cat", "cat"))


def queries(root: str = "/here") -> Queries:
    one, two, three = at(root)
    return Queries(at(root), ("a cat", "b"), ({one: 1.0, two: 3.0}, {three: 0.5}))


GRADED = ({**queries().relevant[0], "/here/a.jpg": 2.0}, queries().relevant[1])


def told(truth: Truth) -> frozenset[str]:
    return judgements(truth, dict(zip(truth.paths, short_names(truth.paths), strict=True)))


@pytest.mark.parametrize(("truth", "count"), [(captions, 4), (labels, 3), (queries, 3)])
def test_each_judgement_is_told_and_the_same_wherever_pictures_are(
    truth: Callable[..., Truth], count: int
) -> None:
    assert len(told(truth())) == count
    assert told(truth("/elsewhere/of/them")) == told(truth())


@pytest.mark.parametrize(
    ("truth", "other"),
    [
        (captions(), dataclasses.replace(captions(), image_of=(0, 1, 1, 2))),
        (labels(), dataclasses.replace(labels(), labels=("dog", "cat", "dog"))),
        (queries(), dataclasses.replace(queries(), queries=("a cat", "c"))),
        (queries(), dataclasses.replace(queries(), relevant=GRADED)),
    ],
    ids=["another picture's", "a label", "a query", "a grade"],
)  # fmt: skip
def test_one_that_is_another_is_told(truth: Truth, other: Truth) -> None:
    assert len(told(truth) - told(other)) == len(told(other) - told(truth)) == 1


def test_kinds_of_truth_are_told_apart() -> None:
    assert not told(captions()) & told(labels())
