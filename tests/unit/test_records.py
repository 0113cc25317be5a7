"""`records`: the one computation there is, and that travelling values do not change."""

import math
from dataclasses import FrozenInstanceError

import pytest

from vsearch.records import Calibration, ImageFacts


@pytest.mark.parametrize(
    ("slope", "bias", "cosine", "expected"),
    [
        pytest.param(10, 0, 0, 0.5, id="the middle"),
        pytest.param(10, -5, 0.5, 0.5, id="the bias moves the middle"),
        pytest.param(1, math.log(3), 0, 0.75, id="odds of three to one"),
        pytest.param(math.log(9), 0, -1, 0.1, id="a negative cosine"),
        pytest.param(1e6, 0, 1, 1.0, id="steep, above"),
        pytest.param(1e6, 0, -1, 0.0, id="steep, below"),
    ],
)
def test_relevance_is_the_logistic_of_the_cosine(
    slope: float, bias: float, cosine: float, expected: float
) -> None:
    assert Calibration(slope, bias).relevance(cosine) == pytest.approx(expected)


def test_relevance_rises_with_the_cosine() -> None:
    calibration = Calibration(13.92, -1.678)
    relevances = [calibration.relevance(step / 100) for step in range(-100, 101)]
    assert relevances == sorted(set(relevances))
    assert relevances[0] >= 0
    assert relevances[-1] <= 1


def test_a_record_cannot_be_changed() -> None:
    facts = ImageFacts(1, 2, "PNG")
    with pytest.raises(FrozenInstanceError):
        facts.width = 3  # type: ignore[misc]  # what is tested
