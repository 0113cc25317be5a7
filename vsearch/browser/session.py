"""The index and its model, in a thread of their own: the newest question wins."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vsearch.browser.prompt import terms_of
from vsearch.errors import UsageError, VsearchError
from vsearch.searching.query import parse
from vsearch.searching.searcher import Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsearch.browser.history import Question
    from vsearch.conditions import Condition
    from vsearch.searching.query import Term
    from vsearch.searching.searcher import Answer, Searcher


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a question: an answer, or the one line that says why there is none.

    `count` is how many pictures were asked for.
    """

    question: Question
    count: int
    answer: Answer | None
    fault: str = ""


class Session:
    """Answers questions, one at a time and never in the thread that asks.

    All answers are of the state in which the index was when it was opened, until `reload`. Whoever
    makes it closes it.
    """

    def __init__(
        self,
        open_searcher: Callable[[], Searcher],
        condition: Condition | None,
        min_relevance: float = 0.0,
    ) -> None:
        """Only pictures that meet the condition, and are so relevant, are answers.

        Nothing is opened yet.
        """
        self._open_searcher = open_searcher
        self._condition = condition
        self._min_relevance = min_relevance
        self._searcher: Searcher | None = None
        # One thread, which alone uses the searcher.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vsearch-session")
        self._newest = 0

    def prepare(self) -> None:
        """Open the index and load the model, and do not wait for it."""
        self._thread.submit(self._prepare)

    async def ask(self, question: Question, count: int) -> Reply | None:
        """Return what comes of a question; None when a newer one was asked meanwhile.

        `question` is a line or a picture; the answer has `count` matches at most.
        """
        self._newest += 1
        number = self._newest
        loop = asyncio.get_running_loop()
        reply = await loop.run_in_executor(self._thread, self._reply, question, count, number)
        return reply if number == self._newest else None

    async def reload(self) -> None:
        """Let what is asked from now on be answered from the index as it is now."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)

    def close(self) -> None:
        """Close the index, after what is being answered, and do not wait for that.

        A large model may still be on its way from the disk.
        """
        self._newest += 1
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    # In the thread

    def _prepare(self) -> None:
        with suppress(VsearchError, OSError, ValueError):  # the first question meets it again
            # One that is asked for nothing loads all that the others need.
            self._opened().answer(Query(parse(["picture"]), 1, self._condition))

    def _opened(self) -> Searcher:
        if self._searcher is None:
            self._searcher = self._open_searcher()
        return self._searcher

    def _close(self) -> None:
        if self._searcher:
            searcher, self._searcher = self._searcher, None
            searcher.__exit__()

    def _reply(self, question: Question, count: int, number: int) -> Reply | None:
        if number != self._newest:
            return None
        try:
            searcher = self._opened()
            terms = _terms(question, searcher)
            query = Query(terms, count, self._condition, min_relevance=self._min_relevance)
            return Reply(question, count, searcher.answer(query))
        except VsearchError as error:
            return Reply(question, count, None, str(error))
        except (OSError, ValueError) as error:  # of a disk, or a condition that nothing can meet
            return Reply(question, count, None, getattr(error, "strerror", None) or str(error))


def _terms(question: Question, searcher: Searcher) -> list[Term]:
    """Return the terms of a question. Raises UsageError for those that cannot be used here.

    Pictures are asked with by their embedding in the index. Others would have to be decoded in a
    fork of this process, which has threads.
    """
    if question.kind == "like":
        return parse((), like=[question.text])
    found = []
    for term in parse(*terms_of(question.text)):
        if term.kind == "url":
            raise UsageError("addresses are not fetched while one types; use `vsearch search`")
        if term.kind == "picture" and not searcher.knows(term.text):
            raise UsageError(
                f"not in the index, {term.text!r}; `vsearch search` finds what looks like it"
            )
        found.append(replace(term, kind="indexed") if term.kind == "picture" else term)
    return found
