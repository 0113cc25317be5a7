"""Whether one evaluation is better than another, metric by metric."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vsearch.evaluation.results import Comparison
from vsearch.evaluation.significance import RESAMPLES, SIGNIFICANT, holm, paired, unpaired

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.evaluation.results import Estimate, Evaluated, Result
    from vsearch.evaluation.significance import Difference

    Floats = NDArray[np.float64]

LOWER_IS_BETTER = ("eer", "ece", "median_rank", "latency_")
"""How the names of metrics begin of which less is better."""
LEAST = 20
"""Queries in common from which on some may be told by these alone; of fewer no interval holds."""


def is_better_lower(metric: str) -> bool:
    """Whether less of a metric is better; of its full name or within its protocol."""
    return any(part.startswith(LOWER_IS_BETTER) for part in (metric, metric.partition(".")[2]))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one protocol came to, as far as it is compared: see `results.Result`."""

    metrics: Mapping[str, Estimate]
    ids: Sequence[str]
    per_query: Mapping[str, Floats]
    gallery: int
    clusters: NDArray[np.int64] | None = None
    spread: float = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """How a metric of one differs from that of another: `now`, and `before`.

    `queries` in common told it, paired; None where it was told by the intervals of both. `all_same`
    is whether both asked the same queries. They asked a `gallery` of so many items, and of
    `gallery_before`: where these differ, the change may be the gallery's doing.
    """

    before: float
    now: float
    difference: Difference
    queries: int | None
    all_same: bool
    gallery_before: int
    gallery: int


def outcome_of(result: Result) -> Outcome:
    """Return what is compared of a result."""
    return Outcome(
        result.metrics,
        result.ids,
        result.per_query or {},
        result.gallery,
        result.clusters,
        result.spread,
    )


def compare(models: Sequence[Evaluated]) -> list[Comparison]:
    """Return how each model but the first differs from that, by each metric that both have.

    But for those that were not `asked_the_same`, and for the graph, which belongs to an index more
    than to a model.
    """
    first, *others = models
    known = {result.name: outcome_of(result) for result in first.results if result.name != "graph"}
    resamples = resamples_for(len(others) * sum(len(one.metrics) for one in known.values()))
    found = [
        (f"{result.name}.{metric}", model.model.name, change.difference)
        for model in others
        if asked_the_same(model, first)
        for result in model.results
        if result.name in known
        for metric, change in changes(outcome_of(result), known[result.name], resamples).items()
    ]
    adjusted = holm([one.p for _, _, one in found])
    return [
        Comparison(metric, model, first.model.name, one.difference, one.low, one.high, one.p, p)
        for (metric, model, one), p in zip(found, adjusted, strict=True)
    ]


def asked_the_same(one: Evaluated, other: Evaluated) -> bool:
    """Whether both had the same to find; an index may have what is no longer on the disk."""
    galleries, others = (
        {result.name: result.gallery for result in model.results if result.name != "graph"}
        for model in (one, other)
    )
    same = all(galleries[name] == others[name] for name in galleries.keys() & others.keys())
    return same and (one.judgements, one.items) == (other.judgements, other.items)


def resamples_for(tests: int) -> int:
    """Return how many resamples it takes for one of so many tests to be told by Holm's method."""
    # The least p is one in so many, and Holm multiplies the first by all tests: that is 0.4 of it.
    return max(RESAMPLES, math.ceil(2.5 * tests / SIGNIFICANT))


def changes(now: Outcome, before: Outcome, resamples: int = RESAMPLES) -> dict[str, Change]:
    """Return how each metric of both has changed, where it has a value in both.

    A mean over queries is compared by what both asked, paired, where these are all, or LEAST and
    half of the queries of the one that asked fewer; else, and for what is no mean over queries, by
    the intervals of both. Where some queries are in one only, the two values of the paired ones are
    the means over those in common.
    """
    import numpy as np

    ours, theirs = _common(now.ids, before.ids)
    all_same = len(ours) == len(now.ids) == len(before.ids)
    enough = 1 if all_same else max(LEAST, min(len(now.ids), len(before.ids)) / 2)
    clusters = None if now.clusters is None else now.clusters[ours]
    galleries = before.gallery, now.gallery
    found = {}
    for metric, then in before.metrics.items():
        one = now.metrics.get(metric)
        if one is None or not (math.isfinite(one.value) and math.isfinite(then.value)):
            continue
        found[metric] = Change(
            then.value,
            one.value,
            unpaired(_of_queries(one, now), _of_queries(then, before), spread=now.spread),
            None,
            all_same,
            *galleries,
        )
        mine, others = now.per_query.get(metric), before.per_query.get(metric)
        if mine is None or others is None or len(ours) < enough:
            continue
        mine, others = mine[ours], others[theirs]
        both = ~(np.isnan(mine) | np.isnan(others))
        if both.any():
            found[metric] = Change(
                float(others[both].mean()),
                float(mine[both].mean()),
                paired(mine, others, clusters, spread=now.spread, resamples=resamples),
                int(both.sum()),
                all_same,
                *galleries,
            )
    return found


def _of_queries(one: Estimate, of: Outcome) -> Estimate:
    """Return it with n as drawn: of pairs, too, what was drawn are the queries."""
    return replace(one, n=min(one.n, len(of.ids)))


def _common(
    one: Sequence[str], other: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places in `one` and in `other` of the queries that are in both, in one order.

    None where a name is there twice: which is which cannot be told.
    """
    import numpy as np

    places = {name: place for place, name in enumerate(other)}
    if len(places) < len(other) or len(set(one)) < len(one):
        places = {}
    found = [(place, places[name]) for place, name in enumerate(one) if name in places]
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
