"""`Searcher`: from terms to matches."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fake_encoder import AXES, BLUE, GREEN, RED, FakeEncoder, paint

from vsearch.errors import IndexMissing, ModelMismatch
from vsearch.index import Graph
from vsearch.index.graph import load_graph
from vsearch.index.matrix import Matrix
from vsearch.indexing.run import Options, update
from vsearch.records import Calibration, ImageFacts, Match
from vsearch.searching.query import parse
from vsearch.searching.searcher import Answer, Query, Searcher


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index in `.vsearch` of red.png, green.png, blue.png, and olive.png = (0.6, 0.8, 0)."""
    root = tmp_path / "photos"
    paint(root / "red.png", RED, (40, 20))
    paint(root / "green.png", GREEN)
    paint(root / "blue.png", BLUE)
    paint(root / "olive.png", (90, 120, 0))
    list(update(root / ".vsearch", FakeEncoder(), [str(root)], Options(2, 10_000)))
    monkeypatch.chdir(root)
    return root


def ask(
    photos: Path,
    *terms: str,
    minus: Sequence[str] = (),
    k: int = 10,
    encoder: FakeEncoder | None = None,
) -> Answer:
    query = Query(parse(terms, minus), k)
    with Searcher(photos / ".vsearch", encoder or FakeEncoder(), pixel_limit=10_000) as searcher:
        return searcher.answer(query)


def listed(given: Answer) -> list[tuple[int, str, float]]:
    return [(one.rank, Path(one.path).name, round(one.score, 3)) for one in given.matches]


def test_words_find_pictures_best_first(photos: Path) -> None:
    assert listed(ask(photos, "red")) == [
        (1, "red.png", 1.0), (2, "olive.png", 0.6), (3, "blue.png", 0.0), (4, "green.png", 0.0),
    ]  # fmt: skip
    assert listed(ask(photos, "green", k=2)) == [(1, "green.png", 1.0), (2, "olive.png", 0.8)]


def test_a_match_says_all_there_is(photos: Path) -> None:
    (match,) = ask(photos, "red", k=1).matches
    assert match == Match(
        1, str(photos / "red.png"), match.score, match.relevance, ImageFacts(40, 20, "PNG")
    )
    assert match.score == pytest.approx(1.0)
    assert match.relevance == pytest.approx(1 / (1 + np.exp(-5)))


def test_a_query_picture_is_no_answer_to_itself(photos: Path) -> None:
    expected = [(1, "green.png", 0.8), (2, "red.png", 0.6), (3, "blue.png", 0.0)]
    assert listed(ask(photos, "olive.png")) == expected
    (photos / "link").symlink_to("olive.png")
    assert listed(ask(photos, "./link")) == expected


def test_a_copy_of_the_query_picture_is_an_answer(photos: Path) -> None:
    paint(photos / "copy.png", RED, (40, 20))
    list(update(photos / ".vsearch", FakeEncoder(), [], Options(2, 10_000)))
    assert listed(ask(photos, "red.png", k=1)) == [(1, "copy.png", 1.0)]


def test_what_it_should_be_unlike_pushes_away(photos: Path) -> None:
    assert [name for _, name, _ in listed(ask(photos, "olive.png", minus=["green"]))] == [
        "red.png", "blue.png", "green.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "minus", "speaks"),
    [
        pytest.param(["red"], [], True, id="one text"),
        pytest.param(["2:red"], [], True, id="one weighted text: the same direction"),
        pytest.param(["red", "blue"], [], False, id="two texts"),
        pytest.param(["red"], ["blue"], False, id="a text and one it should be unlike"),
        pytest.param(["red.png"], [], False, id="a picture"),
        pytest.param(["red.png", "red"], [], False, id="a picture and a text"),
        pytest.param([], ["red"], False, id="only what it should be unlike"),
    ],
)
def test_relevance_is_told_only_for_what_it_was_calibrated_on(
    photos: Path, terms: list[str], minus: list[str], speaks: bool
) -> None:
    matches = ask(photos, *terms, minus=minus).matches
    assert matches
    calibration = Calibration(slope=10.0, bias=-5.0)
    assert [one.relevance for one in matches] == [
        calibration.relevance(one.score) if speaks else None for one in matches
    ]


def test_a_model_without_calibration_has_no_relevance(photos: Path) -> None:
    encoder = FakeEncoder()
    encoder.calibration = None
    assert {one.relevance for one in ask(photos, "red", encoder=encoder).matches} == {None}


def test_an_answer_says_how_it_came_about(photos: Path) -> None:
    given = ask(photos, "2:red", minus=["blue.png"])
    assert [(one.text, one.kind, one.weight) for one in given.terms] == [
        ("red", "words", 2), ("blue.png", "picture", -1),
    ]  # fmt: skip
    assert (given.rows, given.strategy.method, given.warning) == (4, "exact", None)
    assert list(given.seconds) == ["open the index", "embed the query", "search"]
    assert all(seconds >= 0 for seconds in given.seconds.values())


def test_another_model_is_refused_before_it_is_run(photos: Path) -> None:
    encoder = FakeEncoder("other")
    with pytest.raises(ModelMismatch):
        ask(photos, "red", encoder=encoder)
    assert encoder.texts == 0


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        ask(tmp_path / "none", "red")


def test_queries_one_after_the_other_are_answered_as_each_alone(photos: Path) -> None:
    asked = [Query(parse([name]), k) for name in ("red", "green", "olive.png") for k in (1, 3)]
    with Searcher(photos / ".vsearch", FakeEncoder(), pixel_limit=10_000) as searcher:
        together = [searcher.answer(query) for query in asked]
    assert list(together[0].seconds) == ["open the index", "embed the query", "search"]
    assert list(together[1].seconds) == ["embed the query", "search"]
    for query, given in zip(asked, together, strict=True):
        with Searcher(photos / ".vsearch", FakeEncoder(), pixel_limit=10_000) as searcher:
            assert searcher.answer(query).matches == given.matches


def test_a_graph_is_loaded_once_for_many_queries(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []

    def counted(matrix: Matrix) -> Graph:
        loaded.append(matrix)
        return load_graph(matrix)

    monkeypatch.setattr("vsearch.index.reader.load_graph", counted)
    with Searcher(
        photos / ".vsearch", FakeEncoder(), pixel_limit=10_000, forced="graph"
    ) as searcher:
        for name in AXES:
            given = searcher.answer(Query(parse([name]), 1))
            assert (listed(given), given.strategy.method) == ([(1, f"{name}.png", 1.0)], "graph")
    assert len(loaded) == 1


def test_every_axis_finds_its_own(photos: Path) -> None:
    for name in AXES:
        assert listed(ask(photos, name, k=1)) == [(1, f"{name}.png", 1.0)]


def test_folded_answers_are_as_many_as_asked_for(photos: Path) -> None:
    """Twenty copies of the best answer: more is looked at, until there are two."""
    for number in range(20):
        paint(photos / f"copy {number:02}.png", RED, (40, 20))
    list(update(photos / ".vsearch", FakeEncoder(), [], Options(2, 10_000)))
    with Searcher(photos / ".vsearch", FakeEncoder(), pixel_limit=10_000) as searcher:
        given = searcher.answer(Query(parse(["red"]), 2, collapse=True))
        first, second = given.matches
        assert (first.rank, Path(first.path).name) == (1, "copy 00.png")
        names = [Path(path).name for path in first.duplicates or ()]
        assert names == [*(f"copy {number:02}.png" for number in range(1, 20)), "red.png"]
        assert (second.rank, Path(second.path).name, second.duplicates) == (2, "olive.png", ())
        fewer = searcher.answer(Query(parse(["red"]), 9, collapse=True, sort="path"))
        assert [Path(one.path).name for one in fewer.matches] == [
            "blue.png", "copy 00.png", "green.png", "olive.png",
        ]  # fmt: skip
        assert searcher.answer(Query(parse(["red"]), 1)).matches[0].duplicates is None
