"""Whether one evaluation is better than another, metric by metric."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.evaluation.results import Comparison
from vsearch.evaluation.significance import RESAMPLES, paired, unpaired

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
        result.metrics, result.ids, result.per_query or {}, result.gallery, result.clusters
    )


def compare(models: Sequence[Evaluated]) -> Iterator[Comparison]:
    """Yield how each model but the first differs from that, by each metric that both have.

    But for the graph's, which belongs to an index more than to a model.
    """
    first, *others = models
    known = {result.name: outcome_of(result) for result in first.results}
    for model in others:
        for result in model.results:
            if result.name not in known or result.name == "graph":
                continue
            for metric, change in changes(outcome_of(result), known[result.name]).items():
                found = change.difference
                yield Comparison(
                    f"{result.name}.{metric}",
                    model.model.name,
                    first.model.name,
                    found.difference,
                    found.low,
                    found.high,
                    found.p,
                )


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
            then.value, one.value, unpaired(one, then), None, all_same, *galleries
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
                paired(mine, others, clusters, resamples=resamples),
                int(both.sum()),
                all_same,
                *galleries,
            )
    return found


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
