"""`ranking` against trec_eval, scikit-learn and pytorch-metric-learning, on 1,000 cases with ties.

Libraries that break ties by position are asked about every order of the tied items; what `ranking`
says must be the mean of what they say.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import pytrec_eval
import torch
from numpy.typing import NDArray
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from sklearn.metrics import average_precision_score, ndcg_score

from vsearch.evaluation import ranking
from vsearch.evaluation.ranking import (
    Ranking,
    average_precision,
    average_precision_at_r,
    first_rank,
    hit_rate_at,
    ndcg_at,
    precision_at,
    r_precision,
    ranked,
    ranked_lists,
    recall_at,
    reciprocal_rank,
)

Metric = Callable[[Ranking], NDArray[np.float64]]
METRICS: dict[str, Metric] = {
    "recall@2": lambda found: recall_at(found, 2),
    "precision@1": lambda found: precision_at(found, 1),
    "precision@2": lambda found: precision_at(found, 2),
    "hit rate@2": lambda found: hit_rate_at(found, 2),
    "reciprocal rank": reciprocal_rank,
    "average precision": average_precision,
    "average precision@r": average_precision_at_r,
    "r-precision": r_precision,
    "ndcg@2": lambda found: ndcg_at(found, 2),
    "ndcg": ndcg_at,
    "first rank": first_rank,
}


@dataclass(frozen=True)
class Case:
    """One query: `gains` (n,) are grades by position, 0 for what is not relevant."""

    scores: NDArray[np.float32]
    gains: NDArray[np.float64]
    missing: NDArray[np.float64]

    @property
    def relevant(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.gains)

    @property
    def grades(self) -> NDArray[np.float64]:
        return self.gains[self.relevant]

    def orders(self) -> list[tuple[float, ...]]:
        """Return the gains by rank, for all orders of tied items that differ in them."""
        groups = [
            sorted(set(itertools.permutations(self.gains[self.scores == score].tolist())))
            for score in sorted(set(self.scores.tolist()), reverse=True)
        ]
        return [tuple(itertools.chain(*parts)) for parts in itertools.product(*groups)]


@cache
def cases(*, graded: bool = True, missing: bool = True, ties: bool = True) -> tuple[Case, ...]:
    """Return 1,000 queries of galleries of 1 to 7, with something relevant."""
    chance = np.random.default_rng([graded, missing, ties])
    made: list[Case] = []
    while len(made) < 1000:
        n = 1 + len(made) // 143
        scores = chance.permutation(n) if not ties else chance.integers(0, chance.integers(1, 5), n)
        gains = (chance.random(n) < chance.random()) * chance.integers(1, 4 if graded else 2, n)
        lost = chance.integers(1, 4 if graded else 2, max(0, int(chance.integers(-3, 3))))
        if not missing:
            lost = lost[:0]
        if gains.any() or len(lost):
            made.append(Case(scores.astype(np.float32), gains.astype(float), lost.astype(float)))
    return tuple(made)


def measured(metric: Metric, all_cases: tuple[Case, ...]) -> NDArray[np.float64]:
    """Return the metric of each case: those of one size of gallery are one block of queries."""
    blocks = []
    for _, block in itertools.groupby(all_cases, lambda case: len(case.scores)):
        part = list(block)
        blocks.append(
            metric(
                ranked(
                    np.stack([case.scores for case in part]),
                    [case.relevant for case in part],
                    [case.grades for case in part],
                    missing=[case.missing for case in part],
                )
            )
        )
    return np.concatenate(blocks)


@cache
def by_trec_eval() -> dict[str, NDArray[np.float64]]:
    """Return what trec_eval says of each case, as the mean over all orders."""
    names = ("recall", "P", "success", "recip_rank", "map", "Rprec", "ndcg_cut", "ndcg")
    qrel: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    of_case: dict[str, int] = {}
    for number, case in enumerate(cases()):
        for i, order in enumerate(case.orders()):
            query = f"{number}.{i}"
            of_case[query] = number
            run[query] = {f"d{rank}": float(-rank) for rank in range(len(order))}
            qrel[query] = {f"d{rank}": int(gain) for rank, gain in enumerate(order)}
            qrel[query] |= {f"m{at}": int(gain) for at, gain in enumerate(case.missing)}
    wanted = {f"{name}.1,2,3,5,10" if name in ("recall", "P", "success", "ndcg_cut") else name
              for name in names}  # fmt: skip
    answers = pytrec_eval.RelevanceEvaluator(qrel, wanted).evaluate(run)
    assert len(answers) == len(run)
    where = np.array([of_case[query] for query in answers])
    return {
        name: np.bincount(where, [answer[name] for answer in answers.values()]) / np.bincount(where)
        for name in next(iter(answers.values()))
    }


@pytest.mark.parametrize("k", [1, 2, 3, 5, 10])
@pytest.mark.parametrize(
    ("metric", "name"),
    [
        pytest.param(recall_at, "recall", id="recall"),
        pytest.param(precision_at, "P", id="precision"),
        pytest.param(hit_rate_at, "success", id="hit rate"),
        pytest.param(ndcg_at, "ndcg_cut", id="ndcg"),
    ],
)
def test_cut_off_at_k_is_the_mean_of_trec_eval_over_all_orders_of_ties(
    metric: Callable[[Ranking, int], NDArray[np.float64]], name: str, k: int
) -> None:
    answer = measured(lambda found: metric(found, k), cases())
    assert answer == pytest.approx(by_trec_eval()[f"{name}_{k}"], abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        pytest.param(reciprocal_rank, "recip_rank", id="reciprocal rank"),
        pytest.param(average_precision, "map", id="average precision"),
        pytest.param(r_precision, "Rprec", id="r-precision"),
        pytest.param(ndcg_at, "ndcg", id="ndcg"),
    ],
)
def test_of_the_whole_ranking_is_the_mean_of_trec_eval_over_all_orders_of_ties(
    metric: Metric, name: str
) -> None:
    assert measured(metric, cases()) == pytest.approx(by_trec_eval()[name], abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, None])
def test_ndcg_is_that_of_scikit_learn_which_averages_ties(k: int | None) -> None:
    # It wants two items, and calls a query without relevant items 0.
    some = [case for case in cases(missing=False) if len(case.scores) > 1]
    expected = [ndcg_score([case.gains], [case.scores], k=k) for case in some]
    assert len(some) > 850
    answer = measured(lambda found: ndcg_at(found, k), tuple(some))
    assert answer == pytest.approx(np.array(expected), abs=1e-12)


def test_average_precision_is_that_of_scikit_learn_where_nothing_is_tied() -> None:
    plain = cases(graded=False, missing=False, ties=False)
    expected = [average_precision_score(case.gains > 0, case.scores) for case in plain]
    assert measured(average_precision, plain) == pytest.approx(np.array(expected), abs=1e-12)


def test_metric_learning_is_that_of_pytorch_metric_learning_over_all_orders_of_ties() -> None:
    """Every order is a query of its own to the library; it returns the mean of them."""
    names = {
        "precision_at_1": lambda found: precision_at(found, 1),
        "r_precision": r_precision,
        "mean_average_precision_at_r": average_precision_at_r,
        "mean_reciprocal_rank": reciprocal_rank,
    }
    # It knows no relevant items but those of the gallery, and leaves out a query without.
    plain = cases(graded=False, missing=False)
    expected: dict[str, list[float]] = {name: [] for name in names}
    for case in plain:
        orders = np.array(case.orders())
        places = np.argsort(orders == 0, axis=1, kind="stable")  # of the relevant ones, by rank
        nearest = np.empty_like(places)
        items = np.broadcast_to(np.arange(orders.shape[1]), orders.shape)
        np.put_along_axis(nearest, places, items, axis=1)

        def neighbours(
            query: torch.Tensor, k: int, *_: object, near: NDArray[np.int64] = nearest
        ) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.zeros(len(query), k), torch.from_numpy(near[:, :k])

        calculator = AccuracyCalculator(
            include=tuple(names), k=orders.shape[1], knn_func=neighbours, device=torch.device("cpu")
        )
        relevant = int(case.gains.sum())
        answer = calculator.get_accuracy(
            torch.zeros(len(orders), 1),
            torch.ones(len(orders), dtype=torch.long),
            torch.zeros(orders.shape[1], 1),
            (torch.arange(orders.shape[1]) < relevant).long(),
            ref_includes_query=False,
        )
        for name in names:
            expected[name].append(answer[name])
    for name, metric in names.items():
        assert measured(metric, plain) == pytest.approx(np.array(expected[name]), abs=1e-6), name


def test_leaving_the_query_out_is_the_protocol_of_pytorch_metric_learning() -> None:
    chance = np.random.default_rng(5)
    labels = chance.integers(0, 30, 1000)
    centres = chance.standard_normal((30, 16))
    vectors = (centres[labels] + 2 * chance.standard_normal((1000, 16))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, 2)

    def nearest(query: object, k: int, *_: object) -> tuple[torch.Tensor, torch.Tensor]:
        order = np.argsort(-scores, axis=1, kind="stable")[:, 1 : k + 1]  # but the query itself
        return torch.zeros(order.shape), torch.from_numpy(order)

    names = ("precision_at_1", "r_precision", "mean_average_precision_at_r", "mean_reciprocal_rank")
    calculator = AccuracyCalculator(
        include=names, k=999, knn_func=nearest, device=torch.device("cpu")
    )
    tensors = torch.from_numpy(vectors), torch.from_numpy(labels)
    expected = calculator.get_accuracy(*tensors, *tensors, ref_includes_query=True)
    metrics = (METRICS["precision@1"], r_precision, average_precision_at_r, reciprocal_rank)
    members = [np.flatnonzero(labels == label) for label in labels]
    answer = ranked(scores, members, without=np.arange(1000))
    means = [np.nanmean(metric(answer)) for metric in metrics]
    assert means == pytest.approx([expected[name] for name in names], abs=1e-6)


def test_the_first_rank_is_the_mean_over_all_orders_of_ties() -> None:
    expected = [
        np.mean([next((rank for rank, gain in enumerate(order, 1) if gain), np.inf)
                 for order in case.orders()])
        for case in cases()
    ]  # fmt: skip
    assert measured(first_rank, cases()) == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_lists_in_order_are_rankings_without_ties(name: str) -> None:
    plain = [case for case in cases(ties=False) if len(case.scores) == 7]
    in_order = np.array([case.gains[np.argsort(-case.scores)] for case in plain])
    grades = [np.append(case.grades, case.missing) for case in plain]
    lists = ranked_lists(in_order, np.array([len(some) for some in grades]), grades)
    assert METRICS[name](lists) == pytest.approx(measured(METRICS[name], tuple(plain)))


def test_lists_without_grades_know_how_many_are_relevant() -> None:
    came = np.array([[False, True, False], [True, True, False], [False, False, False]])
    lists = ranked_lists(came, np.array([3, 2, 0]))
    assert recall_at(lists, 2) == pytest.approx([1 / 3, 1, np.nan], nan_ok=True)
    assert average_precision(lists) == pytest.approx([1 / 2 / 3, 1, np.nan], nan_ok=True)
    best = 1 + 1 / math.log2(3) + 1 / 2
    assert ndcg_at(lists) == pytest.approx([1 / math.log2(3) / best, 1, np.nan], nan_ok=True)


def test_large_groups_are_right_to_the_last_digits() -> None:
    """One group of t items, r of them relevant, below a that are not, in exact arithmetic."""
    chance = np.random.default_rng(1)
    for _ in range(300):
        a, t = int(chance.integers(0, 40)), int(chance.integers(1, 60))
        r = int(chance.integers(1, t + 1))
        k = int(chance.integers(1, a + t + 3))
        scores = np.append(np.full(a, 2), np.full(t, 1)).astype(np.float32)[None]
        one = ranked(scores, [a + chance.permutation(t)[:r]])
        first = [Fraction(math.comb(t - j, r - 1), math.comb(t, r)) for j in range(1, t + 1)]
        upto = [
            Fraction(r, t) * (1 + Fraction((j - 1) * (r - 1), max(1, t - 1)))
            for j in range(1, t + 1)
        ]
        expected = {
            "hit": sum(first[: max(0, k - a)]),
            "rr": sum(chances / (a + j) for j, chances in enumerate(first, 1)),
            "ap": sum(value / (a + j) for j, value in enumerate(upto, 1)) / r,
            "ap@r": sum(value / (a + j) for j, value in enumerate(upto, 1) if a + j <= r) / r,
        }
        actual = {
            "hit": hit_rate_at(one, k)[0],
            "rr": reciprocal_rank(one)[0],
            "ap": average_precision(one)[0],
            "ap@r": average_precision_at_r(one)[0],
        }
        exact = {name: float(value) for name, value in expected.items()}
        assert actual == pytest.approx(exact, abs=1e-13, rel=1e-11), (a, t, r, k)


@pytest.mark.parametrize("r", [1, 2, 5, 1000])
def test_a_gallery_that_is_all_tied_is_still_summed_up_right(r: int) -> None:
    n = 200_000
    all_tied = ranked(np.zeros((1, n), np.float32), [np.arange(r)])
    chance, sums = r / n, []
    for j in range(1, n - r + 2):
        sums.append(chance / j)
        chance *= (n - j - r + 1) / max(1, n - j)
    assert reciprocal_rank(all_tied)[0] == pytest.approx(math.fsum(sums), rel=1e-9)
    assert hit_rate_at(all_tied, n // 2)[0] == pytest.approx(
        1 - math.prod((n - n // 2 - i) / (n - i) for i in range(r)), rel=1e-9
    )
    assert recall_at(all_tied, n // 2)[0] == pytest.approx(0.5)
    assert first_rank(all_tied)[0] == pytest.approx((n + 1) / (r + 1))


@pytest.mark.parametrize("sorted_from", [pytest.param(0, id="sort"), pytest.param(99, id="count")])
def test_groups_are_those_of_plain_counting(
    sorted_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "_SORTED_FROM", sorted_from)
    chance = np.random.default_rng(2)
    scores = chance.integers(0, 12, (200, 30)).astype(np.float32)
    scores[chance.random(scores.shape) < 0.1] = -np.inf
    relevant = [chance.permutation(30)[: chance.integers(0, 12)] for _ in scores]
    grades = [chance.integers(1, 4, len(some)).astype(float) for some in relevant]
    without = chance.integers(-1, 30, len(scores))
    answer = ranked(scores, relevant, grades, without=without)
    for i, row in enumerate(scores):
        gallery = [at for at in range(30) if at != without[i]]
        graded = {at: g for at, g in zip(relevant[i], grades[i], strict=True) if at != without[i]}
        expected = [
            (
                sum(row[at] > score for at in gallery),
                sum(row[at] == score for at in gallery),
                sum(row[at] == score for at in graded),
                sum(grade for at, grade in graded.items() if row[at] == score),
            )
            for score in sorted({float(row[at]) for at in graded}, reverse=True)
        ]
        own = slice(answer.starts[i], answer.starts[i + 1])
        columns = answer.above[own], answer.tied[own], answer.relevant[own], answer.gain[own]
        assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected
        ideal = answer.ideal[answer.ideal_starts[i] : answer.ideal_starts[i + 1]]
        assert ideal.tolist() == sorted(graded.values(), reverse=True)
        assert (answer.totals[i], answer.sizes[i]) == (len(graded), len(gallery))


@pytest.mark.parametrize("name", METRICS)
def test_the_order_of_rows_decides_nothing(name: str) -> None:
    chance = np.random.default_rng(3)
    scores = chance.integers(0, 5, (100, 20)).astype(np.float32)
    gains = (chance.random(scores.shape) < 0.3) * chance.integers(1, 4, scores.shape)
    shuffle = chance.permutation(20)

    def metric(scores: NDArray[np.float32], gains: NDArray[np.int64]) -> NDArray[np.float64]:
        relevant = [np.flatnonzero(row) for row in gains]
        grades = [row[row > 0].astype(float) for row in gains]
        return METRICS[name](ranked(scores, relevant, grades))

    shuffled = metric(scores[:, shuffle], gains[:, shuffle])
    assert metric(scores, gains).tolist() == shuffled.tolist()


@pytest.mark.parametrize("name", METRICS)
def test_blocks_of_queries_have_the_values_of_all_at_once(name: str) -> None:
    chance = np.random.default_rng(4)
    scores = chance.integers(0, 5, (50, 20)).astype(np.float32)
    relevant = [chance.permutation(20)[: chance.integers(0, 8)] for _ in scores]
    blocks = [ranked(scores[at : at + 7], relevant[at : at + 7]) for at in range(0, 50, 7)]
    whole = METRICS[name](ranked(scores, relevant))
    assert np.isnan(whole).any()
    assert np.concatenate([METRICS[name](block) for block in blocks]) == pytest.approx(
        whole, nan_ok=True
    )


NOTHING = np.empty(0, np.int64)


@pytest.mark.parametrize("name", METRICS)
def test_a_query_for_which_nothing_is_relevant_has_no_value(name: str) -> None:
    answer = METRICS[name](ranked(np.ones((2, 3), np.float32), [NOTHING, np.array([1])]))
    assert np.isnan(answer).tolist() == [True, False]


@pytest.mark.parametrize("name", METRICS)
def test_no_queries_have_no_values(name: str) -> None:
    assert METRICS[name](ranked(np.empty((0, 3), np.float32), [])).shape == (0,)


@pytest.mark.parametrize("name", METRICS)
def test_what_is_not_in_the_gallery_is_never_found(name: str) -> None:
    lost = ranked(np.ones((1, 3), np.float32), [NOTHING], missing=[np.ones(2)])
    assert METRICS[name](lost).tolist() == [np.inf if name == "first rank" else 0.0]
    empty = ranked(np.empty((1, 0), np.float32), [NOTHING], missing=[np.ones(2)])
    assert METRICS[name](empty).tolist() == METRICS[name](lost).tolist()


@pytest.mark.parametrize("name", METRICS)
def test_one_item_that_is_the_right_one_is_all_there_is(name: str) -> None:
    answer = METRICS[name](ranked(np.zeros((1, 1), np.float32), [np.array([0])]))
    assert answer.tolist() == [0.5 if name == "precision@2" else 1.0]


def test_a_query_without_others_of_its_class_has_no_value() -> None:
    alone = ranked(np.ones((1, 3), np.float32), [np.array([1])], without=np.array([1]))
    assert (alone.sizes.tolist(), alone.totals.tolist()) == ([2], [0])
    assert np.isnan(r_precision(alone)).all()


@pytest.mark.parametrize("damaged", [np.nan, -np.inf, np.inf])
def test_scores_that_are_not_finite_come_last_and_are_equal(damaged: float) -> None:
    scores = np.array([[damaged, -1.0, -np.inf, 0.5, np.nan]], np.float32)
    last = ranked(scores, [np.array([0])])
    assert (last.above.tolist(), last.tied.tolist()) == ([2], [3])
    assert first_rank(last).tolist() == [4.0]
    assert np.array_equal(scores[0, 0], np.float32(damaged), equal_nan=True)  # left as it was


@pytest.mark.parametrize(
    ("relevant", "grades", "message"),
    [
        pytest.param([3], None, r"must lie in \[0, 3\)", id="beyond"),
        pytest.param([-1], None, r"must lie in \[0, 3\)", id="negative"),
        pytest.param([1, 2, 1], None, "named twice", id="twice"),
        pytest.param([1], [0.0], "above zero", id="grade of zero"),
        pytest.param([1], [np.nan], "above zero", id="no grade"),
        pytest.param([1], [np.inf], "finite", id="infinite grade"),
        pytest.param([1, 2], [1.0], "as many", id="too few grades"),
    ],
)
def test_what_makes_no_sense_is_refused(
    relevant: list[int], grades: list[float] | None, message: str
) -> None:
    given = None if grades is None else [np.array(grades)]
    with pytest.raises(ValueError, match=message):
        ranked(np.ones((1, 3), np.float32), [np.array(relevant)], given)


def test_more_that_came_than_there_is_is_refused() -> None:
    with pytest.raises(ValueError, match="more relevant items came"):
        ranked_lists(np.array([[True, True]]), np.array([1]))
    with pytest.raises(ValueError, match="as many"):
        ranked_lists(np.array([[True, True]]), np.array([2]), [np.ones(3)])


@pytest.mark.parametrize(
    "metric",
    [
        pytest.param(metric, id=metric.__name__)
        for metric in (recall_at, precision_at, hit_rate_at, ndcg_at)
    ],
)
def test_no_rank_is_below_one(metric: Callable[[Ranking, int], NDArray[np.float64]]) -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        metric(ranked(np.ones((1, 3), np.float32), [np.array([1])]), 0)
