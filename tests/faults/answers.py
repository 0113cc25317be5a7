"""What an index answers with, and whether that is right."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vsearch.errors import IndexMissing
from vsearch.images.load import prepare
from vsearch.index import Index
from vsearch.models.encoder import Encoder
from vsearch.records import ImageFacts
from vsearch.searching.search import search
from vsearch.vectors import unit

PIXELS = 1_000_000  # no picture of these tests has more
Kind = Literal["lost", "wrong", "crash", "left over", "untold", "elsewhere"]
CLOSE = 1e-5  # cosines of the same two vectors, computed one by one and in blocks
SMALL = 100  # rows up to which the graph's answers are the exact ones: its ef is no smaller


class Bad(Exception):
    """A case that ended as none may: `kind` of fault, and what exactly."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Picture:
    """What an index says of one file."""

    vector: bytes
    size: int
    facts: ImageFacts
    perceptual: bytes


@dataclass(frozen=True, slots=True)
class State:
    """All that an index answers with; `model` is "" where there is none yet."""

    model: str = ""
    pictures: dict[str, Picture] = field(default_factory=dict)
    skipped: tuple[tuple[str, str], ...] = ()


def state_of(index: Index) -> State:
    """Return what an open index answers with."""
    if index.model is None:
        return State()
    vectors = index.vectors(np.arange(index.rows))
    hashes, _ = index.perceptual_hashes(np.arange(index.rows))
    pictures = {
        os.path.join(record.root, record.path): Picture(
            vectors[row].tobytes(), record.size, record.facts, hashes[row].tobytes()
        )
        for row, records in index.images_of(range(index.rows)).items()
        for record in records
    }
    skipped = tuple((path, str(reason)) for path, reason, _ in index.skipped())
    return State(index.model.name, pictures, skipped)


def examined(folder: Path, *, whole: bool = False) -> State:
    """Open the index, look at everything it answers, and return that.

    No index is an empty one. With `whole`, the graph must be there and cover every row. Raises Bad
    where it contradicts itself.
    """
    try:
        with Index(folder) as index:
            state = state_of(index)
            for query in queries(state):
                _check_search(index, state, query, graph=False)
                warning = _check_search(index, state, query, graph=True)
                if whole and warning:
                    raise Bad("wrong", warning)
            if whole and index.graph_rows() != index.rows:
                raise Bad("wrong", f"the graph covers {index.graph_rows()} of {index.rows} rows")
            status = index.status()
            if status.images != len(state.pictures):
                raise Bad("wrong", f"status tells of {status.images} of {len(state.pictures)}")
            return state
    except IndexMissing:
        return State()


def queries(state: State) -> list[NDArray[np.float32]]:
    """Return some unit vectors to search with: two pictures of its own, and one at random."""
    vectors = [as_vector(picture) for _, picture in sorted(state.pictures.items())]
    if not vectors:
        return []
    random = np.random.default_rng(0).normal(size=len(vectors[0])).astype(np.float32)
    return [vectors[0], vectors[-1], unit(random)]


def as_vector(picture: Picture) -> NDArray[np.float32]:
    """Return the picture's embedding as (dim,) float32."""
    return np.frombuffer(picture.vector, dtype="<f4")


def _check_search(
    index: Index, state: State, query: NDArray[np.float32], *, graph: bool, k: int = 5
) -> str | None:
    """Search, compare with what `state` must answer, and return the warning that came along."""
    found = search(index, query, k, forced="graph" if graph else "exact")
    got = [(os.path.join(one.root, one.path), score) for one, score in found.records]
    check_answer(state, query, got, k, approximate=graph and index.rows > SMALL)
    return found.warning


def check_answer(
    state: State,
    query: NDArray[np.float32],
    got: Sequence[tuple[str, float]],
    k: int,
    *,
    approximate: bool = False,
) -> None:
    """Raise Bad unless `got` are the `k` best (path, cosine) of `state`.

    With `approximate`, others may be missed; what is given must be true all the same.
    """
    true = {path: float(as_vector(one) @ query) for path, one in state.pictures.items()}
    for path, score in got:
        if path not in true or abs(score - true[path]) > CLOSE:
            raise Bad("wrong", f"{path} is said to have {score:.6f}, not {true.get(path)}")
    best = sorted(true.values(), reverse=True)[:k]
    scores = [score for _, score in got]
    if len(scores) != len(best) or len({path for path, _ in got}) != len(got):
        raise Bad("wrong", f"{len(scores)} answers instead of {len(best)}")
    if not approximate and not np.allclose(scores, best, rtol=0, atol=CLOSE):
        raise Bad("wrong", f"the best are {best}, not {scores}")


def check_truth(state: State, encoder: Encoder) -> None:
    """Raise Bad unless every picture's vector is that of its file as it is now."""
    for path, picture in state.pictures.items():
        if picture.vector != true_vector(Path(path).read_bytes(), encoder):
            raise Bad("wrong", f"the vector of {path} is not that of its content")


def true_vector(data: bytes, encoder: Encoder) -> bytes:
    """Return the embedding of a file's content, as the index must hold it."""
    pixels = prepare(data, encoder.preprocessing, pixel_limit=PIXELS, path="").pixels
    return unit(encoder.encode_images(pixels[None])[0]).astype("<f4").tobytes()
