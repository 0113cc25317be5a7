"""The pictures of Tux Paint as a measure: what each shows is in its folder's name.

apt download tuxpaint-stamps-default && dpkg-deb -x tuxpaint-stamps-default_*.deb stamps
python tests/benchmarks/unlike.py stamps
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsearch.config import cores
from vsearch.images.limits import pixel_limit
from vsearch.index import Index
from vsearch.indexing.run import Options, update
from vsearch.models.encoder import Encoder


@dataclass(frozen=True)
class Stamps:
    """The pictures: `paths` below the folder "stamps", and `vectors` (n, dim)."""

    paths: list[str]
    vectors: NDArray[np.float32]

    def matching(self, pattern: str) -> NDArray[np.bool_]:
        """Return which paths a pattern is found in: (n,)."""
        return np.array(
            [re.search(pattern, path, re.IGNORECASE) is not None for path in self.paths]
        )


def read(folder: Path, encoder: Encoder, index: Path) -> Stamps:
    """Index the pictures below `folder` and return them."""
    for _ in update(index, encoder, [str(folder)], Options(cores(), pixel_limit(cores()))):
        pass
    with Index(index) as opened:
        entries = list(opened.entries())
        vectors = opened.vectors(np.array([entry.row for entry in entries], dtype=np.int64))
    return Stamps([entry.path.partition("stamps/")[2] for entry in entries], vectors)


def average_precision(relevant: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Return the mean of the precision at each relevant picture, by falling score."""
    hits = relevant[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
