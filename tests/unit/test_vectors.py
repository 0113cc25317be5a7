"""`vectors`: directions, blends, and the k best, against plain sorting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vsearch.vectors import best, blend, unit, without


def vectors(*rows: list[float]) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


def test_unit_keeps_directions_and_makes_lengths_one() -> None:
    scaled = unit(vectors([3, 4], [0, -2], [1e-6, 0]))
    assert scaled.dtype == np.float32
    assert scaled == pytest.approx(vectors([0.6, 0.8], [0, -1], [1, 0]))


def test_unit_takes_a_single_vector() -> None:
    assert unit(np.array([0, 5], np.float32)).tolist() == [0, 1]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param([0.0, 0.0], id="zero"),
        pytest.param([1e-13, 0.0], id="nearly zero"),
        pytest.param([float("nan"), 1.0], id="nan"),
        pytest.param([float("inf"), 1.0], id="infinite"),
    ],
)
def test_unit_refuses_one_vector_without_direction_among_good_ones(row: list[float]) -> None:
    with pytest.raises(ValueError, match="without a direction"):
        unit(vectors([1, 0], row))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        pytest.param([1, 0], [1, 0], id="one term"),
        pytest.param([2, 2], [0.5**0.5, 0.5**0.5], id="equal weights"),
        pytest.param([3, 4], [0.6, 0.8], id="weighted"),
        pytest.param([3, -4], [0.6, -0.8], id="pushed away"),
    ],
)
def test_blend_is_the_direction_of_the_weighted_sum(
    weights: list[float], expected: list[float]
) -> None:
    blended = blend(vectors([1, 0], [0, 1]), weights)
    assert blended.dtype == np.float32
    assert blended == pytest.approx(expected)


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param([1, -1, 0], id="exactly"),
        pytest.param([0.1, 0.2, -0.3], id="up to rounding: what is left of them is noise"),
        pytest.param([1e5, 0.1, -1e5 - 0.1], id="large weights up to rounding"),
    ],
)
def test_terms_that_cancel_out_are_no_direction(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="direction"):
        blend(vectors(*[[0.48, 0.6, 0.64]] * 3), weights)


def test_what_rounding_leaves_of_two_equal_terms_is_no_direction() -> None:
    one, other = unit(vectors([0.48, 0.6, 0.64], [0.48, 0.6, 0.64 + 1e-7]))
    assert one.tolist() != other.tolist()
    with pytest.raises(ValueError, match="direction"):
        blend(np.stack([one, other]), [1, -1])
    assert blend(np.stack([one, other]), [1, 1]) == pytest.approx(one)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        pytest.param(0, [0.6, 0.8], id="nothing"),
        pytest.param(0.5, [0.3, 0.8], id="half"),
        pytest.param(1, [0, 0.8], id="all: perpendicular"),
        pytest.param(2, [-0.6, 0.8], id="more: mirrored"),
    ],
)
def test_without_takes_a_share_of_what_is_common(share: float, expected: list[float]) -> None:
    one, other = vectors([0.6, 0.8], [1, 0])
    left = without(one, other, share)
    assert left.dtype == np.float32
    assert left == pytest.approx(np.array(expected) / np.linalg.norm(expected))


def test_without_takes_nothing_from_what_points_away() -> None:
    one, other = vectors([0.6, 0.8], [-1, 0])
    assert without(one, other, 1) == pytest.approx(one)


@pytest.mark.parametrize("share", [0.5, 1, 2])
def test_without_itself_there_is_no_direction(share: float) -> None:
    one, other = unit(vectors([0.48, 0.6, 0.64], [0.48, 0.6, 0.64 + 1e-7]))
    with pytest.raises(ValueError, match="direction"):
        without(one, other, share)


# Few distinct values: ties, at the border too, in almost every example.
@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.25000003, 1.0])), st.integers(0, 40))
def test_best_is_a_sort_by_score_then_position(scores: list[float], k: int) -> None:
    array = np.array(scores, dtype=np.float32)
    plain = sorted(range(len(scores)), key=lambda place: (-array[place], place))[:k]
    assert best(array, k).tolist() == plain


def test_best_of_many_is_a_sort() -> None:
    scores = np.random.default_rng(0).normal(size=20_000).astype(np.float32).round(2)
    plain = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    for k in (1, 10, 1000, 19_999, 20_000, 30_000):
        assert best(scores, k).tolist() == plain[:k]
    assert best(scores, 3).dtype == np.int64
