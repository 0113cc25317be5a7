"""What a truth says, one judgement each, and how much of it another truth says, too.

A judgement is one picture with its caption, its class, or its grade for a query: what TREC calls
the relevance judgments (qrels). An evaluation keeps a digest of each, so that a later one can tell
whether it was measured by the same.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from vsearch.truth.values import Captions, Labels, called

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsearch.truth.values import Truth

DIGEST = 8
"""Bytes of a digest: among a million, two are the same by a chance of 3e-8."""


def judgements(truth: Truth) -> frozenset[str]:
    """Return a digest in hexadecimal of each judgement, the same on any machine."""
    return frozenset(
        blake2b("\0".join(one).encode("utf-8", "surrogatepass"), digest_size=DIGEST).hexdigest()
        for one in _judgements(truth)
    )


def differing(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of the larger that is not in both, in [0, 1]: what is edited counts once."""
    larger = max(len(one), len(other))
    return (larger - len(one & other)) / max(1, larger)


def _judgements(truth: Truth) -> Iterator[tuple[str, ...]]:
    names = dict(zip(truth.paths, called(truth), strict=True))
    if isinstance(truth, Captions):
        for text, image in zip(truth.captions, truth.image_of, strict=True):
            yield names[truth.paths[image]], text
    elif isinstance(truth, Labels):
        for path, label in zip(truth.paths, truth.labels, strict=True):
            yield names[path], label
    else:
        for query, relevant in zip(truth.queries, truth.relevant, strict=True):
            for path, grade in relevant.items():
                yield query, names[path], f"{grade:g}"
