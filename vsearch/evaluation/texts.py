"""Texts -> embeddings, as a search makes them: many at once, on all cores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.searching.query import Term, embed_each

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.models.encoder import Encoder

_TOGETHER = 64  # texts in one call; with more, what is padded costs more


def embed_texts(
    texts: Sequence[str],
    encoder: Encoder,
    *,
    workers: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> NDArray[np.float32]:
    """Return the embeddings of some words, each as if searched for alone: (n, dim) float32.

    Raises UsageError for one that cannot be embedded.
    """
    import numpy as np

    lock, done = Lock(), 0

    def some(first: int) -> NDArray[np.float32]:
        nonlocal done
        queries = [[Term(text, "words", 1.0)] for text in texts[first : first + _TOGETHER]]
        vectors = []
        for found in embed_each(queries, encoder, 0):
            if isinstance(found, UsageError):
                raise found
            vectors.append(found.vector)
        with lock:
            done += len(vectors)
            progress(done, len(texts))
        return np.stack(vectors)

    starts = range(0, len(texts), _TOGETHER)
    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(some, starts))
    if not parts:
        return np.empty((0, encoder.identity.dim), dtype=np.float32)
    return np.concatenate(parts)
