"""An evaluation as JSON, and what is read of an earlier one to compare with.

    {"format": 2, "truth", "kind", "split", "pictures", "missing", "created", "machine",
     "models": [{"model": {...}, "set", "judgements": [...], "items": [...],
                 "latency": {...},
                 "protocols": {NAME: {"title", "queries", "gallery", "left_out",
                     "metrics": {METRIC: {"value", "low", "high", "n"}},
                     "curve": [[k, value], ...], "curve_of": "recall", "classes": [...],
                     "confusion": [...], "worst": [...], "worst_by": METRIC, "scores": {...},
                     "ids": [...],
                     "per_query": {METRIC: [...]}}}}],
     "comparisons": [...], "gates": [...]}

What is no number is null. `format` changes when a reader of before would go wrong.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from vsearch.errors import SourceError, UsageError
from vsearch.evaluation.comparison import Outcome, outcome_of
from vsearch.evaluation.latency import percentiles
from vsearch.evaluation.results import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vsearch.evaluation.results import Evaluated, Evaluation, Latency, Result, Scores

FORMAT = 2
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier evaluation of one model, by the names of its protocols; `kind` is of the truth.

    `judgements` are digests of what that says, `items` of what was searched, see
    `results.Evaluated`.
    """

    kind: str
    model: str
    results: Mapping[str, Outcome]
    judgements: frozenset[str]
    items: frozenset[str]


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return all of it as `json.dumps` takes it."""
    found: dict[str, Any] = _plain(
        {
            "format": FORMAT,
            "truth": evaluation.truth,
            "kind": evaluation.kind,
            "split": evaluation.split,
            "pictures": evaluation.pictures,
            "missing": evaluation.missing,
            "created": evaluation.created,
            "machine": dict(evaluation.machine),
            "models": [_model(one) for one in evaluation.models],
            "comparisons": [asdict(one) for one in evaluation.comparisons],
            "gates": [asdict(one) for one in evaluation.gates],
        }
    )
    return found


def recorded(value: float) -> float:
    """Return a number as it is written: of 6 decimals. So it is compared, too, with what was."""
    return round(value, _DECIMALS)


def as_recorded(result: Result) -> Outcome:
    """Return of a result what is compared with an earlier one, to the precision of that."""
    import numpy as np

    found = outcome_of(result)
    return replace(
        found,
        metrics={
            name: Estimate(recorded(one.value), recorded(one.low), recorded(one.high), one.n)
            for name, one in found.metrics.items()
        },
        per_query={name: np.round(one, _DECIMALS) for name, one in found.per_query.items()},
    )


def latency_metrics(latency: Latency) -> dict[str, float]:
    """Return what gates and tables know of it, in milliseconds, and queries a second."""
    found = dict[str, float]()
    for name, values in (("latency", latency.warm), ("latency_cold", latency.cold)):
        if values:
            told = percentiles(values)
            found |= {
                f"{name}_p50_ms": told.p50,
                f"{name}_p95_ms": told.p95,
                f"{name}_p99_ms": told.p99,
            }
    return found | {"throughput_qps": latency.throughput}


def read_earlier(path: Path) -> list[Earlier]:
    """Return the models of an earlier evaluation, as `as_json` wrote it.

    Raises UsageError where there is none, SourceError for what is none.
    """
    import numpy as np

    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(
            f"no such file, {path}; name what `vsearch evaluate --json` printed"
        ) from None
    except OSError as error:
        raise UsageError(f"it cannot be read ({error.strerror}), {path}; check it") from error
    except (ValueError, RecursionError):
        raise _damaged(path) from None
    written = found.get("format") if isinstance(found, dict) else None
    if isinstance(written, int) and written > FORMAT:
        raise SourceError(f"a later vsearch wrote it, {path}; bring this one up to date")
    if isinstance(written, int) and written < FORMAT:
        raise SourceError(f"an earlier vsearch wrote it, {path}; evaluate anew")
    try:
        models = [
            Earlier(
                str(found["kind"]),
                str(model["model"]["name"]),
                {
                    name: Outcome(
                        {
                            metric: Estimate(
                                _number(one["value"]),
                                _number(one["low"]),
                                _number(one["high"]),
                                int(one["n"]),
                            )
                            for metric, one in result["metrics"].items()
                        },
                        tuple(map(str, result["ids"])),
                        {
                            metric: np.array([_number(one) for one in values])
                            for metric, values in result["per_query"].items()
                        },
                        int(result["gallery"]),
                    )
                    for name, result in model["protocols"].items()
                },
                frozenset(map(str, model["judgements"])),
                frozenset(map(str, model["items"])),
            )
            for model in found["models"]
        ]
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        raise _damaged(path) from None
    lengths = (
        len(values) == len(result.ids)
        for model in models
        for result in model.results.values()
        for values in result.per_query.values()
    )
    if not models or not all(lengths):
        raise _damaged(path)
    return models


def _damaged(path: Path) -> SourceError:
    return SourceError(f"it is no evaluation, {path}; name what `vsearch evaluate --json` printed")


def _number(value: Any) -> float:  # noqa: ANN401  # what JSON has there
    if value is None:
        return math.nan
    return float(value)


def _model(evaluated: Evaluated) -> dict[str, Any]:
    latency = evaluated.latency
    return {
        "model": asdict(evaluated.model),
        "set": evaluated.vector_set,
        "judgements": sorted(evaluated.judgements),
        "items": sorted(evaluated.items),
        "latency": None
        if latency is None
        else {
            **latency_metrics(latency),
            "cold_ms": list(latency.cold),
            "warm_ms": list(latency.warm),
        },
        "protocols": {result.name: _result(result) for result in evaluated.results},
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "title": result.title,
        "queries": result.queries,
        "gallery": result.gallery,
        "left_out": result.left_out,
        "metrics": {name: asdict(one) for name, one in result.metrics.items()},
        "curve": result.curve,
        "curve_of": result.curve_of,
        "classes": [asdict(one) for one in result.classes],
        "confusion": [
            {"truth": truth, "predicted": predicted, "count": count}
            for (truth, predicted), count in (result.confusion or {}).items()
        ],
        "worst": [asdict(one) for one in result.worst],
        "worst_by": result.worst_by,
        "scores": _scores(result.scores) if result.scores else None,
        "ids": result.ids,
        "per_query": {name: values.tolist() for name, values in (result.per_query or {}).items()},
    }


def _scores(scores: Scores) -> dict[str, Any]:
    return {
        "edges": scores.edges.tolist(),
        "matching": scores.matching.tolist(),
        "others": scores.others.tolist(),
        "cutoff": scores.cutoff,
    }


def _plain(value: Any) -> Any:  # noqa: ANN401  # whatever JSON may hold
    """Return the value with null for what is no finite number, others as `recorded`."""
    if isinstance(value, float):
        return recorded(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
