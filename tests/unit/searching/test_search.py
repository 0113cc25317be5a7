"""`search` and `answer`: against a plain sort of everything, exact and by graph."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from fake_encoder import AXES, BLUE, GREEN, RED, FakeEncoder, paint
from numpy.typing import NDArray

from vsearch.errors import IndexMissing, ModelMismatch, UsageError
from vsearch.index import Index
from vsearch.index.writer import IndexWriter
from vsearch.indexing.run import Options, update
from vsearch.records import Calibration, ImageFacts, Match, ModelIdentity
from vsearch.searching.search import Answer, answer, search
from vsearch.searching.strategy import Method

DIM = 16
MODEL = ModelIdentity("random", "w", "p", DIM)
METHODS = get_args(Method)


def units(count: int, seed: int = 0, dim: int = DIM) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, dim))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@dataclass
class Files:
    """Which files an index was made with: (path, vector), rows by first mention."""

    folder: Path
    rows: list[NDArray[np.float32]]
    paths: list[list[str]]

    def plain(
        self, query: NDArray[np.float32], k: int, exclude: Sequence[str] = ()
    ) -> list[tuple[str, float]]:
        """Answer by sorting everything: by cosine, then row, then path."""
        entries = [
            (-float(np.dot(vector.astype(np.float64), query)), row, path)
            for row, vector in enumerate(self.rows)
            for path in self.paths[row]
            if path not in exclude
        ]
        return [(path, -cosine) for cosine, _, path in sorted(entries)[:k]]


def build(
    folder: Path, rows: NDArray[np.float32], copies: Sequence[int], covered: int | None = None
) -> Files:
    """Make an index in which row n belongs to `copies[n]` files; a graph over `covered` rows."""
    covered = len(rows) if covered is None else covered
    random = np.random.default_rng(1)
    files = Files(folder, list(rows), [[] for _ in rows])
    with IndexWriter(folder, MODEL) as writer:
        roots = [writer.add_root(path, whole=True) for path in ("/b", "/a")]
        for number, (vector, count) in enumerate(zip(rows, copies, strict=True)):
            digest = number.to_bytes(16)
            writer.add(roots[0], "doomed", 1, 2, digest, ImageFacts(1, 1, "PNG"), vector)
            writer.remove(roots[0], ["doomed"])
            for copy in range(count):
                root = roots[int(random.integers(2))]
                writer.reuse(root, f"{number}-{copy}", 1, 2, digest)
                files.paths[number].append(f"{root.path}/{number}-{copy}")
            files.paths[number].sort()
            if number + 1 == covered:
                writer.commit()
                writer.extend_graph()
        writer.commit()
    return files


def found(
    files: Files, query: NDArray[np.float32], k: int, method: Method, exclude: Sequence[str] = ()
) -> list[tuple[str, float]]:
    with Index(files.folder) as index:
        result = search(index, query, k, exclude=exclude, forced=method)
    assert result.strategy.method == method
    assert result.warning is None
    return [(os.path.join(one.root, one.path), score) for one, score in result.records]


def same(given: list[tuple[str, float]], expected: list[tuple[str, float]]) -> None:
    assert [path for path, _ in given] == [path for path, _ in expected]
    assert [score for _, score in given] == pytest.approx(
        [score for _, score in expected], abs=1e-5
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """400 rows, of which a third has no file, a third one, a third two or three; 30 uncovered."""
    copies = np.random.default_rng(2).choice([0, 0, 1, 1, 2, 3], size=400)
    return build(tmp_path_factory.mktemp("search"), units(400), copies.tolist(), covered=370)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [1, 2, 10, 100, 350, 10_000])
def test_the_answer_is_that_of_a_plain_sort(files: Files, k: int, method: Method) -> None:
    # 400 rows are few enough for the graph, whose search keeps 100 and more, to be exact.
    for query in units(5, seed=3):
        same(found(files, query, k, method), files.plain(query, k))


@pytest.mark.parametrize("method", METHODS)
def test_excluded_files_are_no_answer_and_cost_no_place(files: Files, method: Method) -> None:
    query = units(1, seed=4)[0]
    first = [path for path, _ in files.plain(query, 30)]
    exclude = [*first[::2], "/not/there"]
    same(found(files, query, 20, method, exclude), files.plain(query, 20, exclude))
    assert not {path for path, _ in found(files, query, 20, method, exclude)} & set(exclude)


@pytest.mark.parametrize("method", METHODS)
def test_rows_without_files_cost_no_place(tmp_path: Path, method: Method) -> None:
    """The best 290 of 300 rows are dead: the search is widened until there are answers."""
    rows, query = units(300), units(1, seed=5)[0]
    order = np.argsort(-(rows @ query))
    copies = np.ones(300, int)
    copies[order[:290]] = 0
    files = build(tmp_path, rows, copies.tolist())
    for k in (1, 5, 10, 20):
        same(found(files, query, k, method), files.plain(query, k))
    assert len(found(files, query, 20, method)) == 10


@pytest.mark.parametrize("method", METHODS)
def test_equal_cosines_come_by_row_and_then_by_path(tmp_path: Path, method: Method) -> None:
    rows = np.eye(DIM, dtype=np.float32)[[0, 1, 0, 0, 1, 2]]
    files = build(tmp_path, rows, [2, 1, 3, 0, 1, 1], covered=4)
    query = np.eye(DIM, dtype=np.float32)[0]
    expected = [*files.paths[0], *files.paths[2], *files.paths[1], *files.paths[4], *files.paths[5]]
    for k in range(1, 10):
        assert [path for path, _ in found(files, query, k, method)] == expected[:k]


@pytest.mark.parametrize("covered", [1, 2, 999, 1000])
def test_what_the_graph_does_not_cover_is_merged_exactly(tmp_path: Path, covered: int) -> None:
    rows = units(1000)
    files = build(tmp_path, rows, [1] * 1000, covered)
    hits = 0
    for query in units(20, seed=6):
        expected = files.plain(query, 10)
        given = found(files, query, 10, "graph")
        tail = [pair for pair in expected if int(pair[0].split("/")[2].split("-")[0]) >= covered]
        assert [path for path, _ in tail if path not in dict(given)] == []
        hits += len(dict(given).keys() & dict(expected).keys())
    assert hits / 200 > 0.98


@pytest.mark.parametrize(
    "damage", ["removed", "cut", "of another dim"], ids=lambda damage: f"the graph is {damage}"
)
def test_without_a_good_graph_the_answer_is_exact_and_says_so(tmp_path: Path, damage: str) -> None:
    files = build(tmp_path, units(50), [1] * 50)
    graph, card = (tmp_path / "sets/whole" / name for name in ("graph.hnsw", "graph.json"))
    if damage == "removed":
        card.unlink()
    elif damage == "cut":
        graph.write_bytes(graph.read_bytes()[:-1])
    else:
        card.write_text(card.read_text().replace('"dim": 16', '"dim": 17'))
    query = units(1, seed=7)[0]
    with Index(tmp_path) as index:
        result = search(index, query, 5, forced="graph")
        assert search(index, query, 5).warning is None
    given = [(f"{one.root}/{one.path}", score) for one, score in result.records]
    same(given, files.plain(query, 5))
    assert result.warning is not None
    assert result.warning.startswith("the graph was not used: ")
    assert result.warning.endswith("; scanned all rows instead")


def test_vectors_that_are_dropped_while_one_searches_are_still_searched(tmp_path: Path) -> None:
    rows, query = units(300), units(1, seed=8)[0]
    files = build(tmp_path, rows, [1] * 300)
    with Index(tmp_path) as index:
        with IndexWriter(tmp_path, ModelIdentity("other", "w", "p", 3)) as writer:
            writer.activate()
            writer.drop_others()
        for method in (None, "exact", "graph"):
            result = search(index, query, 5, forced=method)
            given = [(f"{one.root}/{one.path}", score) for one, score in result.records]
            same(given, files.plain(query, 5))
            assert (result.warning is None) is (method != "graph")
    with Index(tmp_path) as index:
        assert (index.rows, search(index, units(1, dim=3)[0], 5).records) == (0, [])


def test_a_graph_of_islands_costs_time_and_no_answer(tmp_path: Path) -> None:
    """Where no link leads to some rows, asking for nearly all falls back to scanning."""
    rows = np.repeat(units(4), 500, axis=0)
    files = build(tmp_path, rows, [1] * 2000)
    with Index(tmp_path) as index:
        result = search(index, rows[0], 5000, forced="graph")
    given = [(f"{one.root}/{one.path}", score) for one, score in result.records]
    assert len(given) == 2000
    assert {path for path, _ in given} == {path for paths in files.paths for path in paths}


def test_an_empty_index_has_no_answers(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, MODEL) as writer:
        writer.commit()
    with Index(tmp_path) as index:
        for method in (None, "exact"):
            assert search(index, units(1)[0], 10, forced=method).records == []
        result = search(index, units(1)[0], 10, forced="graph")
        assert (result.records, result.warning) == (
            [], "the graph was not used: there is no graph yet; scanned all rows instead",
        )  # fmt: skip


# answer: from terms to matches


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
    return answer(
        photos / ".vsearch",
        encoder or FakeEncoder(),
        terms,
        minus,
        k,
        forced=None,
        pixel_limit=10_000,
    )


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


def test_wrong_terms_are_told_before_the_index_is_opened(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        ask(tmp_path / "none", "none.jpg")
    with pytest.raises(IndexMissing):
        ask(tmp_path / "none", "red")


def test_every_axis_finds_its_own(photos: Path) -> None:
    for name in AXES:
        assert listed(ask(photos, name, k=1)) == [(1, f"{name}.png", 1.0)]
