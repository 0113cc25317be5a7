"""The one place where errors become a line and an exit code."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

import pytest

from vsearch.cli import main


@pytest.fixture(autouse=True)
def _signals_as_before() -> object:
    before = signal.getsignal(signal.SIGPIPE)
    yield
    signal.signal(signal.SIGPIPE, before)


def fail(error: BaseException) -> object:
    def app(**_: object) -> NoReturn:
        raise error

    return app


def test_a_fault_of_its_own_is_one_line_and_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exit code of 1 would say that nothing was found."""
    monkeypatch.setattr(main, "app", fail(KeyError("a\nb")))
    monkeypatch.setattr(sys, "argv", ["vsearch", "search", "a dog"])
    assert main.run() == 2
    assert capsys.readouterr() == (
        "",
        (
            "vsearch: a fault of its own (KeyError: 'a\\nb'); run `vsearch --debug search 'a dog'` "
            "for all of it, and report it\n"
        ),
    )
    monkeypatch.setattr(sys, "argv", ["vsearch", "--debug", "search", "a dog"])
    with pytest.raises(KeyError):
        main.run()
