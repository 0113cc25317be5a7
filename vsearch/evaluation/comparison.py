"""Whether one model is better than another, over the same queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.evaluation.results import Comparison
from vsearch.evaluation.significance import paired

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.evaluation.results import Evaluated, Result

LOWER_IS_BETTER = ("eer", "ece", "median_rank", "latency_")
"""How the names of metrics begin of which less is better."""


def is_better_lower(metric: str) -> bool:
    """Whether less of a metric is better; of its full name or within its protocol."""
    return any(part.startswith(LOWER_IS_BETTER) for part in (metric, metric.partition(".")[2]))


def compare(models: Sequence[Evaluated]) -> Iterator[Comparison]:
    """Yield how each model but the first differs from that, for each mean over queries.

    But for the graph's, which belongs to an index more than to a model.
    """
    first, *others = models
    known = {result.name: result for result in first.results}
    for model in others:
        for result in model.results:
            if result.name not in known or result.name == "graph":
                continue
            other = known[result.name]
            for metric, (ours, theirs) in shared(result, other.ids, other.per_query or {}).items():
                found = paired(ours, theirs, result.clusters)
                yield Comparison(
                    f"{result.name}.{metric}",
                    model.model.name,
                    first.model.name,
                    found.difference,
                    found.low,
                    found.high,
                    found.p,
                )


def shared(
    result: Result, ids: Sequence[str], values: Mapping[str, NDArray[np.float64]]
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return for each metric of both the values of `result`, and the others in its queries' order.

    `values` are by the queries `ids`. Nothing where these are not the same queries.
    """
    import numpy as np

    if len(set(ids)) != len(ids) or set(ids) != set(result.ids):
        return {}
    place = {name: number for number, name in enumerate(ids)}
    order = np.array([place[name] for name in result.ids], dtype=np.int64)
    ours = result.per_query or {}
    return {
        metric: (ours[metric], values[metric][order])
        for metric in ours
        if metric in values and len(values[metric]) == len(ids)
    }
