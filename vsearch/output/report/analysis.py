"""Analysis -> one HTML file: what there is, the map, and what to look at, as pictures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vsearch.output.page.write import as_text, page_file, part
from vsearch.output.report import tiles
from vsearch.output.report.files import files_html
from vsearch.output.report.findings import (
    coverage_html,
    duplicates_html,
    labels_html,
    outliers_html,
    pictures_of,
    suspects_html,
)
from vsearch.output.report.map import map_html
from vsearch.output.report.outline import NOUN, Section, card, report_text
from vsearch.output.terminal import count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsearch.analysis.results import Analysis
    from vsearch.output.report.tiles import Tiles


def write_analysis(
    analysis: Analysis,
    target: Path,
    *,
    workers: int,
    pixel_limit: int,
    progress: Callable[[int, int], None],
) -> None:
    """Write a page that shows an analysis to `target`, whole or not at all.

    It takes the place of an earlier report, of nothing else. `progress` is told how many pictures
    of how many are done: those that lists show, then those on the map, which are smaller. What
    cannot be decoded now has a tile without a picture.

    Raises UsageError when something else is there, and OSError that names `target`.
    """
    folder = os.path.dirname(os.path.realpath(target))
    listed = list(dict.fromkeys(pictures_of(analysis)))
    total = len(listed) + len(analysis.map.points)
    with page_file(target, NOUN) as file:
        shown = tiles.decoded(
            listed,
            folder,
            workers=workers,
            pixel_limit=pixel_limit,
            progress=lambda done, _: progress(done, total),
        )
        seen = map_html(
            analysis.map,
            folder,
            workers=workers,
            pixel_limit=pixel_limit,
            progress=lambda done, _: progress(len(listed) + done, total),
        )
        file.write(analysis_text(analysis, shown, seen))


def analysis_text(analysis: Analysis, shown: Tiles, seen: str) -> str:
    """Return the page, with the pictures that are `shown` and the map as HTML."""
    facts = [count_of(analysis.pictures, "picture"), analysis.index]
    if analysis.filtered:
        facts.append("not the whole index")
    if analysis.model:
        facts.append(f"model {analysis.model.name}")
    facts.append(analysis.created)
    return report_text(
        "Analysis of an index",
        facts,
        list(_sections(analysis, shown, seen)),
        script=part("report", "map.js"),
    )


def _sections(analysis: Analysis, shown: Tiles, seen: str) -> Iterator[Section]:
    yield Section("overview", "Overview", _overview(analysis))
    if analysis.map.points:
        yield Section("map-of-all", "Map", _map(analysis, seen))
    yield Section("files", "Files", files_html(analysis.facts))
    if analysis.labelling:
        yield Section("labels", "Labels", labels_html(analysis.labelling))
    yield Section("duplicates", "Duplicates", duplicates_html(analysis, shown))
    if analysis.suspects:
        yield Section("suspects", "Label suspects", suspects_html(analysis.suspects, shown))
    yield Section("outliers", "Outliers", outliers_html(analysis.outliers, shown))
    yield Section("coverage", "Coverage", coverage_html(analysis.coverage, shown))


def _overview(analysis: Analysis) -> str:
    twice, suspects = analysis.duplicates, analysis.suspects
    cards = [_card("files", "Pictures", analysis.pictures, f"{analysis.contents:,} different")]
    if analysis.labelling:
        found = analysis.labelling
        told = f"{found.labelled:,} labelled, {found.unlabelled:,} not"
        cards.append(_card("labels", "Classes", len(found.classes), told))
    told = f"with {count_of(twice.pictures, 'picture')}"
    cards.append(_card("duplicates", "Groups of duplicates", twice.groups, told))
    if analysis.labelling and analysis.labelling.splits:
        told = f"pictures, in {count_of(twice.across, 'group')} across splits"
        cards.append(_card("duplicates", "Leaks between splits", twice.leaking, told))
    if suspects:
        told = f"of {suspects.tested:,} labels that were tested"
        cards.append(_card("suspects", "Label suspects", suspects.found, told))
    told = f"and {analysis.outliers.odd_found:,} odd in their class"
    cards.append(_card("outliers", "Outliers", analysis.outliers.found, told))
    damaged = (
        f"<p>{count_of(analysis.damaged, 'picture')} with a damaged embedding: run "
        "<code>vsearch check --repair</code>.</p>\n"
        if analysis.damaged
        else ""
    )
    return f'<div class="cards">{"".join(cards)}</div>\n{damaged}'


def _card(ident: str, title: str, number: int, told: str) -> str:
    return card(ident, title, f"<p><b>{number:,}</b></p>", f"<small>{as_text(told)}</small>")


def _map(analysis: Analysis, seen: str) -> str:
    shown = analysis.map
    some = f"{len(shown.points):,} of " if len(shown.points) < shown.of else ""
    told = f"{some}{count_of(shown.of, 'picture')}, in two dimensions by {shown.method}: "
    return f"<p>{as_text(told)}pictures near each other look alike to the model.</p>\n{seen}"
