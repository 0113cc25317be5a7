"""Requirements that an evaluation has to meet, and whether it is worse than an earlier one."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.evaluation.comparison import is_better_lower, shared
from vsearch.evaluation.record import latency_metrics
from vsearch.evaluation.results import Gate, Kind
from vsearch.evaluation.significance import RESAMPLES, paired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vsearch.evaluation.record import Earlier, EarlierResult
    from vsearch.evaluation.results import Evaluated, Result

_RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_CLASSES = (
    "top1_accuracy", "top5_accuracy", "macro_f1", "micro_f1", "balanced_accuracy",
)  # fmt: skip
METRICS: Mapping[Kind, Mapping[str, tuple[str, ...]]] = {
    "captions": {
        "text_to_image": ("recall@k", "mrr", "median_rank", "ece"),
        "image_to_text": ("hit_rate@k", "recall@k", "mrr", "map", "r_precision", "median_rank"),
        "graph": ("recall@k",),
    },
    "labels": {
        "image_to_image": (
            "hit_rate@k", "precision@k", "map@r", "r_precision", "map", "mrr", "ndcg",
            "median_rank", "roc_auc", "tar@0.001", "eer",
        ),
        "nearest_neighbour": _CLASSES,
        "zero_shot": (*_CLASSES, "ece"),
        "graph": ("recall@k",),
    },
    "queries": {
        "search": (
            "ndcg@k", "recall@k", "precision@k", "hit_rate@k", "map", "mrr", "r_precision",
            "median_rank",
        ),
        "graph": ("recall@k",),
    },
}  # fmt: skip
"""The metrics of each protocol, by kind of truth. Top-5 accuracy is there for more than five
classes, `ece` where the model knows what its cosines tell, `zero_shot` where a class has a name in
letters."""
LATENCY = (
    *(f"latency{cold}_p{p}_ms" for cold in ("", "_cold") for p in (50, 95, 99)),
    "throughput_qps",
)
_REQUIREMENT = re.compile(
    r"\s*(?:(?P<protocol>\w+)\.)?(?P<metric>[\w@.]+)\s*(?P<relation>>=|<=|>|<)\s*(?P<bound>\S+)\s*"
)
SIGNIFICANT = 0.05
"""How likely, at most, any drop may be told of a model that is as good as before."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one metric has to be: `text` as it was written; `protocol` None: the first that has it.

    `relation` is one of ">=", "<=", ">", "<".
    """

    text: str
    protocol: str | None
    metric: str
    relation: str
    bound: float

    @classmethod
    def parsed(cls, text: str) -> Requirement:
        """Return the requirement that was written, as "recall@1>=0.6". Raises UsageError."""
        match = _REQUIREMENT.fullmatch(text)
        bound = math.nan
        if match:
            try:
                bound = float(match["bound"])
            except ValueError:
                match = None
        if not match or not math.isfinite(bound):
            raise UsageError(
                f"no requirement, {text!r}; write METRIC>=NUMBER (or <=, >, <), as in "
                "'recall@1>=0.6' or 'latency_p95_ms<=50'"
            )
        return cls(text.strip(), match["protocol"], match["metric"], match["relation"], bound)

    @property
    def depth(self) -> int | None:
        """The k of recall@k and others like it."""
        digits = self.metric.rpartition("@")[2]
        return int(digits) if re.fullmatch(r"[1-9][0-9]{0,8}", digits) else None

    def full_name(self, kind: Kind, *, latency: bool = True) -> str:
        """Return the full name of its metric with that kind of truth.

        Where no protocol is named, it is the first that has it; the graph, which says nothing of
        the model, must be named. Raises UsageError for a metric that there will not be.
        """
        if self.protocol is None and self.metric in LATENCY:
            if latency:
                return self.metric
            raise UsageError(
                f"latency is not measured, for {self.text!r}; leave out --no-latency, or this"
            )
        pattern = self.metric.replace(f"@{self.depth}", "@k") if self.depth else self.metric
        for protocol, metrics in METRICS[kind].items():
            named = protocol == self.protocol or (self.protocol is None and protocol != "graph")
            if named and pattern in metrics:
                return f"{protocol}.{self.metric}"
        whole = f"{self.protocol}.{self.metric}" if self.protocol else self.metric
        known = "; ".join(f"{name}: {', '.join(one)}" for name, one in METRICS[kind].items())
        raise UsageError(f"no such metric with {kind}, {whole!r}; there are {known}")


def metrics_of(evaluated: Evaluated) -> dict[str, float]:
    """Return every metric of a model by its full name, those of latency by theirs alone."""
    found = {
        f"{result.name}.{metric}": one.value
        for result in evaluated.results
        for metric, one in result.metrics.items()
    }
    return found | (latency_metrics(evaluated.latency) if evaluated.latency else {})


def check(
    requirements: Sequence[Requirement], models: Sequence[Evaluated], kind: Kind
) -> Iterator[Gate]:
    """Yield whether each model meets each of the requirements.

    A metric without a value meets none, nor does one that was not measured after all. Raises
    UsageError for a metric that there is not with this kind of truth.
    """
    for model in models:
        known = metrics_of(model)
        for one in requirements:
            name = one.full_name(kind)
            value = known.get(name, math.nan)
            passed = math.isfinite(value) and _RELATIONS[one.relation](value, one.bound)
            of = f" of {model.model.name}" if len(models) > 1 else ""
            shown = f"{value:.4g}" if math.isfinite(value) else "without a value"
            line = f"{name}{of} is {shown}, and {one.relation} {one.bound:g} is required"
            yield Gate(one.text + of, passed, line)


def check_baseline(
    earlier: Sequence[Earlier], models: Sequence[Evaluated], most: float, kind: Kind
) -> Iterator[Gate]:
    """Yield for each metric of quality whether it is worse than earlier by more than `most`.

    It counts when the difference is more than chance makes. Where the same queries were asked, that
    is told by paired bootstrap, over all metrics that have become worse so much by Holm's method
    ("A Simple Sequentially Rejective Multiple Test Procedure", 1979); else, and for metrics that
    are no mean over queries, by whether the earlier value lies outside of the interval of today.

    A model is compared with the earlier one of its name, else with the first. A metric that had a
    value and has none now is worse. Raises UsageError when the baseline is of another kind.
    """
    if earlier[0].kind != kind:
        raise UsageError(
            f"the baseline is of {earlier[0].kind}, and this truth of {kind}; name an evaluation "
            "of the same"
        )
    for model in models:
        before = next((one for one in earlier if one.model == model.model.name), earlier[0])
        # Holm's first step is SIGNIFICANT by so many: fewer resamples could never come below it.
        tested = sum(len(result.metrics) for result in before.results.values())
        resamples = max(RESAMPLES, 50 * tested)
        drops = [
            drop
            for result in model.results
            if result.name in before.results
            for drop in _drops(result, before.results[result.name], resamples)
        ]
        now = {result.name for result in model.results}
        for name, result in before.results.items():
            if name not in now and name != "graph":
                drops += [
                    _Drop(f"{name}.{metric}", value, math.nan, math.inf, None, True)
                    for metric, value in result.metrics.items()
                    if math.isfinite(value)
                ]
        worse = sorted(
            (one for one in drops if one.p is not None and one.amount > most),
            key=lambda one: one.p or 0.0,
        )
        told: dict[str, bool] = {}
        rejecting = True
        for place, one in enumerate(worse):
            rejecting = rejecting and (one.p or 0.0) <= SIGNIFICANT / (len(worse) - place)
            told[one.name] = rejecting
        of = f" of {model.model.name}" if len(models) > 1 else ""
        for one in drops:
            beyond = one.amount > most
            significant = told.get(one.name, one.outside)
            yield Gate(
                f"baseline {one.name}{of}",
                not (beyond and significant),
                one.line(of, most, significant=significant),
            )


@dataclass(frozen=True, slots=True)
class _Drop:
    """How much worse a metric is than earlier: `amount`, below zero where it is better.

    `p` is told over the same queries, None without; `outside`: the earlier value lies outside of
    the interval of today.
    """

    name: str
    before: float
    now: float
    amount: float
    p: float | None
    outside: bool

    def line(self, of: str, most: float, *, significant: bool) -> str:
        """Say how it differs."""
        if math.isnan(self.now):
            return f"{self.name}{of} has no value any more ({self.before:.4g} before)"
        change = "is" if self.amount == 0 else "is worse by" if self.amount > 0 else "is better by"
        by = "as it was" if self.amount == 0 else f"{abs(self.amount):.4g}"
        sure = "" if self.p is None else f", p {self.p:.2g}"
        chance = "" if significant or self.amount <= most else ", which may be chance"
        return (
            f"{self.name}{of} {change} {by} ({self.before:.4g} before, {self.now:.4g} now{sure})"
            f"{chance}; at most {most:g} is allowed"
        )


def _drops(result: Result, before: EarlierResult, resamples: int) -> Iterator[_Drop]:
    same = shared(result, before.ids, before.per_query)
    for metric, old in before.metrics.items():
        now = result.metrics.get(metric)
        name = f"{result.name}.{metric}"
        if not math.isfinite(old):
            continue
        if now is None:
            if "@" not in metric:  # else it was taken at another k
                yield _Drop(name, old, math.nan, math.inf, None, True)
            continue
        if not math.isfinite(now.value):
            yield _Drop(name, old, math.nan, math.inf, None, True)
            continue
        sign = -1.0 if is_better_lower(metric) else 1.0
        amount = sign * (old - now.value)
        p = None
        if metric in same:
            p = paired(*same[metric], result.clusters, resamples=resamples).p
        outside = not now.low <= old <= now.high
        yield _Drop(name, old, now.value, round(amount, 9), p, outside)
