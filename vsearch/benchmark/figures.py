"""What a benchmark comes to: figures with their spread, and the facts they hold for."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from vsearch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_LONGEST = 10_000_000  # bytes of a file of figures


class Samples(NamedTuple):
    """Runs of one thing, as measured. `group` and `title` say in words what `name` stands for.

    `name` is "decode.jpeg_12mp": the same in every version that measures the same.
    """

    name: str
    group: str
    title: str
    unit: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of `n` runs in `unit`, and the 5th and 95th percentile as their spread.

    Percentiles as `evaluation.latency.percentiles` has them. Of few runs they are nearly the least
    and the largest; of one, all three are that one.
    """

    name: str
    group: str
    title: str
    unit: str
    median: float
    p5: float
    p95: float
    n: int

    def apart(self, other: Figure) -> bool:
        """Whether the spreads do not touch, so that the difference is hardly one of noise."""
        return self.n > 1 and other.n > 1 and (self.p5 > other.p95 or other.p5 > self.p95)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """All of it. `created` is ISO 8601 with an offset, `machine` what `vsearch.machine` tells.

    `quick`: with fewer runs. `model` is what embedded, `device` where its image tower ran.
    """

    created: str
    quick: bool
    model: str
    device: str
    machine: Mapping[str, str | int | float]
    figures: tuple[Figure, ...]

    def differences(self, other: Benchmark) -> Iterator[tuple[str, str, str]]:
        """Yield (fact, here, there) for each that is not the same, "-" where one lacks it."""
        facts = [
            {"model": one.model, "device": one.device}
            | {name: str(value) for name, value in one.machine.items()}
            | {"runs": "fewer (--quick)" if one.quick else "all"}
            for one in (self, other)
        ]
        mine, others = facts
        for name in dict.fromkeys([*mine, *others]):
            here, there = mine.get(name, "-"), others.get(name, "-")
            if here != there:
                yield name, here, there


def summarised(runs: Iterable[Samples]) -> list[Figure]:
    """Return a figure for each name, of the values of all runs of it, in the order they come."""
    told: dict[str, Samples] = {}
    values: dict[str, list[float]] = {}
    for one in runs:
        told.setdefault(one.name, one)
        values.setdefault(one.name, []).extend(one.values)
    return [
        Figure(name, one.group, one.title, one.unit, *_spread(values[name]), len(values[name]))
        for name, one in told.items()
        if values[name]
    ]


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, the 5th and the 95th percentile, interpolated linearly."""
    ordered = sorted(values)

    def percentile(share: float) -> float:
        # Not statistics.quantiles, which rounds so that of equal values one may exceed the other,
        # nor numpy, whose memory would count in the peak of a process that is started from here.
        place = (len(ordered) - 1) * share
        low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
        return min(low + (high - low) * (place % 1), high)

    return percentile(0.5), percentile(0.05), percentile(0.95)


def read(path: Path) -> Benchmark:
    """Read what `vsearch bench --json` printed. Raises UsageError for what is nothing like it."""
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST)
    except OSError as error:
        raise UsageError(
            f"the figures cannot be read ({error.strerror}), from {str(path)!r}; name a file that "
            "`vsearch bench --json` has written"
        ) from error
    try:
        return _benchmark(json.loads(content))
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise UsageError(
            f"no figures of a benchmark, in {str(path)!r}; name a file that `vsearch bench --json` "
            "has written"
        ) from error


def _benchmark(told: Any) -> Benchmark:  # noqa: ANN401  # whatever JSON holds
    """Take it from JSON; what a later vsearch adds is left alone. Raises ValueError and others."""
    figures = []
    for one in told["figures"]:
        name, group, title, unit = (_text(one[key]) for key in ("name", "group", "title", "unit"))
        median, p5, p95 = (float(one[key]) for key in ("median", "p5", "p95"))
        if not all(map(math.isfinite, (median, p5, p95))):
            raise ValueError("no number")
        figures.append(Figure(name, group, title, unit, median, p5, p95, int(one["n"])))
    machine = {
        _text(name): value
        for name, value in told["machine"].items()
        if isinstance(value, str | int | float)
    }
    model, device = _text(told["model"]), _text(told["device"])
    return Benchmark(
        _text(told["created"]), told["quick"] is True, model, device, machine, tuple(figures)
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
