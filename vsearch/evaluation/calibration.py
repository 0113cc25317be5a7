"""Probabilities and what came true -> expected calibration error, reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reliability:
    """The reliability diagram: b bins of predictions, by how sure they are.

    Bin i is (edges[i], edges[i + 1]], 0 being in the first. `counts` (b,) are its predictions,
    `confidence` (b,) their mean confidence and `accuracy` (b,) how many are right, in [0, 1]; nan
    where the bin is empty.
    """

    edges: Floats
    counts: Integers
    confidence: Floats
    accuracy: Floats


def reliability(
    confidence: NDArray[np.floating[Any]],
    right: NDArray[np.bool_] | Floats,
    bins: int = 15,
) -> Reliability:
    """Return how right the predictions are, by how sure: `bins` of equal width.

    `confidence` (n,) are the probabilities, in [0, 1], that the predicted classes were given;
    `right` (n,) whether they are the true ones, or how likely where classes tied. Raises ValueError
    for probabilities outside of [0, 1].
    """
    import numpy as np

    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("probabilities must lie in [0, 1]")
    edges = np.linspace(0.0, 1.0, bins + 1)
    places = np.searchsorted(edges[1:-1], confidence, "left")
    counts = np.bincount(places, minlength=bins).astype(np.int64)

    def mean(values: NDArray[Any]) -> Floats:
        means: Floats = np.full(bins, np.nan)
        np.divide(np.bincount(places, values, bins), counts, out=means, where=counts > 0)
        return means

    return Reliability(edges, counts, mean(confidence), mean(right))


def expected_calibration_error(
    confidence: NDArray[np.floating[Any]],
    right: NDArray[np.bool_] | Floats,
    bins: int = 15,
) -> float:
    """Return how far confidence is from accuracy, over the bins of `reliability`, in [0, 1].

    The mean of |accuracy - confidence| over bins, weighted by their predictions (Naeini, Cooper and
    Hauskrecht, AAAI 2015; Guo et al., "On Calibration of Modern Neural Networks", ICML 2017). nan
    for no predictions.
    """
    diagram = reliability(confidence, right, bins)
    some = diagram.counts > 0
    gaps = abs(diagram.accuracy[some] - diagram.confidence[some])
    weights = diagram.counts[some]
    return float(gaps @ weights / weights.sum()) if some.any() else float("nan")
