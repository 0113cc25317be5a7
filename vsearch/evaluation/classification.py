"""Predicted and true classes -> accuracy, precision, recall, F1, confusion.

Classes are numbers in [0, c). What is divided by zero is zero, as in scikit-learn: the precision of
a class that is never predicted, the recall of one that nothing is of. No array is n x n or c x c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many items are of one class and predicted to be of another: m pairs that occur.

    `truth` and `predicted` (m,) are classes, by truth and then by prediction, `counts` (m,) how
    often the pair occurs.
    """

    truth: Integers
    predicted: Integers
    counts: Integers


@dataclass(frozen=True, slots=True)
class ByClass:
    """What is told of each of c classes: (c,) each.

    `support` is how many items are of the class, `predicted` how many are said to be, `right` how
    many are both; precision, recall and F1 are in [0, 1].
    """

    support: Integers
    predicted: Integers
    right: Integers
    precision: Floats
    recall: Floats
    f1: Floats


def top_k_accuracy(scores: NDArray[np.floating[Any]], truth: Integers, k: int) -> Floats:
    """Return for each item (n,) whether its true class is among the k with the highest scores.

    `scores` are (n, c), higher is better; `truth` (n,) the true class. The mean is the top-k
    accuracy (Krizhevsky, Sutskever and Hinton, 2012). Where the true class has the same score as
    others and not all fit in, it is the share of orders in which it does: in [0, 1]. Scores that
    are not finite are below all others. Raises ValueError for k below 1.
    """
    import numpy as np

    if k < 1:
        raise ValueError(f"k is at least 1, not {k}")
    finite = np.where(np.isfinite(scores), scores, -np.inf)
    own = finite[np.arange(len(truth)), truth][:, None]
    above = np.count_nonzero(finite > own, axis=1)
    tied = np.count_nonzero(finite == own, axis=1)
    return np.asarray(np.clip((k - above) / tied, 0.0, 1.0), np.float64)


def confusion(truth: Integers, predicted: Integers) -> Confusion:
    """Return which pairs of true and predicted classes (n,) occur, and how often."""
    import numpy as np

    pairs = np.stack([truth, predicted], axis=1)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    return Confusion(kinds[:, 0], kinds[:, 1], counts.astype(np.int64))


def by_class(pairs: Confusion, classes: int, counts: Integers | None = None) -> ByClass:
    """Return support, precision, recall and F1 of each of so many `classes`.

    F1 is 2 right / (support + predicted), which is the harmonic mean of precision and recall (van
    Rijsbergen, "Information Retrieval", 1979). `counts` (m,) stand in for those of `pairs`: those
    of a resample, see `significance.interval_of`.
    """
    import numpy as np

    counts = pairs.counts if counts is None else counts

    def summed(where: Integers, values: Integers) -> Integers:
        # Whole numbers below 2^53 are exact in bincount's float64.
        return np.bincount(where, values, minlength=classes).astype(np.int64)

    support = summed(pairs.truth, counts)
    predicted = summed(pairs.predicted, counts)
    right = summed(pairs.truth, np.where(pairs.truth == pairs.predicted, counts, 0))
    return ByClass(
        support=support,
        predicted=predicted,
        right=right,
        precision=_over(right, predicted),
        recall=_over(right, support),
        f1=_over(2 * right, support + predicted),
    )


def macro_f1(classes: ByClass) -> float:
    """Return the mean F1 of the classes that occur, be it in truth or prediction; nan for none."""
    occurs = classes.support + classes.predicted > 0
    return float(classes.f1[occurs].mean()) if occurs.any() else float("nan")


def micro_f1(classes: ByClass) -> float:
    """Return the F1 of all classes together; nan for no items.

    Each item has one class and one prediction, so that it is the accuracy.
    """
    items = classes.support.sum()
    return float(classes.right.sum() / items) if items else float("nan")


def balanced_accuracy(classes: ByClass) -> float:
    """Return the mean recall of the classes that something is of; nan for none.

    Brodersen et al., "The Balanced Accuracy and Its Posterior Distribution", ICPR 2010.
    """
    occurs = classes.support > 0
    return float(classes.recall[occurs].mean()) if occurs.any() else float("nan")


def _over(part: Integers, whole: Integers) -> Floats:
    import numpy as np

    ratios: Floats = np.zeros(len(part))
    np.divide(part, whole, out=ratios, where=whole > 0)
    return ratios
