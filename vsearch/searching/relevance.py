"""Cosines -> relevance: how likely a picture is an answer to the query, by Bayes' rule.

    odds that it is one = odds before looking x likelihood ratio of its cosine

The likelihood ratio (how many times as often an answer has such a cosine as any other picture) is
the model's own where its model.json has one for this kind of query: a logistic fitted on as many
answers as others is that ratio (Platt, "Probabilistic Outputs for Support Vector Machines", 1999).
For queries that only say what is not wanted, and models without, it is told from how far the cosine
stands out from the index's own background, the cosines of pictures of all kinds with this very
query: an empirical null distribution (Efron, "Large-Scale Simultaneous Hypothesis Testing", 2004).
Its middle is the median, its spread that of the half below, since answers among them lie above.

The odds before looking are those of an index of this size (King and Zeng, "Logistic Regression in
Rare Events Data", 2001): a query has more answers in a larger index, but a smaller share of it. The
number is taken to grow with the square root.

What was tried and left out, with figures: see "Relevance" in the README of the model mini.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vsearch.index.matrix import BLOCK_ROWS
from vsearch.records import Logistic
from vsearch.searching.query import is_keyword

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.records import Calibration
    from vsearch.searching.query import Term

# A result is weak below: where, while the figures were fitted, the share of queries refused that
# had an answer and that of queries let pass that had none came to the least together.
WEAK = 0.15
# Answers to be expected in an index of one picture; times the square root for larger ones.
ANSWERS = 0.2
# The logarithm of the likelihood ratio by the deviations that a cosine is above the background.
# Fitted with the model mini, on words, pictures and both together.
SLOPE, BIAS = 1.2, -2.1
FEWEST = 10  # pictures that make a background
_BLOCKS = 16  # of a large index that make its background


def likelihood(
    calibration: Calibration, terms: Sequence[Term], length: float = 1.0
) -> Logistic | None:
    """Return the model's likelihood ratio for a query of these terms; None where it has none.

    Of several terms that count for the query, the weighted mean of the logarithms (a logarithmic
    pool: Genest and Zidek, "Combining Probability Distributions", 1986), at the mean of their own
    cosines, which is what `length` makes of the query's (see `query.Embedded`).
    """
    wanted = [(term.weight, _of(calibration, term)) for term in terms if term.weight > 0]
    known = [(weight, one) for weight, one in wanted if one is not None]
    if not known or len(known) < len(wanted):
        return None
    total = sum(weight for weight, _ in known)
    slope = sum(weight * one.slope for weight, one in known) / total
    return Logistic(slope * length, sum(weight * one.bias for weight, one in known) / total)


def _of(calibration: Calibration, term: Term) -> Logistic | None:
    if term.kind != "words":
        return calibration.picture
    return calibration.keyword if is_keyword(term.text) else calibration.sentence


def background_rows(rows: int) -> NDArray[np.int64]:
    """Return which of an index's rows stand for its background, ascending: at most 4,096.

    They do not depend on how a search goes about it, nor on its filters. Those of a large index are
    in blocks spread over it, since each is read as a whole.
    """
    import numpy as np

    if rows <= _BLOCKS * BLOCK_ROWS:
        return np.arange(rows, dtype=np.int64)
    blocks = np.linspace(0, rows // BLOCK_ROWS, _BLOCKS, endpoint=False).astype(np.int64)
    return (blocks[:, None] * BLOCK_ROWS + np.arange(BLOCK_ROWS)).reshape(-1)


def evidence(
    cosines: NDArray[np.float32], known: Logistic | None, background: NDArray[np.float32] | None
) -> NDArray[np.float64] | None:
    """Return the logarithm of the likelihood ratio of each of the `cosines` (k,): (k,).

    By the `known` ratio, else by the cosines of the `background` (n,), -inf for rows that are
    damaged. None where these are too few, or too many of them the same.
    """
    import numpy as np

    if known is not None:
        return known.slope * cosines.astype(np.float64) + known.bias
    if background is None:
        return None
    present = background[np.isfinite(background)]
    if len(present) < FEWEST:
        return None
    found = np.sort(_fisher(present))
    middle = _middle(found)
    # The factor makes it the standard deviation of a normal distribution.
    deviation = 1.4826 * _middle(middle - found[found <= middle])
    if deviation == 0:
        return None
    above: NDArray[np.float64] = (_fisher(cosines) - middle) / deviation
    return SLOPE * above + BIAS


def relevance(evidence: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Return how likely answers are by their `evidence` (k,), in an index of `rows` pictures.

    (k,) in [0, 1], rising with the evidence.
    """
    import numpy as np

    # The logistic function, without its overflow far below zero.
    return np.asarray(0.5 + 0.5 * np.tanh((evidence + _before(rows)) / 2))


def cutoff(known: Logistic, rows: int) -> float:
    """Return the cosine from which on a picture is no weak answer, in an index of `rows`."""
    return (math.log(WEAK / (1 - WEAK)) - _before(rows) - known.bias) / known.slope


def _before(rows: int) -> float:
    """Return the logarithm of the odds that a picture is an answer, before it is looked at."""
    answers = ANSWERS * math.sqrt(max(rows, 1))
    return math.log(answers / (max(rows, 1) - answers))


def _middle(ordered: NDArray[np.float64]) -> float:
    """Return the median of ordered values; numpy's own needs 24 ms to be imported."""
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _fisher(cosines: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return Fisher's transformation of cosines, which has no upper bound.

    So what is all but the same stands out beyond everything, where pictures that are only alike
    have cosines of .6 already ("On the 'Probable Error' of a Coefficient of Correlation", 1921).
    """
    import numpy as np

    return np.arctanh(np.clip(cosines.astype(np.float64), -1 + 1e-7, 1 - 1e-7))
