"""The CSV of a split: as it is in a pipe, and what is safe to show on a terminal."""

from __future__ import annotations

import sys

import pytest

from vsearch.output.splitting import print_csv

ROWS = [["path", "label"], ["/new\nline.jpg", "\x1b[31mred, \r\udcff"], ["/b.jpg", "b"]]


def test_a_pipe_gets_the_cells_themselves(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    print_csv(ROWS)
    assert capfdbinary.readouterr().out == (
        b'path,label\n"/new\nline.jpg","\x1b[31mred, \r\xff"\n/b.jpg,b\n'
    )


def test_a_terminal_gets_a_row_a_line_and_nothing_to_obey(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_csv(ROWS)
    assert capfdbinary.readouterr().out == (
        b'path,label\n/new\\nline.jpg,"\\x1b[31mred, \\r\\xff"\n/b.jpg,b\n'
    )
