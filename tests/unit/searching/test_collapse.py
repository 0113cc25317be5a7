"""Folding answers: what becomes one answer, what stays two, and how many are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch.images.perceptual import HASH_BYTES
from vsearch.index import Index
from vsearch.index.writer import IndexWriter
from vsearch.records import ImageFacts, ModelIdentity
from vsearch.searching.collapse import BURST, BURST_COSINE, fold
from vsearch.searching.search import search

DIM = 64
MODEL = ModelIdentity("made up", "", "", DIM)
RANDOM = np.random.default_rng(3)
FACTS = ImageFacts(40, 30, "JPEG")
HASH = RANDOM.integers(0, 256, HASH_BYTES, dtype=np.uint8)


@dataclass
class Made:
    """A picture: `cosine` is that with the query, and all but the query's part is its own."""

    path: str
    cosine: float
    facts: ImageFacts = FACTS
    bits: int | None = None  # by which its hash differs from HASH; None: quite another
    content: str = ""


def hash_of(one: Made, place: int) -> bytes:
    if one.bits is None:
        return np.random.default_rng(place).bytes(HASH_BYTES)
    bits = np.unpackbits(HASH)
    bits[: one.bits] ^= 1
    return np.packbits(bits).tobytes()


def folded(tmp_path: Path, made: Sequence[Made], k: int = 10) -> list[list[str]]:
    """Return what is folded into what, of pictures whose cosines with each other are products."""
    query = np.zeros(DIM, dtype=np.float32)
    query[0] = 1
    with IndexWriter(tmp_path / "index", MODEL) as writer:
        root = writer.add_root("/pictures", whole=True)
        for place, one in enumerate(made):
            vector = np.zeros(DIM, dtype=np.float32)
            vector[0] = one.cosine
            vector[place + 1] = (1 - one.cosine**2) ** 0.5
            digest = (one.content or one.path).encode().ljust(16)[:16]
            writer.add(root, one.path, 1, 1, digest, one.facts, vector, hash_of(one, place))
        writer.commit()
    with Index(tmp_path / "index") as index:
        found = search(index, query, len(made))
        return [
            [answer.record.path, *(other.path for other in answer.others)]
            for answer in fold(index, found.records, k)
        ]


def taken(second: float, camera: str | None = "Canon") -> ImageFacts:
    moment = f"2023-05-04T12:33:{second:02.0f}"
    return ImageFacts(40, 30, "JPEG", moment, camera)


RAW = ImageFacts(40, 30, "RAW")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(
            [Made("a", 0.9, bits=0), Made("b", 0.2, bits=31), Made("c", 0.1, bits=32)],
            [["a", "b"], ["c"]],
            id="edits, by hash alone",
        ),
        pytest.param(
            [Made("a", 0.98, bits=0), Made("b", 0.97, bits=75), Made("c", 0.96, bits=76)],
            [["a", "b"], ["c"]],
            id="edits, by embedding and hash",
        ),
        pytest.param(
            [Made("a", 0.9, bits=0), Made("b", 0.5, bits=30), Made("c", 0.4, bits=60)],
            [["a", "b"], ["c"]],
            id="no chains: c is an edit of b, but not of a",
        ),
        pytest.param(
            [Made("a", 0.9, content="x"), Made("b", 0.9, content="x"), Made("c", 0.8)],
            [["a", "b"], ["c"]],
            id="exact copies",
        ),
        pytest.param(
            [Made("d/a.nef", 0.9, RAW), Made("d/a.jpg", 0.2), Made("d/a.png", 0.1)],
            [["d/a.nef", "d/a.jpg", "d/a.png"]],
            id="a raw file and what lies beside it",
        ),
        pytest.param(
            [
                Made("d/a.jpg", 0.9), Made("d/a.png", 0.8), Made("e/a.nef", 0.7, RAW),
                Made("d/b.nef", 0.6, RAW), Made("d/a.b.nef", 0.5, RAW),
            ],
            [["d/a.jpg"], ["d/a.png"], ["e/a.nef"], ["d/b.nef"], ["d/a.b.nef"]],
            id="other folders, other names, none of them raw",
        ),
        pytest.param(
            [Made("a", 0.97, taken(10)), Made("b", 0.96, taken(13)), Made("c", 0.95, taken(7)),
             Made("d", 0.94, taken(16)), Made("e", 0.93, taken(20))],
            [["a", "b", "c", "d"], ["e"]],
            id="a burst, from each to the next",
        ),
        pytest.param(
            [Made("a", 0.97, taken(10)), Made("b", 0.3, taken(12)), Made("c", 0.95, taken(14)),
             Made("d", 0.94, taken(10, "Nikon")), Made("e", 0.93, taken(10, None)),
             Made("f", 0.92, ImageFacts(4, 3, "JPEG", "soon", "Canon"))],
            [["a"], ["c"], ["d"], ["e"], ["f"], ["b"]],
            id="no burst: too different, too late, other cameras, no time",
        ),
        pytest.param(
            [Made("a", 0.97, taken(10)), Made("b", 0.96, ImageFacts(
                4, 3, "JPEG", "2023-05-04T12:33:11+02:00", "Canon"))],
            [["a", "b"]],
            id="the camera's clock counts, with or without a time zone",
        ),
    ],
)  # fmt: skip
def test_what_becomes_one_answer(
    tmp_path: Path, made: list[Made], expected: list[list[str]]
) -> None:
    assert BURST.total_seconds() == 3
    assert BURST_COSINE == 0.8
    assert folded(tmp_path, made) == expected


def test_no_more_than_k_answers(tmp_path: Path) -> None:
    made = [Made(str(number), 0.9 - number / 100) for number in range(6)]
    made.append(Made("copy of 1", 0.89, content="1"))
    assert folded(tmp_path, made, k=2) == [["0"], ["1", "copy of 1"]]


def test_unknown_hashes_fold_nothing(tmp_path: Path) -> None:
    with IndexWriter(tmp_path / "index", MODEL) as writer:
        root = writer.add_root("/pictures", whole=True)
        vector: NDArray[np.float32] = np.eye(1, DIM, dtype=np.float32)[0]
        for name in ("a", "b"):
            writer.add(root, name, 1, 1, name.encode().ljust(16), RAW, vector)
        writer.commit()
    with Index(tmp_path / "index") as index:
        assert len(fold(index, search(index, vector, 2).records, 2)) == 2
