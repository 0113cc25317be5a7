"""Series -> charts: SVG to be put into a page, which takes its colours and its font from there.

Drawn by matplotlib. What it says of looks is rewritten: each colour into a variable of style.css,
which knows light and dark; each style="..." into attributes, which the page's policy allows; text
stays text.
"""

from __future__ import annotations

import io
import logging
import math
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from vsearch.output.preview import shortened
from vsearch.output.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 460, 280  # CSS pixels, and the units of the view box
_NAME = 22  # columns of a name beside its line
_GAP = 13  # pixels from one name to the next, where lines end close to each other

_INK, _SOFT, _EDGE = "#1b1b1f", "#5b5b66", "#d9d9e0"
# Okabe and Ito (2008), without the yellow that white drowns; style.css has those for dark pages.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES = ("-", (0, (5, 2)), (0, (2, 2)), (0, (7, 2, 2, 2)))  # told apart without colour, too
_VARIABLES = {
    _INK: "var(--text)", _SOFT: "var(--soft)", _EDGE: "var(--edge)",
    **{color: f"var(--series-{place})" for place, color in enumerate(SERIES)},
}  # fmt: skip

_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"


@contextmanager
def _looks() -> Iterator[None]:
    """Draw as this module says, whatever a person has set matplotlib to, and in silence."""
    import matplotlib as mpl

    settings = dict(mpl.rcParamsDefault)
    del settings["backend"]  # a figure brings its own
    settings["svg.fonttype"] = "none"
    settings["svg.hashsalt"] = "vsearch"  # the same names within the SVG each time
    settings["text.parse_math"] = False
    log = logging.getLogger("matplotlib")
    before = log.level
    log.setLevel(logging.ERROR)  # a cache of fonts that it must build, or cannot write
    try:
        with mpl.rc_context(settings), warnings.catch_warnings():
            # Its own fonts have not every letter; the browser, which will draw them, has.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            yield
    finally:
        log.setLevel(before)


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points (x, y), by x, its name, and the place of its colour."""

    name: str
    points: Sequence[tuple[float, float]]
    place: int = 0


@dataclass(frozen=True, slots=True)
class Bins:
    """A histogram: heights[i] is that between edges[i] and edges[i + 1]; and its name."""

    name: str
    edges: Sequence[float]
    heights: Sequence[float]


@dataclass(frozen=True, slots=True)
class Mark:
    """A value on the x axis to be pointed out, and its name."""

    name: str
    x: float


@_looks()
def lines(
    ident: str,
    title: str,
    series: Sequence[Line],
    *,
    x: str,
    y: str,
    marks: Sequence[Mark] = (),
    log: bool = False,
    unit: bool = False,
) -> str:
    """Return a chart of lines, each named at its end.

    `ident` tells it from others on the page. `x` and `y` name the axes; `log`: x by its logarithm;
    `unit`: y from 0 to 1.
    """
    figure, axes = _axes(x, y)
    for line in series:
        place = line.place
        axes.plot(
            [point[0] for point in line.points], [point[1] for point in line.points],
            color=SERIES[place % len(SERIES)], linestyle=_DASHES[place % len(_DASHES)],
            marker="o" if len(line.points) <= 30 else "", markersize=4,
        )  # fmt: skip
    if log:
        _logarithmic(axes, [point[0] for line in series for point in line.points])
    if unit:
        axes.set_ylim(0, 1.02)
    else:
        axes.set_ylim(bottom=min(0.0, *(point[1] for line in series for point in line.points)))
    _mark(axes, marks)
    if len(series) > 1:
        _name_ends(axes, series)
    ends = (f"{one.name}: {_said(one.points[0])} to {_said(one.points[-1])}" for one in series)
    return _svg(figure, ident, title, f"{y} by {x}. " + "; ".join(ends))


@_looks()
def histogram(
    ident: str,
    title: str,
    series: Sequence[Bins],
    *,
    x: str,
    y: str,
    marks: Sequence[Mark] = (),
    log: bool = False,
) -> str:
    """Return a chart of histograms over each other, named at their peaks when there are several.

    As `lines`; `marks` point out values on the x axis.
    """
    figure, axes = _axes(x, y)
    for place, bins in enumerate(series):
        axes.stairs(
            list(bins.heights), list(bins.edges), fill=True, alpha=0.3,
            color=SERIES[place % len(SERIES)],
        )  # fmt: skip
        axes.stairs(
            list(bins.heights), list(bins.edges), linewidth=1.5,
            color=SERIES[place % len(SERIES)], linestyle=_DASHES[place % len(_DASHES)],
        )  # fmt: skip
    if log:
        _logarithmic(axes, [edge for bins in series for edge in bins.edges])
    highest = max((max(bins.heights, default=0) for bins in series), default=0) or 1
    axes.set_ylim(0, (1.12 + 0.09 * len(marks)) * highest)  # room for names
    _mark(axes, marks)
    if len(series) > 1:
        _name_peaks(axes, series)
    told = [f"{one.name} {one.x:.4g}" for one in marks]
    told += [f"{bins.name}, most at {_peak(bins)[0]:.3g}" for bins in series]
    return _svg(figure, ident, title, f"{y} by {x}. " + "; ".join(told))


@_looks()
def columns(ident: str, title: str, names: Sequence[str], counts: Sequence[int], *, y: str) -> str:
    """Return a chart of columns in order, for so many that only some can be named below them."""
    figure, axes = _axes("", y)
    axes.bar(range(len(counts)), list(counts), width=0.85, color=SERIES[0])
    step = math.ceil(len(names) / 6) if names else 1
    places = range(0, len(names), step)
    axes.set_xticks(list(places), [_short(names[place]) for place in places])
    axes.set_xlim(-0.6, max(len(names), 4) - 0.4)
    told = (f"{name} {count:,}" for name, count in zip(names, counts, strict=True))
    return _svg(figure, ident, title, f"{y}. " + "; ".join(told))


def few_digits(value: float) -> str:
    """Return a value for reading beside a mark: three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def densities(edges: Sequence[float], counts: Sequence[int]) -> list[float]:
    """Return the heights of a histogram with an area of 1; zeros where nothing was counted."""
    total = sum(counts)
    return [
        count / total / (high - low) if total and high > low else 0.0
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
    ]


def binned(values: Sequence[float]) -> tuple[list[float], list[int]]:
    """Return edges (b + 1,) and counts (b,) of values: 10 to 40 bins, as many as there are roots.

    What lies above three times the 95th percentile is in the last bin, which then ends with the
    greatest of them, so that one straggler does not press all others together.
    """
    import numpy as np

    found = np.asarray(values, dtype=np.float64)
    bins = min(40, max(10, round(math.sqrt(len(found)))))
    most = min(float(found.max()), 3 * float(np.percentile(found, 95)))
    low = float(found.min())
    edges = np.linspace(low, most if most > low else low + 1, bins + 1)
    counts = np.histogram(np.minimum(found, edges[-1]), edges)[0]
    return edges.tolist(), counts.tolist()


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH / 72, _HEIGHT / 72), dpi=72)
    axes = figure.add_axes((0.12, 0.17, 0.84, 0.75))
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_SOFT)
    axes.grid(axis="y", color=_EDGE, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_SOFT, length=0, labelsize=12)
    axes.tick_params(axis="x", which="both", length=3)
    axes.locator_params(axis="y", nbins=5)
    axes.set_xlabel(x, color=_SOFT, size=12, labelpad=6)
    axes.set_title(y, color=_SOFT, size=12, loc="left", x=-0.1)  # read without turning the head
    return figure, axes


def _logarithmic(axes: Axes, values: Sequence[float]) -> None:
    """Let x go by its logarithm, with numbers a person reads at 1, 2 and 5 times powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axes.set_xscale("log")
    low, high = min(values), max(values)
    if high < 8 * low:  # too little for powers of ten: some round numbers
        axes.xaxis.set_major_locator(MaxNLocator(5))
    else:
        subs = (1.0,) if high > 100 * low else (1.0, 2.0, 5.0)
        axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _mark(axes: Axes, marks: Sequence[Mark]) -> None:
    """Draw a thin line at each mark, its name at the top; names that would meet are in steps."""
    axes.autoscale(enable=False, axis="x")
    left, right = axes.get_xlim()
    for step, mark in enumerate(sorted(marks, key=lambda mark: mark.x)):
        axes.axvline(mark.x, color=_INK, linewidth=1, linestyle=(0, (3, 3)))
        late = mark.x > left + 0.7 * (right - left)
        axes.annotate(
            mark.name, (mark.x, 1 - 0.075 * step), xycoords=("data", "axes fraction"),
            xytext=(-4 if late else 4, 0), textcoords="offset points", size=12, color=_INK,
            ha="right" if late else "left", va="top", annotation_clip=True,
        )  # fmt: skip


def _name_ends(axes: Axes, series: Sequence[Line]) -> None:
    """Write each line's name right of its end, none over another."""
    longest = max(len(_short(one.name)) for one in series)
    left, bottom, width, height = axes.get_position().bounds
    axes.set_position((left, bottom, width - (6.6 * longest + 8) / _WIDTH, height))
    ends = sorted((axes.transData.transform(one.points[-1])[1], place)
                  for place, one in enumerate(series))  # fmt: skip
    top = axes.transAxes.transform((0, 1))[1]
    placed = list(_apart([end for end, _ in ends], top))
    for (_, place), height in zip(ends, placed, strict=True):
        axes.annotate(
            _short(series[place].name), (1, axes.transAxes.inverted().transform((0, height))[1]),
            xycoords="axes fraction", xytext=(6, 0), textcoords="offset points",
            size=12, color=SERIES[series[place].place % len(SERIES)], va="center",
        )  # fmt: skip


def _apart(heights: Sequence[float], top: float) -> Iterator[float]:
    """Yield ascending heights, each moved to be `_GAP` from the next, and the last below top."""
    lowest = -math.inf
    moved = []
    for height in heights:
        lowest = max(height, lowest + _GAP)
        moved.append(lowest)
    over = max(0.0, moved[-1] - top)
    for place, height in enumerate(moved):
        yield min(height, top - _GAP * (len(moved) - 1 - place)) if over else height


def _name_peaks(axes: Axes, series: Sequence[Bins]) -> None:
    """Write each histogram's name above its peak, away from the peaks right or left of it."""
    left, right = axes.get_xlim()
    peaks = [_peak(bins) for bins in series]
    for place, (at, height) in enumerate(peaks):
        others = [other for other, _ in peaks[:place] + peaks[place + 1 :]]
        near = [other for other in others if abs(other - at) < 0.2 * (right - left)]
        # Of two at the same place, the first goes left.
        before = near and (at < near[0] or (at == near[0] and place == 0))
        axes.annotate(
            series[place].name, (at, height), xytext=(0, 3), textcoords="offset points", size=12,
            color=SERIES[place % len(SERIES)], va="bottom",
            ha=("right" if before else "left") if near else "center",
        )  # fmt: skip


def _peak(bins: Bins) -> tuple[float, float]:
    place = max(range(len(bins.heights)), key=bins.heights.__getitem__)
    return (bins.edges[place] + bins.edges[place + 1]) / 2, bins.heights[place]


def _short(name: str) -> str:
    return shortened(printable(name), _NAME)


def _said(point: tuple[float, float]) -> str:
    return f"{point[1]:.3g} at {point[0]:g}"


def _svg(figure: Figure, ident: str, title: str, description: str) -> str:
    """Return a figure as SVG for a page, with a title and a description for who cannot see it."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.BytesIO()
    figure.set_canvas(FigureCanvasSVG(figure))
    figure.savefig(file, format="svg", metadata={"Date": None})
    root = ET.fromstring(file.getvalue())  # noqa: S314  # matplotlib's own
    for child in list(root):  # what is said of the file, and a style for the whole page
        if child.tag == f"{_SVG}metadata" or child.find(f"{_SVG}style") is not None:
            root.remove(child)
    _rewrite(root, ident)
    box = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({
        "class": "chart", "viewBox": box, "role": "img",
        "aria-labelledby": f"{ident}-title {ident}-description",
    })  # fmt: skip
    for tag, text in (("desc", description), ("title", title)):
        element = ET.Element(tag, {"id": f"{ident}-{tag.replace('desc', 'description')}"})
        element.text = printable(text)
        root.insert(0, element)
    return ET.tostring(root, encoding="unicode")


def _rewrite(root: ET.Element, ident: str) -> None:
    """Make an SVG part of a page: see the module's docstring. Its names get `ident` before them."""
    text = ET.tostring(root, encoding="unicode")
    used = set(re.findall(r"(?:url\(|href=\")#([\w.-]+)", text))
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        style = element.attrib.pop("style", "")
        for rule in filter(None, style.split(";")):
            name, _, value = (side.strip() for side in rule.partition(":"))
            if name == "font":  # the page's, of that size
                name, value = "font-size", (re.findall(r"[\d.]+(?=px)", value) or ["12"])[0]
            if not name.startswith("font-") or name == "font-size":
                element.set(name, value.removesuffix("px"))
        for name, value in list(element.attrib.items()):
            if name == "id" and value not in used:
                del element.attrib[name]
            elif name == "id":
                element.set(name, f"{ident}-{value}")
            elif name == f"{_XLINK}href":
                del element.attrib[name]
                element.set("href", f"#{ident}-{value[1:]}")
            elif value.startswith("url(#"):
                element.set(name, f"url(#{ident}-{value[5:]}")
            elif value.lower() in _VARIABLES:
                element.set(name, _VARIABLES[value.lower()])
