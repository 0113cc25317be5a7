"""`Searcher`: from terms to matches."""

import math
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from fake_encoder import AXES, BLUE, GREEN, RED, FakeEncoder, paint
from PIL import Image

from vsearch.errors import IndexMissing, ModelMismatch, UsageError
from vsearch.index import Graph
from vsearch.index.graph import load_graph
from vsearch.index.matrix import Matrix
from vsearch.indexing.run import Options, update
from vsearch.records import Calibration, ImageFacts, Match
from vsearch.searching.filters import Filters
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
    like: Sequence[str] = (),
    k: int = 10,
    encoder: FakeEncoder | None = None,
) -> Answer:
    query = Query(parse(terms, minus, like), k)
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
    moment = datetime(2021, 5, 4, 12, 33, 10).timestamp()
    os.utime(photos / "red.png", (moment, moment))
    list(update(photos / ".vsearch", FakeEncoder(), [], Options(2, 10_000)))
    (match,) = ask(photos, "red", k=1).matches
    assert match == Match(
        1,
        str(photos / "red.png"),
        match.score,
        match.relevance,
        ImageFacts(40, 20, "PNG"),
        size=(photos / "red.png").stat().st_size,
        date="2021-05-04T12:33:10",
    )
    assert match.score == pytest.approx(1.0)
    assert match.relevance == pytest.approx(expected_relevance(1.0, 4))
    assert not match.weak


def test_a_query_picture_is_no_answer_to_itself(photos: Path) -> None:
    expected = [(1, "green.png", 0.8), (2, "red.png", 0.6), (3, "blue.png", 0.0)]
    assert listed(ask(photos, "olive.png")) == expected
    (photos / "link").symlink_to("olive.png")
    assert listed(ask(photos, "./link")) == expected


def test_a_copy_of_the_query_picture_is_an_answer(photos: Path) -> None:
    paint(photos / "copy.png", RED, (40, 20))
    list(update(photos / ".vsearch", FakeEncoder(), [], Options(2, 10_000)))
    assert listed(ask(photos, "red.png", k=1)) == [(1, "copy.png", 1.0)]


def test_what_it_should_be_unlike_goes_down(photos: Path) -> None:
    assert [name for _, name, _ in listed(ask(photos, "olive.png"))] == [
        "green.png", "red.png", "blue.png",
    ]  # fmt: skip
    assert [name for _, name, _ in listed(ask(photos, "olive.png", minus=["green"]))] == [
        "red.png", "green.png", "blue.png",
    ]  # fmt: skip


@pytest.fixture
def many(photos: Path) -> Path:
    """The same index with twelve more pictures, of colours between."""
    for step in range(12):
        paint(photos / f"{step:02}.png", (20 * step, 255 - 20 * step, 10 * step))
    list(update(photos / ".vsearch", FakeEncoder(), [], Options(2, 10_000)))
    return photos


def shaded(path: Path) -> None:
    """Make a picture of two shades of red."""
    shades = np.full((8, 8, 3), RED, np.uint8)
    shades[:4] //= 2
    Image.fromarray(shades).save(path)


def expected_relevance(score: float, rows: int) -> float:
    """Return it as the fake encoder's calibration has it, written out."""
    answers = 0.2 * math.sqrt(rows)
    odds = answers / (rows - answers) * math.exp(10 * score - 5)
    return odds / (1 + odds)


@pytest.mark.parametrize("terms", [["red"], ["2:red"], ["a red thing seen from above"]])
def test_the_model_tells_the_relevance_of_words(photos: Path, terms: list[str]) -> None:
    matches = ask(photos, *terms).matches
    told = [expected_relevance(one.score, 4) for one in matches]
    assert [one.relevance for one in matches] == pytest.approx(told)
    assert [one.weak for one in matches] == [relevance < 0.15 for relevance in told]


@pytest.mark.parametrize(
    ("terms", "minus"),
    [
        pytest.param(["red", "blue"], [], id="two texts"),
        pytest.param(["red"], ["blue"], id="a text and one it should be unlike"),
        pytest.param(["reds.png"], [], id="a picture"),
        pytest.param(["reds.png", "red"], [], id="a picture and a text"),
        pytest.param([], ["red"], id="only what it should be unlike"),
    ],
)
def test_the_background_tells_the_relevance_of_the_rest(
    many: Path, terms: list[str], minus: list[str]
) -> None:
    shaded(many / "reds.png")
    matches = ask(many, *terms, minus=minus).matches
    relevances = [one.relevance for one in matches]
    assert None not in relevances
    assert relevances == sorted(relevances, key=lambda one: -(one or 0))
    assert relevances[0] != relevances[-1]
    # It is that of the whole index, however it is asked.
    condition = Filters(globs=["red.png", "0*.png"]).condition()
    for forced in ("exact", "graph"):
        query = Query(parse(terms, minus), 3, condition)
        with Searcher(
            many / ".vsearch", FakeEncoder(), pixel_limit=10_000, forced=forced
        ) as searcher:
            few = searcher.answer(query).matches
        assert len(few) == 3
        by_path = {one.path: one.relevance for one in matches}
        told = [by_path[one.path] for one in few]
        assert [one.relevance for one in few] == pytest.approx(told)  # the graph rounds otherwise


def test_a_model_without_calibration_is_told_by_the_background(many: Path) -> None:
    encoder = FakeEncoder()
    encoder.calibration = Calibration()
    matches = ask(many, "red", encoder=encoder).matches
    assert matches[0].relevance is not None
    assert matches[0].relevance != pytest.approx(expected_relevance(matches[0].score, 16))


def test_few_pictures_tell_no_relevance(photos: Path) -> None:
    shaded(photos / "reds.png")
    matches = ask(photos, "reds.png").matches
    assert [(one.relevance, one.weak) for one in matches] == [(None, False)] * 4
    with (
        Searcher(photos / ".vsearch", FakeEncoder(), pixel_limit=10_000) as searcher,
        pytest.raises(UsageError, match="too few different pictures"),
    ):
        searcher.answer(Query(parse(["reds.png"]), min_relevance=0.1))


def test_nothing_is_told_of_what_is_like_a_picture_of_one_colour(many: Path) -> None:
    """A black one is like all that is dark, which no calibration knows."""
    given = ask(many, "red", "red.png")
    assert {(one.relevance, one.weak) for one in given.matches} == {(None, False)}
    (note,) = given.notes
    assert note.startswith("'red.png' is all of one colour: ")
    with (
        Searcher(many / ".vsearch", FakeEncoder(), pixel_limit=10_000) as searcher,
        pytest.raises(UsageError, match="a picture of one colour, 'red"),
    ):
        searcher.answer(Query(parse(["red.png"]), min_relevance=0.1))
    noisy = np.random.default_rng(0).normal((200, 0, 0), 2.0, (64, 64, 3)).clip(0, 255)
    Image.fromarray(noisy.astype(np.uint8)).save(many / "noisy.png")
    assert ask(many, "noisy.png").matches[0].relevance is None
    stars = np.zeros((90, 110, 3), np.uint8)
    stars[60:75, 70:85] = 255
    Image.fromarray(stars).save(many / "stars.png")
    assert ask(many, "stars.png").matches[0].relevance is not None
    # What takes away only is not what they are like.
    assert ask(many, "red", minus=["blue.png"]).matches[0].relevance is not None


def test_the_same_of_a_picture_in_the_index(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2, :, 0] = 255  # which leave no perceptual hash
    Image.fromarray(stripes).save(many / "stripes.png")
    shaded(many / "reds.png")
    list(update(many / ".vsearch", FakeEncoder(), [], Options(2, 10_000)))

    def fork() -> int:
        raise AssertionError("who asks, as `vsearch browse`, has threads")

    monkeypatch.setattr(os, "fork", fork)
    for name, told in (("red.png", False), ("stripes.png", True), ("reds.png", True)):
        given = ask(many, like=[name])
        assert {one.relevance is not None for one in given.matches} == {told}, name
        assert len(given.notes) == (0 if told else 1)
    (many / "red.png").unlink()  # it cannot be looked at any more, and may have stripes
    assert ask(many, like=["red.png"]).matches[0].relevance is not None


@pytest.mark.parametrize(
    ("least", "expected", "refused"),
    [
        pytest.param(0.0, ["red.png", "olive.png", "blue.png", "green.png"], None, id="all"),
        pytest.param(0.2, ["red.png", "olive.png"], "blue.png", id="some"),
        pytest.param(0.99, [], "red.png", id="none"),
    ],
)
def test_only_what_is_relevant_enough(
    photos: Path, least: float, expected: list[str], refused: str | None
) -> None:
    every = {Path(one.path).name: one for one in ask(photos, "red").matches}
    with Searcher(photos / ".vsearch", FakeEncoder(), pixel_limit=10_000) as searcher:
        given = searcher.answer(Query(parse(["red"]), min_relevance=least))
    assert given.matches == [every[name] for name in expected]
    assert given.refused == (every[refused].relevance if refused else None)


def test_as_relevant_as_asked_for_is_enough(photos: Path) -> None:
    (best,) = ask(photos, "red", k=1).matches
    assert best.relevance is not None
    with Searcher(photos / ".vsearch", FakeEncoder(), pixel_limit=10_000) as searcher:
        given = searcher.answer(Query(parse(["red"]), min_relevance=best.relevance))
    assert given.matches == [best]


def test_an_answer_says_how_it_came_about(photos: Path) -> None:
    given = ask(photos, "2:red", minus=["blue.png"])
    assert [(one.text, one.kind, one.weight) for one in given.terms] == [
        ("red", "words", 2), ("blue.png", "picture", -1),
    ]  # fmt: skip
    assert (given.rows, given.strategy.method, given.warning) == (4, "exact", None)
    assert list(given.seconds) == [
        "open the index",
        "embed the query",
        "search",
        "judge the relevance",
    ]
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
    assert list(together[0].seconds) == [
        "open the index",
        "embed the query",
        "search",
        "judge the relevance",
    ]
    assert list(together[1].seconds) == ["embed the query", "search", "judge the relevance"]
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


def like(photos: Path, *paths: str) -> Answer:
    with Searcher(photos / ".vsearch", None, pixel_limit=10_000) as searcher:
        return searcher.answer(Query(parse([], like=paths), 2))


def test_a_picture_in_the_index_is_asked_with_its_embedding_there(photos: Path) -> None:
    expected = [(1, "green.png", 0.8), (2, "red.png", 0.6)]
    assert listed(like(photos, "olive.png")) == expected
    assert listed(like(photos, str(photos / "olive.png"))) == expected
    (photos.parent / "link").symlink_to(photos)
    assert listed(like(photos, "../link/olive.png")) == expected
    (photos / "other").symlink_to("olive.png")
    assert listed(like(photos, "other")) == expected
    (photos / "olive.png").unlink()
    given = like(photos, "olive.png")
    assert (listed(given), given.notes) == (expected, ())


def test_pictures_in_the_index_blend_with_others(photos: Path) -> None:
    encoder = FakeEncoder()
    given = ask(photos, "3:green", like=["4:red.png"], encoder=encoder)
    assert listed(given)[0] == (1, "olive.png", 0.96)
    assert "red.png" not in [name for _, name, _ in listed(given)]
    assert (encoder.pictures, encoder.loaded) == (0, 0)
    assert [one.relevance for one in given.matches] == [None] * 3


def test_a_copy_of_a_picture_in_the_index_is_an_answer(photos: Path) -> None:
    paint(photos / "copy.png", RED, (40, 20))
    list(update(photos / ".vsearch", FakeEncoder(), [], Options(2, 10_000)))
    assert listed(like(photos, "red.png"))[0] == (1, "copy.png", 1.0)


def test_a_picture_that_has_changed_since_is_told(photos: Path) -> None:
    paint(photos / "olive.png", BLUE, (50, 50))
    given = like(photos, "olive.png")
    assert listed(given) == [(1, "green.png", 0.8), (2, "red.png", 0.6)]
    assert given.notes[:1] == (
        (
            f"{str(photos / 'olive.png')!r} has changed since it was indexed, and counts as it was "
            "then; bring the index up to date with `vsearch index`"
        ),
    )


@pytest.mark.parametrize("name", ["none.png", "note.txt", ".", "/"])
def test_a_picture_that_is_not_in_the_index(photos: Path, name: str) -> None:
    (photos / "note.txt").write_text("no picture")
    with pytest.raises(UsageError) as caught:
        like(photos, name)
    assert str(caught.value) == (
        f"no such picture in the index, named {name!r}; name it as a term to embed it, "
        "or `vsearch index` its folder"
    )


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
