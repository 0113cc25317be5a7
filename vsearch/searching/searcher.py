"""An index and its model, open for one query after the other: terms -> matches."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from vsearch.errors import UsageError
from vsearch.images.perceptual import NO_STRUCTURE
from vsearch.index import Index, is_unsettled
from vsearch.records import Calibration, Match, changed_ns, date_of
from vsearch.searching.query import Term, embed_each, is_blank
from vsearch.searching.relevance import WEAK, background_rows, evidence, likelihood, relevance
from vsearch.searching.search import search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.conditions import Condition
    from vsearch.models.encoder import Encoder
    from vsearch.records import Entry, ImageRecord
    from vsearch.searching.collapse import Folded
    from vsearch.searching.names import Names
    from vsearch.searching.query import Embedded
    from vsearch.searching.search import Found
    from vsearch.searching.strategy import Method, Strategy

# Answers looked at for one that is wanted, where they are folded; as many again where too few come.
_LOOKED_AT = 5

_SEEN_SIDE = 256  # pixels of a picture that may be blank: about what models see of it

Order = Literal["relevance", "date", "path"]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: `terms`, and the `k` files most like them, fewer where there are fewer.

    With a `condition`, only files that meet it are an answer. So are only those of at least
    `min_relevance`. `names` in [0, 1] is how much the names of files and folders count, beside the
    pictures (see `searching.names`). `sort` is the order of those that are; their ranks stay those
    by relevance. `collapse`: what shows the same is one answer, and there are `k` of these.
    """

    terms: Sequence[Term]
    k: int = 10
    condition: Condition | None = None
    sort: Order = "relevance"
    min_relevance: float = 0.0
    names: float = 0.0
    collapse: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found, and how: `terms` as understood, `seconds` each step took, by its name.

    `rows` is how many embeddings there are; `narrowed`: only some of them could be an answer.
    `refused` is the largest relevance that was too little, None where none was.
    `notes` are sentences about the terms that a person should know of.
    """

    matches: list[Match]
    terms: Sequence[Term]
    strategy: Strategy
    warning: str | None
    rows: int
    seconds: dict[str, float]
    narrowed: bool = False
    refused: float | None = None
    notes: Sequence[str] = ()


class Searcher:
    """An index and its model, to answer one query after the other.

    Use it in a `with` block. All that it answers is of the one committed state it was opened at.
    """

    def __init__(
        self,
        folder: Path,
        encoder: Encoder | None,
        *,
        pixel_limit: int,
        calibration: Calibration | None = None,
        forced: Method | None = None,
        queries: int = 1,
    ) -> None:
        """Open the index in `folder`. `queries`: how many are likely to be asked.

        `pixel_limit` is the most a query's picture may have. Without an `encoder`, only pictures in
        the index can be asked with; `calibration` then says what the cosines of its model tell.
        Raises IndexMissing, ModelMismatch, or StoreError when the index cannot be used.
        """
        self._encoder = encoder
        self._calibration = encoder.calibration if encoder else calibration or Calibration()
        self._pixel_limit = pixel_limit
        self._forced = forced
        self._queries = queries
        self._asked = 0
        self._clock = _Clock()
        self._index = Index(folder)
        try:
            if encoder:
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
        (answer,) = self.answers([query])
        if isinstance(answer, UsageError):
            raise answer
        return answer

    def answers(self, queries: Sequence[Query]) -> Iterator[Answer | UsageError]:
        """Yield the answers to some queries, in order, each as if asked alone.

        The words of all are embedded in one call, which the first of them is charged with. In place
        of an answer comes why its terms cannot be used. Raises StoreError when the index cannot.
        """
        clock = self._clock.started()
        embedded = embed_each(
            [query.terms for query in queries], self._encoder, self._pixel_limit, self._indexed
        )
        clock.lap("embed the query")
        # Who has asked for so much will ask for as much again: what is to be expected of one of
        # whom nothing is known ("ski rental": at most twice the cost of having known).
        self._asked += len(queries)
        for query, one in zip(queries, embedded, strict=True):
            if isinstance(one, UsageError):
                yield one
                continue
            try:
                yield self._answered(query, one, clock)
            except UsageError as error:
                yield error
            clock = self._clock.started()

    def _answered(self, query: Query, embedded: Embedded, clock: _Clock) -> Answer:
        known = [self._entry(term.text) for term in query.terms if term.kind == "indexed"]
        named = [os.path.realpath(term.text) for term in query.terms if term.kind == "picture"]
        names: Names | None = None
        notes = [note for one in known if (note := _changed(one))]
        if query.names:
            from vsearch.searching.names import names_for  # most queries do without

            names = names_for(self._index, query.terms, query.names)
            if names is None:
                notes.append("no words in the query that names could have: they do not count")
        exclude = {*named, *map(_path, known)}
        if embedded.blank:
            notes.append(
                f"{embedded.blank.shown!r} is all of one colour: what is like it has that colour "
                "at best, and no relevance is told"
            )
        judge = _Judge(self._index, self._calibration, query.terms, embedded)

        def relevant(cosines: NDArray[np.float32]) -> NDArray[np.bool_]:
            return judge.required(cosines) >= query.min_relevance

        def first(count: int) -> Found:
            return search(
                self._index,
                embedded.vector,
                count,
                exclude=exclude,
                condition=query.condition,
                forced=self._forced,
                queries=max(self._queries, self._asked),
                names=names,
                relevant=relevant if query.min_relevance else None,
            )

        if query.collapse:
            found, folded = self._folded(first, query.k)
        else:
            found, folded = first(query.k), None
        clock.lap("search")
        files = found.records if folded is None else [(one.record, one.score) for one in folded]
        relevances = judge.relevances([score for _, score in files])
        if relevances is None and files and query.min_relevance:
            raise judge.untold()
        clock.lap("judge the relevance")
        matches = list(_matches(files, relevances, found.names, folded))
        least = query.min_relevance
        wanted = [one for one in matches if (one.relevance or 0.0) >= least]
        refused = [one.relevance for one in matches if one.relevance and one.relevance < least]
        return Answer(
            _ordered(wanted, query.sort),
            query.terms,
            found.strategy,
            found.warning,
            self._index.rows,
            clock.seconds,
            narrowed=query.condition is not None,
            refused=max(refused) if refused else None,
            notes=tuple(notes),
        )

    def _folded(self, first: Callable[[int], Found], k: int) -> tuple[Found, list[Folded]]:
        """Return what was looked at, and `k` answers it folds into, fewer where there are fewer."""
        from vsearch.searching.collapse import fold

        count = k
        while True:
            count *= _LOOKED_AT
            found = first(count)
            folded = fold(self._index, found.records, k)
            if len(folded) == k or len(found.records) < count:
                return found, folded

    def knows(self, path: str) -> bool:
        """Whether a picture is in the index, to be asked with by its embedding there."""
        return self._index.entry(path) is not None

    def _indexed(self, path: str) -> tuple[NDArray[np.float32], bool]:
        """Return the embedding (dim,) of a picture in the index, and whether it is of one colour.

        Raises UsageError.
        """
        import numpy as np

        entry = self._entry(path)
        vector = np.asarray(self._index.vectors(np.array([entry.row], dtype=np.int64))[0])
        # Most have some structure, by what the index knows; the file of one that has none tells
        # whether it is blank, or only has stripes or fine lines.
        flat = entry.perceptual == NO_STRUCTURE and _looks_blank(_path(entry), self._pixel_limit)
        return vector, flat

    def _entry(self, path: str) -> Entry:
        entry = self._index.entry(path)
        if entry is None:
            raise UsageError(
                f"no such picture in the index, named {path!r}; name it as a term to embed it, "
                "or `vsearch index` its folder"
            )
        return entry


class _Judge:
    """Tells the relevance of pictures from their cosines with one query."""

    def __init__(
        self, index: Index, calibration: Calibration, terms: Sequence[Term], embedded: Embedded
    ) -> None:
        self._index = index
        self._vector = embedded.vector
        self._blank = embedded.blank
        self._known = likelihood(calibration, terms, embedded.length)
        self._background: NDArray[np.float32] | None = None

    def relevances(self, scores: Sequence[float]) -> Sequence[float] | None:
        """Return the relevance of files with these cosines, None where nothing tells it."""
        import numpy as np

        told = self._told(np.array(scores, dtype=np.float32))
        if told is None:
            return None
        relevances: list[float] = told.tolist()
        return relevances

    def required(self, cosines: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the relevance of `cosines` (n,): (n,). UsageError where nothing tells it."""
        told = self._told(cosines)
        if told is None:
            raise self.untold()
        return told

    def untold(self) -> UsageError:
        """Return why there is no relevance to ask for."""
        if self._blank:
            return UsageError(
                "nothing tells the relevance of what is like a picture of one colour, "
                f"{self._blank.shown!r}; choose another, or leave out --min-relevance"
            )
        return UsageError(
            "too few different pictures to tell the relevance of such a query, in "
            f"{self._index.folder}; leave out --min-relevance"
        )

    def _told(self, cosines: NDArray[np.float32]) -> NDArray[np.float64] | None:
        if self._blank:  # no model was calibrated on such: anything smooth is like it
            return None
        if self._known is None and self._background is None:
            rows = background_rows(self._index.rows)
            self._background = self._index.scores_of(self._vector, rows)
        told = evidence(cosines, self._known, self._background)
        return None if told is None else relevance(told, self._index.rows)


def _looks_blank(path: str, pixel_limit: int) -> bool:
    """Whether the picture in a file is of one colour; not if it cannot be looked at.

    It is decoded as thumbnails are, not in a fork as other query pictures: who asks for what is in
    the index may have threads, as `vsearch browse` and a model that is loaded do.
    """
    import numpy as np

    from vsearch.images.thumbnail import thumbnails

    (seen,) = thumbnails([path], _SEEN_SIDE, workers=1, pixel_limit=pixel_limit)
    return seen is not None and is_blank(np.asarray(seen))


def _changed(entry: Entry) -> str | None:
    """Say that a file is another now than the one in the index; None where it is not, or gone."""
    path = _path(entry)
    with suppress(OSError):
        now = os.stat(path)
        same = changed_ns(now) == entry.mtime_ns or is_unsettled(entry.mtime_ns, changed_ns(now))
        if now.st_size != entry.size or not same:
            return (
                f"{path!r} has changed since it was indexed, and counts as it was then; "
                "bring the index up to date with `vsearch index`"
            )
    return None


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


def _ordered(matches: Sequence[Match], sort: Order) -> list[Match]:
    """Sort matches that come by relevance; those of one date stay so."""
    if sort == "path":
        return sorted(matches, key=lambda match: os.fsencode(match.path))
    if sort == "date":  # the newest first, those without one last
        return sorted(matches, key=lambda match: match.date or "", reverse=True)
    return list(matches)


def _matches(
    files: Sequence[tuple[ImageRecord, float]],
    relevances: Sequence[float] | None,
    names: Names | None,
    folded: Sequence[Folded] | None,
) -> Iterator[Match]:
    """Yield what was found as matches, by rank."""
    for place, (record, score) in enumerate(files):
        relevant = None if relevances is None else relevances[place]
        yield Match(
            place + 1,
            _path(record),
            score,
            relevant,
            record.facts,
            weak=relevant is not None and relevant < WEAK,
            size=record.size,
            date=date_of(record),
            names=names.evidence.get(record.row, 0.0) if names else None,
            duplicates=None if folded is None else tuple(map(_path, folded[place].others)),
        )


def _path(record: ImageRecord | Entry) -> str:
    return os.path.join(record.root, record.path)
