"""Requirements that an evaluation has to meet, and whether it is worse than an earlier one."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.evaluation.comparison import changes, is_better_lower, resamples_for
from vsearch.evaluation.judgements import differing
from vsearch.evaluation.record import as_recorded, latency_metrics, recorded
from vsearch.evaluation.results import Gate, Kind
from vsearch.evaluation.significance import SIGNIFICANT, holm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vsearch.evaluation.comparison import Change
    from vsearch.evaluation.record import Earlier
    from vsearch.evaluation.results import Evaluated

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
        """The k of its metric, see `depth_of`."""
        return depth_of(self.metric)

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


def depth_of(metric: str) -> int | None:
    """Return the k of recall@k and others like it."""
    digits = metric.rpartition("@")[2]
    return int(digits) if re.fullmatch(r"[1-9][0-9]{0,8}", digits) else None


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

    A metric counts as it is recorded: what was read off an evaluation, it meets. One without a
    value meets none, nor does one that was not measured after all. Raises UsageError for a metric
    that there is not with this kind of truth.
    """
    for model in models:
        known = metrics_of(model)
        for one in requirements:
            name = one.full_name(kind)
            value = recorded(known.get(name, math.nan))
            passed = math.isfinite(value) and _RELATIONS[one.relation](value, one.bound)
            of = f" of {model.model.name}" if len(models) > 1 else ""
            shown = _apart(value, one.bound) if math.isfinite(value) else "without a value"
            line = f"{name}{of} is {shown}, and {one.relation} {one.bound:.12g} is required"
            yield Gate(one.text + of, passed, line)


def _apart(value: float, bound: float) -> str:
    """Return a value in four digits, or so many that it is not taken for the `bound` it is not."""
    digits = 4
    while digits < 17 and value != bound and float(f"{value:.{digits}g}") == bound:
        digits += 1
    return f"{value:.{digits}g}"


def check_baseline(
    earlier: Sequence[Earlier], models: Sequence[Evaluated], most: float, kind: Kind
) -> Iterator[Gate]:
    """Yield for each metric of quality whether it is worse than earlier by more than `most`.

    It counts when the difference is more than chance makes (see `comparison.changes`), over all
    metrics that have become worse by Holm's method (`significance.holm`).

    A model is compared with the earlier one of its name, else with the first. A metric that had a
    value and has none now is worse, but for `ece` of another model: only some know what their
    cosines tell. Where more than the share `most` of the judgements, or of what is to be found, is
    not what it was, that alone may be the difference: one gate fails that says so, and no other is
    there. The graph has its own truth. Raises UsageError when the baseline is of another kind.
    """
    require_kind(earlier, kind)
    for model in models:
        before = next((one for one in earlier if one.model == model.model.name), earlier[0])
        resamples = resamples_for(sum(len(result.metrics) for result in before.results.values()))
        now = {result.name: as_recorded(result) for result in model.results}
        of = f" of {model.model.name}" if len(models) > 1 else ""
        others = _others(model, before, most, of)
        yield from dict.fromkeys(others.values())
        drops, lost = [], []
        for name, then in before.results.items():
            if name in others:
                continue
            found = changes(now[name], then, resamples) if name in now else {}
            for metric, one in then.metrics.items():
                if metric in found:
                    drops.append(_Drop(f"{name}.{metric}", found[metric]))
                elif math.isfinite(one.value):
                    lost.append((f"{name}.{metric}", one.value))
        significant = _significant([drop for drop in drops if drop.amount > 0])
        for drop in drops:
            sure = drop.name in significant
            failed = sure and drop.amount > most
            yield Gate(f"baseline {drop.name}{of}", not failed, drop.line(of, most, sure=sure))
        for name, value in lost:
            needless = name.endswith(".ece") and before.model != model.model.name
            line = f"{name}{of} has no value any more ({value:.4g} before)"
            if needless:
                line = f"{name}{of} has no value with this model ({value:.4g} with {before.model})"
            yield Gate(f"baseline {name}{of}", needless, line)


def require_kind(earlier: Sequence[Earlier], kind: Kind) -> None:
    """Raise UsageError when the baseline is of another kind of truth."""
    if earlier[0].kind != kind:
        raise UsageError(
            f"the baseline is of {earlier[0].kind}, and this truth of {kind}; name an evaluation "
            "of the same"
        )


def _others(model: Evaluated, before: Earlier, most: float, of: str) -> dict[str, Gate]:
    """Return the protocols that were asked by too much else to compare, with a gate that fails."""
    anew = f"make the baseline anew (up to --max-drop, {most:g} of them, may differ)"
    lost = f" ({model.missing:,} pictures are missing)" if model.missing else ""
    for noun, what, now, then in (
        ("truth", f"judgements of the truth{lost}", model.judgements, before.judgements),
        ("gallery", "pictures to find", model.items, before.items),
    ):
        if differing(now, then) > most:
            same, many = len(now & then), max(len(now), len(then))
            paths = "" if same or noun == "gallery" else "are its paths written as before? "
            gate = Gate(
                f"baseline {noun}{of}",
                False,
                f"only {same:,} of {many:,} {what}{of} are those of the baseline, and nothing but "
                f"the graph is compared; {paths}{anew}",
            )
            return {name: gate for name in before.results if name != "graph"}
    found = {}
    for result in model.results:
        earlier, name = before.results.get(result.name), result.name
        if earlier is None or name == "graph":
            continue
        fewer, more = sorted((earlier.gallery, result.gallery))
        if more - fewer > most * more:
            found[name] = Gate(
                f"baseline {name}{of}",
                False,
                f"{name}{of} had {earlier.gallery:,} items to find and has {result.gallery:,} now, "
                f"and is not compared; {anew}",
            )
    return found


def _significant(drops: Sequence[_Drop]) -> set[str]:
    """Return the names of those that are more than chance makes, by Holm's method."""
    adjusted = holm([drop.change.difference.p for drop in drops])
    return {drop.name for drop, p in zip(drops, adjusted, strict=True) if p <= SIGNIFICANT}


def depths_of(earlier: Sequence[Earlier]) -> set[int]:
    """Return each k that a metric of earlier evaluations has."""
    names = {
        metric for one in earlier for result in one.results.values() for metric in result.metrics
    }
    return {depth for name in names if (depth := depth_of(name))}


@dataclass(frozen=True, slots=True)
class _Drop:
    """How a metric differs from earlier."""

    name: str
    change: Change

    @property
    def amount(self) -> float:
        """How much worse it is; below zero where it is better."""
        sign = -1.0 if is_better_lower(self.name) else 1.0
        return recorded(sign * (self.change.before - self.change.now))

    def line(self, of: str, most: float, *, sure: bool) -> str:
        """Say how it differs, and how that was told; `sure`: it is more than chance makes."""
        one = self.change
        change = "is" if self.amount == 0 else "is worse by" if self.amount > 0 else "is better by"
        by = "as it was" if self.amount == 0 else f"{abs(self.amount):.4g}"
        over = ""
        if one.queries is None:
            over = ", by the intervals of both"
        elif not one.all_same:
            over = f", over the {one.queries:,} queries of both"
        if one.gallery_before != one.gallery:
            over += f", among {one.gallery_before:,} items before and {one.gallery:,} now"
        chance = "" if sure or self.amount <= most else ", which may be chance"
        return (
            f"{self.name}{of} {change} {by} ({one.before:.4g} before, {one.now:.4g} now{over}, "
            f"p {one.difference.p:.2g}){chance}; at most {most:g} is allowed"
        )
