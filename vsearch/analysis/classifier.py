"""How probable each class is for each picture, told by pictures that are not near duplicates of it.

Two opinions, whose mean is taken: that of the nearest neighbours, and that of a linear discriminant
analysis of the embeddings (as scikit-learn has it, its covariance shrunk after Ledoit and Wolf,
2004), which is cross-validated. Neighbours know classes of several kinds of pictures, the
discriminants those that differ in some direction only. Either alone found fewer labels that had
been exchanged, on clip art and handwritten digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Probabilities = NDArray[np.float64]

FOLDS = 5
_PRIOR = 1.0  # votes that are spread over all classes as these are frequent


class Classifier:
    """Tells the classes of pictures that it was made with, each as if it had not seen it.

    `vectors` (n, dim) and `labels` (n,) are those of the pictures, classes from 0 on, each of
    FOLDS groups at least; `places` (n, k) and `cosines` (n, k) the neighbours of each among them,
    as `nearest` returns them with the `groups` (n,) of near duplicates.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        labels: Numbers,
        groups: Numbers,
        places: Numbers,
        cosines: NDArray[np.float32],
        seed: int,
    ) -> None:
        import numpy as np
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        self._vectors, self._labels, self._groups = vectors, labels, groups
        self._places, self._cosines = places, cosines
        self._frequency = np.bincount(labels) / len(labels)
        self._folds = folds(labels, groups, seed)
        self._analyses = []
        for fold in range(FOLDS):
            others = self._folds != fold
            analysis = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
            self._analyses.append(analysis.fit(vectors[others], labels[others]))

    def probabilities(self, start: int, end: int) -> Probabilities:
        """Return the probability of each class for the pictures from `start` to `end`: (m, c)."""
        import numpy as np

        part = slice(start, end)
        linear = np.zeros((len(self._labels[part]), len(self._frequency)))
        for fold, analysis in enumerate(self._analyses):
            mine = self._folds[part] == fold
            if mine.any():
                found = analysis.predict_proba(self._vectors[part][mine])
                linear[np.flatnonzero(mine)[:, None], analysis.classes_] = found
        near = by_neighbours(
            self._places[part], self._cosines[part], self._labels, self._groups, self._frequency
        )
        return np.asarray((linear + near) / 2)


def folds(labels: Numbers, groups: Numbers, seed: int) -> Numbers:
    """Return the fold, 0 to FOLDS - 1, of each of n pictures (n,): groups (n,) stay together.

    Each class has groups in every fold, where it has FOLDS groups whose first picture is of it.
    What chance there is comes from `seed`.
    """
    import numpy as np

    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    chance = np.random.default_rng(seed).permutation(len(first))
    order = np.lexsort((chance, labels[first]))
    fold = np.empty(len(first), dtype=np.int64)
    fold[order] = np.arange(len(first)) % FOLDS
    return fold[group]


def by_neighbours(
    places: Numbers,
    cosines: NDArray[np.float32],
    labels: Numbers,
    groups: Numbers,
    frequency: Probabilities,
) -> Probabilities:
    """Return the probability of each class for some pictures (m, c), by their neighbours' votes.

    Their `places` (m, k) are among all pictures, of these `labels` (n,) and `groups` (n,); classes
    are as frequent (c,) where the votes say nothing.
    """
    import numpy as np

    weights = votes(cosines, groups[places])
    row = np.broadcast_to(np.arange(len(places))[:, None], places.shape)
    flat = row * len(frequency) + labels[places]
    votes_for = np.bincount(flat.ravel(), weights.ravel(), len(places) * len(frequency))
    counted = votes_for.reshape(len(places), len(frequency)) + _PRIOR * frequency
    return np.asarray(counted / counted.sum(axis=1, keepdims=True))


def votes(cosines: NDArray[np.float32], neighbour_groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how much each neighbour counts: (n, k), the nearest 1; 0 for one that is not there.

    By a Gaussian of its distance whose width is the mean squared distance of all k, so that it is
    the same in dense parts and sparse ones. Those of one group (n, k) have one vote between them.
    """
    import numpy as np

    there = ~np.isnan(cosines)
    squared = np.where(there, np.maximum(0, 2 - 2 * cosines.astype(np.float64)), 0)
    width = squared.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    nearer = squared / np.maximum(width, 1e-12)[:, None]
    least = nearer.min(axis=1, initial=np.inf, where=there)
    weights = np.where(there, np.exp(np.where(there, least[:, None], 0) - nearer), 0)
    alike = (neighbour_groups[:, :, None] == neighbour_groups[:, None, :]) & there[:, None, :]
    return np.asarray(weights / np.maximum(alike.sum(axis=2), 1))
