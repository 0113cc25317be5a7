"""A folder of class folders, or of pictures -> a sheet.

    CLASS/.../picture          the first folder is the class
    SPLIT/CLASS/.../picture    where all first folders are named as splits are

What a walk for an index passes over (hidden names, ignore files) is passed over here too; links are
followed, since sets are made of them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vsearch.errors import SourceError
from vsearch.images.find import PassedOver, find
from vsearch.truth.sheet import Columns, Sheet

if TYPE_CHECKING:
    from pathlib import Path

_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing"})


def read_folder(place: Path) -> Sheet:
    """Return the sheet of a folder: of labels where there are class folders, else of pictures.

    Pictures beside class folders have no class, and no row. Raises SourceError where the folder
    cannot be read.
    """
    paths = []
    for found in find(os.fspath(place), follow_links=True):
        if isinstance(found, PassedOver):
            if found.path == ".":
                raise SourceError(f"{found.detail or found.reason}, {place}; check its permissions")
        elif found.named_image:
            paths.append(found.path)
    paths.sort(key=os.fsencode)
    parts = [path.split("/") for path in paths]
    first = {one[0] for one in parts if len(one) > 1}
    splits = bool(first) and all(name.lower() in _SPLITS for name in first)
    depth = 2 if splits else 1
    rows, beside = [], []
    for path, way in zip(paths, parts, strict=True):
        if len(way) > depth:
            split = [way[0].lower()] if splits else []
            rows.append([path, way[depth - 1], *split])
        else:
            beside.append(os.path.join(os.path.abspath(place), path))
    if rows:
        names = ("path", "label", "split") if splits else ("path", "label")
        columns = Columns(names, "labels", 0, 1, split=2 if splits else None)
        return Sheet(columns, rows, range(len(rows)), "file {}", beside=beside)
    columns = Columns(("path",), "pictures", 0, None)
    return Sheet(columns, [[path] for path in paths], range(len(paths)), "file {}")
