"""Embeddings -> places on a map, near ones near each other.

t-SNE (van der Maaten, Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008) as scikit-learn has it,
from where principal components lay the points, so that the large distances say something and every
run ends alike (Kobak, Berens, "The art of using t-SNE for single-cell transcriptomics", 2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.analysis.results import Map, Point

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.analysis.contents import Contents

TSNE, PCA = "t-SNE", "principal components"
_COMPONENTS = 50  # that are kept of the embeddings, as van der Maaten and Hinton do
_PERPLEXITY = 30.0
_LEAST = 8  # points; fewer are laid out by principal components


def laid_out(
    contents: Contents,
    whole: NDArray[np.bool_],
    named: set[str],
    count: int,
    seed: int,
    progress: Callable[[str, int, int], None],
) -> Map:
    """Return the map of at most `count` of the contents that are `whole` (n,).

    `named` are paths of pictures that are to be on it.
    """
    import numpy as np

    places = np.flatnonzero(whole)
    if not count or not len(places):
        return Map((), len(places), PCA)
    progress("map", 0, 1)
    pictures = [contents.shown(content) for content in places.tolist()]
    numbers = contents.classes()
    chosen = sampled(
        np.array([one.path in named for one in pictures]),
        np.array([numbers.get(one.label or "", -1) for one in pictures], dtype=np.int64),
        count,
        seed,
    )
    positions, method = projected(contents.vectors[places[chosen]], seed)
    progress("map", 1, 1)
    return Map(
        tuple(
            Point(pictures[one], x, y)
            for one, (x, y) in zip(chosen.tolist(), positions.tolist(), strict=True)
        ),
        len(places),
        method,
    )


def projected(vectors: NDArray[np.float32], seed: int) -> tuple[NDArray[np.float64], str]:
    """Return places (n, 2) in [-1, 1] of unit vectors (n, dim), and the name of the method."""
    import numpy as np

    if not len(vectors):
        return np.empty((0, 2)), PCA
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)  # ascending
    axes = axes[:, ::-1][:, :_COMPONENTS]
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1, 1)
    components = centred @ axes  # (n, 50), the widest first, its sign settled
    spread = components.std(axis=0)
    if len(vectors) < _LEAST or spread[0] < 1e-6 or len(spread) < 2:
        return _in_frame(components), PCA
    from sklearn import manifold

    method = manifold.TSNE(
        perplexity=min(_PERPLEXITY, (len(vectors) - 1) / 3),
        init=components[:, :2] / spread[0] * 1e-4,
        random_state=seed,
    )
    return _in_frame(method.fit_transform(components.astype(np.float32))), TSNE


def _in_frame(places: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return places (n, 2) moved and scaled, the same in both directions, to fill [-1, 1]."""
    import numpy as np

    two = np.zeros((len(places), 2))
    two[:, : places.shape[1]] = places[:, :2]
    low, high = two.min(axis=0), two.max(axis=0)
    reach = float((high - low).max()) / 2
    return np.asarray((two - (low + high) / 2) / (reach if reach > 1e-9 else 1))


def sampled(
    named: NDArray[np.bool_], classes: NDArray[np.int64], count: int, seed: int
) -> NDArray[np.int64]:
    """Return which `count` of n pictures are shown, ascending: (m,), m <= count.

    Those that are `named` (n,) come first, then one of each of the `classes` (n,), then any. What
    chance there is comes from `seed`.
    """
    import numpy as np

    if count >= len(named):
        return np.arange(len(named))
    order = np.random.default_rng(seed).permutation(len(named))
    first_of_class = np.zeros(len(named), dtype=bool)
    first_of_class[np.unique(classes[order], return_index=True)[1]] = True
    rank = np.where(named[order], 0, np.where(first_of_class, 1, 2))
    return np.sort(order[np.argsort(rank, kind="stable")][:count])
