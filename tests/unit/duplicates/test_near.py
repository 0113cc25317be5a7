"""The search for near pictures against the plain rule, on arrays made up for it."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch.duplicates import near
from vsearch.duplicates.near import (
    BITS_ALONE,
    BITS_CONFIRMING,
    BITS_OF_CROPS,
    COSINE,
    COSINE_OF_CAUTION,
    COSINE_OF_CROPS,
    SKETCH,
    axes,
    pairs,
    sketched,
    stars,
)
from vsearch.images.perceptual import HASH_BYTES, distances, forms

Hashes = NDArray[np.uint8]
Vectors = NDArray[np.float32]
Positions = NDArray[np.int64]
Groups = list[tuple[int, list[int]]]
Members = list[tuple[int, bool, int]]


class Made:
    """Pictures that are only arrays; `asked` are the positions whose hash was asked for."""

    def __init__(self, vectors: Vectors, hashes: Hashes) -> None:
        self.vectors = vectors
        self.all_hashes = hashes
        self.asked: list[int] = []
        self.aligned: list[tuple[int, int]] = []

    def cosines(self, first: Positions, second: Positions) -> Vectors:
        return np.asarray((self.vectors[first] * self.vectors[second]).sum(axis=1))

    def hashes(self, positions: Positions) -> Hashes:
        self.asked += positions.tolist()
        return self.all_hashes[positions]

    def bits_between_parts(self, one: int, others: Positions) -> NDArray[np.int64]:
        self.aligned += [(one, other) for other in others.tolist()]
        return aligned_bits(one, others)


def aligned_bits(one: int, others: Positions) -> NDArray[np.int64]:
    """In how many bits pictures differ once aligned: made up."""
    choices = np.array([0, BITS_OF_CROPS, BITS_OF_CROPS + 1, 256], dtype=np.int64)
    return np.take(choices, (one * others + others // 5) % 4)


def found(vectors: Vectors, hashes: Hashes, known: NDArray[np.bool_] | None = None) -> Groups:
    made = Made(vectors, hashes)
    sketches = sketched(vectors, axes((vectors.T @ vectors).astype(np.float64)))
    known = np.ones(len(hashes), dtype=bool) if known is None else known
    given = np.where(known[:, None], hashes, 0).astype(np.uint8)
    groups = []
    for star in stars(sketches, given, known, made):
        groups.append((star.kept, star.near.tolist()))
        assert star.cosines == pytest.approx(vectors[star.near] @ vectors[star.kept], abs=1e-5)
        assert star.bits.tolist() == distances(hashes[star.near], hashes[star.kept]).tolist()
    assert len(made.asked) == len(set(made.asked))
    return groups


def found_with_crops(vectors: Vectors, hashes: Hashes) -> tuple[list[tuple[int, Members]], Made]:
    """Return the groups, each of its members' position, whether it is a crop, and bits."""
    made = Made(vectors, hashes)
    sketches = sketched(vectors, axes((vectors.T @ vectors).astype(np.float64)))
    known = np.ones(len(hashes), dtype=bool)
    groups = []
    for star in stars(sketches, hashes, known, made, crops=True):
        assert star.cosines == pytest.approx(vectors[star.near] @ vectors[star.kept], abs=1e-5)
        members = zip(star.near.tolist(), star.crops.tolist(), star.bits.tolist(), strict=True)
        groups.append((star.kept, list(members)))
    return groups, made


def plain_with_crops(made: Made) -> tuple[list[tuple[int, Members]], list[tuple[int, int]]]:
    """The rule, pair by pair; and the pairs that have to be aligned for it."""
    free = [True] * len(made.vectors)
    groups, aligned = [], []
    for kept in range(len(free)):
        if not free[kept]:
            continue
        free[kept] = False
        bits = distances(made.all_hashes, made.all_hashes[kept])
        cosines = made.vectors @ made.vectors[kept]
        members = []
        for other in np.flatnonzero(free).tolist():
            confirmed = cosines[other] >= COSINE and bits[other] <= BITS_CONFIRMING
            if bits[other] <= BITS_ALONE or confirmed:
                members.append((other, False, int(bits[other])))
            elif (
                cosines[other] >= COSINE_OF_CROPS
                and made.all_hashes[[kept, other]].any(axis=1).all()
            ):
                aligned.append((kept, other))
                (once_aligned,) = aligned_bits(kept, np.array([other])).tolist()
                if once_aligned <= BITS_OF_CROPS:
                    members.append((other, True, once_aligned))
        for other, *_ in members:
            free[other] = False
        groups.append((kept, members))
    return groups, aligned


def plain(vectors: Vectors, hashes: Hashes, known: NDArray[np.bool_] | None = None) -> Groups:
    """The rule, pair by pair."""
    known = np.ones(len(hashes), dtype=bool) if known is None else known
    free = [True] * len(hashes)
    groups = []
    for kept in range(len(hashes)):
        if not free[kept]:
            continue
        bits = distances(hashes, hashes[kept])
        cosines = vectors @ vectors[kept]
        taken = [
            other
            for other in range(kept + 1, len(hashes))
            if free[other]
            and (
                (bits[other] <= BITS_ALONE and known[other] and known[kept])
                or (cosines[other] >= COSINE and bits[other] <= BITS_CONFIRMING)
            )
        ]
        for other in taken:
            free[other] = False
        groups.append((kept, taken))
    return groups


def flipped(hash_: Hashes, count: int, random: np.random.Generator) -> Hashes:
    bits = np.unpackbits(hash_)
    bits[random.choice(256, count, replace=False)] ^= 1
    return np.packbits(bits)


def made_up(count: int, seed: int, dim: int = 96) -> tuple[Vectors, Hashes]:
    """Pictures of which half are edits of earlier ones, in every form and at every distance."""
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((count, dim))
    hashes = random.integers(0, 256, (count, HASH_BYTES), dtype=np.uint8)
    for place in range(1, count):
        kind = random.random()
        source = int(random.integers(0, place))
        if kind < 0.5:
            form = forms(hashes[source][None])[0, random.integers(0, 8)]
            hashes[place] = flipped(form, int(random.integers(0, 100)), random)
        if 0.2 < kind < 0.6:
            length = np.linalg.norm(vectors[source])
            noise = random.standard_normal(dim) * length / dim**0.5
            vectors[place] = vectors[source] + random.choice([0.1, 0.3, 0.45, 0.5, 0.7]) * noise
    hashes[:: max(1, count // 7)] = 0  # some have no structure
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), hashes


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50, 700])
@pytest.mark.parametrize("dim", [3, 96])
def test_the_same_groups_as_by_the_rule(count: int, dim: int) -> None:
    for seed in range(3):
        vectors, hashes = made_up(count, seed, dim)
        assert found(vectors, hashes) == plain(vectors, hashes)


def found_pairs(vectors: Vectors, hashes: Hashes) -> list[tuple[int, int, int]]:
    sketches = sketched(vectors, axes((vectors.T @ vectors).astype(np.float64)))
    known = np.ones(len(hashes), dtype=bool)
    listed = []
    for some in pairs(sketches, hashes, known, Made(vectors, hashes)):
        expected = (vectors[some.first] * vectors[some.second]).sum(axis=1)
        assert some.cosines == pytest.approx(expected, abs=1e-5)
        listed += list(
            zip(some.first.tolist(), some.second.tolist(), some.bits.tolist(), strict=True)
        )
    return listed


def plain_pairs(vectors: Vectors, hashes: Hashes) -> list[tuple[int, int, int]]:
    """The rule, pair by pair."""
    listed = []
    for first, second in itertools.combinations(range(len(hashes)), 2):
        (bits,) = distances(hashes[[first]], hashes[second]).tolist()
        confirmed = vectors[first] @ vectors[second] >= COSINE and bits <= BITS_CONFIRMING
        if bits <= BITS_ALONE or confirmed:
            listed.append((first, second, bits))
    return listed


@pytest.mark.parametrize("count", [0, 1, 2, 400])
def test_the_same_pairs_as_by_the_rule(count: int) -> None:
    vectors, hashes = made_up(count, 3)
    expected = plain_pairs(vectors, hashes)
    assert found_pairs(vectors, hashes) == expected
    assert count < 400 or len(expected) > 100


def test_of_very_many_that_are_alike_not_all_pairs_are_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(near, "ENOUGH", 10)
    monkeypatch.setattr(near, "_QUERIES", 1)
    vectors, hashes = made_up(1, 0)
    hashes[0] = np.arange(HASH_BYTES)
    listed = found_pairs(vectors.repeat(50, axis=0), hashes.repeat(50, axis=0))
    assert [pair[:2] for pair in listed] == [(i, j) for i in range(10) for j in range(i + 1, 50)]


@pytest.mark.parametrize("together", [1, 5, near._TOGETHER])
@pytest.mark.parametrize("count", [0, 1, 2, 60, 700])
def test_crops_are_what_the_rule_says(
    count: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "_TOGETHER", together)
    vectors, hashes = made_up(count, 12)
    groups, made = found_with_crops(vectors, hashes)
    expected, aligned = plain_with_crops(made)
    assert groups == expected
    assert made.aligned == aligned  # no pair without need, none twice
    assert made.asked == []
    if count == 700:
        assert sum(is_crop for _, members in groups for _, is_crop, _ in members) > 50


@pytest.mark.parametrize("size", [1, 7, 64])
def test_blocks_of_any_size_come_to_the_same(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_QUERIES", size), ("_COLUMNS", 5 * size), ("_PAIRS", 3 * size)):
        monkeypatch.setattr(near, name, value)
    vectors, hashes = made_up(300, 5)
    expected = plain(vectors, hashes)
    assert found(vectors, hashes) == expected
    assert sum(len(members) for _, members in expected) > 50


@pytest.mark.parametrize("dim", [3, 96])
def test_unknown_hashes_are_asked_for_where_the_embedding_is_near(dim: int) -> None:
    vectors, hashes = made_up(400, 6, dim)
    known = np.random.default_rng(7).random(400) < 0.5
    # Once asked for, a hash is known; whether by then another looked for it depends on the order,
    # so this compares with the rule where no pair is near by its hash alone.
    bits = np.stack([distances(hashes, one) for one in hashes])
    alone = (bits <= BITS_ALONE) & (vectors @ vectors.T < COSINE)
    lone = ~(np.triu(alone, 1).any(axis=0) | np.triu(alone, 1).any(axis=1))
    vectors, hashes, known = vectors[lone], hashes[lone], known[lone]
    assert found(vectors, hashes, known) == plain(vectors, hashes)


def test_every_two_of_at_most_31_bits_meet_in_a_band() -> None:
    """The worst case of the look-ups: 31 bits, spread over the bands as evenly as can be."""
    random = np.random.default_rng(8)
    for _ in range(50):
        one = random.integers(0, 256, HASH_BYTES, dtype=np.uint8)
        flips = np.zeros((16, 16), dtype=np.uint8)
        for band, count in enumerate(random.permutation([1, *[2] * 15])):
            flips[band, random.choice(16, count, replace=False)] = 1
        other = one ^ np.packbits(flips)
        vectors = np.eye(2, 4, dtype=np.float32)
        assert found(vectors, np.stack([one, other])) == [(0, [1])]
        further = flips.copy()
        further.flat[int(np.flatnonzero(flips.ravel() == 0)[0])] = 1
        assert found(vectors, np.stack([one, one ^ np.packbits(further)])) == [(0, []), (1, [])]


def test_no_member_is_near_to_another_member_only() -> None:
    """a ~ b ~ c, but not a ~ c: c is in no group with a, whoever is kept."""
    random = np.random.default_rng(9)
    chain = [random.integers(0, 256, HASH_BYTES, dtype=np.uint8)]
    bits = random.permutation(256)
    for step in range(2):
        turned = np.unpackbits(chain[-1])
        turned[bits[25 * step : 25 * step + 25]] ^= 1
        chain.append(np.packbits(turned))
    vectors = np.eye(3, 8, dtype=np.float32)
    results = {
        order: found(vectors, np.stack([chain[number] for number in order]))
        for order in itertools.permutations(range(3))
    }
    assert results[0, 1, 2] == [(0, [1]), (2, [])]
    assert results[1, 0, 2] == [(0, [1, 2])]
    assert results[0, 2, 1] == [(0, [2]), (1, [])]


def test_very_many_of_one_hash_cost_no_more_memory() -> None:
    random = np.random.default_rng(10)
    hashes = np.repeat(random.integers(0, 256, (1, HASH_BYTES), dtype=np.uint8), 20_000, axis=0)
    vectors = np.full((20_000, 4), 0.5, dtype=np.float32)
    tracemalloc.start()
    try:
        groups = found(vectors, hashes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert groups == [(0, list(range(1, 20_000)))]
    assert peak < 300e6  # all at once they would be 80 million pairs of 16 bytes


def test_sketches_bound_the_cosine_from_above() -> None:
    vectors, _ = made_up(300, 11, dim=200)
    sketches = sketched(vectors, axes((vectors.T @ vectors).astype(np.float64)))
    assert sketches.shape == (300, SKETCH + 1)
    assert (sketches @ sketches.T - vectors @ vectors.T).min() > -1e-5


def _keeping(steps: list[tuple[int, int]]) -> Callable[[int, int], None]:
    return lambda done, total: steps.append((done, total))


def components(vectors: Vectors, hashes: Hashes) -> list[int]:
    """The first that each hangs together with, by repeating the rule until nothing changes."""
    bits = np.stack([distances(hashes, one) for one in hashes])
    agree = (vectors @ vectors.T >= COSINE_OF_CAUTION) & (bits <= BITS_CONFIRMING)
    near_pairs = agree | (bits <= BITS_ALONE)
    leads = np.arange(len(hashes))
    while True:
        lower = np.where(near_pairs, leads[None, :], leads[:, None]).min(axis=1)
        lower = np.minimum(lower, leads)
        if (lower == leads).all():
            return [int(one) for one in leads]
        leads = lower


@pytest.mark.parametrize("size", [1, 7, 256])
@pytest.mark.parametrize("count", [1, 2, 60, 400])
def test_what_hangs_together_is_what_the_rule_says(
    count: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_QUERIES", size), ("_COLUMNS", 5 * size), ("_PAIRS", 3 * size)):
        monkeypatch.setattr(near, name, value)
    for seed in range(3):
        vectors, hashes = made_up(count, seed)
        made = Made(vectors, hashes)
        steps: list[tuple[int, int]] = []
        sketches = sketched(vectors, axes((vectors.T @ vectors).astype(np.float64)))
        together = near.connected(
            sketches, hashes, np.ones(count, dtype=bool), made, _keeping(steps)
        )
        expected = components(vectors, hashes)
        assert together.tolist() == expected
        assert steps[-1] == (count, count)
        if count == 400:
            stars_alone = [kept for kept, _ in found(vectors, hashes)]
            assert len(set(expected)) < len(stars_alone)  # a chain is one, but several stars


def test_a_chain_hangs_together_and_nothing_does_in_an_empty_index() -> None:
    random = np.random.default_rng(9)
    one = random.integers(0, 256, HASH_BYTES, dtype=np.uint8)
    chain = [one]
    for step in range(3):
        bits = np.unpackbits(chain[-1])
        bits[25 * step : 25 * step + 25] ^= 1
        chain.append(np.packbits(bits))
    order = [3, 0, 2, 1]
    hashes = np.stack([chain[place] for place in order] + [255 - random.permutation(one)])
    vectors = np.eye(5, 8, dtype=np.float32)
    for rows, expected in ((5, [0, 0, 0, 0, 4]), (0, [])):
        found_together = near.connected(
            vectors[:rows], hashes[:rows], np.ones(rows, dtype=bool), Made(vectors, hashes)
        )
        assert found_together.tolist() == expected
