"""`matches`: every byte of every form, in a pipe and on a terminal."""

import csv
import io
import json
import os
import pty
import re
import socket
import sys
import threading
import tty
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from rich.cells import cell_len

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
    facts = ImageFacts(640, 480, "JPEG", "2021-05-04T12:33:10+02:00")
    return Match(rank, path, score, relevance, facts, date="2021-05-04T12:33:10")


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

    def shown(given: Answer, form: Form, columns: int = 80, *, color: bool = True) -> str:
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
            print_answer(given, form, explain=False, color=color)
        reader.join()
        os.close(master)
        return b"".join(parts).decode()

    return shown


# Forms


@pytest.mark.parametrize(
    ("options", "terminal", "expected"),
    [
        (["as_json"], True, "json"),
        (["as_csv"], True, "csv"),
        (["paths"], True, "paths"),
        (["nul"], True, "nul"),
        (["paths", "nul"], True, "nul"),
        (["preview"], True, "preview"),
        (["preview"], False, "tab"),
        (["nothing"], True, "nothing"),
        ([], True, "table"),
        ([], False, "tab"),
    ],
)
def test_options_choose_the_form(
    options: list[str], terminal: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert form_of(**dict.fromkeys(options, True)) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["as_json", "paths"], "--json cannot go with --paths; choose one"),
        (["as_json", "nul", "paths"], "--json cannot go with -0; choose one"),
        (["as_csv", "as_json"], "--json cannot go with --csv; choose one"),
        (["preview", "as_csv"], "--csv cannot go with --preview; choose one"),
        (["nothing", "nul"], "-0 cannot go with --exec; choose one"),
        (
            ["as_json", "as_csv", "preview"],
            "--json cannot go with --csv or --preview; choose one",
        ),
    ],
)
def test_options_that_contradict_are_told(options: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        form_of(**dict.fromkeys(options, True))
    assert str(caught.value) == message


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert form_of() == "tab"
    assert form_of(preview=True) == "tab"


@pytest.mark.parametrize(("columns", "expected"), [(24, "tab"), (25, "table")])
def test_a_narrow_terminal_gets_lines(
    monkeypatch: pytest.MonkeyPatch, columns: int, expected: Form
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    assert form_of() == expected


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
    # Only what breaks lines and columns is written out.
    shown = NASTY_SHOWN.encode().replace(rb"\xe9", b"\xe9").replace(rb"\u202e", "\u202e".encode())
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
            '"width": 640, "height": 480, "taken_at": "2021-05-04T12:33:10+02:00", '
            '"date": "2021-05-04T12:33:10", "region": null, '
            '"duplicates": null, "labels": [], "weak": false}\n'
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


def test_csv_has_the_fields_of_json_and_any_name_comes_back(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    names = ["/plain.png", '/a,"b".png', f"/{NASTY}"]
    given = answer(match(1, names[0], 0.12345678, 0.98765), *(match(2, name) for name in names[1:]))
    print_answer(given, "csv", explain=False)
    out = capsysbinary.readouterr().out
    text = out.decode("utf-8", "surrogateescape")
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    print_answer(given, "json", explain=False)
    objects = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert head == list(objects[0])
    assert [row[1] for row in rows] == names
    assert [dict(zip(head, row, strict=True)) for row in rows] == [
        {
            name: "" if value is None else value if isinstance(value, str) else json.dumps(value)
            for name, value in entry.items()
        }
        for entry in objects
    ]
    assert out.startswith(
        b"rank,path,score,relevance,width,height,taken_at,date,region,duplicates,labels,weak\r\n"
        b"1,/plain.png,0.123457,0.9877,640,480,2021-05-04T12:33:10+02:00,2021-05-04T12:33:10,,,[],false\r\n"
    )


def test_nothing_is_printed_when_other_programs_have_the_matches(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert print_answer(answer(match(1, "/a")), "nothing", explain=False)
    assert capsysbinary.readouterr() == (b"", b"")


def test_who_is_quiet_says_nothing(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    given = answer(match(1, "/a"), warning="the graph was not used")
    assert print_answer(given, "paths", explain=False, quiet=True)
    assert not print_answer(answer(warning="damaged"), "paths", explain=False, quiet=True)
    assert capsysbinary.readouterr() == (b"/a\n", b"")


def test_a_table_in_a_pipe_has_no_colour(
    here: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    print_answer(answer(match(1, f"{here}/a.png", 0.3456, 0.87)), "table", explain=False)
    head, line, row = (text.rstrip() for text in capsys.readouterr().out.splitlines())
    assert head.split() == ["relevance", "picture", "size", "date"]
    assert set(line.strip()) == {"─"}
    assert row.split() == ["1", "███████▊", "87%", "a.png", "640", "×", "480", "2021-05-04"]


WEAK = Match(3, "/c.png", 0.1, 0.0412, ImageFacts(1, 2, "PNG"), weak=True)


def test_weak_is_marked_in_a_table_and_in_json(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    given = answer(match(1, "/a.png", 0.3, 0.9), WEAK)
    print_answer(given, "json", explain=False)
    out, err = capsysbinary.readouterr()
    assert [json.loads(line)["weak"] for line in out.splitlines()] == [False, True]
    assert err == b""
    print_answer(given, "table", explain=False)
    out, err = capsysbinary.readouterr()
    assert [b"weak" in line for line in out.splitlines()[2:]] == [False, True]
    assert b"weak 4%" in out
    assert err == b""


@pytest.mark.parametrize("form", ["table", "tab", "json", "paths", "nul"])
def test_when_all_are_weak_a_person_is_told(
    form: Form, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert print_answer(answer(WEAK), form, explain=False) is True
    told = b"vsearch: perhaps nothing here matches; all of these are weak\n"
    assert capsysbinary.readouterr().err == (told if form in ("table", "tab") else b"")


@pytest.mark.parametrize(
    ("refused", "shown"), [(0.1416, "0.142"), (0.5, "0.5"), (1e-9, "1e-09"), (0.9999, "1")]
)
def test_when_all_are_refused_the_best_is_told(
    refused: float, shown: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = replace(answer(), refused=refused, narrowed=True)
    assert print_answer(given, "paths", explain=False) is False
    told = f"vsearch: nothing here matches; the most relevant picture has {shown}\n"
    assert capsysbinary.readouterr() == (b"", told.encode())


def test_a_table_without_relevance_has_no_column_for_it(
    here: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    unknown = Match(2, "/b.png", -0.1, None, ImageFacts(1, 2, "PNG"))
    print_answer(answer(match(1, f"{here}/a.png"), unknown), "table", explain=False)
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["score", "picture", "size", "date"]
    assert [row.split() for row in rows] == [
        ["1", "0.500", "a.png", "640", "×", "480", "2021-05-04"],
        ["2", "-0.100", "/b.png", "1", "×", "2"],
    ]


# On a terminal

_STYLE = re.compile(r"\x1b\[[0-9;]*m|\x1b]8;[^\x1b]*\x1b\\")  # colours and hyperlinks


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
        (
            "csv",
            (
                "rank,path,score,relevance,width,height,taken_at,date,region,duplicates,labels,weak\r\n"
                f"1,/{NASTY_SHOWN},0.5,,640,480,2021-05-04T12:33:10+02:00,2021-05-04T12:33:10,,,[],false\r\n"
            ),
        ),
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


WIDTHS = {
    40: """\
    rel.   picture
───────────────────────────────────
1    94%   a dog.png
2     7%   写真写真写真写真写真.png
3          תמונה.png""",
    60: """\
    relevance             picture                       size
────────────────────────────────────────────────────────────
1   ████████▍       94%   a dog.png                640 × 480
2   ▋           weak 7%   写真写真写真写真写真.p   640 × 480
                          ng
3                         תמונה.png                640 × 480""",
    80: """\
    relevance             picture                         size   date
───────────────────────────────────────────────────────────────────────────
1   ████████▍       94%   a dog.png                  640 × 480   2021-05-04
2   ▋           weak 7%   写真写真写真写真写真.png   640 × 480   2021-05-04
3                         תמונה.png                  640 × 480   2021-05-04""",
    110: """\
    relevance             score   picture                         size     file   date
────────────────────────────────────────────────────────────────────────────────────────────
1   ████████▍       94%   0.500   a dog.png                  640 × 480   123 kB   2021-05-04
2   ▋           weak 7%   0.400   写真写真写真写真写真.png   640 × 480            2021-05-04
3                         0.300   תמונה.png                  640 × 480            2021-05-04""",
}


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_table_is_as_wide_as_the_terminal(here: str, terminal: Shown, columns: int) -> None:
    given = answer(
        replace(match(1, f"{here}/a dog.png", 0.5, 0.94), size=123_456),
        replace(match(2, f"{here}/写真写真写真写真写真.png", 0.4, 0.07), weak=True),
        match(3, f"{here}/תמונה.png", 0.3),
    )
    lines = _STYLE.sub("", terminal(given, "table", columns=columns)).split("\n")
    assert "\n".join(line.rstrip() for line in lines).rstrip() == WIDTHS[columns]
    assert all(cell_len(line) <= columns for line in lines)


def test_a_path_is_a_hyperlink_to_its_bytes_on_this_machine(here: str, terminal: Shown) -> None:
    name = os.fsdecode(b"50% caf\xe9;\x1b.png")
    out = terminal(answer(match(1, f"{here}/{name}")), "table")
    links = re.findall(r"\x1b]8;id=\d+;([^\x1b]+)\x1b\\", out)
    assert links == [f"file://{socket.gethostname()}{quote(here)}/50%25%20caf%E9%3B%1B.png"]


def test_a_weak_match_is_dim(terminal: Shown) -> None:
    given = answer(replace(match(1, "/a.png", 0.5, 0.1), weak=True), match(2, "/b.png", 0.4, 0.1))
    weak, usual = terminal(given, "table").splitlines()[2:4]
    assert re.search(r"\x1b\[2m[^\x1b]*weak 10%", weak)
    assert not re.search(r"\x1b\[2m[^\x1b]*10%", usual)


def test_without_colour_there_is_none(here: str, terminal: Shown) -> None:
    colours = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d)[;m]")
    given = answer(match(1, f"{here}/a.png", 0.5, 0.9))
    assert colours.search(terminal(given, "table"))
    assert not colours.search(terminal(given, "table", color=False))


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
