"""Which group comes into which split: shares of classes, seeds, and corners."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from vsearch.splitting.assignment import assign
from vsearch.splitting.grouping import groups_of

SHARES = (0.8, 0.1, 0.1)


def made(count: int, seed: int) -> tuple[list[Counter[str]], list[bytes]]:
    """Groups of one to five pictures, of classes that are common and rare, most of one class."""
    random = np.random.default_rng(seed)
    classes = [f"class {place}" for place in range(8)]
    shares = np.array([1 / (place + 1) for place in range(8)])
    groups = []
    for _ in range(count):
        first, second = random.choice(classes, 2, p=shares / shares.sum())
        size = int(random.choice([1, 1, 1, 2, 5]))
        groups.append(
            Counter([first] * size if random.random() < 0.9 else [first] * size + [second])
        )
    return groups, [place.to_bytes(4) for place in range(count)]


@pytest.mark.parametrize("shares", [SHARES, (0.7, 0.3), (0.34, 0.33, 0.33)])
@pytest.mark.parametrize("seed", range(5))
def test_every_class_has_its_share(shares: tuple[float, ...], seed: int) -> None:
    groups, keys = made(1000, seed)
    places = assign(groups, keys, shares, seed)
    totals = sum(groups, Counter[str]())
    for place, share in enumerate(shares):
        of_split = (group for group, at in zip(groups, places, strict=True) if at == place)
        came = sum(of_split, Counter[str]())
        assert abs(came.total() - share * totals.total()) <= 2
        for label, total in totals.items():
            assert abs(came[label] - share * total) <= 2, label


def test_it_depends_on_the_seed_and_not_on_the_order() -> None:
    groups, keys = made(300, 1)
    places = dict(zip(keys, assign(groups, keys, SHARES, 0), strict=True))
    order = np.random.default_rng(2).permutation(300)
    turned = [Counter(dict(reversed(groups[at].items()))) for at in order]
    again = assign(turned, [keys[at] for at in order], SHARES, 0)
    assert dict(zip([keys[at] for at in order], again, strict=True)) == places
    assert dict(zip(keys, assign(groups, keys, SHARES, 1), strict=True)) != places


def test_it_is_the_same_on_every_machine() -> None:
    groups, keys = made(30, 3)
    assert "".join(map(str, assign(groups, keys, (0.6, 0.2, 0.2), 7))) == (
        "010121102112000022000000011200"
    )


@pytest.mark.parametrize("count", [3, 4, 5, 9])
def test_no_split_is_empty(count: int) -> None:
    places = assign([Counter(x=1)] * count, [bytes([at]) for at in range(count)], SHARES, 0)
    assert set(places) == {0, 1, 2}


def test_a_group_larger_than_a_split_goes_where_there_is_room() -> None:
    groups = [Counter(x=30), *[Counter(x=1)] * 70]
    places = assign(groups, [bytes([at]) for at in range(71)], SHARES, 0)
    assert places[0] == 0
    sizes = Counter(dict.fromkeys(range(3), 0))
    for group, place in zip(groups, places, strict=True):
        sizes[place] += group.total()
    assert dict(sizes) == {0: 80, 1: 10, 2: 10}


@pytest.mark.parametrize(
    ("together", "groups"),
    [
        ([], [[0], [1], [2], [3], [4]]),
        ([[3, 1]], [[0], [1, 3], [2], [4]]),
        ([[3, 1], [4, 3], [2]], [[0], [1, 3, 4], [2]]),
        ([[4, 3], [1, 0], [0, 4]], [[0, 1, 3, 4], [2]]),
        ([[0, 1, 2, 3, 4], [1, 1]], [[0, 1, 2, 3, 4]]),
    ],
)
def test_groups(together: list[list[int]], groups: list[list[int]]) -> None:
    assert groups_of(together, 5) == groups


def test_groups_of_random_links_are_the_components() -> None:
    from scipy.sparse import coo_array  # type: ignore[import-untyped]  # it has no types
    from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]  # it has no types

    random = np.random.default_rng(4)
    links = random.integers(0, 500, (400, 2))
    graph = coo_array((np.ones(400), (links[:, 0], links[:, 1])), shape=(500, 500))
    count, of_each = connected_components(graph, directed=False)
    groups = groups_of(links.tolist(), 500)
    assert len(groups) == count
    assert all(len({of_each[one] for one in group}) == 1 for group in groups)
