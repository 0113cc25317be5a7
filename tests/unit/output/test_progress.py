"""`progress`: what a person hears of indexing, and the closing line."""

import io
import re
import sys
from collections import Counter
from collections.abc import Sequence

import pytest

from vsearch.errors import SkipReason
from vsearch.images.find import FoundFile, PassedOver
from vsearch.indexing.events import (
    Committed,
    Done,
    Dropped,
    Embedded,
    Event,
    Gone,
    GraphStarted,
    Planned,
    Renamed,
    RootMissing,
    Skipped,
    Switched,
    Tally,
    Unswitched,
)
from vsearch.indexing.plan import Plan
from vsearch.output.progress import IndexingOutput, closing_line, print_plan

STORY: list[Event] = [
    RootMissing("/away", 1_200),
    Planned("/photos", 3, 1, 4, 10, {SkipReason.EMPTY: 2}, 1),
    Skipped("/photos/l\n.png", SkipReason.LINK, "", opened=False),
    Embedded("/photos/a.png"),
    Skipped("/photos/\x1b[2Jb.png", SkipReason.DAMAGED, "cut\toff", opened=True),
    Embedded("/photos/c.png"),
    Embedded("/photos/[bold]d.png"),
    Gone("/photos/e.png"),
    Committed(),
    GraphStarted(),
    Done(1_012),
]
LINES = [
    "not there: /away: 1,200 records kept; is the drive plugged in?",
    r"skipped: /photos/l\n.png: link not followed",
    r"skipped: /photos/\x1b[2Jb.png: damaged image: cut\toff",
]


def tell(story: Sequence[Event] = STORY, *, quiet: bool) -> None:
    tally = Tally()
    with IndexingOutput(quiet=quiet) as output:
        for event in story:
            tally.add(event)
            output.show(event, tally)
    output.close(tally)


def test_in_a_pipe_there_is_a_line_for_each_fault_and_a_closing_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(quiet=False)
    out, err = capsys.readouterr()
    assert out == ""
    *faults, closing = err.splitlines()
    assert faults == LINES
    assert re.fullmatch(
        r"3 embedded, 10 unchanged, 1 gone, 2 skipped \(1 damaged image, 1 link not followed\), "
        r"2 skipped before \(2 empty file\), 1 folder not there in \d+\.\d s; "
        r"1,012 pictures in the index",
        closing,
    )


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    tell(quiet=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(
            Unswitched("mini", "big", 1_200, 5_000),
            "not switched: 1,200 of 5,000 pictures not embedded by big yet; the index goes on "
            "answering with mini until `vsearch index --model big` has embedded them all",
            id="not switched",
        ),
        pytest.param(
            Unswitched("mini", "mini", 1, 1),
            "not switched: 1 of 1 picture not embedded by mini yet; the index goes on answering "
            "with another version of mini until `vsearch index --model mini` has embedded them all",
            id="not switched to another version",
        ),
        pytest.param(
            Switched("mini", "big\x1b"),
            r"switched: the index answers with big\x1b, not mini",
            id="switched",
        ),
        pytest.param(
            Switched("mini", "mini"),
            "switched: the index answers with mini, not another version of mini",
            id="switched to another version",
        ),
        pytest.param(
            Renamed("big@fp32", "big\x1b@int8"),
            r"the index goes on with big\x1b@int8: the same weights as big@fp32",
            id="renamed",
        ),
        pytest.param(
            Dropped(7_680_000),
            "dropped: the vectors of other models; 7.7 MB freed",
            id="dropped",
        ),
    ],
)
def test_what_becomes_of_the_model_is_told(
    event: Event, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tell([event, Done(3)], quiet=False)
    assert capsys.readouterr().err.splitlines()[:-1] == [expected]
    tell([event, Done(3)], quiet=True)
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
    story: Sequence[Event] = STORY,
    *,
    quiet: bool = False,
    term: str = "xterm",
) -> str:
    """Return what is written when stderr is a terminal."""
    stream = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        patch.setenv("TERM", term)
        patch.setenv("COLUMNS", "200")
        patch.delenv("NO_COLOR", raising=False)
        tell(story, quiet=quiet)
    return stream.getvalue()


_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def test_on_a_terminal_the_lines_stand_above_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = _STYLE.sub("", on_a_terminal(monkeypatch))
    for line in LINES:
        assert line in plain
    assert "4/4" in plain
    assert plain.rstrip().endswith("1,012 pictures in the index")
    assert "[2J" not in re.sub(r"\\x1b\[2J", "", plain)
    assert capsys.readouterr().out == ""


def test_the_bar_says_when_the_graph_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    # What the bar shows last is certain; what it showed in between depends on the clock.
    for end, expected in ((4, "indexing"), (10, "building the graph")):
        shown = on_a_terminal(monkeypatch, STORY[:end])
        assert re.findall("looking for|indexing|building the graph", shown)[-1] == expected


def test_quiet_is_quiet_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_a_terminal(monkeypatch, quiet=True) == ""


def test_a_dumb_terminal_gets_lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_a_terminal(monkeypatch, term="dumb").splitlines()
    assert lines[:3] == LINES
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        pytest.param(Tally(), "0 embedded", id="nothing"),
        pytest.param(Tally(embedded=1_234), "1,234 embedded", id="thousands"),
        pytest.param(
            Tally(embedded=1, reused=2, unchanged=3, gone=4),
            "1 embedded, 2 moved or copied, 3 unchanged, 4 gone",
            id="each in its order",
        ),
        pytest.param(
            Tally(skipped=Counter({SkipReason.EMPTY: 2, SkipReason.DAMAGED: 10})),
            "0 embedded, 12 skipped (10 damaged image, 2 empty file)",
            id="reasons by name",
        ),
        pytest.param(
            Tally(skipped_before=Counter({SkipReason.TOO_LARGE: 1}), missing_roots=2),
            "0 embedded, 1 skipped before (1 too large), 2 folders not there",
            id="as before",
        ),
        pytest.param(Tally(ignored=5, reading=9, read=9), "0 embedded", id="not worth a word"),
    ],
)
def test_the_closing_line(tally: Tally, expected: str) -> None:
    assert closing_line(tally) == expected


def test_a_plan_is_told_in_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    def files(count: int) -> list[FoundFile]:
        return [FoundFile(f"{number}.png", 1, 2, True) for number in range(count)]

    passed = [PassedOver("d\n", SkipReason.UNREADABLE, "no"), PassedOver("l", SkipReason.LINK)]
    print_plan("/photos", Plan(files(1_000), files(2), [], 30, {}, ["x"], passed))
    print_plan("/more", Plan([], [], files(4), 0, {}, [], []))
    print_plan("/usb", None)
    assert capsys.readouterr() == (
        "",
        (
            "/photos: 1,000 new, 2 changed, 1 gone, 30 unchanged\n"
            "skipped: /photos/d\\n: unreadable: no\n"
            "skipped: /photos/l: link not followed\n"
            "/more: 0 new, 0 changed, 4 to read again, 0 gone, 0 unchanged\n"
            "not there: /usb: its records would be kept; is the drive plugged in?\n"
        ),
    )
