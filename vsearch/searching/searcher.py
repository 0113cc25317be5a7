"""An index and its model, open for one query after the other: terms -> matches."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Self

from vsearch.index import Index
from vsearch.records import Match
from vsearch.searching.query import Term, embed
from vsearch.searching.search import search

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsearch.conditions import Condition
    from vsearch.models.encoder import Encoder
    from vsearch.records import Calibration
    from vsearch.searching.search import Found
    from vsearch.searching.strategy import Method, Strategy

Order = Literal["relevance", "date", "path"]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: `terms`, and the `k` files most like them, fewer where there are fewer.

    With a `condition`, only files that meet it are an answer. `sort` is the order of those that
    are; their ranks stay those by relevance.
    """

    terms: Sequence[Term]
    k: int = 10
    condition: Condition | None = None
    sort: Order = "relevance"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found, and how: `terms` as understood, `seconds` each step took, by its name.

    `rows` is how many embeddings there are; `narrowed`: only some of them could be an answer.
    """

    matches: list[Match]
    terms: Sequence[Term]
    strategy: Strategy
    warning: str | None
    rows: int
    seconds: dict[str, float]
    narrowed: bool = False


class Searcher:
    """An index and its model, to answer one query after the other.

    Use it in a `with` block. All that it answers is of the one committed state it was opened at.
    """

    def __init__(
        self,
        folder: Path,
        encoder: Encoder,
        *,
        pixel_limit: int,
        forced: Method | None = None,
        queries: int = 1,
    ) -> None:
        """Open the index in `folder`. `queries`: how many are likely to be asked.

        `pixel_limit` is the most a query's picture may have. Raises IndexMissing, ModelMismatch, or
        StoreError when the index cannot be used.
        """
        self._encoder = encoder
        self._pixel_limit = pixel_limit
        self._forced = forced
        self._queries = queries
        self._clock = _Clock()
        self._index = Index(folder)
        try:
            self._index.require_model(encoder.identity)
        except BaseException:
            self._index.__exit__()
            raise
        self._clock.lap("open the index")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._index.__exit__(*failure)

    def answer(self, query: Query) -> Answer:
        """Answer a query: terms -> query vector -> rows -> matches.

        Raises UsageError for terms that cannot be used, StoreError when the index cannot.
        """
        clock = self._clock.started()
        vector = embed(query.terms, self._encoder, self._pixel_limit)  # (dim,) float32
        clock.lap("embed the query")
        found = search(
            self._index,
            vector,
            query.k,
            exclude={os.path.realpath(term.text) for term in query.terms if term.kind == "picture"},
            condition=query.condition,
            forced=self._forced,
            queries=self._queries,
        )
        clock.lap("search")
        matches = _matches(found, query.terms, self._encoder.calibration)
        return Answer(
            _ordered(matches, query.sort),
            query.terms,
            found.strategy,
            found.warning,
            self._index.rows,
            clock.seconds,
            narrowed=query.condition is not None,
        )


class _Clock:
    """Wall time between laps, in seconds, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now

    def started(self) -> _Clock:
        """Return a clock that goes on from here with the laps so far, which are told only once."""
        clock = _Clock()
        clock.seconds, self.seconds = self.seconds, {}
        return clock


def _ordered(matches: Iterator[Match], sort: Order) -> list[Match]:
    """Sort matches that come by relevance; those of one date stay so."""
    if sort == "path":
        return sorted(matches, key=lambda match: os.fsencode(match.path))
    return sorted(matches, key=_date, reverse=True) if sort == "date" else list(matches)


def _date(match: Match) -> str:
    """Return when a picture was taken, else when its file was changed, as conditions have it.

    Empty where its file is gone.
    """
    if match.facts.taken_at:
        return match.facts.taken_at[:19]
    with suppress(OSError, ValueError, OverflowError):  # some file systems hold any number
        return datetime.fromtimestamp(os.stat(match.path).st_mtime).isoformat()
    return ""


def _matches(
    found: Found, terms: Sequence[Term], calibration: Calibration | None
) -> Iterator[Match]:
    """Yield what was found as matches; relevance only where the calibration speaks of it.

    It was fitted on one text against pictures: blends and query pictures have other cosines.
    """
    speaks = len(terms) == 1 and terms[0].kind == "words" and terms[0].weight > 0
    for rank, (record, score) in enumerate(found.records, start=1):
        relevance = calibration.relevance(score) if calibration and speaks else None
        path = os.path.join(record.root, record.path)
        yield Match(rank, path, score, relevance, record.facts)
