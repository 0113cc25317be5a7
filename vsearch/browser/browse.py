"""The browser, from the terminal it needs to the pictures that were marked in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.browser.terminal import ask, foreground

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsearch.browser.terminal import Graphics
    from vsearch.conditions import Condition
    from vsearch.records import Match
    from vsearch.searching.searcher import Searcher


class Interrupted(Exception):
    """The browser was left without the wish to have anything printed. `code` is the exit code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


def browse(
    open_searcher: Callable[[], Searcher],
    *,
    line: str,
    condition: Condition | None,
    graphics: Graphics | None,
    write: Callable[[Sequence[Match], Path], None],
    pixel_limit: int,
    workers: int,
) -> list[Match]:
    """Let a person browse, beginning with the answer to `line`; return what was marked.

    `open_searcher` is called in a thread of its own. `graphics`: how to draw, None: as the terminal
    can. Raises UsageError when there is no terminal, and Interrupted.
    """
    with foreground():
        from vsearch.browser.session import Session

        session = Session(open_searcher, condition)
        try:
            terminal = ask(graphics)
            from vsearch.browser.app import Browser

            app = Browser(
                session,
                terminal,
                line=line + terminal.typed,
                write=write,
                pixel_limit=pixel_limit,
                workers=workers,
            )
            done = app.run()
        finally:
            session.close()
    if done:
        return app.browsing.marks.all()
    if done is False:
        raise Interrupted(130)
    raise Interrupted(app.return_code if app.return_code and app.return_code > 128 else 2)
