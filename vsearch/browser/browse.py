"""The browser, from the terminal it needs to the pictures that were marked in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.browser.terminal import ask, foreground

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsearch.conditions import Condition
    from vsearch.output.graphics import Protocol
    from vsearch.records import Match
    from vsearch.searching.searcher import Searcher


class Interrupted(Exception):
    """The browser was left without the wish to have anything printed. `code` is the exit code.

    `marked` is what was marked in one that failed, or was ended by the system.
    """

    def __init__(self, code: int, marked: Sequence[Match] = ()) -> None:
        self.code = code
        self.marked = marked
        super().__init__(code)


def browse(
    open_searcher: Callable[[], Searcher],
    *,
    line: str,
    condition: Condition | None,
    min_relevance: float,
    protocol: Protocol | None,
    write: Callable[[Sequence[Match], Path], None],
    pixel_limit: int,
    workers: int,
) -> list[Match]:
    """Let a person browse, beginning with the answer to `line`; return what was marked.

    `open_searcher` is called in a thread of its own. `protocol`: how to draw, None: as the terminal
    can. Raises UsageError when there is no terminal, and Interrupted.
    """
    with foreground():
        from vsearch.browser.session import Session

        session = Session(open_searcher, condition, min_relevance)
        try:
            graphics, typed = ask(protocol)
            from vsearch.browser.app import Browser

            app = Browser(
                session,
                graphics,
                line=line + typed,
                write=write,
                pixel_limit=pixel_limit,
                workers=workers,
            )
            done = app.run()
        finally:
            session.close()
    marked = app.browsing.marks.all()
    if done:
        return marked
    if done is False:
        raise Interrupted(130)
    raise Interrupted(app.return_code if app.return_code and app.return_code > 128 else 2, marked)
