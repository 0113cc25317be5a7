"""How pictures are drawn, and where the streams lead meanwhile."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from vsearch.browser import terminal
from vsearch.browser.terminal import ask
from vsearch.output.graphics import Graphics, Protocol

KITTY, SIXEL, PLAIN = b"\x1b_Gi=4211;OK\x1b\\\x1b[?62c", b"\x1b[?62;4c", b"\x1b[?62c"


@pytest.mark.parametrize(
    ("answer", "environ", "wanted", "expected"),
    [
        pytest.param(KITTY, {}, None, "kitty", id="kitty"),
        pytest.param(SIXEL, {}, None, "sixel", id="sixel"),
        pytest.param(PLAIN, {}, None, "blocks", id="neither"),
        pytest.param(KITTY, {"SSH_CONNECTION": "a 1 b 2"}, None, "blocks", id="over ssh"),
        pytest.param(KITTY, {"SSH_CONNECTION": "a 1 b 2"}, "kitty", "kitty", id="over ssh, wanted"),
        pytest.param(KITTY, {"NO_COLOR": "1"}, None, "shades", id="no colour"),
        pytest.param(SIXEL, {}, "shades", "shades", id="wanted"),
    ],
)
def test_how_pictures_are_drawn(
    answer: bytes,
    environ: dict[str, str],
    wanted: Protocol | None,
    expected: Protocol,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(terminal, "asked", lambda: (b"a d" + answer, (9, 18)))
    assert ask(wanted) == (Graphics(expected, 9, 18), "a d")


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
        pytest.param("import os; del os.environ['TERM']", "or not set", id="no TERM"),
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
