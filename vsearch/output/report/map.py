"""The map of the embeddings, to be looked at in a page: points, and a small picture of each."""

from __future__ import annotations

import base64
import json
import os
from collections import Counter
from string import Template
from typing import TYPE_CHECKING, Any

from vsearch.output.links import relative_url
from vsearch.output.page.write import part
from vsearch.output.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vsearch.analysis.results import Map

_LARGE, _SMALL = 96, 64  # pixels of the longer side of a small picture
_MANY = 1500  # points from which on they are the smaller ones: 5,000 are 7 MB


def map_html(
    shown: Map,
    folder: str,
    *,
    workers: int,
    pixel_limit: int,
    progress: Callable[[int, int], None],
) -> str:
    """Return the map as HTML for a page in `folder`; map.js makes it move.

    `progress` is told how many of the points have their picture.
    """
    from vsearch.images.sprites import COLUMNS, sheets
    from vsearch.images.thumbnail import thumbnails

    side = _SMALL if len(shown.points) > _MANY else _LARGE
    paths = [point.picture.path for point in shown.points]
    pictures = thumbnails(paths, side, workers=workers, pixel_limit=pixel_limit)
    files: list[str] = []
    sizes: list[tuple[int, int]] = []
    for file, inside in sheets(pictures, side):
        files.append(base64.b64encode(file).decode())
        sizes += inside
        progress(len(sizes), len(paths))
    data = {"side": side, "columns": COLUMNS, "sheets": files, **points(shown, sizes, folder)}
    hidden = "" if data["splits"] and data["labels"] else " hidden"
    return Template(part("report", "map.html")).substitute(data=as_data(data), by_hidden=hidden)


def points(shown: Map, sizes: Sequence[tuple[int, int]], folder: str) -> dict[str, Any]:
    """Return what map.js knows of the points, in their order.

    "labels" and "splits": their names, the most frequent first; "points": x, y (upwards), place of
    the label and of the split (-1 for none), width and height of the small picture, name, address.
    """
    labels = _by_frequency(point.picture.label for point in shown.points)
    splits = _by_frequency(point.picture.split for point in shown.points)
    rows = [
        [
            round(point.x, 4), round(point.y, 4),
            _place(labels, point.picture.label), _place(splits, point.picture.split), *size,
            printable(os.path.basename(point.picture.path)),
            relative_url(point.picture.path, folder),
        ]
        for point, size in zip(shown.points, sizes, strict=True)
    ]  # fmt: skip
    return {
        "labels": [printable(one) for one in labels],
        "splits": [printable(one) for one in splits],
        "points": rows,
    }


def _by_frequency(names: Iterable[str | None]) -> dict[str, int]:
    counted = Counter(one for one in names if one is not None)
    ranked = sorted(counted, key=lambda one: (-counted[one], one))
    return {one: place for place, one in enumerate(ranked)}


def _place(places: dict[str, int], name: str | None) -> int:
    return -1 if name is None else places[name]


def as_data(data: object) -> str:
    """Return a value as JSON that ends no script element, whatever names are in it."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
