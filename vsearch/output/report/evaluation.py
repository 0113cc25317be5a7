"""Evaluation -> one HTML file: what each model came to, and how sure that is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vsearch.evaluation.significance import SIGNIFICANT
from vsearch.output.evaluation.table import HOLM, not_compared
from vsearch.output.page.write import as_text, page_file
from vsearch.output.report import glossary, tiles
from vsearch.output.report.latency import latency_html
from vsearch.output.report.outline import NOUN, Section, card, report_text, terms
from vsearch.output.report.protocol import metric_names, pictures_of, protocol_html
from vsearch.output.report.tables import Cell, Column, count, figure, interval, name, swatch, table
from vsearch.output.terminal import count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vsearch.evaluation.results import Comparison, Evaluated, Evaluation, Gate, Result
    from vsearch.output.report.tiles import Tiles

_HEADLINES = (
    "map@r",
    "hit_rate@1",
    "recall@1",
    "top1_accuracy",
    "ndcg@10",
)  # the first that there is
_FEW = 5  # gates that passed, of which all are shown at once


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
            pictures_of(result for model in evaluation.models for result in model.results),
            os.path.dirname(os.path.realpath(target)),
            workers=workers,
            pixel_limit=pixel_limit,
            progress=progress,
        )
        file.write(evaluation_text(evaluation, shown))


def evaluation_text(evaluation: Evaluation, shown: Tiles) -> str:
    """Return the page, with the pictures that are `shown`."""
    models = evaluation.models
    protocols = _protocols(models)
    sections = [Section("overview", "Overview", _overview(evaluation, protocols))]
    sections += [
        Section(f"p{place}", _title(results), protocol_html(f"p{place}", results, models, shown))
        for place, results in enumerate(protocols)
    ]
    if any(model.latency for model in models):
        sections.append(Section("latency", "Latency", latency_html(models)))
    sections.append(Section("about", "How this was measured", _about(evaluation, protocols)))
    facts = [count_of(evaluation.pictures, "picture"), f"{evaluation.kind} as the truth"]
    if evaluation.missing:
        facts.insert(1, f"{evaluation.missing:,} of them not there")
    if evaluation.split is not None:
        facts.append(f"split {evaluation.split}")
    facts += [count_of(len(models), "model"), evaluation.created]
    truth = os.path.basename(evaluation.truth) or evaluation.truth
    return report_text(f"Evaluation with {truth}", facts, sections)


def _protocols(models: Sequence[Evaluated]) -> list[dict[int, Result]]:
    """Return for each protocol what each model (by its place) came to, in order of appearance."""
    found: dict[str, dict[int, Result]] = {}
    for place, model in enumerate(models):
        for result in model.results:
            found.setdefault(result.name, {})[place] = result
    return list(found.values())


def _title(results: Mapping[int, Result]) -> str:
    title = next(iter(results.values())).title
    return title[:1].upper() + title[1:]


def _overview(evaluation: Evaluation, protocols: Sequence[Mapping[int, Result]]) -> str:
    cards = "".join(
        _card(f"p{place}", results, evaluation.models) for place, results in enumerate(protocols)
    )
    return (
        _legend(evaluation.models)
        + (f'<div class="cards">{cards}</div>\n' if cards else "<p>Nothing was measured.</p>\n")
        + _gates(evaluation.gates)
        + "".join(f"<p>{as_text(line)}.</p>\n" for line in not_compared(evaluation))
        + _comparisons(evaluation.comparisons)
    )


def _legend(models: Sequence[Evaluated]) -> str:
    """Return which colour is whose; nothing for one model."""
    if len(models) < 2:
        return ""
    items = "".join(
        f"<li>{swatch(place)}<bdi>{as_text(model.model.name)}</bdi></li>"
        for place, model in enumerate(models)
    )
    return f'<ul class="legend" aria-label="Models">{items}</ul>\n'


def _card(ident: str, results: Mapping[int, Result], models: Sequence[Evaluated]) -> str:
    """Return the card of a protocol: its first metric, of each model."""
    metrics = metric_names(results.values())
    metric = next((one for one in (*_HEADLINES, *metrics) if one in metrics), None)
    lines = [f"<span>{as_text(metric or 'no metrics')}</span>"]
    for place, result in results.items():
        found = result.metrics.get(metric) if metric else None
        if found is None:
            continue
        whose = swatch(place) if len(models) > 1 else ""
        alt = as_text(models[place].model.name)
        lines.append(
            f'<p title="{alt}">{whose}<b>{figure(found.value)}</b> '
            f"<small>{interval(found.low, found.high)}</small></p>"
        )
    return card(ident, _title(results), *lines)


def _gates(gates: Sequence[Gate]) -> str:
    if not gates:
        return ""
    failed = [gate for gate in gates if not gate.passed]
    passed = [gate for gate in gates if gate.passed]
    said = f"{len(failed)} of {len(gates)} failed" if failed else f"all {len(gates)} passed"
    shown = f"<h3>Gates: {said}</h3>\n{_listed(failed)}"
    if len(passed) <= _FEW:
        return shown + _listed(passed)
    return f"{shown}<details><summary>{len(passed)} passed</summary>\n{_listed(passed)}</details>\n"


def _listed(gates: Sequence[Gate]) -> str:
    if not gates:
        return ""
    items = "".join(
        f'<li class="{"right" if gate.passed else "wrong"}">'
        f'<b class="mark">{"✓ passed" if gate.passed else "✗ failed"}</b> '
        f"<code>{as_text(gate.requirement)}</code> <span>{as_text(gate.line)}</span></li>\n"
        for gate in gates
    )
    return f'<ul class="gates">{items}</ul>\n'


def _comparisons(comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return ""
    columns = [
        Column("metric"),
        Column("model"),
        Column("against"),
        Column("difference", figures=True, about="value of the model less that of the other one"),
        Column(
            "95 % interval",
            figures=True,
            about="paired bootstrap over the same queries, up to twice as wide where these find "
            "each other; of what is no mean over queries, by the intervals of both",
        ),
        Column(
            HOLM,
            figures=True,
            about="how likely any of these differences is so great where there are none: p-values "
            "adjusted for all of this table by Holm's method",
        ),
        Column("so it is"),
    ]
    rows = [
        (
            name(one.metric),
            name(one.model),
            name(one.other),
            Cell(f"{one.difference:+.3f}", one.difference),
            Cell(f"{one.low:+.3f} to {one.high:+.3f}", one.low),
            Cell("&lt; 0.001" if one.p_holm < 0.001 else f"{one.p_holm:.3f}", one.p_holm),
            Cell(_verdict(one)),
        )
        for one in comparisons
    ]
    return "<h3>Comparisons</h3>\n" + table(columns, rows, label="Comparisons")


def _verdict(one: Comparison) -> str:
    if not one.p_holm <= SIGNIFICANT:
        return "no difference shown"
    return "higher" if one.difference > 0 else "lower"


def _about(evaluation: Evaluation, protocols: Sequence[Mapping[int, Result]]) -> str:
    columns = [
        Column("model"),
        Column("set"),
        Column("dim", figures=True),
        Column("weights"),
        Column("preprocessing"),
    ]
    rows = (
        (
            name(one.model.name),
            name(one.vector_set),
            count(one.model.dim),
            Cell(f"<code>{as_text(one.model.weights[:12])}</code>"),
            Cell(f"<code>{as_text(one.model.preprocessing[:12])}</code>"),
        )
        for one in evaluation.models
    )
    metrics = metric_names(result for results in protocols for result in results.values())
    meanings = [(metric, glossary.meaning(metric)) for metric in metrics]
    return (
        f"<p>Truth: <code>{as_text(evaluation.truth)}</code></p>\n"
        "<p>A metric is the mean over queries, with its 95 % interval by bootstrap over them. "
        "Items of equal cosine are in no order: the mean over all their orders counts.</p>\n"
        + terms([pair for pair in meanings if pair[1]], "Metrics")
        + "<h3>Models</h3>\n"
        + table(columns, rows, label="Models")
        + terms([(key, str(value)) for key, value in evaluation.machine.items()], "Machine")
    )
