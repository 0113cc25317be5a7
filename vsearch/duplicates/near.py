"""Which pictures are near to which: arrays in, groups out, whatever the arrays come from.

Two pictures are near when their hashes differ in at most BITS_ALONE bits, in whatever form they are
turned or mirrored, or when their cosine is at least COSINE and their hashes differ in at most
BITS_CONFIRMING bits. The first finds what was resized, recompressed, recoloured, marked, mirrored
or turned by quarters, which moves embeddings more than one would think; the second what was cropped
or tilted a little, which moves hashes. The thresholds were chosen on wallpapers and clip art.

Only where it is asked for, a crop of the other and a straightened copy count too: pairs that are
not near, and whose cosine is at least COSINE_OF_CROPS, are confirmed by aligning the two (see
`images.alignment`), after which their hashes differ in at most BITS_OF_CROPS bits.

A group is a star: each member is near to the one that is kept, never only to another member. The
pictures come in the order of preference, and each that is still free when its turn comes is kept
and takes all that are near to it and free.

Near is not transitive. What hangs together through any number of pairs is told by `connected`, for
those who must not part two that are near. They lose nothing by keeping a few more together, so for
them COSINE_OF_CAUTION is enough where the hashes agree: blurred and flat pictures move that far
when they are recompressed.

Both searches are exact, and neither ever holds n x n of anything:

- By hash: "multi-index hashing" (Norouzi, Punjani, Fleet, "Fast Search in Hamming Space with
  Multi-Index Hashing", 2012). Of the 16 bands of 16 bits, two hashes that differ in at most 31 bits
  have one in which they differ in at most one; so 17 look-ups a band find all of them.
- By embedding: sketches of fewer dimensions bound the cosine from above. With P a projection on
  orthonormal axes, cos(a, b) <= Pa.Pb + |a - Pa||b - Pb| (Cauchy-Schwarz on what P leaves out),
  which is the dot product of the sketches (Pa, |a - Pa|). Blocks of them are multiplied, and only
  what passes the bound and the hash is looked at in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vsearch.images.perceptual import BITS, HASH_BYTES, distances, forms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    Positions = NDArray[np.int64]

BITS_ALONE = 31
"""The most bits at which the hashes alone say that two pictures are near; PDQ's own advice."""
COSINE = 0.9
BITS_CONFIRMING = 75
COSINE_OF_CAUTION = 0.7
ALIKE = 0.9
"""From this cosine on, those who must not part two that may be the same take them for near,
whatever their hashes say. `vsearch duplicates` does not, and rightly: it removes pictures."""
COSINE_OF_CROPS = 0.8
BITS_OF_CROPS = 16
ENOUGH = 1000
"""Near pictures before one, from which on `pairs` looks for no more after it."""

SKETCH = 64  # dimensions of a sketch; 0.84 of mini's energy, 1.5 times the pairs to be looked at
_BANDS = HASH_BYTES // 2  # of 16 bits; BITS_ALONE < 2 x _BANDS, see above
_QUERIES = 256  # pictures whose turn it is at once
_COLUMNS = 4096  # sketches that they are multiplied with at once: a product of 4 MB
_PAIRS = 1 << 16  # looked at at once: 16 MB of their eight forms
_TOGETHER = 16  # pictures whose possible crops are listed at once: all others, at worst
_WORTH = 0.8  # where less of what is listed is still looked for, listing it anew pays
_ROUNDED = 1e-4  # what float32 may have taken off a bound


def is_near(cosines: NDArray[np.float32], bits: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which pairs of pictures are near, by their cosines (n,) and how many bits differ."""
    import numpy as np

    confirmed = (cosines >= COSINE) & (bits <= BITS_CONFIRMING)
    return np.asarray(confirmed | (bits <= BITS_ALONE))


class Pictures(Protocol):
    """What is asked about single pictures, by their positions in the order of preference."""

    def cosines(self, first: Positions, second: Positions) -> NDArray[np.float32]:
        """Return the cosine of each pair (n,)."""

    def hashes(self, positions: Positions) -> NDArray[np.uint8]:
        """Return the perceptual hashes (n, 32) of pictures whose hash was not known before."""

    def bits_between_parts(self, one: int, others: Positions) -> NDArray[np.int64]:
        """Return in how many bits (n,) a picture differs from others once aligned; only for crops.

        256 where neither is a part of the other. See `images.alignment`.
        """


@dataclass(frozen=True, slots=True)
class Star:
    """One that is kept, and what is near to it: positions (n,), ascending, possibly none.

    `cosines` (n,) and `bits` (n,), 0 to 256, are between each of them and the one kept. Those that
    are `crops` (n,) are so once aligned, and their bits are those that differ then.
    """

    kept: int
    near: Positions
    cosines: NDArray[np.float32]
    bits: NDArray[np.int64]
    crops: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of near pictures: positions `first` (n,) < `second` (n,), in order, none twice.

    `cosines` (n,) and `bits` (n,), 0 to 256, are between the two.
    """

    first: Positions
    second: Positions
    cosines: NDArray[np.float32]
    bits: NDArray[np.int64]


def axes(moment: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the axes of sketches (dim, SKETCH or dim): along which the embeddings reach furthest.

    `moment` (dim, dim) is the sum of their outer products.
    """
    import numpy as np

    _, vectors = np.linalg.eigh(moment)  # ascending
    return np.ascontiguousarray(vectors[:, -SKETCH:], dtype=np.float32)


def sketched(vectors: NDArray[np.float32], along: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sketches (n, s + 1) of unit vectors (n, dim) along `axes` (dim, s)."""
    import numpy as np

    inside = vectors @ along
    left_out = np.sqrt(np.maximum(0, 1 - np.square(inside).sum(axis=1, keepdims=True)))
    return np.hstack([inside, left_out]).astype(np.float32)


def stars(
    sketches: NDArray[np.float32],
    hashes: NDArray[np.uint8],
    known: NDArray[np.bool_],
    pictures: Pictures,
    *,
    crops: bool = False,
) -> Iterator[Star]:
    """Yield a star for each picture that is kept, in the order of preference.

    Row i of `sketches` (n, s), `hashes` (n, 32) and `known` (n,) belongs to the picture at position
    i. A hash of zeros that is `known` is near to nothing, whatever its sketch. Where a hash is not
    known, `pictures` is asked for it once the embedding is near to another; such a picture is not
    found by its hash alone. With `crops`, those are looked for among what is still free when a
    picture is kept and has taken what is near.
    """
    import numpy as np

    search = _Search(sketches, hashes.copy(), known.copy(), pictures)
    free = np.ones(len(hashes), dtype=bool)
    start = 0
    while start < len(hashes):
        end = min(start + _QUERIES, len(hashes))
        queries = np.flatnonzero(free[start:end]) + start
        # One that has very many candidates is asked for alone: they are free no longer then.
        count = search.affordable(queries, free)
        end = end if count == len(queries) else int(queries[count])
        first, second = search.pairs(queries[:count], free)
        bounds = np.searchsorted(first, np.arange(start, end + 1))
        for kept in range(start, end):
            if not free[kept]:
                continue
            near = second[bounds[kept - start] : bounds[kept - start + 1]]
            near = near[free[near]]
            free[near] = False
            free[kept] = False
            star = search.star(kept, near)
            if crops:
                star = search.with_crops(star, free)
                free[star.near] = False
            yield star
        start = end


def connected(
    sketches: NDArray[np.float32],
    hashes: NDArray[np.uint8],
    known: NDArray[np.bool_],
    pictures: Pictures,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Positions:
    """Return for each picture (n,) the position of the first that hangs together with it.

    The connected components of the graph of all pairs that are near, or would be if COSINE were
    COSINE_OF_CAUTION, exactly. Arguments as those of `stars`; `progress` is told how many of all
    pictures are done.
    """
    import numpy as np

    search = _Search(sketches, hashes.copy(), known.copy(), pictures, COSINE_OF_CAUTION)
    together = np.arange(len(hashes))
    members = {position: [position] for position in range(len(hashes))}
    everyone = np.ones(len(hashes), dtype=bool)
    start = 0
    while start < len(hashes):
        queries = np.arange(start, min(start + _QUERIES, len(hashes)))
        queries = queries[: search.affordable(queries, everyone)]
        # What hangs together already need not be looked at: a thousand frames of a film cost no
        # more than a thousand pictures.
        for some in search.parts(queries, everyone, together):
            for first, second in some.tolist():
                one, other = int(together[first]), int(together[second])
                if one == other:
                    continue
                if len(members[one]) < len(members[other]):
                    one, other = other, one
                moved = members.pop(other)
                together[moved] = one
                members[one] += moved
        start = int(queries[-1]) + 1
        progress(start, len(hashes))
    for group in members.values():
        together[group] = min(group)
    return together


def pairs(
    sketches: NDArray[np.float32],
    hashes: NDArray[np.uint8],
    known: NDArray[np.bool_],
    pictures: Pictures,
) -> Iterator[Pairs]:
    """Yield all pairs of near pictures, in order, some at a time; arguments are those of `stars`.

    All but in very large groups: where ENOUGH pictures before one are near to it, those after it
    are not looked for; n pictures that are all alike would come to n * n / 2 pairs.
    """
    import numpy as np

    search = _Search(sketches, hashes.copy(), known.copy(), pictures)
    everything = np.ones(len(hashes), dtype=bool)
    before = np.zeros(len(hashes), dtype=np.int64)  # near ones before each
    start = 0
    while start < len(hashes):
        end = min(start + _QUERIES, len(hashes))
        queries = np.flatnonzero(before[start:end] < ENOUGH) + start
        count = search.affordable(queries, everything)
        end = end if count == len(queries) else int(queries[count])
        first, second = search.pairs(queries[:count], everything)
        before += np.bincount(second, minlength=len(before))
        for part in range(0, len(first), _PAIRS):
            yield search.described(first[part : part + _PAIRS], second[part : part + _PAIRS])
        start = end


class _Search:
    """Finding pairs (first, second) of near pictures with first < second."""

    def __init__(
        self,
        sketches: NDArray[np.float32],
        hashes: NDArray[np.uint8],
        known: NDArray[np.bool_],
        pictures: Pictures,
        cosine: float = COSINE,
    ) -> None:
        import numpy as np

        self._cosine = cosine
        self._sketches = sketches
        self._hashes = hashes
        self._known = known
        self._pictures = pictures
        # What has no structure is near to nothing.
        structured = hashes.any(axis=1)
        self._able = structured | ~known
        self._words = hashes.view(np.uint64)  # (n, 4), the same memory
        self._listed = structured & known
        self._bands = _Bands(hashes, np.flatnonzero(self._listed))
        self._alike_until = 0  # `with_crops` has listed what is alike to the pictures before
        self._alike_pairs = np.empty((0, 2), dtype=np.int64)

    def affordable(self, queries: Positions, free: NDArray[np.bool_]) -> int:
        """Return how many of `queries`, from the first on, may be asked together; at least one.

        Only pictures that are `free` are looked for from here on.
        """
        import numpy as np

        if not len(queries):
            return 0
        left = np.flatnonzero(self._listed & free)
        if len(left) < _WORTH * self._bands.count:
            self._bands = _Bands(self._hashes, left)
        costs = np.cumsum(self._bands.costs(self._hashes[queries]))
        return max(1, int(np.searchsorted(costs, 16 * _PAIRS)))

    def pairs(self, queries: Positions, free: NDArray[np.bool_]) -> tuple[Positions, Positions]:
        """Return the pairs of `queries` with all `free` after them, ordered, none twice."""
        import numpy as np

        found = self.parts(queries, free)
        pairs = np.concatenate([np.empty((0, 2), np.int64), *found])
        ordered = np.unique(pairs, axis=0)
        return ordered[:, 0], ordered[:, 1]

    def parts(
        self, queries: Positions, free: NDArray[np.bool_], together: Positions | None = None
    ) -> Iterator[NDArray[np.int64]]:
        """Yield those pairs (n, 2) as they are found, some of them twice.

        Those of which `together` (n,) says the same need not be among them.
        """
        queries = queries[self._able[queries]]
        yield from self._by_hash(queries, free)
        yield from self._by_embedding(queries, free, together)

    def described(self, first: Positions, second: Positions) -> Pairs:
        """Return these pairs with their cosines and bits."""
        cosines = self._pictures.cosines(first, second)
        return Pairs(first, second, cosines, distances(self._hashes[first], self._hashes[second]))

    def star(self, kept: int, near: Positions) -> Star:
        """Return the star of these, with their cosines and bits."""
        import numpy as np

        if not len(near):
            none = np.empty(0, dtype=np.bool_)
            return Star(kept, near, np.empty(0, np.float32), np.empty(0, np.int64), none)
        cosines = self._pictures.cosines(np.full(len(near), kept), near)
        bits = distances(self._hashes[near], self._hashes[kept])
        return Star(kept, near, cosines, bits, np.zeros(len(near), dtype=np.bool_))

    def with_crops(self, star: Star, free: NDArray[np.bool_]) -> Star:
        """Return a star with all `free` after its kept one that are crops of that, or it of them.

        Asked for one star after the other, in order.
        """
        import numpy as np

        if star.kept >= self._alike_until:
            self._alike_until = star.kept + _TOGETHER
            queries = np.arange(star.kept, min(self._alike_until, len(free)))
            queries = queries[self._able[queries] & (free[queries] | (queries == star.kept))]
            found = [np.column_stack(one) for one in self._alike(queries, free, COSINE_OF_CROPS)]
            self._alike_pairs = np.concatenate([np.empty((0, 2), np.int64), *found])
        first, second = self._alike_pairs.T
        others = np.sort(second[(first == star.kept) & free[second]])
        cosines = np.concatenate(
            [np.empty(0, dtype=np.float32)]
            + [
                self._pictures.cosines(np.full(len(part), star.kept), part)
                for part in np.split(others, range(_COLUMNS, len(others), _COLUMNS))
            ]
        )
        others, cosines = others[cosines >= COSINE_OF_CROPS], cosines[cosines >= COSINE_OF_CROPS]
        if not len(others):
            return star
        bits = self._pictures.bits_between_parts(star.kept, others)
        are = bits <= BITS_OF_CROPS
        near = np.concatenate([star.near, others[are]])
        order = np.argsort(near)
        return Star(
            star.kept,
            near[order],
            np.concatenate([star.cosines, cosines[are]])[order],
            np.concatenate([star.bits, bits[are]])[order],
            np.concatenate([star.crops, np.ones(int(are.sum()), dtype=np.bool_)])[order],
        )

    def _by_hash(self, queries: Positions, free: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
        import numpy as np

        queries = queries[self._known[queries]]
        turned = forms(self._hashes[queries])  # (q, 8, 32)
        words = turned.reshape(-1, HASH_BYTES).view(np.uint64)  # (q * 8, 4)
        for form, second in self._bands.candidates(turned):
            wanted = free[second] & (second > queries[form // 8])
            form, second = form[wanted], second[wanted]
            bits = np.bitwise_count(words[form] ^ self._words[second]).sum(axis=1, dtype=np.int64)
            close = bits <= BITS_ALONE
            yield np.column_stack([queries[form[close] // 8], second[close]])

    def _by_embedding(
        self, queries: Positions, free: NDArray[np.bool_], together: Positions | None
    ) -> Iterator[NDArray[np.int64]]:
        for first, second in self._alike(queries, free, self._cosine):
            for part in range(0, len(first), _PAIRS):
                one, other = first[part : part + _PAIRS], second[part : part + _PAIRS]
                if together is not None:
                    apart = together[one] != together[other]
                    one, other = one[apart], other[apart]
                yield self._confirmed(one, other)

    def _alike(
        self, queries: Positions, free: NDArray[np.bool_], least: float
    ) -> Iterator[tuple[Positions, Positions]]:
        """Yield pairs of `queries` with `free` ones after them, among them all of cosine `least`.

        None of them twice.
        """
        import numpy as np

        if not len(queries):
            return
        rows = self._sketches[queries]
        able = self._able & free
        product = np.empty((len(queries), _COLUMNS), dtype=np.float32)
        for start in range(int(queries[0]) + 1, len(self._hashes), _COLUMNS):
            columns = self._sketches[start : start + _COLUMNS]
            bound = np.dot(rows, columns.T, out=product if len(columns) == _COLUMNS else None)
            # Where they are few, as nearly always, looking for them flat is the quickest.
            places = np.flatnonzero(bound >= least - _ROUNDED)
            first, second = np.divmod(places, len(columns))
            first, second = queries[first], second + start
            wanted = able[second] & (second > first)
            yield first[wanted], second[wanted]

    def _confirmed(self, first: Positions, second: Positions) -> NDArray[np.int64]:
        """Return the pairs (n, 2) that are near, of some whose embeddings may be."""
        import numpy as np

        unknown = ~(self._known[first] & self._known[second])
        near = np.zeros(len(first), dtype=bool)
        near[~unknown] = self._agree(first[~unknown], second[~unknown])
        # What is decoded for its hash is near by its embedding for sure.
        asked = unknown | near
        near[asked] = self._pictures.cosines(first[asked], second[asked]) >= self._cosine
        asked = unknown & near
        if asked.any():
            self._learn(np.union1d(first[asked], second[asked]))
            near[asked] = self._agree(first[asked], second[asked])
        return np.column_stack([first[near], second[near]])

    def _agree(self, first: Positions, second: Positions) -> NDArray[np.bool_]:
        import numpy as np

        # As `distances`, but the forms of each of the few pictures that come first are made once.
        few, places = np.unique(first, return_inverse=True)
        words = forms(self._hashes[few]).view(np.uint64)[places]  # (n, 8, 4)
        differing = np.bitwise_count(words ^ self._words[second][:, None, :])
        bits = differing.sum(axis=2, dtype=np.int64).min(axis=1)
        return np.asarray((bits <= BITS_CONFIRMING) & self._able[first] & self._able[second])

    def _learn(self, positions: Positions) -> None:
        new = positions[~self._known[positions]]
        if len(new):
            self._hashes[new] = self._pictures.hashes(new)
            self._known[new] = True
            self._able[new] = self._hashes[new].any(axis=1)


class _Bands:
    """The hashes of some pictures, found by any of their 16 bands of 16 bits."""

    def __init__(self, hashes: NDArray[np.uint8], positions: Positions) -> None:
        import numpy as np

        self.count = len(positions)
        bands = np.ascontiguousarray(hashes[positions]).view(np.uint16)  # (n, 16)
        # Per band: the positions by their bits in it, and where those of each value begin.
        self._listed = [
            positions[np.argsort(bands[:, band], kind="stable")].astype(np.int32)
            for band in range(_BANDS)
        ]
        self._starts = [
            np.concatenate([[0], np.cumsum(np.bincount(bands[:, band], minlength=1 << 16))])
            for band in range(_BANDS)
        ]
        self._flips = np.array([0, *(1 << bit for bit in range(16))], dtype=np.uint16)  # (17,)

    def costs(self, hashes: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return about how many candidates each of `hashes` (q, 32) has, not counting probes."""
        import numpy as np

        bands = np.ascontiguousarray(hashes).view(np.uint16)
        return sum(
            (
                self._starts[band][bands[:, band].astype(np.int64) + 1]
                - self._starts[band][bands[:, band]]
                for band in range(_BANDS)
            ),
            start=np.zeros(len(hashes), dtype=np.int64),
        )

    def candidates(self, turned: NDArray[np.uint8]) -> Iterator[tuple[Positions, Positions]]:
        """Yield (form, position) for forms (q, 8, 32) of some hashes, counted through: q * 8.

        Among them, more than once perhaps, is every picture that differs in at most BITS_ALONE.
        """
        import numpy as np

        bands = turned.reshape(-1, HASH_BYTES).view(np.uint16)  # (q * 8, 16)
        for band in range(_BANDS):
            values = (bands[:, band, None] ^ self._flips).ravel()  # (q * 8 * 17,)
            begins = self._starts[band][values]
            counts = self._starts[band][values.astype(np.int64) + 1] - begins
            hit = np.flatnonzero(counts)
            begins, counts = begins[hit], counts[hit]
            # The places begins[i], begins[i] + 1, ... of all i, one after the other.
            ends = np.cumsum(counts)
            places = np.arange(ends[-1] if len(ends) else 0)
            places += np.repeat(begins - (ends - counts), counts)
            yield (
                np.repeat(hit // len(self._flips), counts),
                self._listed[band][places].astype(np.int64),
            )


assert BITS_ALONE < 2 * _BANDS and 16 * _BANDS == BITS  # noqa: S101, PT018  # what makes it exact
