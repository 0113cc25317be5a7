"""Answers as a table on a terminal: as wide as that is, with names whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vsearch.output.terminal import console, linked, printable, shown_path, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, RenderableType
    from rich.table import Table

    from vsearch.records import Match

# What a terminal of so many columns has room for; a narrow one keeps the names.
_BAR, _SIZE, _DATE, _ALL = 60, 60, 72, 100
NARROWEST = 25
"""Columns that a table needs."""

_BAR_WIDTH = 9  # cells, as its title


def print_table(matches: Sequence[Match], *, color: bool) -> None:
    """Print the matches: rank, relevance as a bar and a figure, path, size, date.

    How many are folded into one stands beside it. The path is a hyperlink to the file where the
    terminal follows such. Weak matches are dim. The
    score stands where there is no relevance, or room for both.
    """
    out = console(color=color)
    with_relevance = any(match.relevance is not None for match in matches)
    with_others = any(match.duplicates for match in matches)
    table = _table(out, with_relevance=with_relevance, with_others=with_others)
    here = os.getcwd()
    for match in matches:
        cells = _cells(match, out, here, with_relevance=with_relevance, with_others=with_others)
        table.add_row(*cells, style="dim" if match.weak else None)
    out.print(table)


def _table(out: Console, *, with_relevance: bool, with_others: bool) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", justify="right", style="dim", no_wrap=True)
    if with_relevance and _has_bar(out):
        table.add_column("relevance", width=_BAR_WIDTH, no_wrap=True)
    if with_relevance:
        table.add_column("" if _has_bar(out) else "rel.", justify="right", no_wrap=True)
    if _has_score(out, with_relevance=with_relevance):
        table.add_column("score", justify="right", no_wrap=True)
    table.add_column("picture", overflow="fold", ratio=1)
    if with_others:
        table.add_column("alike", justify="right", no_wrap=True)
    if out.width >= _SIZE:
        table.add_column("size", justify="right", style="dim", no_wrap=True)
    if out.width >= _ALL:
        table.add_column("file", justify="right", style="dim", no_wrap=True)
    if out.width >= _DATE:
        table.add_column("date", style="dim", no_wrap=True)
    return table


def _cells(
    match: Match, out: Console, here: str, *, with_relevance: bool, with_others: bool
) -> list[RenderableType]:
    from rich.bar import Bar
    from rich.style import Style
    from rich.text import Text

    cells: list[RenderableType] = [str(match.rank)]
    relevance = match.relevance
    if with_relevance and _has_bar(out):
        bar = Bar(1, 0, relevance or 0, width=_BAR_WIDTH, color="default" if match.weak else "cyan")
        cells.append(bar)
    if with_relevance:
        told = "" if relevance is None else f"{relevance:.0%}"
        cells.append(f"weak {told}" if match.weak and out.width >= _SIZE else told)
    if _has_score(out, with_relevance=with_relevance):
        cells.append(f"{match.score:.3f}")
    name = printable(shown_path(match.path, here))
    cells.append(Text(name, style=Style(bold=not match.weak) + linked(match.path)))
    if with_others:
        cells.append(f"+{len(match.duplicates)}" if match.duplicates else "")
    if out.width >= _SIZE:
        cells.append(f"{match.facts.width} × {match.facts.height}")
    if out.width >= _ALL:
        cells.append("" if match.size is None else size(match.size))
    if out.width >= _DATE:
        cells.append(printable(match.date or "")[:10])
    return cells


def _has_bar(out: Console) -> bool:
    return out.width >= _BAR and not out.options.ascii_only


def _has_score(out: Console, *, with_relevance: bool) -> bool:
    return not with_relevance or out.width >= _ALL
