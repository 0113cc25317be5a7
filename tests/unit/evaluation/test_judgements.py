"""Judgements: a truth is known again, and what has changed in it is counted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from vsearch.evaluation.judgements import differing, judgements
from vsearch.truth.read import read
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
    """Return its judgements, as read from a file that calls pictures by NAMES."""
    return judgements(dataclasses.replace(truth, names=dict(zip(truth.paths, NAMES, strict=True))))


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


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [("", "", 0), ("abcd", "abcd", 0), ("abcd", "abce", 0.25), ("abcd", "abc", 0.25),
     ("abc", "abcd", 0.25), ("ab", "cd", 1), ("", "ab", 1), ("ab", "", 1)],
)  # fmt: skip
def test_what_is_edited_added_or_removed_counts_once(one: str, other: str, share: float) -> None:
    assert differing(frozenset(one), frozenset(other)) == share


def test_a_picture_elsewhere_renames_no_other(tmp_path: Path) -> None:
    rows = ["path,label", "2023/a.jpg,cat", "2023/b.jpg,dog"]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    before = judgements(read(tmp_path / "labels.csv"))
    (tmp_path / "labels.csv").write_text("\n".join([*rows, "2024/../2024/c.jpg,dog"]))
    assert len(before & judgements(read(tmp_path / "labels.csv"))) == 2
    for path in ("2023/a.jpg", "2023/b.jpg", "2024/c.jpg"):
        (tmp_path / "folder" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / path).touch()
    (tmp_path / "folders.csv").write_text("path,label\n2023/a.jpg,2023\n2023/b.jpg,2023\n")
    of_folders = judgements(read(tmp_path / "folder"))
    assert len(of_folders & judgements(read(tmp_path / "folders.csv"))) == 2
