"""`matches`: every byte of every form, in a pipe and on a terminal."""

import json
import os
import pty
import re
import sys
import threading
import tty
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vsearch.errors import UsageError
from vsearch.output.matches import Form, form_of, print_answer
from vsearch.records import ImageFacts, Match
from vsearch.searching.query import Kind, Term
from vsearch.searching.searcher import Answer
from vsearch.searching.strategy import Strategy

NASTY = os.fsdecode(b"new\nline\ttab\x1b[31m\xc2\x9b\x7f\xe2\x80\xaecaf\xe9\xf0\x9f\x8e\x89\\.png")
NASTY_BYTES = os.fsencode(NASTY)
NASTY_SHOWN = r"new\nline\ttab\x1b[31m\x9b\x7f\u202ecaf\xe9🎉\.png"


def match(rank: int, path: str, score: float = 0.5, relevance: float | None = None) -> Match:
    return Match(rank, path, score, relevance, ImageFacts(640, 480, "JPEG", "2021-05-04T12:33:10"))


def answer(*matches: Match, warning: str | None = None, graph_s: float | None = None) -> Answer:
    return Answer(
        list(matches),
        [
            Term("a dog", "words", 1.0),
            Term("b\n.png", "picture", -2.5),
            Term("https://me:secret@example.org/a", "url", 2.0),
        ],
        Strategy("exact", "there is no graph", 0.0125, graph_s),
        warning,
        100_000,
        {"open the index": 0.002, "search": 0.0101},
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return os.getcwd()


Shown = Callable[..., str]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Return a function that gives what is shown on a real (pseudo-)terminal."""

    def shown(given: Answer, form: Form, columns: int = 80) -> str:
        master, slave = pty.openpty()
        tty.setraw(slave)
        parts: list[bytes] = []

        def read() -> None:
            while True:
                try:
                    part = os.read(master, 65536)
                except OSError:  # the other end is closed
                    return
                parts.append(part)

        reader = threading.Thread(target=read)
        reader.start()
        with os.fdopen(slave, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            patch.setenv("TERM", "xterm-256color")
            patch.setenv("COLUMNS", str(columns))
            for name in ("NO_COLOR", "LINES", "COLORTERM", "FORCE_COLOR"):
                patch.delenv(name, raising=False)
            print_answer(given, form, explain=False)
        reader.join()
        os.close(master)
        return b"".join(parts).decode()

    return shown


# Forms


@pytest.mark.parametrize(
    ("as_json", "paths", "nul", "expected"),
    [
        (True, False, False, "json"),
        (False, True, False, "paths"),
        (False, False, True, "nul"),
        (False, True, True, "nul"),
        (False, False, False, "tab"),
    ],
)
@pytest.mark.usefixtures("capsys")
def test_options_choose_the_form(as_json: bool, paths: bool, nul: bool, expected: str) -> None:
    assert form_of(as_json=as_json, paths=paths, nul=nul) == expected


@pytest.mark.parametrize(("paths", "nul"), [(True, False), (False, True), (True, True)])
def test_options_that_contradict_are_told(paths: bool, nul: bool) -> None:
    with pytest.raises(UsageError) as caught:
        form_of(as_json=True, paths=paths, nul=nul)
    assert str(caught.value) == "--json cannot go with --paths or -0; choose one"


def test_a_terminal_gets_a_table_unless_it_is_dumb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert form_of(as_json=False, paths=False, nul=False) == "table"
    monkeypatch.setenv("TERM", "dumb")
    assert form_of(as_json=False, paths=False, nul=False) == "tab"


# In a pipe


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("paths", b"%s/%s\n/else/b.png\n"),
        ("nul", b"%s/%s\0/else/b.png\0"),
    ],
)
def test_paths_are_the_exact_bytes_of_the_names(
    here: str, capsysbinary: pytest.CaptureFixture[bytes], form: Form, expected: bytes
) -> None:
    os.mkdir("sub")
    given = answer(match(1, f"{here}/{NASTY}/{NASTY}"), match(2, "/else/b.png"))
    assert print_answer(given, form, explain=False) is True
    assert capsysbinary.readouterr() == (expected % (NASTY_BYTES, NASTY_BYTES), b"")


def test_tab_is_four_columns_whatever_the_name(
    here: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = answer(
        match(1, f"{here}/{NASTY}", 0.123456, 0.98765), match(10, "/else/b.png", -0.00004, None)
    )
    print_answer(given, "tab", explain=False)
    shown = NASTY_SHOWN.encode().replace(rb"\xe9", b"\xe9")
    assert capsysbinary.readouterr().out == (
        b"1\t0.1235\t0.988\t" + shown + b"\n" + b"10\t-0.0000\t\t/else/b.png\n"
    )


def test_json_is_one_object_a_line_with_all_its_fields(
    here: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    print_answer(answer(match(1, f"{here}/é🎉.png", 0.12345678, 0.98765)), "json", explain=False)
    out = capsysbinary.readouterr().out
    assert (
        out
        == (
            f'{{"rank": 1, "path": "{here}/é🎉.png", "score": 0.123457, "relevance": 0.9877, '
            '"width": 640, "height": 480, "taken_at": "2021-05-04T12:33:10", "region": null, '
            '"duplicates": null, "labels": []}\n'
        ).encode()
    )


@pytest.mark.parametrize(
    "path",
    ["/a/new\nline.png", "/a/\x1b\0\x7f.png", '/a/"quoted"\\.png', "/" + NASTY, "/\u2028"],
    ids=["newline", "control", "quotes", "everything", "line separator"],
)
def test_json_gives_any_name_back(path: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    print_answer(answer(match(1, path), match(2, "/b")), "json", explain=False)
    lines = capsysbinary.readouterr().out.split(b"\n")
    assert len(lines) == 3
    assert [json.loads(line)["path"] for line in lines[:2]] == [path, "/b"]
    assert json.loads(lines[0])["relevance"] is None


def test_a_table_in_a_pipe_has_no_colour(
    here: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    print_answer(answer(match(1, f"{here}/a.png", 0.3456, 0.87)), "table", explain=False)
    head, line, row = (text.rstrip() for text in capsys.readouterr().out.splitlines())
    assert head.split() == ["score", "relevance", "picture", "size", "taken"]
    assert set(line.strip()) == {"─"}
    assert row.split() == ["1", "0.346", "87%", "a.png", "640", "×", "480", "2021-05-04"]


def test_a_table_without_relevance_has_no_column_for_it(
    here: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    unknown = Match(2, "/b.png", -0.1, None, ImageFacts(1, 2, "PNG"))
    print_answer(answer(match(1, f"{here}/a.png"), unknown), "table", explain=False)
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["score", "picture", "size", "taken"]
    assert [row.split() for row in rows] == [
        ["1", "0.500", "a.png", "640", "×", "480", "2021-05-04"],
        ["2", "-0.100", "/b.png", "1", "×", "2"],
    ]


# On a terminal

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def test_a_terminal_is_shown_a_table_and_steered_by_no_name(here: str, terminal: Shown) -> None:
    given = answer(match(1, f"{here}/[red]{NASTY}"), match(2, "/b.png"))
    out = terminal(given, "table", columns=200)
    assert "\x1b[1m" in out  # bold: there is colour on a terminal
    plain = _STYLE.sub("", out)
    assert "\x1b" not in plain
    assert "[red]" + NASTY_SHOWN in plain
    assert all(character.isprintable() or character == "\n" for character in plain)


def test_long_names_are_folded_and_whole(terminal: Shown) -> None:
    name = "/" + "".join(f"{number:04}" for number in range(60)) + ".png"
    plain = _STYLE.sub("", terminal(answer(match(1, name)), "table"))
    rows = plain.splitlines()[2:]
    assert all(len(row) <= 80 for row in rows)
    folded = "".join(row.replace("640 × 480", "").replace("2021-05-04", "") for row in rows)
    assert name in re.sub(r"\s", "", folded)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("paths", f"/{NASTY_SHOWN}\n"),
        ("nul", f"/{NASTY_SHOWN}\0"),
        ("tab", f"1\t0.5000\t\t/{NASTY_SHOWN}\n"),
    ],
)
def test_a_terminal_is_steered_by_no_form(terminal: Shown, form: Form, expected: str) -> None:
    assert terminal(answer(match(1, "/" + NASTY)), form) == expected


def test_json_on_a_terminal_is_the_same_object_in_safe_characters(terminal: Shown) -> None:
    name = "/\x9b31m\u202e\x7f🎉.png"  # in a pipe these stay as they are
    out = terminal(answer(match(1, name)), "json")
    assert json.loads(out)["path"] == name
    assert out.isascii()
    assert out.rstrip("\n").isprintable()


# Beside the matches


@pytest.mark.parametrize(
    ("rows", "terms", "expected"),
    [
        pytest.param(5, ["url"], "nothing found, the index is empty", id="only an address"),
        pytest.param(0, ["words"], "nothing found, the index is empty", id="no rows"),
        pytest.param(0, ["picture"], "nothing found, the index is empty", id="no rows, a picture"),
        pytest.param(5, ["words"], "nothing found, the index is empty", id="all files are gone"),
        pytest.param(
            5, ["words", "picture"], "nothing found besides the query itself", id="only itself"
        ),
    ],
)
def test_nothing_found_is_told_on_stderr(
    capsysbinary: pytest.CaptureFixture[bytes], rows: int, terms: list[Kind], expected: str
) -> None:
    asked = [Term("a", kind, 1.0) for kind in terms]
    given = replace(answer(), rows=rows, terms=asked)
    assert print_answer(given, "json", explain=False) is False
    out, err = capsysbinary.readouterr()
    assert out == b""
    hint = "; add pictures with `vsearch index FOLDER`" if "empty" in expected else ""
    assert err.decode() == f"vsearch: {expected}{hint}\n"


def test_a_warning_goes_to_stderr(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    print_answer(answer(match(1, "/a"), warning="the graph was not used"), "paths", explain=False)
    assert capsysbinary.readouterr() == (b"/a\n", b"vsearch: the graph was not used\n")


@pytest.mark.parametrize(
    ("graph_s", "shown"), [(None, "none"), (0.2204, "220.4 ms")], ids=["no graph", "a graph"]
)
def test_an_explanation_goes_to_stderr(
    capsysbinary: pytest.CaptureFixture[bytes], graph_s: float | None, shown: str
) -> None:
    print_answer(answer(match(1, "/a"), graph_s=graph_s), "paths", explain=True)
    out, err = capsysbinary.readouterr()
    assert out == b"/a\n"
    assert err.decode().splitlines() == [
        "term: words 'a dog', weight 1",
        r"term: picture 'b\n.png', weight -2.5",
        "term: picture at 'https://example.org/a', weight 2",
        (
            "search: exact, there is no graph (estimated for 100,000 vectors: "
            f"exact 12.5 ms, graph {shown})"
        ),
        "time: open the index 2.0 ms",
        "time: search 10.1 ms",
    ]
