"""Indexes of made-up pictures, and all that is in one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsearch.index import Index
from vsearch.index.writer import IndexWriter
from vsearch.records import Entry, ImageFacts, ModelIdentity

MODEL = ModelIdentity("colours", "weights", "preprocessing", 3)
FACTS = ImageFacts(4, 4, "PNG")


def entry(root: str, path: str, facts: ImageFacts = FACTS, content: str | None = None) -> Entry:
    """Return the entry of a picture whose content is its path, or as given; no row yet."""
    of = (path if content is None else content).encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(of).digest()[:16]
    return Entry(root, path, len(of), 1_600_000_000_000_000_000 + len(of), digest, -1, facts)


def vector_of(digest: bytes, dim: int) -> NDArray[np.float32]:
    """Return the made-up embedding of a content, (dim,) of length one."""
    random = np.random.default_rng(int.from_bytes(digest, "little"))
    drawn = random.standard_normal(dim)
    return np.asarray(drawn / np.linalg.norm(drawn), dtype=np.float32)


def make_index(folder: Path, *entries: Entry, model: ModelIdentity = MODEL) -> Path:
    """Make an index of these pictures, or add them to it."""
    with IndexWriter(folder, model) as writer:
        for one in entries:
            root = writer.add_root(one.root, whole=True)
            vector = vector_of(one.digest, model.dim)
            writer.add(
                root, one.path, one.size, one.mtime_ns, one.digest, one.facts, vector,
                one.perceptual,
            )  # fmt: skip
        writer.commit()
    return folder


Content = dict[tuple[str, str], tuple[int, int, bytes, ImageFacts, bytes, bytes | None]]


def content(folder: Path) -> Content:
    """Return all that an index holds, by (root, path).

    Size, time of change, hash, facts, embedding, perceptual hash.
    """
    with Index(folder) as index:
        return {
            (one.root, one.path): (
                one.size, one.mtime_ns, one.digest, one.facts,
                index.vectors(np.array([one.row], dtype=np.int64)).tobytes(), one.perceptual,
            )
            for one in index.entries()
        }  # fmt: skip
