"""Rows -> tables that can be sorted, and small marks within their cells. Cells are HTML."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.output.page.write import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SERIES = 6
"""Colours there are (style.css), by place; the next is the first again."""

_STEP = 9  # pixels from one model's interval to the next


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name, as text; whether it holds figures; what it means, for who asks.

    `sorts`: whether rows can be sorted by it.
    """

    name: str
    figures: bool = False
    about: str = ""
    sorts: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell, as HTML; `value` is what a column of figures is sorted by."""

    html: str
    value: float | None = None


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, label: str) -> str:
    """Return a table; `label` says of what it is. The first cell of a row is its heading."""
    lines = [
        f'<div class="scroll" role="region" aria-label="{as_text(label)}" tabindex="0">'
        "<table><thead><tr>" + "".join(map(_heading, columns)) + "</tr></thead><tbody>"
    ]
    for row in rows:
        cells = [
            _cell(cell, column, "td" if place else "th")
            for place, (cell, column) in enumerate(zip(row, columns, strict=True))
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    lines.append("</tbody></table></div>\n")
    return "\n".join(lines)


def _heading(column: Column) -> str:
    kind = ' class="figures"' if column.figures else ""
    about = f' title="{as_text(column.about)}"' if column.about else ""
    shown = f"<bdi>{as_text(column.name)}</bdi>"
    if column.sorts:
        shown = f'<button type="button">{shown}</button>'
    return f'<th scope="col"{kind}{about}>{shown}</th>'


def _cell(cell: Cell, column: Column, tag: str) -> str:
    kind = ' class="figures"' if column.figures else ""
    scope = ' scope="row"' if tag == "th" else ""
    value = "" if cell.value is None else f' data-value="{cell.value:.9g}"'
    return f"<{tag}{scope}{kind}{value}>{cell.html}</{tag}>"


def name(text: str) -> Cell:
    """Return the cell of a name, whatever its letters and their direction."""
    return Cell(f"<bdi>{as_text(text)}</bdi>")


def count(number: int) -> Cell:
    """Return the cell of a count: "2,000"."""
    return Cell(f"{number:,}", number)


def figure(value: float) -> str:
    """Return a metric for reading, with three digits behind the point; a dash for nan."""
    return f"{value:.3f}" if math.isfinite(value) else "–"


def interval(low: float, high: float) -> str:
    """Return the ends of an interval for reading; nothing for nan."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{figure(low)} to {figure(high)}"


def swatch(place: int) -> str:
    """Return a dot in the colour of a model, by its place."""
    return (
        f'<svg class="swatch s{place % SERIES}" aria-hidden="true" focusable="false">'
        '<circle cx="50%" cy="50%" r="40%"/></svg>'
    )


def share(value: float) -> Cell:
    """Return the cell of a figure in [0, 1], with a bar."""
    return Cell(f"{figure(value)} {bar(value)}", value if math.isfinite(value) else -1)


def bar(value: float) -> str:
    """Return a bar that is `value` of its room long, in [0, 1]."""
    long = max(0.0, min(1.0, value)) if math.isfinite(value) else 0.0
    return (
        '<svg class="bar" aria-hidden="true" focusable="false">'
        f'<rect width="{long:.2%}" height="100%"/></svg>'
    )


def bars(counts: Mapping[str, int], *, label: str, noun: str, total: int | None = None) -> str:
    """Return counts by name as a table with bars, and what share each is of `total`."""
    of = sum(counts.values()) if total is None else total
    most = max(counts.values(), default=0) or 1
    columns = [Column(noun), Column("pictures", figures=True), Column("share", figures=True)]
    rows = (
        (
            name(one),
            Cell(f"{number:,} {bar(number / most)}", number),
            Cell(f"{number / of:.1%}" if of else "–", number),
        )
        for one, number in counts.items()
    )
    return table(columns, rows, label=label)


def intervals(found: Sequence[tuple[float, float, float] | None]) -> str:
    """Return (value, low, high) of each model, below each other, between 0 and 1.

    Empty where one of them lies outside: it would not be seen.
    """
    if not all(0 <= side <= 1 for one in found if one for side in one):  # nan is neither
        return ""
    marks = []
    for place, one in enumerate(found):
        y = _STEP * place + _STEP // 2 + 2
        if one:
            marks.append(
                f'<g class="s{place % SERIES}"><line x1="{one[1]:.2%}" x2="{one[2]:.2%}" '
                f'y1="{y}" y2="{y}"/><circle cx="{one[0]:.2%}" cy="{y}" r="3.5"/></g>'
            )
    height = _STEP * len(found) + 4
    grid = "".join(
        f'<line class="grid" x1="{at}%" x2="{at}%" y1="0" y2="{height}"/>'
        for at in (0, 25, 50, 75, 100)
    )
    return (
        f'<svg class="intervals" height="{height}" aria-hidden="true" focusable="false">'
        f"{grid}{''.join(marks)}</svg>"
    )
