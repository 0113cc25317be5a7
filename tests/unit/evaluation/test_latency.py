"""Latency: what is asked, how often and of whom; never how long it takes."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from fake_encoder import FakeEncoder
from made_indexes import entry, make_index

from vsearch.errors import IndexMissing, StoreError, UsageError
from vsearch.evaluation import latency
from vsearch.evaluation.latency import Cold, cold_search, measure_latency, percentiles
from vsearch.models.folder import built_in
from vsearch.searching.lines import BATCH
from vsearch.searching.searcher import Answer, Query, Searcher

LIMIT = 10**7


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """An index of the colour encoder, which answers in this process only."""
    model = FakeEncoder().identity
    return make_index(
        tmp_path / "colours", *(entry("/p", f"{n}.png") for n in range(30)), model=model
    )


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    """An index of the built-in model, which answers in any process."""
    return make_index(tmp_path / "mini", entry("/p", "a.png"), model=built_in().identity)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The texts of each batch that a searcher was asked."""
    batches = []
    answers = Searcher.answers

    def spy(self: Searcher, queries: Sequence[Query]) -> Iterator[Answer | UsageError]:
        batches.append([query.terms[0].text for query in queries])
        return answers(self, queries)

    monkeypatch.setattr(Searcher, "answers", spy)
    return batches


def texts(count: int) -> list[str]:
    return [f"picture {number}" for number in range(count)]


def test_every_query_is_counted_once_and_no_batch_has_a_text_twice(
    colours: Path, asked: list[list[str]]
) -> None:
    found = measure_latency(
        colours, texts(70) * 2, FakeEncoder(), cold=0, warm=150, pixel_limit=LIMIT
    )
    assert (len(found.cold), len(found.warm)) == (0, 150)
    assert all(one > 0 for one in found.warm)
    assert found.throughput > 0
    assert [len(batch) for batch in asked] == [1] * (3 + 150) + [BATCH, BATCH, 150 - 2 * BATCH]
    assert [text for batch in asked for text in batch] == (texts(70) * 5)[: 3 + 2 * 150]


def test_few_texts_make_small_batches(colours: Path, asked: list[list[str]]) -> None:
    measure_latency(colours, ["a", "b", "a"], FakeEncoder(), cold=0, warm=5, pixel_limit=LIMIT)
    assert asked[-3:] == [["a", "b"], ["a", "b"], ["a"]]


def test_the_first_process_is_not_counted(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def cold(folder: Path, text: str) -> Cold:
        seen.append(text)
        return Cold(len(seen), None)

    monkeypatch.setattr(latency, "cold_search", cold)
    found = measure_latency(colours, texts(9), FakeEncoder(), cold=3, warm=0, pixel_limit=LIMIT)
    assert (seen, found.cold) == (texts(4), (2000.0, 3000.0, 4000.0))
    assert (found.warm, found.throughput) == ((), 0.0)


def test_one_process_searches_with_nothing_of_the_users(
    mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSEARCH_SEARCH_COUNT", "no number")  # the command would refuse it
    monkeypatch.setenv("VSEARCH_MODELS", "models")
    config = tmp_path / "config.toml"
    config.write_text("no configuration")
    monkeypatch.setenv("VSEARCH_CONFIG", str(config))
    here = tmp_path / "here"
    here.mkdir()
    (here / "json.py").write_text("raise SystemExit(7)")
    (here / "a picture.jpg").write_text("none")
    monkeypatch.chdir(here)
    for text in ("a picture.jpg", "--help", "-", "two\nlines\0", "x" * 300_000, "\ud800", "2:x"):
        found = cold_search(Path(os.path.relpath(mini)), text)
        assert found.seconds > 0
        assert found.peak_bytes is not None
        assert 30e6 < found.peak_bytes < 4e9


def test_an_index_without_pictures_finds_nothing_and_is_no_failure(tmp_path: Path) -> None:
    cold_search(make_index(tmp_path / "empty", model=built_in().identity), "a dog")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param("echo >&2 a; echo >&2 'vsearch: no; do'; exit 2", "2.*; no; do", id="2"),
        pytest.param("exit 3", "status 3.*; it said nothing", id="silent"),
        pytest.param("kill -9 $$", "status -9.*; it said nothing", id="killed"),
        pytest.param("printf '\\377\\n' >&2; exit 2", "\ufffd$", id="no text"),
    ],
)  # fmt: skip
def test_a_process_that_fails_is_told_with_its_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(StoreError, match=said) as told:
        cold_search(tmp_path, "a dog")
    assert "vsearch:" not in str(told.value)


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"exit status 2.*there is no index"):
        cold_search(tmp_path, "a dog")
    with pytest.raises(IndexMissing):
        measure_latency(tmp_path, ["a"], FakeEncoder(), cold=0, pixel_limit=LIMIT)


def test_no_texts(colours: Path) -> None:
    with pytest.raises(UsageError, match="no texts"):
        measure_latency(colours, [], FakeEncoder(), pixel_limit=LIMIT)


def test_an_interrupted_process_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nsleep 0.3\nkill -INT {os.getpid()}\nexec sleep 1000\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(KeyboardInterrupt):
        cold_search(tmp_path, "a dog")
    left = subprocess.run(["pgrep", "-P", str(os.getpid()), "-x", "sleep"], capture_output=True)
    assert left.stdout == b""


def test_percentiles_are_those_of_numpy_and_of_the_standard_library() -> None:
    draw = random.Random(0)
    for _ in range(1000):
        values = [draw.choice([draw.random(), 0.5]) for _ in range(draw.randint(2, 300))]
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        found = percentiles(values)
        assert (found.p50, found.p95, found.p99) == pytest.approx((cuts[49], cuts[94], cuts[98]))
    assert percentiles([3.0]) == percentiles(np.array([3.0, 3.0]).tolist())
    assert percentiles([1.0, 2.0]).p95 == pytest.approx(1.95)
    with pytest.raises(ValueError, match="no values"):
        percentiles([])
