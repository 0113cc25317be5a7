"""What the files say about themselves, counted as they come by."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING

from vsearch.analysis.results import Distribution, Facts
from vsearch.records import date_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.records import Entry

_BINS = 20


class Counts:
    """Counts entries one after the other; `facts` is what they come to."""

    def __init__(self) -> None:
        self._formats: Counter[str] = Counter()
        self._cameras: Counter[str] = Counter()
        self._months: Counter[str] = Counter()
        self._dated = self._undated = 0
        self._widths, self._heights, self._sizes = array("q"), array("q"), array("q")

    def add(self, entry: Entry) -> None:
        """Count one."""
        self._formats[entry.facts.format] += 1
        if entry.facts.camera:
            self._cameras[entry.facts.camera] += 1
        date = date_of(entry)
        if date is None:
            self._undated += 1
        else:
            self._months[date[:7]] += 1
            self._dated += entry.facts.taken_at is not None
        self._widths.append(entry.facts.width)
        self._heights.append(entry.facts.height)
        self._sizes.append(entry.size)

    def facts(self) -> Facts:
        """Return what all that was added comes to."""
        import numpy as np

        widths = np.array(self._widths, dtype=np.float64)
        heights = np.array(self._heights, dtype=np.float64)
        shapes = {
            "landscape": int((widths > heights).sum()),
            "portrait": int((widths < heights).sum()),
            "square": int((widths == heights).sum()),
        }
        years: Counter[str] = Counter()
        for month, count in self._months.items():
            years[month[:4]] += count
        return Facts(
            formats=_most_frequent(self._formats.items()),
            orientations=_most_frequent((name, count) for name, count in shapes.items() if count),
            cameras=_most_frequent(self._cameras.items()),
            without_camera=len(widths) - self._cameras.total(),
            years=dict(sorted(years.items())),
            months=dict(sorted(self._months.items())),
            dated=self._dated,
            undated=self._undated,
            megapixels=distribution(widths * heights / 1e6),
            longer_side=distribution(np.maximum(widths, heights)),
            aspect=distribution(widths / np.maximum(heights, 1)),
            bytes=distribution(np.array(self._sizes, dtype=np.float64)),
        )


def _most_frequent(counts: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    return dict(sorted(counts, key=lambda one: (-one[1], one[0])))


def distribution(figures: NDArray[np.float64]) -> Distribution | None:
    """Return how `figures` (n,), none below 0, are distributed; None where there are none."""
    import numpy as np

    if not len(figures):
        return None
    positive = figures[figures > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 1.0)
    if low == high:
        edges = np.array([min(figures.min(), low), high])
    else:
        edges = np.geomspace(low, high, _BINS + 1)
        edges[0], edges[-1] = figures.min(), high  # to the last bit
    counts, _ = np.histogram(figures, edges) if low < high else (np.array([len(figures)]), None)
    quantiles = np.quantile(figures, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1], method="lower")
    return Distribution(tuple(edges.tolist()), tuple(counts.tolist()), *quantiles.tolist())
