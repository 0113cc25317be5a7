"""Sections -> a report: heading, links to the sections, and these."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

from vsearch.output.page.write import as_text, page_text, part, require_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

NOUN = "report"
"""What messages call it."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: `ident` in links, title as text, and what it holds, as HTML."""

    ident: str
    title: str
    html: str


def require_report(target: Path) -> None:
    """Look whether a report can be written to `target`; raises as `require_page`."""
    require_page(target, NOUN)


def report_text(
    title: str, facts: Sequence[str], sections: Sequence[Section], *, script: str = ""
) -> str:
    """Return the page; `facts` are texts below its title, `script` is added to what tables need."""
    body = Template(part("report", "report.html")).substitute(
        title=as_text(title),
        facts=spans(facts),
        nav="".join(f'<a href="#{one.ident}">{as_text(one.title)}</a>\n' for one in sections),
        sections="".join(
            f'<section id="{one.ident}"><h2>{as_text(one.title)}</h2>\n{one.html}</section>\n'
            for one in sections
        ),
    )
    style = part("report", "style.css")
    return page_text(NOUN, title, body, style=style, script=part("report", "script.js") + script)


def spans(facts: Iterable[str]) -> str:
    """Return texts beside each other, each in a span."""
    return "".join(f"<span>{as_text(one)}</span>" for one in facts)


def figure_of(chart: str, caption: str) -> str:
    """Return a chart with a caption (text) above it."""
    return f"<figure><figcaption>{as_text(caption)}</figcaption>{chart}</figure>\n"


def figures(found: Iterable[str]) -> str:
    """Return figures beside each other, as many as there is room for; nothing for none."""
    inside = "".join(found)
    return f'<div class="charts">{inside}</div>\n' if inside else ""


def card(ident: str, title: str, *lines: str) -> str:
    """Return a card that leads to a section; the lines are HTML."""
    return f'<a class="card" href="#{ident}"><h3>{as_text(title)}</h3>{"".join(lines)}</a>\n'


def terms(pairs: Iterable[tuple[str, str]], heading: str) -> str:
    """Return a list of terms and what they are, below a heading; nothing where there are none."""
    inside = "".join(f"<dt>{as_text(a)}</dt><dd>{as_text(b)}</dd>\n" for a, b in pairs)
    return f"<h3>{as_text(heading)}</h3><dl>{inside}</dl>\n" if inside else ""
