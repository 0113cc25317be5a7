"""What a terminal can show: understood from its answer, and asked for without ever hanging."""

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from vsearch.output.graphics import Graphics, Protocol, understood

OK = b"\x1b_Gi=4211;OK\x1b\\"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(b"\x1b[6;18;9t\x1b[?62;4;22c", Graphics("sixel", 9, 18), id="foot"),
        pytest.param(OK + b"\x1b[6;18;9t\x1b[?62;c", Graphics("kitty", 9, 18), id="kitty"),
        pytest.param(OK + b"\x1b[6;18;9t\x1b[?65;4;6c", Graphics("sixel", 9, 18), id="both"),
        pytest.param(b"\x1b[?1;2c", Graphics("blocks", 7, 14), id="a plain one"),
        pytest.param(b"\x1b[?64;24c", Graphics("blocks", 7, 14), id="24 is not 4"),
        pytest.param(b"\x1b[6;0;0t\x1b[?4c", Graphics("sixel", 7, 14), id="no size"),
        pytest.param(
            b"\x1b_Gi=4211;EINVAL\x1b\\\x1b[?62c", Graphics("blocks", 7, 14), id="refused"
        ),
        pytest.param(b"", Graphics("blocks", 7, 14), id="silent"),
        pytest.param(b"dir\r\x1b[6;18;9t", Graphics("blocks", 9, 18), id="typed before"),
        pytest.param(b"\xff\x1b[?\x1b[6;", Graphics("blocks", 7, 14), id="garbage"),
    ],
)
def test_an_answer_is_understood(answer: bytes, expected: Graphics) -> None:
    assert understood(answer, (7, 14), color=True) == expected


@pytest.mark.parametrize(("color", "expected"), [(True, "blocks"), (False, "shades")])
def test_without_colour_blocks_are_shades(color: bool, expected: Protocol) -> None:
    assert understood(b"", (0, 0), color=color) == Graphics(expected, 10, 20)


def test_without_colour_pictures_are_pictures() -> None:
    assert understood(b"\x1b[?4c", (0, 0), color=False).protocol == "sixel"


ASK = """
import sys, termios, time
before = termios.tcgetattr(1)
from vsearch.output.graphics import graphics
start = time.monotonic()
shown = graphics(color=True)
assert termios.tcgetattr(1) == before
print("seen:", shown.protocol, shown.cell_width, shown.cell_height, time.monotonic() - start)
"""


def on_a_terminal(answer: bytes, *, stdin: int | None = None) -> tuple[bytes, list[str]]:
    """Run ASK on a terminal that answers so; return what it wrote before, and what it saw."""
    pid, master = pty.fork()
    if not pid:
        if stdin is not None:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execv(sys.executable, [sys.executable, "-c", ASK])  # noqa: S606  # none is wanted
    seen, answered = b"", False
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            seen += os.read(master, 4096)
        except OSError:
            break
        if not answered and seen.endswith(b"\x1b[c"):
            os.write(master, answer)
            answered = True
    os.close(master)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, seen
    asked, _, told = seen.partition(b"seen:")
    return asked, told.decode().split()


@pytest.mark.parametrize("stdin", [None, 0], ids=["stdin is the terminal", "stdin is /dev/null"])
def test_a_terminal_is_asked_and_its_answer_is_not_shown(stdin: int | None) -> None:
    asked, told = on_a_terminal(b"\x1b[6;18;9t\x1b[?62;4c", stdin=stdin)
    assert told[:3] == ["sixel", "9", "18"]
    assert asked.count(b"\x1b[c") == 1
    assert b"62;4c" not in asked


def test_a_silent_terminal_is_not_waited_for_long() -> None:
    _, told = on_a_terminal(b"")
    assert told[:3] == ["blocks", "10", "20"]


def test_where_there_is_no_terminal_nobody_is_asked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK.replace("before = termios.tcgetattr(1)", "")
         .replace("assert termios.tcgetattr(1) == before", "")],
        capture_output=True, start_new_session=True, check=True,
    )  # fmt: skip
    assert done.stdout.split()[:2] == [b"seen:", b"blocks"]
    assert done.stderr == b""


def test_in_the_background_nobody_is_asked() -> None:
    """A program there that changes the terminal is stopped, and the search with it."""
    pid, master = pty.fork()
    if not pid:
        child = subprocess.Popen([sys.executable, "-c", ASK], process_group=0)
        try:
            os._exit(child.wait(timeout=30))
        finally:
            child.kill()
            os._exit(99)
    seen = b""
    while True:
        try:
            seen += os.read(master, 4096)
        except OSError:
            break
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    assert seen.split()[:2] == [b"seen:", b"blocks"]
