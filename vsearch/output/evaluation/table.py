"""An evaluation on the terminal: a table for each protocol, a column for each model."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Literal

from vsearch.evaluation.comparison import asked_the_same, is_better_lower
from vsearch.evaluation.record import as_json, latency_metrics
from vsearch.evaluation.significance import SIGNIFICANT
from vsearch.output.terminal import console, count_of, in_columns, is_terminal, printable, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from vsearch.evaluation.results import Comparison, Estimate, Evaluated, Evaluation

Form = Literal["table", "lines", "json"]
HOLM = "p (Holm)"
"""What a column of p-values is called that are adjusted for all of them."""
_UNSURE = "unsure"
_METRIC, _GAP = 18, 3  # columns of a terminal, for a metric's name and between columns


def form_of(*, as_json: bool) -> Form:
    """Return the form: JSON where it was asked for, a table on a terminal, else lines."""
    return "json" if as_json else "table" if is_terminal(sys.stdout) else "lines"


def print_evaluation(evaluation: Evaluation, form: Form) -> None:
    """Print it on stdout: as one JSON object, tables, or a line for each metric of each model.

    A line holds model, metric, value, and the ends of its interval, separated by tabs.
    """
    if form == "json":
        print(json.dumps(as_json(evaluation), ensure_ascii=True))
    elif form == "lines":
        for line in _lines(evaluation):
            print("\t".join(in_columns(cell) for cell in line))
    else:
        _print_tables(evaluation)


def say_missing(evaluation: Evaluation) -> None:
    """Say on stderr how many pictures of the truth were not there, if any, and graphs.

    And which models are not compared.
    """
    if evaluation.missing:
        say(f"vsearch: {missing(evaluation)}")
    for line in not_compared(evaluation):
        say(f"vsearch: {line}")
    for model in evaluation.models:
        if model.no_graph:
            say(
                f"vsearch: the graph is not evaluated: {model.no_graph}; `vsearch index` makes it "
                "anew"
            )


def say_beside(paths: Sequence[str]) -> None:
    """Say on stderr that these pictures, at least one, lie beside the class folders of a truth."""
    pictures = count_of(len(paths), "picture")
    say(f"{pictures} in no class folder, left out, as {paths[0]}")


def missing(evaluation: Evaluation) -> str:
    """Say how many pictures of the truth are not there: "99 of 100 pictures are not there ..."."""
    what = "count as never found" if evaluation.kind == "queries" else "are left out"
    return (
        f"{evaluation.missing:,} of {count_of(evaluation.pictures, 'picture')} are not there, or "
        f"cannot be used, and {what}"
    )


def not_compared(evaluation: Evaluation) -> list[str]:
    """Say of each model that is not compared with the first why it is not."""
    models = evaluation.models
    names = [printable(model.model.name) for model in models]
    return [
        f"{name} is not compared with {names[0]}, since they had other pictures to find; bring the "
        "index up to date with `vsearch index`, or `vsearch forget` what is gone"
        for name, one in zip(names[1:], models[1:], strict=True)
        if not asked_the_same(one, models[0])
    ]


def say_gates(evaluation: Evaluation) -> None:
    """Say on stderr which gates failed, a line each."""
    for gate in evaluation.gates:
        if not gate.passed:
            say(f"failed: {gate.line}")


def _lines(evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    for model in evaluation.models:
        for result in model.results:
            for name, one in result.metrics.items():
                figures = (_plain(one.value), _plain(one.low), _plain(one.high))
                yield model.model.name, f"{result.name}.{name}", *figures
        for name, value in _latency(model).items():
            yield model.model.name, name, _plain(value), "", ""


def _plain(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"


def _latency(model: Evaluated) -> dict[str, float]:
    return latency_metrics(model.latency) if model.latency else {}


def _print_tables(evaluation: Evaluation) -> None:
    from rich.text import Text

    out = console()
    names = [model.model.name for model in evaluation.models]
    split = f", split {printable(evaluation.split)}" if evaluation.split else ""
    out.print(
        Text(f"{count_of(evaluation.pictures, 'picture')} of {printable(evaluation.truth)}{split}")
    )
    protocols = list(
        dict.fromkeys(result.name for model in evaluation.models for result in model.results)
    )
    for protocol in protocols:
        results = {
            model.model.name: result
            for model in evaluation.models
            for result in model.results
            if result.name == protocol
        }
        one = next(iter(results.values()))
        left = f", {count_of(one.left_out, 'query', 'queries')} without" if one.left_out else ""
        rows = []
        for metric in dict.fromkeys(name for result in results.values() for name in result.metrics):
            found = [
                results[name].metrics.get(metric) if name in results else None for name in names
            ]
            rows.append((metric, [(_value(metric, one), _interval(metric, one)) for one in found]))
        out.print()
        out.print(Text.assemble((protocol, "bold"), f"  {one.title}"))
        asked = count_of(one.queries, "query", "queries")
        out.print(Text(f"{asked}{left}, {count_of(one.gallery, 'item')} to find", style="dim"))
        out.print(*_tables(names, rows, out.width), sep="\n")
    if any(model.latency for model in evaluation.models):
        latencies = [_latency(model) for model in evaluation.models]
        rows = [
            (metric, [(f"{one[metric]:.1f}" if metric in one else "", "") for one in latencies])
            for metric in dict.fromkeys(name for told in latencies for name in told)
        ]
        out.print()
        out.print(Text.assemble(("latency", "bold"), "  of one query, on this machine"))
        out.print(*_tables(names, rows, out.width), sep="\n")
    for name in names[1:]:
        if told := [one for one in evaluation.comparisons if one.model == name]:
            out.print()
            against = f"{printable(name)} against {printable(names[0])}"
            out.print(Text.assemble((against, "bold"), f"  {_UNSURE}: it may be chance"))
            out.print(_comparisons(told))
    passed = sum(gate.passed for gate in evaluation.gates)
    if evaluation.gates:
        out.print()
        out.print(Text(f"{passed} of {count_of(len(evaluation.gates), 'gate')} passed"))


def _tables(
    names: Sequence[str], rows: Sequence[tuple[str, Sequence[tuple[str, str]]]], width: int
) -> Iterator[Table]:
    """Yield a table of metrics with the value of each model, and its interval where there is room.

    Where there is none for all values beside each other, several, each of some of the models.
    """
    from rich.cells import cell_len

    shown = [printable(name) for name in names] if len(names) > 1 else [""]  # no need to say it
    metric = max(_METRIC, *(len(name) for name, _ in rows))
    values, intervals = (
        [
            max((len(cells[place][part]) for _, cells in rows), default=0)
            for place in range(len(names))
        ]
        for part in (0, 1)
    )
    widths = [max(cell_len(name), one) + _GAP for name, one in zip(shown, values, strict=True)]
    wide = any(intervals) and metric + sum(widths) + sum(intervals) + _GAP * len(names) <= width
    first = 0
    while first < len(names):
        end = first + 1
        while end < len(names) and (wide or metric + sum(widths[first : end + 1]) <= width):
            end += 1
        yield _table(shown[first:end], [(one, cells[first:end]) for one, cells in rows], wide=wide)
        first = end


def _table(
    names: Sequence[str], rows: Sequence[tuple[str, Sequence[tuple[str, str]]]], *, wide: bool
) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_header=any(names))
    table.add_column("", min_width=_METRIC)
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
        if wide:
            table.add_column("", style="dim", no_wrap=True)
    for metric, cells in rows:
        table.add_row(metric, *(text for cell in cells for text in (cell if wide else cell[:1])))
    return table


def _value(metric: str, found: Estimate | None) -> str:
    if found is None or math.isnan(found.value):
        return "-"
    return f"{found.value:.1f}" if metric.endswith("rank") else f"{found.value:.3f}"


def _interval(metric: str, found: Estimate | None) -> str:
    if found is None or math.isnan(found.low) or math.isnan(found.high):
        return ""
    digits = 1 if metric.endswith("rank") else 3
    return f"{found.low:.{digits}f} to {found.high:.{digits}f}"


def _comparisons(comparisons: Sequence[Comparison]) -> Table:
    """Return a table of how a model differs from the first, and whether that may be chance.

    It fits into 80 columns with the longest of metrics.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for title in ("", "change", "95 % interval", HOLM, ""):
        right = title in ("change", HOLM)
        table.add_column(title, justify="right" if right else "left", no_wrap=True)
    for one in comparisons:
        better = (one.difference < 0) == is_better_lower(one.metric)
        table.add_row(
            one.metric,
            f"{one.difference:+.3f}",
            f"{one.low:+.3f} to {one.high:+.3f}",
            f"{one.p_holm:.2g}",
            _UNSURE if one.p_holm > SIGNIFICANT else "better" if better else "worse",
        )
    return table
