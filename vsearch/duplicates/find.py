"""An index -> groups of duplicates, each with the file to keep."""

from __future__ import annotations

import os
import re
import stat
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vsearch.duplicates.near import SKETCH, Pairs, axes, connected, pairs, sketched, stars
from vsearch.errors import ImageError
from vsearch.images.alignment import Plane, bits_between_parts, luminances
from vsearch.images.isolation.decoders import Decoders
from vsearch.images.perceptual import BITS, HASH_BYTES, NO_STRUCTURE, SIDE
from vsearch.index import Index, is_unsettled
from vsearch.records import Entry, Preprocessing, changed_ns, date_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.conditions import Condition
    from vsearch.duplicates.near import Positions
    from vsearch.images.load import Prepared

Keep = Literal["largest", "oldest", "newest"]
Sought = Literal["exact", "near", "crops"]
Preference = tuple[int | float | str | bytes, ...]
Near = dict[int, tuple[Literal["near", "crop"], float, int]]  # by row: why, cosine, bits

# What is decoded for its hash, or to be aligned with others: all of it in a square of SIDE pixels.
_SMALL = Preprocessing(SIDE, "squash", "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_KEPT = 1 << 15  # pictures of those decoded to be aligned, 4 kB each
_TOGETHER = 64  # pictures that are decoded to be aligned with one


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A file that is not kept, and why.

    "exact": its content is that of the kept file; "linked": it is the kept file itself under
    another name (a hard link), which takes no room; "near": another content, whose embedding has
    `cosine` with the kept one's and whose perceptual hash differs in `bits`, 0 to 256.
    """

    entry: Entry
    why: Literal["exact", "linked", "near", "crop"]
    cosine: float | None = None
    bits: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A file to keep, and its duplicates: exact ones first, then near ones, the best first."""

    kept: Entry
    others: tuple[Duplicate, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is in no group: `changed` files that are not as the index knows them, or gone.

    `damaged` pictures are left out among the near ones, since their embeddings are.
    """

    changed: int
    damaged: int


def path_of(entry: Entry) -> str:
    """Return the absolute path of a file."""
    return os.path.join(entry.root, entry.path)


def find(
    folder: Path,
    keep: Keep,
    *,
    sought: Sought = "near",
    condition: Condition | None = None,
    workers: int,
    pixel_limit: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Iterator[Group | LeftOut]:
    """Yield the groups of duplicates in the index in `folder`, those with the best kept file first.

    `sought` are "exact" copies alone, "near" ones too, or also "crops": crops and straightened
    copies, among pictures that are alike. With a `condition`, only files that meet it are in a
    group. `keep` says which of a group is the best: of the most pixels (then bytes), or taken first
    or last, as conditions tell dates (then the largest); the shorter path where that is the same.
    Before the groups comes what was left out, if anything was. `workers` decode at a time, at most,
    pictures of at most `pixel_limit` pixels that may be crops, or whose hash the index does not
    know. `progress` is told how many of all pictures are done.

    Raises StoreError when the index cannot be used, UsageError or ValueError as `Index.entries`.
    """
    import numpy as np

    with Index(folder) as index, Decoders(pixel_limit) as decoders:
        best: dict[int, Preference] = {}
        several: set[int] = set()
        changed = 0
        for entry in index.entries(condition):
            if not is_as_recorded(entry):
                changed += 1
                continue
            preference = _preference(entry, keep)
            known = best.get(entry.row)
            if known is not None:
                several.add(entry.row)
            best[entry.row] = preference if known is None else min(preference, known)
        rows = np.array(sorted(best, key=best.__getitem__), dtype=np.int64)
        del best
        if sought == "exact":
            if changed:
                yield LeftOut(changed, 0)
            for place, row in enumerate(rows.tolist(), 1):
                progress(place, len(rows))
                if row in several and (group := _group(index, row, {}, condition, keep)):
                    yield group
            return
        crops = sought == "crops"
        pictures = _Pictures(index, rows, condition, decoders, workers, crops=crops)
        sketches, damaged = _sketches(index, rows)
        if changed or damaged.any():
            yield LeftOut(changed, int(damaged.sum()))
        hashes, are_known = index.perceptual_hashes(rows)
        hashes[damaged], are_known[damaged] = 0, True
        for star in stars(sketches, hashes, are_known, pictures, crops=crops):
            progress(star.kept + 1, len(rows))
            if not len(star.near) and int(rows[star.kept]) not in several:
                continue
            near: Near = {
                int(rows[place]): ("crop" if is_crop else "near", float(cosine), int(bits))
                for place, is_crop, cosine, bits in zip(
                    star.near, star.crops, star.cosines, star.bits, strict=True
                )
            }
            if group := _group(index, int(rows[star.kept]), near, condition, keep):
                yield group


def hanging_together(
    index: Index,
    rows: NDArray[np.int64],
    *,
    workers: int,
    pixel_limit: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Positions, NDArray[np.uint8]]:
    """Return which of `rows` (n,), ascending, must not part if near ones must not; their hashes.

    The place of the first of its own for each (n,), see `near.connected`, and (n, 32). Where the
    index does not know a hash the picture is decoded for it, as `find` does. Damaged embeddings are
    near to nothing.
    """
    import numpy as np

    sketches, damaged = _sketches(index, rows)
    hashes, known = index.perceptual_hashes(rows)
    with Decoders(pixel_limit) as decoders:
        pictures = _Pictures(index, rows, None, decoders, workers, crops=False)
        unknown = np.flatnonzero(~known & ~damaged)
        for start in range(0, len(unknown), _TOGETHER):
            part = unknown[start : start + _TOGETHER]
            hashes[part] = pictures.hashes(part)
        hashes[damaged] = 0
        everyone = np.ones(len(rows), dtype=bool)
        return connected(sketches, hashes, everyone, pictures, progress), hashes


def near_pairs(
    index: Index,
    rows: NDArray[np.int64],
    *,
    workers: int,
    pixel_limit: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Iterator[Pairs]:
    """Yield all pairs among these `rows` (n,) of an index that are near, as places in `rows`.

    Files are looked at only where the index does not know a perceptual hash; then `workers` decode
    at a time, at most `pixel_limit` pixels each. What is damaged is near to nothing. `progress` is
    told how many of all rows are done; very large groups are not told whole (see `near.pairs`).
    """
    with Decoders(pixel_limit) as decoders:
        pictures = _Pictures(index, rows, None, decoders, workers, crops=False)
        sketches, damaged = _sketches(index, rows)
        hashes, are_known = index.perceptual_hashes(rows)
        hashes[damaged], are_known[damaged] = 0, True
        for some in pairs(sketches, hashes, are_known, pictures):
            progress(int(some.first[-1]) + 1, len(rows))
            yield some


def is_as_recorded(entry: Entry) -> bool:
    """Whether a regular file is there with the size and the time of change that were recorded."""
    try:
        now = os.stat(path_of(entry))
    except (OSError, ValueError):  # gone, or a name that no file can have
        return False
    same = changed_ns(now) == entry.mtime_ns or is_unsettled(entry.mtime_ns, changed_ns(now))
    return stat.S_ISREG(now.st_mode) and now.st_size == entry.size and same


def _preference(entry: Entry, keep: Keep) -> Preference:
    """Return what the best of some files has the least of."""
    path = os.fsencode(path_of(entry))
    largest = (-entry.facts.width * entry.facts.height, -entry.size, len(path), path)
    if keep == "largest":
        return largest
    moment = _moment(entry)
    if moment is None:
        return (float("inf"), *largest)
    return (moment if keep == "oldest" else -moment, *largest)


def _moment(entry: Entry) -> int | None:
    """Return the date of a picture as 20230504123310."""
    digits = re.sub(r"[^0-9]", "", date_of(entry) or "")
    return int(digits.ljust(14, "0")) if digits else None


def _sketches(
    index: Index, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the sketches of `rows` (n, s), zeros where damaged, and which are: (n,)."""
    import numpy as np

    places = np.full(index.rows, -1, dtype=np.int64)  # of a row among `rows`
    places[rows] = np.arange(len(rows))
    dim = index.model.dim if index.model else 1
    moment = np.zeros((dim, dim), dtype=np.float64)
    for first, block in index.blocks():
        if block is not None:
            wanted = block[places[first : first + len(block)] >= 0]
            moment += wanted.T @ wanted
    along = axes(moment)
    sketches = np.zeros((len(rows), min(SKETCH, dim) + 1), dtype=np.float32)
    damaged = np.ones(len(rows), dtype=bool)
    for first, block in index.blocks():
        if block is not None:
            at = places[first : first + len(block)]
            sketches[at[at >= 0]] = sketched(block[at >= 0], along)
            damaged[at[at >= 0]] = False
    return sketches, damaged


def _group(
    index: Index,
    kept_row: int,
    near: Near,
    condition: Condition | None,
    keep: Keep,
) -> Group | None:
    """Return the group of the files of a row, and of those near to it.

    None where too little of it is left: files may have gone meanwhile.
    """
    entries = [
        entry for entry in index.entries(condition, [kept_row, *near]) if is_as_recorded(entry)
    ]
    entries.sort(key=lambda entry: (entry.row != kept_row, _preference(entry, keep)))
    if len(entries) < 2 or entries[0].row != kept_row:
        return None
    kept = entries[0]
    others = []
    for entry in entries[1:]:
        if _is_one_file(kept, entry):
            others.append(Duplicate(entry, "linked"))
        elif entry.row == kept_row:
            others.append(Duplicate(entry, "exact"))
        else:
            others.append(Duplicate(entry, *near[entry.row]))
    return Group(kept, tuple(others))


def _is_one_file(first: Entry, second: Entry) -> bool:
    try:
        return os.path.samefile(path_of(first), path_of(second))
    except OSError:
        return False


class _Pictures:
    """What the search for near ones asks, of the pictures at `rows`, in the order of preference."""

    def __init__(
        self,
        index: Index,
        rows: NDArray[np.int64],
        condition: Condition | None,
        decoders: Decoders,
        workers: int,
        *,
        crops: bool,
    ) -> None:
        self._index = index
        self._rows = rows
        self._condition = condition
        self._decoders = decoders
        self._workers = workers
        self._crops = crops
        # By position: luminances, width and height; None where there are none to be had.
        self._kept: OrderedDict[int, tuple[NDArray[np.uint8], int, int] | None] = OrderedDict()

    def cosines(self, first: Positions, second: Positions) -> NDArray[np.float32]:
        import numpy as np

        rows, places = np.unique(self._rows[np.concatenate([first, second])], return_inverse=True)
        vectors = self._index.vectors(rows)
        one, other = places[: len(first)], places[len(first) :]
        return np.asarray(np.einsum("nd,nd->n", vectors[one], vectors[other]), dtype=np.float32)

    def hashes(self, positions: Positions) -> NDArray[np.uint8]:
        import numpy as np

        decoded = self._decoded(positions)
        joined = b"".join(one.perceptual if one else NO_STRUCTURE for one in decoded)
        return np.frombuffer(joined, np.uint8).reshape(-1, HASH_BYTES).copy()

    def bits_between_parts(self, one: int, others: Positions) -> NDArray[np.int64]:
        import numpy as np

        bits = np.full(len(others), BITS, dtype=np.int64)
        (kept,) = self._planes([one])
        for start in range(0, len(others) if kept else 0, _TOGETHER):
            planes = self._planes(others[start : start + _TOGETHER].tolist())
            for place, plane in enumerate(planes, start):
                if kept and plane:
                    bits[place] = bits_between_parts(kept, plane)
        return bits

    def _planes(self, positions: list[int]) -> list[Plane | None]:
        """Return pictures as they are aligned; None where one cannot be had."""
        import numpy as np

        missing = [one for one in positions if one not in self._kept]
        if missing:
            self._decoded(np.array(missing, dtype=np.int64))
        planes = []
        for position in positions:
            self._kept.move_to_end(position)
            kept = self._kept[position]
            planes.append(Plane(*kept) if kept else None)
        while len(self._kept) > _KEPT:  # the one that was not asked for the longest
            self._kept.popitem(last=False)
        return planes

    def _decoded(self, positions: Positions) -> list[Prepared | None]:
        """Return pictures as they are decoded, None where one cannot be had; keep what is aligned.

        A file that is not what was indexed is none.
        """
        rows = self._rows[positions].tolist()
        entries = self._index.entries(self._condition, rows)
        one_of = {entry.row: entry for entry in entries if is_as_recorded(entry)}
        with ThreadPoolExecutor(self._workers) as pool:
            decoded = list(pool.map(self._loaded, [one_of.get(row) for row in rows]))
        if self._crops:
            for position, one in zip(positions.tolist(), decoded, strict=True):
                seen = (luminances(one.pixels), one.facts.width, one.facts.height) if one else None
                self._kept[position] = seen
        return decoded

    def _loaded(self, entry: Entry | None) -> Prepared | None:
        if entry is None:
            return None
        try:
            loaded = self._decoders.load(path_of(entry), _SMALL)
        except ImageError:
            return None
        return loaded.prepared if loaded.digest == entry.digest else None
