"""What the models came to by one protocol -> a section of the report of an evaluation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vsearch.output.page.write import as_text
from vsearch.output.report import charts, glossary, tiles
from vsearch.output.report.outline import figure_of, figures, spans
from vsearch.output.report.tables import (
    Cell,
    Column,
    count,
    figure,
    interval,
    intervals,
    name,
    share,
    swatch,
    table,
)
from vsearch.output.terminal import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vsearch.evaluation.results import Came, ClassRow, Evaluated, Example, Result, Scores
    from vsearch.output.report.tiles import Tiles

HEAT = 30
"""Classes up to which the confusion is shown whole; of more, the most frequent confusions."""

_CONFUSIONS = 40  # the most frequent ones that are listed
_WANTED = 4  # of what was wanted, for a query
_LEAST_BINS, _MOST_BINS = 20, 60  # of cosines
_LOG_FROM = 20  # times the least k, from which on the greatest one asks for a logarithm


def metric_names(results: Iterable[Result]) -> list[str]:
    """Return the metrics that any of the results has, in order of appearance."""
    return list(dict.fromkeys(metric for result in results for metric in result.metrics))


def pictures_of(results: Iterable[Result]) -> Iterator[str]:
    """Yield the paths of all pictures that are shown, some several times."""
    for example in (example for result in results for example in result.worst):
        if example.path is not None:
            yield example.path
        yield from example.wanted[:_WANTED]
        yield from (came.path for came in example.came if came.path is not None)


def protocol_html(
    ident: str, results: Mapping[int, Result], models: Sequence[Evaluated], shown: Tiles
) -> str:
    """Return the section: metrics, charts, classes, confusion, worst queries.

    `results` are those of the models, by their place; `ident` tells the section's charts from
    others.
    """
    first = next(iter(results.values()))
    told = [count_of(first.queries, "query", "queries"), f"{first.gallery:,} in the gallery"]
    if first.left_out:
        told.append(f"{first.left_out:,} left out: nothing in the gallery is relevant to them")
    drawn = [_curve(ident, results, models)]
    drawn += [
        _scores(f"{ident}-{place}", result, models[place] if len(models) > 1 else None)
        for place, result in results.items()
    ]
    parts = [f'<p class="facts">{spans(told)}</p>\n', _metrics(results, models), figures(drawn)]
    for place, result in results.items():
        inside = _classes(result.classes) + _confusion(result) + _worst(result, shown)
        if inside and len(models) > 1:
            opened = " open" if result is first else ""
            inside = (
                f"<details{opened}><summary>{swatch(place)}"
                f"<bdi>{as_text(models[place].model.name)}</bdi></summary>\n{inside}</details>\n"
            )
        parts.append(inside)
    return "".join(parts)


def _metrics(results: Mapping[int, Result], models: Sequence[Evaluated]) -> str:
    metrics = metric_names(results.values())
    if not metrics:
        return "<p>There was nothing to be measured.</p>\n"
    about = "the mean, and its 95 % interval"
    columns = [
        Column("metric"),
        *(
            Column(models[place].model.name if len(models) > 1 else "value", True, about)
            for place in results
        ),
        Column("0 to 1", sorts=False),
        Column("n", figures=True, about="queries; pairs of pictures for roc_auc, tar and eer"),
    ]
    rows = []
    for metric in metrics:
        found = [result.metrics.get(metric) for result in results.values()]
        plotted = [(one.value, one.low, one.high) if one else None for one in found]
        drawn = "" if metric.endswith("rank") else intervals(plotted)  # those begin with 1
        means = [
            Cell(f"<b>{figure(one.value)}</b> <small>{interval(one.low, one.high)}</small>",
                 one.value)
            if one else Cell("–", -1)
            for one in found
        ]  # fmt: skip
        queries = count(max(one.n for one in found if one))
        rows.append([_metric(metric), *means, Cell(drawn), queries])
    return table(columns, rows, label="Metrics")


def _metric(metric: str) -> Cell:
    shown, about = as_text(metric), as_text(glossary.meaning(metric))
    return Cell(f'<abbr title="{about}">{shown}</abbr>' if about else shown)


def _curve(ident: str, results: Mapping[int, Result], models: Sequence[Evaluated]) -> str:
    series = [
        charts.Line(models[place].model.name, result.curve, place)
        for place, result in results.items()
        if result.curve
    ]
    if not series:
        return ""
    ks = [k for one in series for k, _ in one.points]
    first = next(result for result in results.values() if result.curve)
    what = first.curve_of.replace("_", " ")
    title = f"{what.capitalize()} by how many are looked at"
    log = max(ks) >= _LOG_FROM * min(ks)
    return figure_of(
        charts.lines(f"{ident}-curve", title, series, x="k", y=f"{what}@k", log=log, unit=True),
        title,
    )


def _scores(ident: str, result: Result, model: Evaluated | None) -> str:
    """Return the chart of one model's cosines; `model` is named where there are several."""
    bins = score_bins(result.scores) if result.scores else []
    if not result.scores or not bins:
        return ""
    title = "Cosines of pairs that match, and of others"
    if model:
        title += f": {model.model.name}"
    cutoff = result.scores.cutoff
    marks = [] if cutoff is None else [charts.Mark(f"cut-off {cutoff:.3f}", cutoff)]
    return figure_of(
        charts.histogram(f"{ident}-scores", title, bins, x="cosine", y="density", marks=marks),
        title,
    )


def score_bins(scores: Scores) -> list[charts.Bins]:
    """Return the histograms of the pairs that match and of others, each with an area of 1.

    The bins are joined to be about as many as the smaller group bears (the Rice rule, 2 n^(1/3)).
    """
    groups = [("matching", scores.matching), ("others", scores.others)]
    groups = [(name, counts) for name, counts in groups if counts.sum()]
    if not groups:
        return []
    fewest = min(int(counts.sum()) for _, counts in groups)
    wanted = min(_MOST_BINS, max(_LEAST_BINS, 2 * fewest ** (1 / 3)))
    step = math.ceil(len(scores.edges[1:]) / wanted)
    edges = [*scores.edges[:-1:step].tolist(), float(scores.edges[-1])]
    return [
        charts.Bins(name, edges, charts.densities(edges, [
            int(counts[at : at + step].sum()) for at in range(0, len(counts), step)
        ]))
        for name, counts in groups
    ]  # fmt: skip


def _classes(classes: Sequence[ClassRow]) -> str:
    if not classes:
        return ""
    columns = [
        Column("class"),
        Column("pictures", figures=True),
        Column("precision", True, "of what was called this class, the share that is"),
        Column("recall", True, "of what is this class, the share that was called so"),
        Column("F1", True, "the harmonic mean of precision and recall"),
    ]
    rows = (
        (name(one.label), count(one.support), *map(share, (one.precision, one.recall, one.f1)))
        for one in classes
    )
    return "<h3>Classes</h3>\n" + table(columns, rows, label="Classes")


def _confusion(result: Result) -> str:
    if not result.confusion:
        return ""
    named = [one.label for one in result.classes]
    found = sorted({label for pair in result.confusion for label in pair})
    labels = list(dict.fromkeys([*named, *found]))
    supports = dict.fromkeys(labels, 0)
    for (true, _), pictures in result.confusion.items():
        supports[true] += pictures
    if len(labels) <= HEAT:
        return "<h3>Confusion</h3>\n" + _heat(result.confusion, labels, supports)
    columns = [
        Column("is"),
        Column("was taken for"),
        Column("pictures", figures=True),
        Column("of its class", figures=True),
    ]
    rows = (
        (name(true), name(predicted), count(pictures), share(pictures / supports[true]))
        for true, predicted, pictures in confusions(result.confusion)[:_CONFUSIONS]
    )
    return "<h3>Most frequent confusions</h3>\n" + table(columns, rows, label="Confusions")


def confusions(confusion: Mapping[tuple[str, str], int]) -> list[tuple[str, str, int]]:
    """Return what was taken for another class: true, predicted, pictures; most frequent first."""
    wrong = [(*pair, pictures) for pair, pictures in confusion.items() if pictures]
    return sorted(
        (one for one in wrong if one[0] != one[1]), key=lambda one: (-one[2], one[0], one[1])
    )


def _heat(
    confusion: Mapping[tuple[str, str], int], labels: Sequence[str], supports: Mapping[str, int]
) -> str:
    """Return a table of true by predicted classes; the stronger, the larger a share of the row."""
    head = "".join(f'<th scope="col"><bdi>{as_text(label)}</bdi></th>' for label in labels)
    rows = []
    for true in labels:
        cells = []
        for predicted in labels:
            pictures = confusion.get((true, predicted), 0)
            level = -(-8 * pictures // supports[true]) if pictures else 0  # eighths, rounded up
            kind = "right" if true == predicted else "wrong"
            cells.append(f'<td class="{kind} h{level}">{pictures or ""}</td>')
        rows.append(f'<tr><th scope="row"><bdi>{as_text(true)}</bdi></th>{"".join(cells)}</tr>\n')
    return (
        "<p>Rows: what a picture is. Columns: what it was taken for. "
        "The stronger the colour, the larger the share of the row.</p>\n"
        '<div class="scroll heat" role="region" aria-label="Confusion" tabindex="0"><table>'
        f"<thead><tr><td></td>{head}</tr></thead>\n<tbody>{''.join(rows)}</tbody></table></div>\n"
    )


def _worst(result: Result, shown: Tiles) -> str:
    return tiles.examples(
        "The worst queries", (_example(one, result, shown) for one in result.worst)
    )


def _example(example: Example, result: Result, shown: Tiles) -> str:
    label = f"<b>{as_text(example.label)}</b>" if example.label is not None else ""
    heading = [] if example.words is None else [f'<q dir="auto">{as_text(example.words)}</q>']
    if example.path is None:
        heading.append(label)
    came = (
        f"the first that is relevant came at rank {example.rank:.10g}"
        if math.isfinite(example.rank)
        else "nothing that is relevant came"
    )
    heading.append(f"<small>{came}; {as_text(result.worst_by)} {figure(example.value)}</small>")
    asked = [] if example.path is None else [shown.tile(example.path, label)]
    wanted = [shown.tile(path) for path in example.wanted[:_WANTED]]
    wanted += [tiles.words_tile(text) for text in example.wanted_words[:_WANTED]]
    return tiles.example(
        " ".join(filter(None, heading)),
        tiles.row("Query", asked),
        tiles.row("Wanted", wanted),
        tiles.row("What came, the best first", (_came(came, shown) for came in example.came)),
    )


def _came(came: Came, shown: Tiles) -> str:
    kind, mark = ("right", "✓ right") if came.right else ("wrong", "✗ wrong")
    notes = [f'<b class="mark">{mark}</b> {came.score:.3f}']
    notes += [] if came.label is None else [as_text(came.label)]
    if came.path is not None:
        return shown.tile(came.path, *notes, kind=kind)
    return tiles.words_tile(came.words or "", *notes, kind=kind)
