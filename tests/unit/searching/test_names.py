"""What names say: words, evidence against a plain count of all names, and how both are fused."""

from __future__ import annotations

import math
import random
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_encoder import BLUE, GREEN, RED, FakeEncoder, paint
from made_indexes import FACTS, entry, make_index

from vsearch.conditions import Matching
from vsearch.index import Index
from vsearch.indexing.run import Options, update
from vsearch.searching.names import Names, names_for, words_of, words_of_path
from vsearch.searching.query import Term, parse
from vsearch.searching.searcher import Answer, Query, Searcher

WORDS = {
    "one word": ("dog", {"dog"}),
    "capitals": ("DOG Dog", {"dog"}),
    "digits and punctuation": ("dog_2023-05.cat", {"dog", "cat"}),
    "where small letters turn to capitals": ("redPandaZoo", {"red", "panda", "zoo"}),
    "capitals before a word": ("HDRSunset", {"hdr", "sunset"}),
    "a camera's name": ("IMG_0001", {"img"}),
    "no letters": ("2023-05-04 (1)", set()),
    "plurals": ("dogs berries horses glasses buses", {"dog", "berry", "horse", "glass", "bus"}),
    "no plurals": ("grass bus is ties", {"grass", "bus", "is", "tie"}),
    "accents": ("Grüße_ausZürich", {"grüße", "aus", "zürich"}),
    "accents, decomposed": (unicodedata.normalize("NFD", "ZürichSee"), {"zürich", "see"}),
    "Greek": ("ΗΘάλασσα", {"ηθάλασσα"}),
    "Cyrillic": ("МояСобака2", {"моя", "собака"}),
    "Devanagari": ("हिन्दी_चित्र", {"हिन्दी", "चित्र"}),
    "Chinese": ("北京2023", {"北京"}),
    "right to left": ("כלב_חתול", {"כלב", "חתול"}),
    "no UTF-8": ("caf\udce9 dog", {"caf", "dog"}),
}


@pytest.mark.parametrize(("text", "words"), WORDS.values(), ids=WORDS.keys())
def test_words(text: str, words: set[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("singulars", "plurals"),
    [
        ("beach church headache cache match", "beaches churches headaches caches matches"),
        ("bush dish eyelash", "bushes dishes eyelashes"),
        ("fox box axe deluxe", "foxes boxes axes deluxe"),
        ("dress glass class finesse", "dresses glasses classes finesses"),
        ("bus walrus house mouse blouse use", "buses walruses houses mouses blouses uses"),
        ("tomato hero shoe canoe toe photo", "tomatoes heroes shoes canoes toes photos"),
        (
            "wolf werewolf leaf shelf elf thief loaf scarf hoof calf half",
            "wolves werewolves leaves shelves elves thieves loaves scarves hooves calves halves",
        ),
        ("knife penknife wife housewife life", "knives penknives wives housewives lives"),
        ("glove wave olive cave sleeve dove hive", "gloves waves olives caves sleeves doves hives"),
        ("horse rose vase bee tree tie lake", "horses roses vases bees trees ties lakes"),
    ],
)
def test_a_plural_is_its_singular_and_no_other_word(
    tmp_path: Path, singulars: str, plurals: str
) -> None:
    pairs = list(zip(singulars.split(), plurals.split(), strict=True))
    for one, many in pairs:
        assert words_of(one) == words_of(many)
    assert len(words_of(singulars)) == len(pairs)
    # What of the names is looked at has each of them, too.
    folder = make_index(
        tmp_path / "index", *(entry("/p", f"{word}.png") for word in plurals.split())
    )
    with Index(folder) as index:
        for one, many in pairs:
            found, row = (
                names_for(index, parse([f"text:{one}"]), 0.5),
                index.entry(f"/p/{many}.png"),
            )
            assert found
            assert row
            assert found.evidence == {row.row: 1.0}


def test_words_of_a_path_are_those_of_its_folders_and_name() -> None:
    assert words_of_path("2023/Trips toRome/old.cats/IMG_dog.jpg") == {
        "trip", "to", "rome", "old", "cat", "img", "dog",
    }  # fmt: skip
    assert words_of_path("dog.jpg") == {"dog"}
    assert words_of_path("dog") == {"dog"}


VOCABULARY = [
    "dog", "dogs", "Hund", "redPanda", "beach", "Berries", "berry", "ÜBER", "über", "Собаки",
    "собаки", "IMG", "x", "北京", "the",
]  # fmt: skip


def made_up(folder: Path, seed: int, count: int = 60) -> tuple[Path, list[tuple[str, int]]]:
    """Make an index of files with names drawn at random; return it, and (path, content) of each."""
    drawn = random.Random(seed)
    files: dict[str, int] = {}
    for _ in range(count):
        parts = ["_".join(drawn.choices(VOCABULARY, k=drawn.randint(1, 3))) for _ in range(2)]
        path = "/".join(parts) + f"_{drawn.randrange(99)}.png"
        if drawn.random() < 0.3:
            path = unicodedata.normalize("NFD", path)
        files[path] = drawn.randrange(count // 2)  # copies, too
    made = [entry("/photos", path, content=str(content)) for path, content in files.items()]
    return make_index(folder, *made), list(files.items())


def plain(files: list[tuple[str, int]], terms: list[Term]) -> dict[int, float]:
    """Return the evidence of each content by looking at every name."""
    named: dict[int, set[str]] = {}
    for path, content in files:
        named.setdefault(content, set()).update(words_of_path(path))

    def rare(word: str) -> float:
        count = sum(word in words for words in named.values())
        return math.log(1 + (len(named) - count + 0.5) / (count + 0.5))

    queries = [(term.weight, words_of(term.text) - {"the"}) for term in terms]
    whole = sum(weight for weight, _ in queries)
    return {
        content: sum(
            weight / whole * sum(map(rare, query & words)) / sum(map(rare, query))
            for weight, query in queries
        )
        for content, words in named.items()
    }


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "asked",
    [
        ["dog"], ["the DOGS"], ["a hund"], ["berry"], ["berries"], ["panda"], ["unseen dog"],
        ["unseen"], ["über"], ["ÜBER dog"], ["собака собаки"], ["北京"], ["3:dog", "beach panda"],
        ["img x"],
    ],
    ids=lambda asked: " + ".join(asked),
)  # fmt: skip
def test_evidence_is_that_of_looking_at_every_name(
    tmp_path: Path, seed: int, asked: list[str]
) -> None:
    folder, files = made_up(tmp_path / "index", seed)
    terms = [Term(term.text.removeprefix("a "), term.kind, term.weight) for term in parse(asked)]
    with Index(folder) as index:
        found = names_for(index, terms, 0.5)
        rows = {
            index.entry(f"/photos/{path}").row: content  # type: ignore[union-attr]  # it is there
            for path, content in files
        }
    assert found
    expected = {content: value for content, value in plain(files, terms).items() if value}
    assert {rows[row]: value for row, value in found.evidence.items()} == pytest.approx(expected)


@pytest.mark.parametrize(
    "terms",
    [
        [], [Term("dog", "words", -1)], [Term("dog.jpg", "picture", 1)], [Term("the", "words", 1)],
        [Term("2023", "words", 1)],
    ],
    ids=["none", "minus", "a picture", "grammar", "a number"],
)  # fmt: skip
def test_without_words_names_say_nothing(tmp_path: Path, terms: list[Term]) -> None:
    folder, _ = made_up(tmp_path / "index", 0)
    with Index(folder) as index:
        assert names_for(index, terms, 0.5) is None


def test_names_and_cosines_are_fused_by_their_weights() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.5, 0.4], np.float32)  # median 0.3, best 0.2 above it
    for weight in (0.0, 0.3, 1.0):
        given = Names(weight, {0: 1.0, 3: 0.5})
        share = max(1 - weight, 1e-3)
        expected = share * np.array([-1, -0.5, 0, 1, 0.5]) + weight * np.array([1, 0, 0, 0.5, 0])
        assert given.fused(scores, None) == pytest.approx(expected, abs=1e-6)
        rows = np.array([2, 3, 5, 7, 11])
        given = Names(weight, {2: 1.0, 7: 0.5, 4: 0.9, 12: 0.9})
        assert given.fused(scores, rows) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "scores", [[], [0.5], [0.5, 0.5], [-np.inf, -np.inf], [0.5, -np.inf, 0.25]], ids=str
)
def test_nothing_to_scale_by_and_damaged_rows(scores: list[float]) -> None:
    given = np.array(scores, np.float32)
    fused = Names(0.5, {0: 1.0} if scores else {}).fused(given, None)
    assert fused.shape == given.shape
    assert not np.isnan(fused).any()
    assert np.array_equal(np.isneginf(fused), np.isneginf(given))


@pytest.fixture
def searcher(tmp_path: Path) -> Iterator[Searcher]:
    """Yield a searcher of colours whose names say something, nothing, and what is wrong."""
    root = tmp_path / "blue"  # the root's own name is no evidence
    for name, colour in {
        "IMG_1": RED, "IMG_2": GREEN, "IMG_3": BLUE, "seas/redSea": BLUE, "seas/IMG_4": (10, 0, 90),
        "green/reds": (0, 90, 90),
    }.items():  # fmt: skip
        paint(root / f"{name}.png", colour, (5, 5) if name == "seas/redSea" else (4, 4))
    list(update(tmp_path / "index", FakeEncoder(), [str(root)], Options(2, 10_000)))
    with Searcher(tmp_path / "index", FakeEncoder(), pixel_limit=10_000) as opened:
        yield opened


def listed(given: Answer) -> list[tuple[str, float, float | None]]:
    return [
        (Path(one.path).stem, round(one.score, 2), one.names and round(one.names, 2))
        for one in given.matches
    ]


def test_a_name_lifts_what_the_picture_would_not(searcher: Searcher) -> None:
    asked = parse(["red"])
    assert listed(searcher.answer(Query(asked, 3))) == [
        ("IMG_1", 1.0, None), ("IMG_4", 0.11, None), ("IMG_2", 0.0, None),
    ]  # fmt: skip
    given = searcher.answer(Query(asked, 3, names=0.4))
    assert listed(given) == [("IMG_1", 1.0, 0.0), ("reds", 0.0, 1.0), ("redSea", 0.0, 1.0)]
    assert (given.strategy.method, given.strategy.reason, given.notes) == (
        "exact", "names count, which no graph knows", (),
    )  # fmt: skip
    first = [name for name, _, _ in listed(searcher.answer(Query(asked, 3, names=1.0)))]
    assert first == ["reds", "redSea", "IMG_1"]


def test_files_of_one_content_share_what_their_names_say(tmp_path: Path) -> None:
    same = [entry("/p", name, content="x") for name in ("IMG_1.png", "dog.png")]
    folder = make_index(tmp_path / "index", *same, entry("/p", "cat.png"))
    with Index(folder) as index:
        found = names_for(index, parse(["dog"]), 0.5)
        row = index.entry("/p/IMG_1.png")
    assert found
    assert row
    assert found.evidence == {row.row: 1.0}


def test_labels_are_names_too(tmp_path: Path) -> None:
    facts = replace(FACTS, labels=("red Pandas", "Grüße/Zürich"))
    folder = make_index(
        tmp_path / "index", entry("/p", "IMG_1.png", facts), entry("/p", "panda.png"),
        entry("/p", "IMG_2.png"),
    )  # fmt: skip
    with Index(folder) as index:
        rows = [index.entry(f"/p/{name}.png") for name in ("IMG_1", "panda")]
        one, other = (row.row for row in rows if row)
        for query, expected in {
            "panda": {one: 1.0, other: 1.0}, "zürich": {one: 1.0}, "pandas in zürich": None,
        }.items():  # fmt: skip
            found = names_for(index, parse([query]), 0.5)
            assert found
            if expected is not None:
                assert found.evidence == expected
            else:
                assert found.evidence[one] == 1 > found.evidence[other] > 0


def test_names_that_say_nothing_change_nothing(searcher: Searcher) -> None:
    for word in ("green", "blue", "unseen"):
        asked = parse([word], ["red"])
        plain_, named = (
            searcher.answer(Query(asked, 9, Matching("name", "IMG_*"), names=weight))
            for weight in (0.0, 0.5)
        )
        assert [(name, score) for name, score, _ in listed(plain_)] == [
            (name, score) for name, score, _ in listed(named)
        ]


def test_names_count_within_a_condition(searcher: Searcher) -> None:
    given = searcher.answer(Query(parse(["red"]), 9, Matching("path", "*/seas/*"), names=0.9))
    assert listed(given) == [("redSea", 0.0, 1.0), ("IMG_4", 0.11, 0.0)]


def test_a_query_without_words_is_told(searcher: Searcher) -> None:
    answer = searcher.answer(Query(parse(["the"]), 2, names=0.5))
    assert answer.notes == ("no words in the query that names could have: they do not count",)
    assert [name for _, _, name in listed(answer)] == [None, None]


def test_only_what_is_relevant_enough_is_ranked_with_names(searcher: Searcher) -> None:
    """Names that lead elsewhere leave what reaches the relevance its place, however few are asked.

    Where nothing reaches it, the most relevant picture of all is the one that is told of.
    """
    asked = parse(["red"])
    for k in (1, 2, 9):
        given = searcher.answer(Query(asked, k, names=1.0, min_relevance=0.3))
        assert [name for name, _, _ in listed(given)] == ["IMG_1"]
    few = Query(asked, 1, names=1.0, min_relevance=0.0001)
    assert [name for name, _, _ in listed(searcher.answer(few))] == ["reds"]
    (best,) = searcher.answer(Query(asked, 1)).matches
    nothing = searcher.answer(Query(asked, 1, names=1.0, min_relevance=1.0))
    assert (nothing.matches, nothing.refused) == ([], best.relevance)
    none_there = Query(asked, 1, Matching("name", "x"), names=1.0, min_relevance=0.3)
    assert searcher.answer(none_there).matches == []
