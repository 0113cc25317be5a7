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
from vsearch.evaluation.results import Gate
from vsearch.evaluation.significance import paired

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
        return int(digits) if digits.isdigit() and int(digits) > 0 else None


def metrics_of(evaluated: Evaluated) -> dict[str, float]:
    """Return every metric of a model by its full name, those of latency by theirs alone."""
    found = {
        f"{result.name}.{metric}": one.value
        for result in evaluated.results
        for metric, one in result.metrics.items()
    }
    return found | (latency_metrics(evaluated.latency) if evaluated.latency else {})


def check(requirements: Sequence[Requirement], models: Sequence[Evaluated]) -> Iterator[Gate]:
    """Yield whether each model meets each of the requirements.

    A metric without a value meets none. Raises UsageError for a metric that there is not.
    """
    for model in models:
        known = metrics_of(model)
        for one in requirements:
            name = _full_name(one, known)
            value = known[name]
            passed = math.isfinite(value) and _RELATIONS[one.relation](value, one.bound)
            of = f" of {model.model.name}" if len(models) > 1 else ""
            shown = f"{value:.4g}" if math.isfinite(value) else "without a value"
            line = f"{name}{of} is {shown}, and {one.relation} {one.bound:g} is required"
            yield Gate(one.text + of, passed, line)


def _full_name(requirement: Requirement, known: Mapping[str, float]) -> str:
    asked, metric = requirement.protocol, requirement.metric
    for name in known:
        protocol, _, own = name.partition(".")
        if (own or name) == metric and asked in (None, protocol):
            return name
    whole = f"{asked}.{metric}" if asked else metric
    raise UsageError(
        f"no such metric, {whole!r}; here are {', '.join(known)}"
        if known
        else "nothing was measured"
    )


def check_baseline(
    earlier: Sequence[Earlier], models: Sequence[Evaluated], most: float
) -> Iterator[Gate]:
    """Yield for each metric of quality whether it is worse than earlier by more than `most`.

    It counts when the difference is more than chance makes. Where the same queries were asked, that
    is told by paired bootstrap, over all metrics that have become worse so much by Holm's method
    ("A Simple Sequentially Rejective Multiple Test Procedure", 1979); else, and for metrics that
    are no mean over queries, by whether the earlier value lies outside of the interval of today.

    A model is compared with the earlier one of its name, else with the first. Raises UsageError
    when there is nothing to compare.
    """
    compared = False
    for model in models:
        before = next((one for one in earlier if one.model == model.model.name), earlier[0])
        drops = [
            drop
            for result in model.results
            if result.name in before.results
            for drop in _drops(result, before.results[result.name])
        ]
        compared = compared or bool(drops)
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
    if not compared:
        raise UsageError(
            "nothing in the baseline can be compared: it is of another kind of truth; name an "
            "evaluation of this one"
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
        change = "is" if self.amount == 0 else "is worse by" if self.amount > 0 else "is better by"
        by = "as it was" if self.amount == 0 else f"{abs(self.amount):.4g}"
        sure = "" if self.p is None else f", p {self.p:.2g}"
        chance = "" if significant or self.amount <= most else ", which may be chance"
        return (
            f"{self.name}{of} {change} {by} ({self.before:.4g} before, {self.now:.4g} now{sure})"
            f"{chance}; at most {most:g} is allowed"
        )


def _drops(result: Result, before: EarlierResult) -> Iterator[_Drop]:
    same = shared(result, before.ids, before.per_query)
    for metric, now in result.metrics.items():
        old = before.metrics.get(metric, math.nan)
        if not (math.isfinite(old) and math.isfinite(now.value)):
            continue
        sign = -1.0 if is_better_lower(metric) else 1.0
        amount = sign * (old - now.value)
        p = paired(*same[metric], result.clusters).p if metric in same else None
        outside = not now.low <= old <= now.high
        yield _Drop(f"{result.name}.{metric}", old, now.value, round(amount, 9), p, outside)
