"""Conditions against a slow plain oracle: the same files, whatever way the search takes."""

from __future__ import annotations

import fnmatch
import operator as operators
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_indexes import entry, make_index

from vsearch.conditions import AllOf, AnyOf, Below, Compared, Condition, Matching, Named, Not
from vsearch.images.labels import tidy
from vsearch.index import Index
from vsearch.index.selection import as_sql
from vsearch.index.writer import IndexWriter
from vsearch.records import UNSETTLED, Entry, ImageFacts, ModelIdentity, date_of
from vsearch.searching.search import search
from vsearch.vectors import unit

DIM, COUNT = 16, 3000
MODEL = ModelIdentity("noise", "weights", "preprocessing", DIM)
FOLDERS = ["", "2023/", "2023/summer/", "2023/summer 2/", "a*[b]/", "ünï/"]
CAMERAS = [None, "Canon EOS R5", "NIKON Z 6", "canon ixus", "100%_real"]
LABELS = ["beach", "Beach", "sea", "SEASIDE", "Ärger", "ärgernis", "Straße", "ключ", "it's 100%_"]


def make(folder: Path, count: int) -> None:
    """Make an index of files with random facts, a tenth of them copies of others."""
    random = np.random.default_rng(7)
    vectors = unit(random.standard_normal((count, DIM), dtype=np.float32))
    with IndexWriter(folder, MODEL) as writer:
        roots = [writer.add_root(path, whole=True) for path in ("/photos", "/more/photos")]
        for number in range(count):
            content = number if number % 10 else int(random.integers(0, number + 1))
            facts_random = np.random.default_rng(content)
            taken = datetime.fromtimestamp(int(facts_random.integers(946684800, 1735689600)))
            facts = ImageFacts(
                int(facts_random.integers(1, 6000)),
                int(facts_random.integers(1, 6000)),
                ["JPEG", "PNG", "WEBP", "HEIF"][facts_random.integers(4)],
                taken.isoformat() + ["", "+02:00"][facts_random.integers(2)]
                if facts_random.random() < 0.7
                else None,
                CAMERAS[facts_random.integers(len(CAMERAS))],
                tidy(facts_random.choice(LABELS, facts_random.integers(0, 4)).tolist()),
            )
            name = f"{FOLDERS[random.integers(len(FOLDERS))]}IMG_{number:05}.jpg"
            mtime = (
                UNSETTLED
                if random.random() < 0.1
                else int(random.integers(-500_000_000, 1_700_000_000)) * 10**9 + int(number)
            )
            writer.add(
                roots[number % 2], name, int(random.integers(1, 10**7)), mtime,
                content.to_bytes(16, "big"), facts, vectors[content],
            )  # fmt: skip
        writer.commit()
        writer.extend_graph()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("filtering") / "index"
    make(folder, COUNT)
    with Index(folder) as index:
        yield index


# The oracle


def value_of(entry: Entry, field: str) -> Any:
    path = os.path.join(entry.root, entry.path)
    if field == "date":
        if entry.facts.taken_at:
            return entry.facts.taken_at[:19]
        if entry.mtime_ns == UNSETTLED:
            return None
        return datetime.fromtimestamp(entry.mtime_ns // 10**9).isoformat()
    return {
        "width": entry.facts.width,
        "height": entry.facts.height,
        "pixels": entry.facts.width * entry.facts.height,
        "bytes": entry.size,
        "path": path,
        "name": os.path.basename(path),
        "type": entry.facts.format,
        "camera": entry.facts.camera or "",
        "label": entry.facts.labels,
    }[field]


def holds(one: Condition, entry: Entry) -> bool:
    match one:
        case AllOf(conditions):
            return all(holds(part, entry) for part in conditions)
        case AnyOf(conditions):
            return any(holds(part, entry) for part in conditions)
        case Not(condition):
            return not holds(condition, entry)
        case Below(place):
            path = os.path.join(entry.root, entry.path)
            return place in {path, "/"} or path.startswith(place + "/")
        case Matching(field, pattern):
            return re.compile(fnmatch.translate(pattern)).match(value_of(entry, field)) is not None
        case Compared(field, operator, value):
            mine = value_of(entry, field)
            if field == "label":
                same = [str(value).casefold() == one.casefold() for one in mine]
                within = [str(value).casefold() in one.casefold() for one in mine]
                return {"==": any(same), "!=": not any(same), "contains": any(within)}[operator]
            if isinstance(value, Named):
                value = value_of(entry, value.field)
            if field == "date":
                if mine is None:
                    return False
                # The part of it that the value gives is what is compared.
                mine = mine[: len(str(value))]
            elif isinstance(value, str):
                mine, value = mine.lower(), value.lower()
            if operator == "contains":
                return value in mine
            sign = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[operator]
            return bool(getattr(operators, sign)(mine, value))


def random_condition(random: np.random.Generator, depth: int = 0) -> Condition:
    if depth < 3 and random.random() < 0.4:
        parts = tuple(random_condition(random, depth + 1) for _ in range(random.integers(1, 4)))
        joined: list[Condition] = [AllOf(parts), AnyOf(parts), Not(parts[0])]
        return joined[random.integers(3)]
    signs = ["==", "!=", "<", "<=", ">", ">="]
    sign: Any = signs[random.integers(6)]
    dates = [
        "1965",
        "2010",
        "2015-03",
        "2020-12-31",
        "2023-05-04T12:33",
        "1999",
        "2019-07-01T10:00:01",
    ]
    places = ["/", "/photos", "/more", "/photos/2023", "/photos/2023/summer", "/nowhere",
              "/more/photos/a*[b]", "/photos/2023/summer/IMG_00004.jpg"]  # fmt: skip
    choices: list[Condition] = [
        Compared("width", sign, int(random.integers(1, 6000))),
        Compared("pixels", sign, float(random.integers(1, 36_000_000)) + 0.5),
        Compared("height", sign, Named("width")),
        Compared("bytes", sign, int(random.integers(1, 10**7))),
        Compared("date", sign, dates[random.integers(len(dates))]),
        Compared("type", ["==", "!="][random.integers(2)], ["jpeg", "Png"][random.integers(2)]),  # type: ignore[arg-type]  # a choice of two
        Compared("camera", "contains", ["canon", "z", "", "%_", "'"][random.integers(5)]),
        Compared("camera", "==", ["nikon z 6", ""][random.integers(2)]),
        Compared("label", ["==", "!=", "contains"][random.integers(3)],  # type: ignore[arg-type]  # a choice of three
                 ["SEA", "beach", "äRGER", "STRASSE", "Ключ", "s", "", "%_", "'", "none"][
                     random.integers(10)]),
        Compared("path", "contains", ["summer", "ünï", "PHOTOS"][random.integers(3)]),
        Compared("name", "==", "img_00017.JPG"),
        Matching("name", ["IMG_00*.jpg", "*[!0]?.jpg", "*.JPG", "IMG_0000[1-5].jpg"][
            random.integers(4)]),
        Matching("path", ["/photos/*/summer*", "/more/*", "*a[*][[]b]*"][random.integers(3)]),
        Below(places[random.integers(len(places))]),
    ]  # fmt: skip
    return choices[random.integers(len(choices))]


@pytest.mark.parametrize("seed", range(40))
def test_the_same_files_as_the_oracle(index: Index, seed: int) -> None:
    random = np.random.default_rng(seed)
    entries = list(index.entries())
    for _ in range(5):
        condition = random_condition(random)
        meeting = [entry for entry in entries if holds(condition, entry)]
        assert index.selected(condition).tolist() == sorted({entry.row for entry in meeting})
        query = unit(random.standard_normal(DIM, dtype=np.float32))
        scores = index.scores(query)
        for k in (1, 10, COUNT):
            expected = sorted(
                meeting,
                key=lambda one: (
                    -scores[one.row], one.row, os.fsencode(os.path.join(one.root, one.path))
                ),
            )[:k]  # fmt: skip
            found = search(index, query, k, condition=condition, forced="exact")
            assert [(record.root, record.path, score) for record, score in found.records] == [
                (one.root, one.path, float(scores[one.row])) for one in expected
            ]


def test_the_graph_gives_only_what_meets_the_condition(index: Index) -> None:
    condition = Compared("width", ">", 3000)
    query = unit(np.random.default_rng(0).standard_normal(DIM, dtype=np.float32))
    exact = search(index, query, 10, condition=condition, forced="exact")
    graph = search(index, query, 10, condition=condition, forced="graph")
    assert graph.strategy.method == "graph"
    assert [record for record, _ in graph.records] == [record for record, _ in exact.records]
    assert [score for _, score in graph.records] == pytest.approx(
        [score for _, score in exact.records], abs=1e-6
    )
    rare = search(index, query, 10, condition=Compared("name", "==", "img_00017.jpg"),
                  forced="graph")  # fmt: skip
    assert rare.strategy.method == "exact"
    assert [record.path.endswith("IMG_00017.jpg") for record, _ in rare.records] == [True]


def test_many_conditions_are_as_good_as_few(index: Index) -> None:
    many = [Matching("name", f"IMG_{number:05}.jpg") for number in range(3, COUNT, 2)]
    assert len(index.selected(AnyOf(tuple(many)))) > 0
    assert index.selected(AllOf(tuple(many))).tolist() == []
    assert index.selected(AnyOf(())).tolist() == []
    assert len(index.selected(AllOf(()))) == len({entry.row for entry in index.entries()})


# On many rows


@dataclass(frozen=True, slots=True)
class Large:
    """An index of many files, opened, and all its entries."""

    index: Index
    entries: list[Entry]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    folder = tmp_path_factory.mktemp("filtering many") / "index"
    make(folder, 100_000)
    with Index(folder) as index:
        yield Large(index, list(index.entries()))


def meeting_share(entries: list[Entry], field: Any, share: float) -> Condition:
    """Return the condition on a field that this share of the entries meets, or one more."""
    if field in {"name", "label"}:  # no order: so many names, or the labels of so many files
        chosen = entries[:: round(1 / share)] if share <= 0.1 else entries[: int(share * 10)]
        names = [Compared("name", "==", os.path.basename(one.path)) for one in chosen[:20]]
        labels = [Compared("label", "==", label) for label in LABELS[: 1 + int(share * 8)]]
        return AnyOf(tuple(names if field == "name" else labels))
    values = sorted(value for one in entries if (value := value_of(one, field)) is not None)
    return Compared(field, "<=", values[int(share * len(values))])


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0001, 0.001, 0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("field", ["width", "pixels", "bytes", "date", "name", "label"])
def test_the_same_files_as_the_oracle_of_many(large: Large, field: str, share: float) -> None:
    random = np.random.default_rng(round(share * 10_000))
    one = meeting_share(large.entries, field, share)
    for condition in (one, Not(one), AllOf((one, random_condition(random)))):
        meeting = [entry for entry in large.entries if holds(condition, entry)]
        if condition is one and field not in {"name", "label"}:
            # Widths are whole numbers: some files more have the last one.
            assert len(meeting) / len(large.entries) == pytest.approx(share, rel=0.1, abs=5e-4)
        rows = sorted({entry.row for entry in meeting})
        assert large.index.selected(condition).tolist() == rows
        query = unit(random.standard_normal(DIM, dtype=np.float32))
        scores = large.index.scores_of(query, np.array(rows, np.int64)) if rows else ()
        score_of = dict(zip(rows, map(float, scores), strict=True))
        best = sorted(
            meeting,
            key=lambda one: (
                -score_of[one.row], one.row, os.fsencode(os.path.join(one.root, one.path))
            ),
        )[:10]  # fmt: skip
        expected = [(one.root, one.path) for one in best]
        for forced in ("exact", "graph"):
            found = search(large.index, query, 10, condition=condition, forced=forced)
            listed = [(record.root, record.path) for record, _ in found.records]
            if found.strategy.method == "exact":
                assert listed == expected
                continue
            true = {(one.root, one.path): score_of[one.row] for one in meeting}
            assert set(listed) <= true.keys()
            assert len(listed) == 10
            assert len(set(listed) & set(expected)) >= 7


@pytest.mark.parametrize("value", ["２０２３", "2023-05-0٤"])
def test_a_date_in_other_digits_is_none(value: str) -> None:
    with pytest.raises(ValueError, match="no date"):
        as_sql(Compared("date", "==", value), [])


def test_a_date_is_that_of_the_rules_of_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 1960 Berlin had no summer time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        entries = [
            replace(entry("/photos", f"{year}.jpg"), mtime_ns=int(moment.timestamp()) * 10**9)
            for year in (1960, 2050)
            for moment in [datetime(year, 7, 15, 22, 30, tzinfo=UTC)]
        ]
        with Index(make_index(tmp_path / "index", *entries)) as index:
            dates = [date_of(one) for one in index.entries()]
            for date, one in zip(dates, entries, strict=True):
                assert date is not None
                found = list(index.entries(Compared("date", "==", date)))
                assert [record.path for record in found] == [one.path]
        assert dates[0] == "1960-07-15T23:30:00"
    finally:
        monkeypatch.undo()
        time.tzset()
