"""How long queries take -> a section of the report of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.evaluation.latency import percentiles
from vsearch.output.report import charts
from vsearch.output.report.outline import figure_of, figures
from vsearch.output.report.tables import Cell, Column, count, name, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsearch.evaluation.results import Evaluated, Latency

_PERCENTILES = (50, 95, 99)


def latency_html(models: Sequence[Evaluated]) -> str:
    """Return a table of percentiles, and how the times are distributed, of the models timed."""
    columns = [
        Column("model"),
        Column("queries"),
        Column("timed", figures=True),
        *(
            Column(f"p{one} ms", figures=True, about=f"{one} % of them are answered within")
            for one in _PERCENTILES
        ),
        Column("a second", figures=True, about="queries of many at once"),
    ]
    timed = [(place, model, model.latency) for place, model in enumerate(models) if model.latency]
    rows = [row for _, model, latency in timed for row in _rows(model.model.name, latency)]
    drawn = (
        _histogram(f"latency-{place}-{what}", what, times, model if len(models) > 1 else None)
        for place, model, latency in timed
        for what, times in (("warm", latency.warm), ("cold", latency.cold))
        if len(times) > 1
    )
    return (
        "<p>Cold: a whole process of <code>vsearch search</code>. Warm: a query to a process that "
        "has model and index open.</p>\n" + table(columns, rows, label="Latency") + figures(drawn)
    )


def _rows(model: str, latency: Latency) -> Iterator[list[Cell]]:
    for what, times in (("cold", latency.cold), ("warm", latency.warm)):
        found = [Cell(f"{one:,.1f}", one) for one in _percentiles(times)]
        at_once = Cell("–", -1)
        if what == "warm":
            at_once = Cell(f"{latency.throughput:,.0f}", latency.throughput)
        none = [Cell("–", -1)] * len(_PERCENTILES)
        yield [name(model), Cell(what), count(len(times)), *(found or none), at_once]


def _histogram(ident: str, what: str, times: Sequence[float], model: Evaluated | None) -> str:
    """Return the chart of some times; `model` is named where there are several."""
    title = f"Milliseconds of a {what} query"
    if model:
        title += f": {model.model.name}"
    marks = [
        charts.Mark(f"p{share} {charts.few_digits(one)}", one)
        for share, one in zip(_PERCENTILES, _percentiles(times), strict=True)
    ]
    bins = charts.Bins(what, *charts.binned(times))
    return figure_of(
        charts.histogram(ident, title, [bins], x="ms", y="queries", marks=marks), title
    )


def _percentiles(times: Sequence[float]) -> tuple[float, ...]:
    """Return those of `_PERCENTILES`; none of none."""
    if not times:
        return ()
    found = percentiles(times)
    return found.p50, found.p95, found.p99
