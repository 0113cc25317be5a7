"""How the browser is left: with what was marked, or with the reason why nothing is printed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vsearch.browser import browse as browse_module
from vsearch.browser.app import Browser
from vsearch.browser.browse import Interrupted, browse
from vsearch.output.graphics import Graphics
from vsearch.records import ImageFacts, Match

MATCH = Match(1, "/photos/a.jpg", 0.5, 0.9, ImageFacts(4, 4, "PNG"))


def browsed(monkeypatch: pytest.MonkeyPatch, *, result: bool | None, code: int) -> list[Match]:
    """Let a browser end in some way once a picture was marked in it."""

    @contextmanager
    def foreground() -> Iterator[None]:
        yield

    def run(app: Browser) -> bool | None:
        app.browsing.marks.toggle(MATCH)
        app._return_code = code
        return result

    monkeypatch.setattr(browse_module, "foreground", foreground)
    monkeypatch.setattr(browse_module, "ask", lambda _: (Graphics("blocks", 10, 20), ""))
    monkeypatch.setattr(Browser, "run", run)
    return browse(
        lambda: pytest.fail("nothing is asked"),
        line="",
        condition=None,
        min_relevance=0.0,
        protocol=None,
        write=lambda _matches, _path: None,
        pixel_limit=1000,
        workers=1,
    )


def test_what_was_marked_is_returned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert browsed(monkeypatch, result=True, code=0) == [MATCH]


@pytest.mark.parametrize(
    ("result", "returned", "code", "marked"),
    [
        pytest.param(False, 0, 130, [], id="ctrl-c"),
        pytest.param(None, 1, 2, [MATCH], id="crash"),
        pytest.param(None, 129, 129, [MATCH], id="hang up"),
        pytest.param(None, 143, 143, [MATCH], id="terminated"),
    ],
)
def test_marks_are_dropped_only_by_a_person(
    monkeypatch: pytest.MonkeyPatch,
    *,
    result: bool | None,
    returned: int,
    code: int,
    marked: list[Match],
) -> None:
    with pytest.raises(Interrupted) as interrupted:
        browsed(monkeypatch, result=result, code=returned)
    assert (interrupted.value.code, list(interrupted.value.marked)) == (code, marked)
