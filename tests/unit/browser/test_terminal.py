"""Asking a terminal what it can show, on one that answers as it is told to."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path
from threading import Thread

import pytest

from vsearch.browser import terminal
from vsearch.browser.terminal import Graphics, Terminal, ask

DA1, CELL = b"\x1b[?62;22c", b"\x1b[6;18;9t"
KITTY, SIXEL = b"\x1b_Gi=31;OK\x1b\\", b"\x1b[?62;4;22c"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(terminal, "_SECONDS", 10.0)


def asked(answer: bytes, wanted: Graphics | None = None) -> Terminal:
    """Ask a terminal that gives this answer; stdin and stdout are its own meanwhile."""
    ours, theirs = pty.openpty()
    kept = os.dup(0), os.dup(1)
    before = termios.tcgetattr(theirs)

    def answers() -> None:
        seen = b""
        while b"\x1b[c" not in seen:
            seen += os.read(ours, 1000)
        os.write(ours, answer)

    thread = Thread(target=answers)
    thread.start()
    try:
        os.dup2(theirs, 0)
        os.dup2(theirs, 1)
        found = ask(wanted)
        assert termios.tcgetattr(0) == before
    finally:
        for stream, descriptor in enumerate(kept):
            os.dup2(descriptor, stream)
            os.close(descriptor)
        thread.join()
        os.close(ours)
        os.close(theirs)
    return found


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(DA1, Terminal("blocks"), id="a plain one"),
        pytest.param(CELL + DA1, Terminal("blocks", (9, 18)), id="size of a character"),
        pytest.param(KITTY + CELL + DA1, Terminal("kitty", (9, 18)), id="kitty"),
        pytest.param(SIXEL, Terminal("sixel"), id="sixel"),
        pytest.param(KITTY + CELL + SIXEL, Terminal("sixel", (9, 18)), id="both"),
        pytest.param(b"\x1b_Gi=31;ENOTSUP\x1b\\" + DA1, Terminal("blocks"), id="no kitty"),
        pytest.param(b"\x1b[?64;14;40c", Terminal("blocks"), id="no sixel but a 4 in numbers"),
        pytest.param(
            b"a d" + KITTY + b"og" + DA1, Terminal("kitty", typed="a dog"), id="typed meanwhile"
        ),
        pytest.param(
            "schön".encode() + b"\x7f" + DA1, Terminal(typed="schön"), id="typed, no control"
        ),
        pytest.param(b"\x1b[A" + DA1, Terminal(typed=""), id="a key that is no text"),
    ],
)
def test_what_a_terminal_says(answer: bytes, expected: Terminal) -> None:
    assert asked(answer) == expected


def test_what_the_person_wants_comes_first() -> None:
    assert asked(KITTY + DA1, "shades").graphics == "shades"


def test_half_blocks_over_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    assert asked(KITTY + DA1).graphics == "blocks"
    assert asked(KITTY + DA1, "kitty").graphics == "kitty"


def test_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert asked(KITTY + DA1).graphics == "shades"


def test_a_terminal_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_SECONDS", 0.05)
    assert asked(b"") == Terminal("blocks")


FOREGROUND = """
import os, sys
from vsearch.browser.terminal import foreground
with foreground():
    print([os.isatty(stream) for stream in range(3)], os.ttyname(1) == os.ttyname(0))
    sys.stdout.flush()
print("done")
print("said", file=sys.stderr)
"""


def test_streams_lead_to_the_terminal_and_back_again(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(FOREGROUND)
    out, err = tmp_path / "out", tmp_path / "err"
    pid, fd = pty.fork()
    if not pid:
        os.environ["TERM"] = "xterm"
        os.set_inheritable(os.dup(0), True)  # as a shell would keep it open
        for stream, path in enumerate((Path(os.devnull), out, err)):
            flags = os.O_RDWR | os.O_CREAT if stream else os.O_RDONLY
            os.dup2(os.open(path, flags), stream)
        os.execv(sys.executable, [sys.executable, str(tmp_path / "script.py")])  # noqa: S606  # no shell
    shown = b""
    while not shown.endswith(b"\n"):
        shown += os.read(fd, 1000)
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    assert (status, err.read_text(), out.read_text()) == (0, "said\n", "done\n")
    assert shown.split(b"\r\n")[0] == b"[True, True, True] True"


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param("", "No such device or address", id="none at all"),
        pytest.param("import os; os.environ['TERM'] = 'dumb'", "TERM is dumb", id="dumb"),
        pytest.param("import sys; sys.__stdin__ = None", "is closed", id="closed"),
    ],
)
def test_no_terminal_is_one_line(prepare: str, expected: str) -> None:
    script = (
        f"{prepare}\nfrom vsearch.browser.terminal import foreground\n"
        "from vsearch.errors import UsageError\n"
        "try:\n with foreground(): pass\nexcept UsageError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"TERM": "xterm"},
        start_new_session=True,  # and with it no terminal
    )
    (line,) = done.stdout.splitlines()
    assert line.startswith("no terminal to browse on (")
    assert expected in line
