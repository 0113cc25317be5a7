"""Evaluation -> one HTML file: figures with their intervals, charts, and the worst queries seen."""

from __future__ import annotations

import os
from string import Template
from typing import TYPE_CHECKING

from vsearch.output.page.write import as_text, page_file, page_text, part, require_page
from vsearch.output.report import charts, glossary, tiles
from vsearch.output.report.tables import (
    Cell,
    Column,
    count,
    figure,
    intervals,
    name,
    share,
    table,
)
from vsearch.output.terminal import count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vsearch.evaluation.results import (
        Came,
        ClassRow,
        Comparison,
        Estimate,
        Evaluated,
        Evaluation,
        Example,
        Gate,
        Latency,
        Result,
        Scores,
    )
    from vsearch.output.report.tiles import Tiles

NOUN = "report"
"""What messages call it."""

HEAT = 30
"""Classes up to which the confusion is shown whole; of more, the most frequent confusions."""

_CONFUSIONS = 40  # the most frequent ones that are listed
_WANTED = 4  # of what was wanted, for a query
_HEADLINES = ("recall@1", "map@r", "top1", "accuracy", "ndcg@10")  # the first there is
_LOG_FROM = 20  # times the least k, from which on the greatest one asks for a logarithm
_SURE = 0.05  # p-values below are called a difference
_PERCENTILES = (50, 95, 99)


def require_report(target: Path) -> None:
    """Look whether a report can be written to `target`; raises as `require_page`."""
    require_page(target, NOUN)


def write_evaluation(
    evaluation: Evaluation,
    target: Path,
    *,
    workers: int,
    pixel_limit: int,
    progress: Callable[[int, int], None],
) -> None:
    """Write a page that shows an evaluation to `target`, whole or not at all.

    It takes the place of an earlier report, of nothing else. `progress` is told how many pictures
    of how many are done; each is decoded once, in a process of its own. What cannot be decoded now
    has a tile without a picture.

    Raises UsageError when something else is there, and OSError that names `target`.
    """
    with page_file(target, NOUN) as file:
        shown = tiles.decoded(
            _paths(evaluation), os.path.dirname(os.path.realpath(target)),
            workers=workers, pixel_limit=pixel_limit, progress=progress,
        )  # fmt: skip
        file.write(evaluation_page(evaluation, shown))


def evaluation_page(evaluation: Evaluation, shown: Tiles) -> str:
    """Return the page, with the pictures that are `shown`."""
    protocols = _protocols(evaluation.models)
    timed = [(place, one) for place, one in enumerate(evaluation.models) if one.latency]
    title = f"Evaluation with {os.path.basename(evaluation.truth) or evaluation.truth}"
    links = [("overview", "Overview")]
    links += [(f"p{place}", _first(results).title) for place, results in enumerate(protocols)]
    links += [("latency", "Latency")] * bool(timed) + [("about", "How")]
    sections = [_protocol(f"p{place}", results, evaluation.models, shown)
                for place, results in enumerate(protocols)]  # fmt: skip
    if timed:
        sections.append(_latency(timed, evaluation.models))
    body = Template(part("report", "evaluation.html")).substitute(
        title=as_text(title),
        facts=_facts(evaluation),
        nav="".join(f'<a href="#{ident}">{as_text(text)}</a> ' for ident, text in links),
        overview=_overview(evaluation, protocols),
        sections="\n".join(sections),
        about=_about(evaluation, protocols),
    )
    style, script = part("report", "style.css"), part("report", "script.js")
    return page_text(NOUN, title, body, style=style, script=script)


# What there is


def _protocols(models: Sequence[Evaluated]) -> list[dict[int, Result]]:
    """Return for each protocol what each model (by its place) came to, in order of appearance."""
    found: dict[str, dict[int, Result]] = {}
    for place, model in enumerate(models):
        for result in model.results:
            found.setdefault(result.name, {})[place] = result
    return list(found.values())


def _first(results: Mapping[int, Result]) -> Result:
    return next(iter(results.values()))


def _metrics(results: Iterable[Result]) -> list[str]:
    return list(dict.fromkeys(metric for result in results for metric in result.metrics))


def _headline(metrics: Sequence[str]) -> str | None:
    return next((one for one in _HEADLINES if one in metrics), metrics[0] if metrics else None)


def _paths(evaluation: Evaluation) -> Iterator[str]:
    for model in evaluation.models:
        for result in model.results:
            for example in result.worst:
                if example.path is not None:
                    yield example.path
                yield from example.wanted[:_WANTED]
                yield from (came.path for came in example.came if came.path is not None)


# The top of the page


def _facts(evaluation: Evaluation) -> str:
    told = [count_of(evaluation.pictures, "picture"), f"{evaluation.kind} as the truth"]
    if evaluation.split is not None:
        told.append(f"split {evaluation.split}")
    told.append(count_of(len(evaluation.models), "model"))
    told.append(evaluation.created)
    return "".join(f"<span>{as_text(one)}</span>" for one in told)


def _overview(evaluation: Evaluation, protocols: Sequence[Mapping[int, Result]]) -> str:
    cards = "".join(
        _card(f"p{place}", results, evaluation.models) for place, results in enumerate(protocols)
    )
    return (
        _legend(evaluation.models)
        + (f'<div class="cards">{cards}</div>\n' if cards else "<p>Nothing was measured.</p>\n")
        + _gates(evaluation.gates)
        + _comparisons(evaluation.comparisons)
    )


def _legend(models: Sequence[Evaluated]) -> str:
    """Return which colour is whose; nothing for one model."""
    if len(models) < 2:
        return ""
    items = "".join(
        f"<li>{_swatch(place)}<bdi>{as_text(model.model.name)}</bdi></li>"
        for place, model in enumerate(models)
    )
    return f'<ul class="legend" aria-label="Models">{items}</ul>\n'


def _swatch(place: int) -> str:
    return (
        f'<svg class="swatch s{place % 6}" aria-hidden="true" focusable="false">'
        '<circle cx="50%" cy="50%" r="40%"/></svg>'
    )


def _card(ident: str, results: Mapping[int, Result], models: Sequence[Evaluated]) -> str:
    metric = _headline(_metrics(results.values()))
    rows = []
    for place, result in results.items():
        found = result.metrics.get(metric) if metric else None
        if found is None:
            continue
        whose = _swatch(place) if len(models) > 1 else ""
        alt = f' title="{as_text(models[place].model.name)}"' if len(models) > 1 else ""
        rows.append(
            f"<p{alt}>{whose}<b>{figure(found.value)}</b> <small>{_interval(found)}</small></p>"
        )
    about = as_text(metric or "no metrics")
    return (
        f'<a class="card" href="#{ident}"><h3>{as_text(_first(results).title)}</h3>'
        f"<span>{about}</span>{''.join(rows)}</a>"
    )


def _interval(found: Estimate) -> str:
    return f"{figure(found.low)} to {figure(found.high)}"


def _gates(gates: Sequence[Gate]) -> str:
    if not gates:
        return ""
    failed = sum(not gate.passed for gate in gates)
    said = f"{failed} of {len(gates)} failed" if failed else f"all {len(gates)} passed"
    items = "".join(
        f'<li class="{"right" if gate.passed else "wrong"}">'
        f'<b class="mark">{"✓ passed" if gate.passed else "✗ failed"}</b> '
        f"<code>{as_text(gate.requirement)}</code> <span>{as_text(gate.line)}</span></li>"
        for gate in gates
    )
    return f'<h3>Gates: {said}</h3><ul class="gates">{items}</ul>\n'


def _comparisons(comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return ""
    columns = [
        Column("metric"), Column("model"), Column("against"),
        Column("difference", figures=True, about="mean of the model less that of the other one"),
        Column("95 % interval", figures=True, about="paired bootstrap over the same queries"),
        Column("p", figures=True, about="how likely so great a difference is where there is none"),
        Column("so it is"),
    ]  # fmt: skip
    rows = [
        (
            name(one.metric), name(one.model), name(one.other),
            Cell(f"{one.difference:+.3f}", one.difference),
            Cell(f"{one.low:+.3f} to {one.high:+.3f}", one.low),
            Cell("&lt; 0.001" if one.p < 0.001 else f"{one.p:.3f}", one.p),
            Cell(_verdict(one)),
        )
        for one in comparisons
    ]  # fmt: skip
    return "<h3>Comparisons</h3>" + table(columns, rows, label="Comparisons")


def _verdict(one: Comparison) -> str:
    if not one.p < _SURE:
        return "no difference shown"
    return "higher" if one.difference > 0 else "lower"


# A protocol


def _protocol(
    ident: str, results: Mapping[int, Result], models: Sequence[Evaluated], shown: Tiles
) -> str:
    first = _first(results)
    told = [count_of(first.queries, "query", "queries"), f"{first.gallery:,} in the gallery"]
    if first.left_out:
        told.append(f"{first.left_out:,} left out: nothing in the gallery is relevant to them")
    figures = [_curve(ident, results, models)]
    figures += [_scores(f"{ident}-{place}", result, models[place] if len(models) > 1 else None)
                for place, result in results.items()]  # fmt: skip
    parts = [
        f'<section id="{ident}"><h2>{as_text(first.title)}</h2>',
        f'<p class="facts">{"".join(f"<span>{one}</span>" for one in told)}</p>',
        _metrics_table(results, models),
        _charts(figures),
    ]
    for place, result in results.items():
        inside = _classes(result.classes) + _confusion(result) + _worst(result, shown)
        if inside and len(models) > 1:
            opened = " open" if place == next(iter(results)) else ""
            inside = (
                f"<details{opened}><summary>{_swatch(place)}"
                f"<bdi>{as_text(models[place].model.name)}</bdi></summary>{inside}</details>"
            )
        parts.append(inside)
    return "\n".join([*parts, "</section>"])


def _charts(figures: Iterable[str]) -> str:
    inside = "".join(filter(None, figures))
    return f'<div class="charts">{inside}</div>' if inside else ""


def chart_figure(chart: str, caption: str) -> str:
    """Return a chart with a caption (text) above it, for a page."""
    return f"<figure><figcaption>{as_text(caption)}</figcaption>{chart}</figure>\n"


def _metrics_table(results: Mapping[int, Result], models: Sequence[Evaluated]) -> str:
    metrics = _metrics(results.values())
    if not metrics:
        return "<p>There was nothing to be measured.</p>"
    columns = [Column("metric")]
    for place in results:
        whose = models[place].model.name if len(models) > 1 else "value"
        columns.append(Column(whose, figures=True, about="the mean, and its 95 % interval"))
    columns += [Column("0 to 1", sorts=False), Column("queries", figures=True)]
    rows = []
    for metric in metrics:
        found = [result.metrics.get(metric) for result in results.values()]
        about = as_text(glossary.meaning(metric))
        row = [
            Cell(f'<abbr title="{about}">{as_text(metric)}</abbr>' if about else as_text(metric))
        ]
        row += [
            Cell(f"<b>{figure(one.value)}</b> <small>{_interval(one)}</small>", one.value)
            if one else Cell("–", -1)
            for one in found
        ]  # fmt: skip
        there = [one for one in found if one]
        nan = float("nan")
        plotted = [(one.value, one.low, one.high) if one else (nan, nan, nan) for one in found]
        row += [Cell(intervals(plotted)), count(max((one.n for one in there), default=0))]
        rows.append(row)
    return table(columns, rows, label="Metrics")


def _curve(ident: str, results: Mapping[int, Result], models: Sequence[Evaluated]) -> str:
    series = [
        charts.Line(models[place].model.name, result.curve, place)
        for place, result in results.items() if result.curve
    ]  # fmt: skip
    if not series:
        return ""
    ks = [k for one in series for k, _ in one.points]
    title = "Recall by how many are looked at"
    chart = charts.lines(
        f"{ident}-curve", title, series, x="k", y="recall@k",
        log=max(ks) >= _LOG_FROM * min(ks), unit=True,
    )  # fmt: skip
    return chart_figure(chart, title)


def _scores(ident: str, result: Result, model: Evaluated | None) -> str:
    """Return the chart of one model's cosines; `model` is named where there are several."""
    if result.scores is None or not (result.scores.matching.sum() or result.scores.others.sum()):
        return ""
    title = "Cosines of pairs that match, and of others"
    if model:
        title += f": {model.model.name}"
    cutoff = result.scores.cutoff
    chart = charts.histogram(
        f"{ident}-scores", title, score_bins(result.scores), x="cosine", y="density",
        marks=[charts.Mark(f"cut-off {cutoff:.3f}", cutoff)] if cutoff is not None else [],
    )  # fmt: skip
    return chart_figure(chart, title)


def score_bins(scores: Scores) -> list[charts.Bins]:
    """Return the histograms of the pairs that match and of others, each with an area of 1."""
    edges = scores.edges.tolist()
    return [
        charts.Bins(what, edges, charts.densities(edges, counts.tolist()))
        for what, counts in (("matching", scores.matching), ("others", scores.others))
        if counts.sum()
    ]


def _classes(classes: Sequence[ClassRow]) -> str:
    if not classes:
        return ""
    columns = [
        Column("class"), Column("pictures", figures=True),
        Column("precision", figures=True, about="of what was called this class, the share that is"),
        Column("recall", figures=True, about="of what is this class, the share that was called so"),
        Column("F1", figures=True, about="the harmonic mean of precision and recall"),
    ]  # fmt: skip
    rows = (
        (
            name(one.label),
            count(one.support),
            share(one.precision),
            share(one.recall),
            share(one.f1),
        )
        for one in classes
    )
    return "<h4>Classes</h4>" + table(columns, rows, label="Classes")


def _confusion(result: Result) -> str:
    if not result.confusion:
        return ""
    named = [one.label for one in result.classes]
    found = [label for pair in result.confusion for label in pair]
    labels = list(dict.fromkeys([*named, *sorted(found)]))
    supports = dict.fromkeys(labels, 0)
    for (true, _), pictures in result.confusion.items():
        supports[true] += pictures
    if len(labels) <= HEAT:
        return "<h4>Confusion</h4>" + _heat(result.confusion, labels, supports)
    wrong = sorted(
        (-pictures, true, predicted)
        for (true, predicted), pictures in result.confusion.items()
        if true != predicted and pictures
    )
    columns = [
        Column("is"), Column("was taken for"), Column("pictures", figures=True),
        Column("of its class", figures=True),
    ]  # fmt: skip
    rows = (
        (name(true), name(predicted), count(-pictures), share(-pictures / supports[true]))
        for pictures, true, predicted in wrong[:_CONFUSIONS]
    )
    return "<h4>Most frequent confusions</h4>" + table(columns, rows, label="Confusions")


def _heat(
    confusion: Mapping[tuple[str, str], int], labels: Sequence[str], supports: Mapping[str, int]
) -> str:
    """Return a table of true by predicted classes; the darker, the larger a share of the true one."""
    head = "".join(f'<th scope="col"><bdi>{as_text(label)}</bdi></th>' for label in labels)
    lines = [
        '<div class="scroll heat" role="region" aria-label="Confusion" tabindex="0"><table>'
        "<caption>Rows: what a picture is. Columns: what it was taken for. "
        "The darker, the larger the share of the row.</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>"
    ]
    for true in labels:
        cells = []
        for predicted in labels:
            pictures = confusion.get((true, predicted), 0)
            level = -(-8 * pictures // supports[true]) if pictures else 0  # eighths, rounded up
            kind = "right" if true == predicted else "wrong"
            cells.append(f'<td class="{kind} h{level}">{pictures if pictures else ""}</td>')
        lines.append(f'<tr><th scope="row"><bdi>{as_text(true)}</bdi></th>{"".join(cells)}</tr>')
    lines.append("</tbody></table></div>\n")
    return "\n".join(lines)


def _worst(result: Result, shown: Tiles) -> str:
    if not result.worst:
        return ""
    items = "".join(_example(example, shown) for example in result.worst)
    return f'<h4>The worst queries</h4>\n<ol class="examples">\n{items}</ol>\n'


def _example(example: Example, shown: Tiles) -> str:
    label = f"<b>{as_text(example.label)}</b>" if example.label is not None else ""
    told = f"first relevant at rank {example.rank:.10g}, value {figure(example.value)}"
    words = ""
    asked = []
    if example.words is not None:
        words = f'<q dir="auto">{as_text(example.words)}</q>'
    if example.path is not None:
        asked.append(shown.tile(example.path, label, kind="query"))
    elif label:
        words += f" {label}"
    wanted = [shown.tile(path) for path in example.wanted[:_WANTED]]
    wanted += [tiles.words_tile(text) for text in example.wanted_words[:_WANTED]]
    return (
        f'<li class="example"><p>{words} <small>{told}</small></p><div class="rows">'
        + tiles.row(asked, "Query")
        + tiles.row(wanted, "Wanted")
        + tiles.row((_came(came, shown) for came in example.came), "What came, the best first")
        + "</div></li>\n"
    )


def _came(came: Came, shown: Tiles) -> str:
    mark = '<b class="mark">✓ right</b>' if came.right else '<b class="mark">✗ wrong</b>'
    notes = [f"{mark} {came.score:.3f}", as_text(came.label) if came.label is not None else ""]
    kind = "right" if came.right else "wrong"
    if came.path is not None:
        return shown.tile(came.path, *notes, kind=kind)
    return tiles.words_tile(came.words or "", *notes, kind=kind)


# Latency


def _latency(timed: Sequence[tuple[int, Evaluated]], models: Sequence[Evaluated]) -> str:
    columns = [Column("model"), Column("queries"), Column("timed", figures=True)]
    columns += [Column(f"p{one} ms", figures=True,
                       about=f"{one} % of the queries are answered within")
                for one in _PERCENTILES]  # fmt: skip
    columns.append(Column("a second", figures=True, about="queries of many at once"))
    rows, figures = [], []
    for place, model in timed:
        latency = model.latency
        if latency is None:  # for the type only: `timed` has none
            continue
        rows += _latency_rows(model.model.name, latency)
        for what, values in (("warm", latency.warm), ("cold", latency.cold)):
            if len(values) >= 2:
                title = f"Milliseconds of a {what} query"
                if len(models) > 1:
                    title += f": {model.model.name}"
                edges, counts = charts.binned(values)
                marks = [charts.Mark(f"p{one} {value:.3g}", value)
                         for one, value in zip(_PERCENTILES, percentiles(values), strict=True)]  # fmt: skip
                chart = charts.histogram(
                    f"latency-{place}-{what}", title, [charts.Bins(what, edges, counts)],
                    x="ms", y="queries", marks=marks,
                )  # fmt: skip
                figures.append(chart_figure(chart, title))
    return (
        '<section id="latency"><h2>Latency on this machine</h2>\n'
        "<p>Cold: a whole process of <code>vsearch search</code>. Warm: a query to a process that "
        "has model and index open.</p>\n"
        + table(columns, rows, label="Latency") + _charts(figures) + "</section>"
    )  # fmt: skip


def _latency_rows(model: str, latency: Latency) -> Iterator[list[Cell]]:
    for what, values in (("cold", latency.cold), ("warm", latency.warm)):
        times = [Cell(f"{value:,.1f}", value) for value in percentiles(values)]
        at_once = Cell(f"{latency.throughput:,.0f}", latency.throughput)
        yield [name(model), Cell(what), count(len(values)), *(times or [Cell("–", -1)] * 3),
               at_once if what == "warm" else Cell("–", -1)]  # fmt: skip


def percentiles(values: Sequence[float]) -> list[float]:
    """Return the 50th, 95th and 99th percentile, between two values in proportion; [] of none."""
    import numpy as np

    return [float(one) for one in np.percentile(values, _PERCENTILES)] if values else []


# How


def _about(evaluation: Evaluation, protocols: Sequence[Mapping[int, Result]]) -> str:
    models = (
        (name(one.model.name), name(one.vector_set), count(one.model.dim),
         Cell(f"<code>{as_text(one.model.weights[:12])}</code>"),
         Cell(f"<code>{as_text(one.model.preprocessing[:12])}</code>"))
        for one in evaluation.models
    )  # fmt: skip
    columns = [Column("model"), Column("set"), Column("dim", figures=True), Column("weights"),
               Column("preprocessing")]  # fmt: skip
    machine = "".join(
        f"<dt>{as_text(str(key))}</dt><dd>{as_text(str(value))}</dd>"
        for key, value in evaluation.machine.items()
    )
    metrics = _metrics(result for results in protocols for result in results.values())
    known = [(metric, glossary.meaning(metric)) for metric in metrics]
    meanings = "".join(
        f"<dt>{as_text(metric)}</dt><dd>{as_text(text)}</dd>" for metric, text in known if text
    )
    return (
        f"<p>Truth: <code>{as_text(evaluation.truth)}</code></p>\n"
        + table(columns, models, label="Models")
        + (f"<h3>Metrics</h3><p>Each is the mean over queries, with a 95 % interval by bootstrap "
           f"over them; items of equal cosine count as the mean over all their orders.</p>"
           f"<dl>{meanings}</dl>\n" if meanings else "")
        + (f"<h3>Machine</h3><dl>{machine}</dl>\n" if machine else "")
    )  # fmt: skip
