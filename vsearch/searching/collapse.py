"""Answers folded: pictures that show the same become one answer.

Folded into a better answer are its exact copies; pictures near to it as `vsearch duplicates` has
it; the others of a burst; and the JPEG beside a raw file. All are compared with the answer itself,
so that no chain of small steps leads from one picture to quite another.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from vsearch.duplicates.near import is_near
from vsearch.images.perceptual import distances

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.index import Index
    from vsearch.records import ImageRecord

BURST = timedelta(seconds=3)
"""From one picture of a burst to the next, by the same camera."""
BURST_COSINE = 0.8
"""How near all of a burst are to the answer, at least."""

_RAW = "RAW"  # the format of raw files


@dataclass(frozen=True, slots=True)
class Folded:
    """An answer with its cosine, and the files that are folded into it, best first."""

    record: ImageRecord
    score: float
    others: tuple[ImageRecord, ...]


def fold(index: Index, found: Sequence[tuple[ImageRecord, float]], k: int) -> list[Folded]:
    """Fold files with their cosines to a query, best first, into at most `k` answers.

    A picture that an older vsearch indexed, whose perceptual hash the index does not know, is
    folded only where the hash is not needed.
    """
    import numpy as np

    if not found:
        return []
    rows, places = np.unique([record.row for record, _ in found], return_inverse=True)
    vectors = index.vectors(rows)[places]  # (n, dim)
    hashes = index.perceptual_hashes(rows)[0][places]  # (n, 32)
    records = [record for record, _ in found]
    bursts, beside = _Bursts(records), _Beside(records)
    free = np.ones(len(found), dtype=bool)
    folded: list[Folded] = []
    for place, (record, score) in enumerate(found):
        if len(folded) == k:
            break
        if not free[place]:
            continue
        cosines = vectors @ vectors[place]
        alike = is_near(cosines, distances(hashes, hashes[place])) | (places == places[place])
        alike[bursts.of(place, cosines)] = True
        alike[beside.of(place)] = True
        free[place] = False
        others = np.flatnonzero(alike & free)
        free[others] = False
        folded.append(Folded(record, score, tuple(records[other] for other in others)))
    return folded


class _Bursts:
    """What was taken by the same camera within a moment."""

    def __init__(self, records: Sequence[ImageRecord]) -> None:
        self._moments = [_moment(record) for record in records]
        self._cameras = [record.facts.camera for record in records]
        self._taken: dict[str, list[tuple[datetime, int]]] = {}  # by camera, in order
        for place, (camera, moment) in enumerate(zip(self._cameras, self._moments, strict=True)):
            if camera is not None and moment is not None:
                self._taken.setdefault(camera, []).append((moment, place))
        for taken in self._taken.values():
            taken.sort()

    def of(self, place: int, cosines: NDArray[np.float32]) -> list[int]:
        """Return the others of the burst of the picture at `place`, which has these cosines (n,).

        Each was taken within BURST of the next one, and is near enough to that picture.
        """
        camera, moment = self._cameras[place], self._moments[place]
        if camera is None or moment is None:
            return []
        taken = self._taken[camera]
        at = taken.index((moment, place))
        inside = []
        for way in (taken[at + 1 :], taken[:at][::-1]):
            last = moment
            for when, other in way:
                if abs(when - last) > BURST:
                    break
                if cosines[other] >= BURST_COSINE:
                    inside.append(other)
                    last = when
        return inside


class _Beside:
    """What a camera made beside a raw file: of the same name but for its suffix."""

    def __init__(self, records: Sequence[ImageRecord]) -> None:
        self._names = [
            os.path.splitext(os.path.join(record.root, record.path))[0] for record in records
        ]
        self._raw = [record.facts.format == _RAW for record in records]
        self._places: dict[str, list[int]] = {}
        for place, name in enumerate(self._names):
            self._places.setdefault(name, []).append(place)

    def of(self, place: int) -> list[int]:
        """Return the raw files beside a picture, or the pictures beside a raw file."""
        same = self._places[self._names[place]]
        return [other for other in same if self._raw[other] is not self._raw[place]]


def _moment(record: ImageRecord) -> datetime | None:
    """Return when a picture was taken by its camera's clock, whatever the time zone."""
    try:
        return datetime.fromisoformat((record.facts.taken_at or "")[:19])
    except ValueError:  # unknown, or no time that is one
        return None
