"""Labels that may be wrong: what the neighbours say, and confident learning about it.

A picture's classes are told from its nearest neighbours, itself left out. So are its near
duplicates: they were labelled with it, by the same hand or in the same mistake, and would vouch for
any label. Those of one neighbour have one vote between them, for the same reason. What comes out is
a probability of each class, out of sample, and is handed to confident learning (Northcutt, Jiang,
Chuang: "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021): a picture of
one class is confidently of another when it is as probable there as the pictures of that one are on
average. They are ranked by the normalised margin of that paper: how much more probable the other
class is than the given one. Adjusting it by those averages, and another number of neighbours, found
less on clip art with labels that had been exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray

NEIGHBOURS = 20
LEAST = 5
"""Pictures a class must have, near duplicates counted once: of fewer there are no neighbours to
tell it by."""
_PRIOR = 1.0  # votes that are spread over all classes as these are frequent
_ROWS = 4096  # of probabilities at once: with 1,000 classes 32 MB


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is thought of each label: arrays (n,).

    `proposed` is the most probable class beside the given one, `given` and `other` are their
    probabilities; `confident` whether confident learning counts it as an error.
    """

    proposed: NDArray[np.int64]
    given: NDArray[np.float64]
    other: NDArray[np.float64]
    confident: NDArray[np.bool_]


def doubts(
    labels: NDArray[np.int64],
    places: NDArray[np.int64],
    cosines: NDArray[np.float32],
    groups: NDArray[np.int64],
    besides: Mapping[int, Collection[int]] = {},  # never changed
) -> Doubts:
    """Return what the neighbours make of each label.

    `labels` (n,) are classes from 0 on, each given to one at least; `places` (n, k) and `cosines`
    (n, k) the neighbours of each among the same n, as `nearest` returns them with `groups` (n,) of
    near duplicates. `besides` are other classes a picture has, too: they speak against nothing.
    """
    import numpy as np

    classes = int(labels.max()) + 1
    frequency = np.bincount(labels, minlength=classes) / len(labels)

    def probabilities(start: int) -> NDArray[np.float64]:
        part = slice(start, start + _ROWS)
        return _probabilities(places[part], cosines[part], labels, groups, frequency)

    given = np.empty(len(labels))
    for start in range(0, len(labels), _ROWS):
        some = probabilities(start)
        given[start : start + len(some)] = some[np.arange(len(some)), labels[start:][: len(some)]]
    usual = np.bincount(labels, given, classes) / np.bincount(labels, minlength=classes)

    proposed = np.empty(len(labels), dtype=np.int64)
    other = np.empty(len(labels))
    confident = np.empty(len(labels), dtype=bool)
    for start in range(0, len(labels), _ROWS):
        some = probabilities(start)
        part, here = slice(start, start + len(some)), np.arange(len(some))
        own = labels[part]
        for place in here.tolist() if besides else ():
            some[place, [one for one in besides.get(start + place, ()) if one != own[place]]] = 0
        above = np.where(some >= usual, some, -1)  # of these, confident learning takes the largest
        confident[part] = (above.max(axis=1) >= 0) & (above.argmax(axis=1) != own)
        some[here, own] = -1
        proposed[part] = some.argmax(axis=1)
        other[part] = some[here, proposed[part]]
    return Doubts(proposed, given, other, confident)


def _probabilities(
    places: NDArray[np.int64],
    cosines: NDArray[np.float32],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    frequency: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the probability of each class for some pictures (n, classes), by their neighbours."""
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
