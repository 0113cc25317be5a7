"""Labels: pictures ask for others of their class; classes are told by words and by neighbours.

Leaving one out is the protocol of metric learning: every picture is a query, all others are its
gallery (Musgrave, Belongie and Lim, "A Metric Learning Reality Check", 2020). What that field calls
Recall@K is `hit_rate@k`; Precision@1 is both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vsearch.evaluation import ranking
from vsearch.evaluation.calibration import expected_calibration_error
from vsearch.evaluation.classification import (
    balanced_accuracy,
    by_class,
    confusion,
    macro_f1,
    top_k_accuracy,
)
from vsearch.evaluation.estimates import means, statistic
from vsearch.evaluation.protocols.retrieving import retrieved
from vsearch.evaluation.results import Came, ClassRow, Estimate, Example, Result
from vsearch.evaluation.retrieval import Asked, at
from vsearch.evaluation.significance import interval_of, spread_of
from vsearch.evaluation.verification import centers, equal_error_rate, roc_auc, true_accept_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.evaluation.classification import ByClass
    from vsearch.evaluation.gallery import Gallery
    from vsearch.evaluation.retrieval import Progress, Retrieved
    from vsearch.records import Logistic
    from vsearch.truth.values import Labels

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

NEIGHBOURS, TEMPERATURE = 20, 0.07
"""Of the weighted vote: Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance
Discrimination", 2018, with the 20 neighbours of Caron et al. (DINO), 2021."""
FAR = 1e-3  # of pairs that do not match, accepted: by convention, where TAR is told
WANTED = 4  # pictures that are shown of what was wanted
_TOGETHER = 1024  # pictures in one product
_RESAMPLES = 500  # each takes a millisecond


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of pictures: `names` (c), sorted, and which each picture is of: `of` (n,)."""

    names: tuple[str, ...]
    of: Integers

    def members(self) -> list[Integers]:
        """Return the positions of the pictures of each class."""
        import numpy as np

        order = np.argsort(self.of, kind="stable")
        ends = np.cumsum(np.bincount(self.of, minlength=len(self.names)))
        return np.split(order, ends[:-1])


def classes_of(truth: Labels) -> Classes:
    """Return the classes of the pictures."""
    import numpy as np

    names, of = np.unique(np.array(truth.labels, dtype=object), return_inverse=True)
    return Classes(tuple(names.tolist()), of.astype(np.int64))


def image_to_image(
    truth: Labels,
    names: Sequence[str],
    queries: Integers,
    pictures: Gallery,
    k: Sequence[int],
    *,
    workers: int,
    progress: Progress,
) -> tuple[Result, Result]:
    """Ask for the others of its class by each of the pictures at `queries` (q,).

    `pictures` has the embeddings of `truth.paths`, in their order, which are called `names`. A
    picture that is the only one of its class has nothing to find, and is left out. The first result
    is of ranking all others, the second of what the nearest of them say its class is.
    """
    import numpy as np

    classes = classes_of(truth)
    members = classes.members()
    of = classes.of[queries]
    asked = Asked(
        tuple(names[place] for place in queries.tolist()),
        pictures.of(queries),
        [members[one] for one in of.tolist()],
        without=queries,
    )
    predicted = np.zeros(len(queries), dtype=np.int64)
    right = {depth: np.full(len(queries), np.nan) for depth in (1, 5)}
    alone = np.array([len(one) for one in members])[of] < 2

    def vote(first: int, scores: NDArray[np.float32]) -> None:
        end = first + len(scores)
        votes = _votes(scores, queries[first:end], classes)
        predicted[first:end] = votes.argmax(axis=1)
        for depth, values in right.items():
            values[first:end] = top_k_accuracy(votes, of[first:end], depth)

    result, found = retrieved(
        "image_to_image",
        "pictures ask for others of their class, leaving one out",
        asked,
        pictures,
        {
            **at(k, ranking.hit_rate_at, "hit_rate"),
            **at(k, ranking.precision_at, "precision"),
            "map@r": ranking.average_precision_at_r,
            "r_precision": ranking.r_precision,
            "map": ranking.average_precision,
            "mrr": ranking.reciprocal_rank,
            "ndcg": ranking.ndcg_at,
        },
        curve_of="hit_rate",
        worst_by="map@r",
        query=lambda place: Example(
            0,
            0,
            (),
            path=truth.paths[queries[place]],
            label=truth.labels[queries[place]],
            wanted=tuple(
                truth.paths[one] for one in members[of[place]].tolist() if one != queries[place]
            )[:WANTED],
        ),
        item=lambda place, score, is_right: Came(
            score, is_right, path=truth.paths[place], label=truth.labels[place]
        ),
        workers=workers,
        progress=progress,
        each=vote,
    )
    result = with_metrics(result, _verification(found))
    for values in right.values():
        values[alone] = np.nan  # no neighbour could have said its class
    voted = classified(
        "nearest_neighbour",
        f"the class by a vote of the {NEIGHBOURS} nearest others",
        classes,
        asked.ids,
        of,
        predicted,
        right,
        gallery=len(truth.paths) - 1,
    )
    spread = spread_of(len(queries), len(names))
    return replace(result, spread=spread), replace(voted, spread=spread)


def zero_shot(
    truth: Labels,
    names: Sequence[str],
    queries: Integers,
    pictures: Gallery,
    words: NDArray[np.float32],
    told: Logistic | None,
    *,
    progress: Progress,
) -> Result:
    """Tell the class of each of the pictures at `queries` (q,) by the `words` (c, dim) for classes.

    The most likely class is the one of the highest cosine; with `told`, what the model's cosines
    tell, its probability is the softmax of the logarithms of the likelihood ratios, all classes
    being as likely before. Radford et al., "Learning Transferable Visual Models From Natural
    Language Supervision", 2021.
    """
    import numpy as np

    classes = classes_of(truth)
    of = classes.of[queries]
    scores = np.empty((len(queries), len(words)), dtype=np.float32)
    for first in range(0, len(queries), _TOGETHER):
        part = queries[first : first + _TOGETHER]
        scores[first : first + len(part)] = pictures.of(part) @ words.T
        progress("zero-shot classification", first + len(part), len(queries))
    predicted = scores.argmax(axis=1).astype(np.int64)
    right = {depth: top_k_accuracy(scores, of, depth) for depth in (1, 5)}
    result = classified(
        "zero_shot",
        "the class by the nearest of the words for the classes",
        classes,
        tuple(names[place] for place in queries.tolist()),
        of,
        predicted,
        right,
        gallery=len(words),
    )
    if told is None:
        return result
    logits = told.slope * scores.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    # Of the most likely class the logit is zero now.
    confidence = 1 / np.exp(logits).sum(axis=1)
    ece = statistic(
        lambda rows: expected_calibration_error(confidence[rows], right[1][rows]), len(of)
    )
    return with_metrics(result, {"ece": ece})


def _votes(scores: NDArray[np.float32], own: Integers, classes: Classes) -> Floats:
    """Return what the nearest say of each class: (b, c), by `scores` (b, n); `own` (b,) has none.

    Each of the NEIGHBOURS nearest votes for its class with exp(cosine / TEMPERATURE). Where equals
    are the last of them, they share the votes that are left, whatever their order.
    """
    import numpy as np

    cosines = scores.copy()
    places = np.arange(len(scores))
    cosines[places, own] = -np.inf
    count = min(NEIGHBOURS, scores.shape[1] - 1)
    if count < 1:
        return np.zeros((len(scores), len(classes.names)))
    last = -np.partition(-cosines, count - 1, axis=1)[:, count - 1 : count]
    last = np.maximum(last, np.finfo(np.float32).min)  # what has no cosine has no vote
    votes = np.zeros((len(scores), len(classes.names)))
    above = np.count_nonzero(cosines > last, axis=1)
    tied = np.count_nonzero(cosines == last, axis=1)
    rows, near = np.nonzero(cosines >= last)
    # Of equals at the end of the row each has the share of a vote that is left for them.
    share = np.where(cosines[rows, near] > last[rows, 0], 1.0, ((count - above) / tied)[rows])
    weights = share * np.exp((cosines[rows, near].astype(np.float64) - 1) / TEMPERATURE)
    np.add.at(votes, (rows, classes.of[near]), weights)
    return votes


def _verification(found: Retrieved) -> dict[str, Estimate]:
    """Return how well cosines tell pairs of one class from others; groups of queries are drawn."""
    import numpy as np

    values = centers()
    pairs = int(found.matching.sum() + found.others.sum())
    ones = np.ones(len(found.matching), dtype=np.int64)

    def drawn(metric: Callable[[Integers, Integers], float]) -> Estimate:
        def of(counts: Integers) -> float:
            matching, others = counts @ found.matching, counts @ found.others
            return metric(matching, others) if matching.any() and others.any() else float("nan")

        return Estimate(of(ones), *interval_of(of, ones, resamples=_RESAMPLES), pairs)

    return {
        "roc_auc": drawn(roc_auc),
        f"tar@{FAR:g}": drawn(lambda matching, others: true_accept_rate(matching, others, FAR)),
        "eer": drawn(lambda matching, others: equal_error_rate(values, matching, others)[0]),
    }


def classified(
    name: str,
    title: str,
    classes: Classes,
    ids: tuple[str, ...],
    of: Integers,
    predicted: Integers,
    right: Mapping[int, Floats],
    *,
    gallery: int,
) -> Result:
    """Return the result of predicting the class of q items: `of` (q,) the true, `predicted` (q,).

    `right` has by k whether the true class is among the first k (q,), nan for items that do not
    count; top-5 accuracy is left out for five classes or fewer, where it says nothing.
    """
    import numpy as np

    counted = np.flatnonzero(~np.isnan(right[1]))
    values = {
        f"top{k}_accuracy": one for k, one in right.items() if k == 1 or k < len(classes.names)
    }
    values["micro_f1"] = right[1]  # one class and one prediction each: it is the accuracy
    metrics = means(values)
    pairs = confusion(of[counted], predicted[counted])
    table = by_class(pairs, len(classes.names))

    def drawn(metric: Callable[[ByClass], float]) -> Estimate:
        def of(counts: Integers) -> float:
            return metric(by_class(pairs, len(classes.names), counts))

        return Estimate(of(pairs.counts), *interval_of(of, pairs.counts), len(counted))

    metrics["macro_f1"] = drawn(macro_f1)
    metrics["balanced_accuracy"] = drawn(balanced_accuracy)
    rows = tuple(
        ClassRow(
            label,
            int(table.support[place]),
            float(table.precision[place]),
            float(table.recall[place]),
            float(table.f1[place]),
        )
        for place, label in enumerate(classes.names)
        if table.support[place] or table.predicted[place]
    )
    counts = {
        (classes.names[truth], classes.names[guess]): int(count)
        for truth, guess, count in zip(pairs.truth, pairs.predicted, pairs.counts, strict=True)
    }
    return Result(
        name,
        title,
        queries=len(counted),
        gallery=gallery,
        left_out=len(of) - len(counted),
        metrics=metrics,
        ids=ids,
        per_query=values,
        classes=rows,
        confusion=counts,
    )


def with_metrics(result: Result, metrics: Mapping[str, Estimate]) -> Result:
    """Return the result with some more metrics."""
    return replace(result, metrics={**result.metrics, **metrics})
