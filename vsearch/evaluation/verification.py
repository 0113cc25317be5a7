"""Cosines of pairs that match and of pairs that do not -> ROC-AUC, equal error rate, TAR@FAR.

All is made from counts by score, ascending: `matching` (b,) and `others` (b,) say how many pairs of
either kind have the score values[i]. Pairs of equal score are in no order: between two scores the
ROC curve is the straight line that all their orders are on average. `counted` makes exact counts;
`histogram` counts in bins of cosines, block by block, for more pairs than can be kept.

What bins cost: pairs of one bin count as tied. The ROC-AUC is off by at most `auc_error`, the
threshold by a bin's width (2^-11), the rates by no more than the share of either kind of pairs that
the bin of the threshold holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

BINS = 4096


def counted(
    scores: NDArray[np.floating[Any]], match: NDArray[np.bool_]
) -> tuple[Floats, Integers, Integers]:
    """Return values (b,), matching (b,), others (b,): how many pairs have each score that occurs.

    `scores` are (n,), `match` (n,) tells which pairs match. Scores that are not finite are left
    out.
    """
    import numpy as np

    finite = np.isfinite(scores)
    values, which = np.unique(scores[finite], return_inverse=True)
    matching = np.bincount(which[match[finite]], minlength=len(values))
    others = np.bincount(which[~match[finite]], minlength=len(values))
    return values.astype(np.float64), matching.astype(np.int64), others.astype(np.int64)


def histogram(cosines: NDArray[np.floating[Any]], group: Integers, groups: int) -> Integers:
    """Return how many cosines of each group are in each of BINS equal bins of [-1, 1].

    `cosines` are of any shape, `group` is in [0, groups) and has the same; the counts are
    (groups, BINS), to be summed up over blocks. What rounding put outside counts as -1 or 1; what
    is not finite is left out.
    """
    import numpy as np

    cosines, group = cosines.reshape(-1), group.reshape(-1)
    finite = np.isfinite(cosines)
    if not finite.all():
        cosines, group = cosines[finite], group[finite]
    bins = np.clip(((cosines + 1) * (BINS / 2)).astype(np.int64), 0, BINS - 1)
    counts = np.bincount(group * BINS + bins, minlength=groups * BINS)
    return counts.astype(np.int64).reshape(groups, BINS)


def centers() -> Floats:
    """Return the cosines in the middle of the bins of `histogram`: (BINS,), ascending."""
    import numpy as np

    return np.asarray((np.arange(BINS) + 0.5) * (2 / BINS) - 1, np.float64)


def roc_auc(matching: Integers, others: Integers) -> float:
    """Return the area under the ROC curve, in [0, 1]; nan where there are no pairs of either kind.

    How likely a pair that matches scores higher than one that does not, equal scores counting half
    (Hanley and McNeil, 1982).
    """
    import numpy as np

    if not matching.sum() or not others.sum():
        return float("nan")
    below = np.cumsum(others) - others
    won = matching @ (below + others / 2)  # float64: the products may pass 2^63
    return float(won / matching.sum() / others.sum())


def auc_error(matching: Integers, others: Integers) -> float:
    """Return how much `roc_auc` of binned scores may differ at most from that of the scores."""
    together = matching.astype(float) @ others.astype(float) / 2
    return float(together / matching.sum() / others.sum())


def equal_error_rate(values: Floats, matching: Integers, others: Integers) -> tuple[float, float]:
    """Return the equal error rate, in [0, 1], and the threshold at which it is.

    Pairs are accepted from a threshold on. At that of the EER as many of those that match are
    refused as of the others are accepted, in shares. It is where the straight pieces of the ROC
    curve cross the diagonal FNR = FPR; the threshold is the score that the piece stands for.
    (nan, nan) where there are no pairs of either kind.
    """
    import numpy as np

    if not matching.sum() or not others.sum():
        return float("nan"), float("nan")
    far, tar = _curve(matching, others)
    surplus = far - (1 - tar)  # from -1 to 1, never falling
    after = int(np.argmax(surplus >= 0))  # at least 1
    step = surplus[after] - surplus[after - 1]
    share = -surplus[after - 1] / step
    rate = far[after - 1] + share * (far[after] - far[after - 1])
    return float(rate), float(values[len(values) - after])


def true_accept_rate(matching: Integers, others: Integers, far: float = 1e-3) -> float:
    """Return how many pairs that match are accepted where so many others are (TAR@FAR), in [0, 1].

    `far` is the share of pairs accepted that do not match, in [0, 1]. Between two thresholds the
    straight line; nan where there are no pairs of either kind.
    """
    import numpy as np

    if not matching.sum() or not others.sum():
        return float("nan")
    fars, tars = _curve(matching, others)
    last = int(np.searchsorted(fars, far, "right")) - 1
    if last == len(fars) - 1:
        return 1.0
    share = (far - fars[last]) / (fars[last + 1] - fars[last])
    return float(tars[last] + share * (tars[last + 1] - tars[last]))


def _curve(matching: Integers, others: Integers) -> tuple[Floats, Floats]:
    """Return the ROC curve, false and true accept rates from (0, 0) to (1, 1): (b + 1,) each."""
    import numpy as np

    def rates(counts: Integers) -> Floats:
        accepted = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[::-1])])
        return np.asarray(accepted / accepted[-1], np.float64)

    return rates(others), rates(matching)
