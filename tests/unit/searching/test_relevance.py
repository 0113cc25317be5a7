"""`relevance`: against Bayes' rule written out, and on made-up galleries whose truth is known."""

import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch.records import Calibration, Logistic
from vsearch.searching.query import parse
from vsearch.searching.relevance import (
    ANSWERS,
    FEWEST,
    WEAK,
    background_rows,
    evidence,
    likelihood,
    relevance,
)

SENTENCE, KEYWORD, PICTURE = Logistic(1, 1), Logistic(2, 2), Logistic(3, 3)
CALIBRATION = Calibration(SENTENCE, KEYWORD, PICTURE)


def floats(values: object) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)


@pytest.mark.parametrize(
    ("terms", "minus", "expected"),
    [
        pytest.param(["a dog on a sunny beach"], [], SENTENCE, id="a sentence"),
        pytest.param(["3:dog"], [], KEYWORD, id="a keyword, whatever its weight"),
        pytest.param(["https://example.org/a.jpg"], [], PICTURE, id="a picture somewhere"),
        pytest.param(["dog", "cat"], [], KEYWORD, id="two keywords"),
        pytest.param(["dog", "3:a dog on a sunny beach"], [], Logistic(1.25, 1.25), id="pooled"),
        pytest.param(["dog"], ["a dog on a sunny beach"], KEYWORD, id="a text, less another"),
        pytest.param([], ["dog"], None, id="only what it should be unlike"),
    ],
)
def test_which_likelihood_ratio(
    terms: list[str], minus: list[str], expected: Logistic | None
) -> None:
    assert likelihood(CALIBRATION, parse(terms, minus)) == expected
    assert likelihood(Calibration(), parse(terms, minus)) is None
    if expected:
        half = likelihood(CALIBRATION, parse(terms, minus), 0.5)
        assert half == Logistic(expected.slope / 2, expected.bias)


def test_one_kind_that_is_not_known_of_leaves_it_to_the_background() -> None:
    query = parse(["dog", "https://example.org/a.jpg"])
    assert likelihood(Calibration(SENTENCE, KEYWORD), query) is None


@pytest.mark.parametrize("rows", [1, 3, 48, 10_000, 10_000_000])
@pytest.mark.parametrize("ratio", [Fraction(1, 50), Fraction(1), Fraction(400)], ids=str)
def test_relevance_is_bayes_rule(rows: int, ratio: Fraction) -> None:
    share = ANSWERS * math.sqrt(rows) / rows
    expected = share * ratio / (share * ratio + (1 - share))
    assert relevance(np.array([math.log(ratio)]), rows)[0] == pytest.approx(float(expected))


def test_relevance_is_a_probability_that_never_falls_with_the_cosine() -> None:
    cosines = floats(np.linspace(-1, 1, 401))
    for known, background in ((Logistic(1e6, 7), None), (None, floats(np.linspace(-0.1, 0.2, 99)))):
        told = evidence(cosines, known, background)
        assert told is not None
        found = relevance(told, 48)
        assert np.all(np.diff(found) >= 0)
        assert 0 <= found[0] < WEAK < found[-1] <= 1


def test_equal_cosines_are_equally_relevant() -> None:
    told = evidence(floats([0.3, 0.3, 0.2]), None, floats(np.linspace(0, 0.1, 50)))
    assert told is not None
    assert told[0] == told[1] > told[2]


def test_an_index_without_pictures_and_no_answers() -> None:
    told = evidence(floats([]), Logistic(1, 1), None)
    assert told is not None
    assert relevance(told, 0).shape == (0,)


@pytest.mark.parametrize("rows", [48, 1000])
def test_what_is_told_holds_in_galleries_of_known_truth(rows: int) -> None:
    """Other cosines are normal, answers two deviations above: the ratio is a known logistic."""
    random = np.random.default_rng(0)
    middle, deviation, above = 0.05, 0.1, 2.5
    known = Logistic(above / deviation, -above * middle / deviation - above**2 / 2)
    share = ANSWERS * math.sqrt(rows) / rows
    right = random.random(600_000) < share
    cosines = floats(middle + deviation * (random.standard_normal(len(right)) + above * right))
    told = evidence(cosines, known, None)
    assert told is not None
    found = relevance(told, rows)
    bins = (found * 10).astype(int)
    for number in range(10):
        here = bins == number
        assert here.sum() > 50
        error = math.sqrt(0.25 / here.sum())
        assert found[here].mean() == pytest.approx(right[here].mean(), abs=4 * error)


def test_without_a_calibration_deviations_above_the_background_tell() -> None:
    """A plain oracle: the sorted middle, and the middle of how far the rest lies below."""
    random = np.random.default_rng(1)
    background = floats(random.normal(0.2, 0.05, 501))
    values = sorted(math.atanh(value) for value in background.tolist())
    middle = values[250]
    deviation = 1.4826 * sorted(middle - value for value in values[:251])[125]
    expected = [1.2 * (math.atanh(cosine) - middle) / deviation - 2.1 for cosine in (0.1, 0.4)]
    told = evidence(floats([0.1, 0.4]), None, background)
    assert told is not None
    assert told.tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("scale", [1.0, 0.2], ids=["as spread as mini", "as narrow as CLIP"])
def test_many_answers_hide_none_of_them(scale: float) -> None:
    """Three of ten pictures are answers: they move the background, and still stand out of it."""
    random = np.random.default_rng(2)
    others, answers = random.normal(0.05, 0.1, 70), random.normal(0.75, 0.1, 30)
    cosines = floats(scale * np.concatenate([others, answers]))
    told = evidence(cosines, None, cosines)
    assert told is not None
    found = relevance(told, 100)
    assert (found[70:] >= WEAK).mean() > 0.9
    assert (found[:70] >= WEAK).mean() < 0.05


@pytest.mark.parametrize("known", [None, Logistic(14.3, -3.75)], ids=["background", "mini"])
@pytest.mark.parametrize("rows", [48, 100_000])
def test_an_exact_copy_is_certain(known: Logistic | None, rows: int) -> None:
    background = floats(np.random.default_rng(3).normal(0.55, 0.1, 500).clip(-1, 0.9))
    told = evidence(floats([1.0, 0.9999999]), known, background)
    assert told is not None
    assert np.all(relevance(told, rows) > 0.95)


@pytest.mark.parametrize(
    "background",
    [
        pytest.param([], id="none"),
        pytest.param(np.linspace(0, 0.5, FEWEST - 1), id="too few"),
        pytest.param([0.25] * 60 + [0.1, 0.2, 0.9], id="all but a few the same"),
        pytest.param([-np.inf] * 60 + [0.1, 0.2, 0.9], id="all but a few damaged"),
    ],
)
def test_a_background_that_tells_nothing(background: list[float]) -> None:
    assert evidence(floats([0.9]), None, floats(background)) is None


def test_damaged_rows_are_no_background() -> None:
    background = np.linspace(0, 0.5, 40)
    damaged = np.insert(background, 7, [-np.inf] * 30)
    found = [evidence(floats([0.9]), None, floats(one)) for one in (background, damaged)]
    assert found[0] is not None
    assert found[0] == found[1]


@pytest.mark.parametrize("rows", [0, 1, 48, 4095, 4096, 4097, 5000, 100_000, 10**9])
def test_the_background_is_spread_over_few_blocks(rows: int) -> None:
    found = background_rows(rows)
    assert np.all(np.diff(found) > 0)
    assert len(found) == min(rows, 4096)
    if rows <= 4096:
        assert found.tolist() == list(range(rows))
    else:
        assert len(np.unique(found // 256)) == 16
        assert found[0] == 0
        assert rows > found[-1] > rows * 0.9
