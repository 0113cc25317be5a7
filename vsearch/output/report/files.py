"""What files say about themselves -> a section of the report of an analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.output.report import charts
from vsearch.output.report.outline import figure_of, figures
from vsearch.output.report.tables import bars
from vsearch.output.terminal import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vsearch.analysis.results import Distribution, Facts

_CAMERAS = 50  # the most frequent ones that are listed
_MONTHS = 48  # from which on years are counted


def files_html(facts: Facts) -> str:
    """Return dates and sizes as charts, formats, orientations and cameras as tables."""
    dates = (
        f"<p>Dates: {count_of(facts.dated, 'picture')} with the time it was taken, "
        f"{facts.undated:,} with no date at all; the others are counted by when their file was "
        "changed.</p>\n"
    )
    cameras = dict(list(facts.cameras.items())[:_CAMERAS])
    if facts.without_camera:
        cameras["not known"] = facts.without_camera
    rest = len(facts.cameras) - _CAMERAS
    more = f"<p>and {count_of(rest, 'camera')} more</p>\n" if rest > 0 else ""
    return (
        dates
        + figures(_charts(facts))
        + '<div class="tables">\n'
        + _counts("Formats", "format", facts.formats)
        + _counts("Orientations", "orientation", facts.orientations)
        + _counts("Cameras", "camera", cameras)
        + f"</div>\n{more}"
    )


def _counts(heading: str, noun: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    return f"<div><h3>{heading}</h3>\n{bars(counts, label=heading, noun=noun)}</div>\n"


def _charts(facts: Facts) -> Iterator[str]:
    dates = by_date(facts)
    if dates:
        title = "Pictures by date"
        counts = list(dates.values())
        yield figure_of(charts.columns("dates", title, list(dates), counts, y="pictures"), title)
    for ident, title, unit, found, by in (
        ("megapixels", "Megapixels", "megapixels", facts.megapixels, 1.0),
        ("sides", "Longer side", "pixels", facts.longer_side, 1.0),
        ("aspects", "Width by height", "width / height", facts.aspect, 1.0),
        ("bytes", "File size", "MB", facts.bytes, 1e6),
    ):
        if found:
            yield figure_of(_histogram(ident, title, unit, found, by), title)


def by_date(facts: Facts) -> dict[str, int]:
    """Return how many pictures there are by month, or by year where that would be too many.

    Months and years in which there are none stand between, with 0.
    """
    if not facts.months:
        return {}
    ends = (min(facts.months), max(facts.months))
    first, last = (12 * int(year) + int(month) - 1 for year, month in (e.split("-") for e in ends))
    if last - first < _MONTHS:
        names = [f"{at // 12:04}-{at % 12 + 1:02}" for at in range(first, last + 1)]
        return {name: facts.months.get(name, 0) for name in names}
    years = [f"{at:04}" for at in range(first // 12, last // 12 + 1)]
    return {name: facts.years.get(name, 0) for name in years}


def _histogram(ident: str, title: str, unit: str, found: Distribution, by: float) -> str:
    """Return the chart of a distribution, in units of `by`."""
    bins = charts.Bins("pictures", [edge / by for edge in found.edges], found.counts)
    median = found.median / by
    marks = [charts.Mark(f"median {charts.few_digits(median)}", median)]
    log = found.edges[0] > 0
    return charts.histogram(ident, title, [bins], x=unit, y="pictures", marks=marks, log=log)
