"""`vsearch browse` on a terminal of its own, with real keys; what it prints goes into a pipe."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pyte
import pytest
from end_to_end.command import PHOTOS, Run, environment

Start = Callable[..., "Browsing"]
READY = "Type what you look for"
LEFT = b"\x1b[?1049l"  # the terminal shows again what it showed before


class Browsing:
    """A browser that runs, and its screen."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int, size: tuple[int, int]):
        self.process = process
        self._terminal = terminal
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.sent = b""

    def read(self, seconds: float = 0.1) -> bool:
        """Take in what it draws within so many seconds; return whether there was anything."""
        ready, _, _ = select.select([self._terminal], [], [], seconds)
        try:
            data = os.read(self._terminal, 1 << 16) if ready else b""
        except OSError:  # it has ended
            return False
        if b"\x1b[c" in data:  # what are you? A VT220
            os.write(self._terminal, b"\x1b[?62c")
        self.sent += data
        # pyte takes some of what modern terminals are asked for as text.
        self._stream.feed(re.sub(rb"\x1b_[^\x1b]*\x1b\\|\x1b\[[<>=?][\d;]*[$\w]*[puc]", b"", data))
        return bool(data)

    def until(self, text: str) -> str:
        """Wait until this is on the screen; return the screen."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            self.read()
            shown = "\n".join(line.rstrip() for line in self._screen.display)
            if text in shown:
                return shown
        raise AssertionError(f"no {text!r} in\n{shown}")

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def end(self) -> tuple[int, bytes, bytes]:
        """Wait for its end; return exit code, stdout and stderr."""
        end = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < end:
            self.read()
        while self.read():
            pass
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err


@pytest.fixture
def browse(photos_index: Path, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts `vsearch browse ARGUMENT...` on a terminal."""
    started: list[tuple[subprocess.Popen[bytes], int]] = []

    def start(
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        environ: dict[str, str] | None = None,
        cwd: Path = PHOTOS,
        stdout: int | IO[bytes] = subprocess.PIPE,
    ) -> Browsing:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        variables = {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | (environ or {})

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            [sys.executable, "-m", "vsearch", "browse", *arguments],
            cwd=cwd,
            env=environment(tmp_path) | {"VSEARCH_INDEX": str(photos_index)} | variables,
            stdin=theirs,
            stdout=stdout,
            stderr=subprocess.PIPE,
            preexec_fn=take_terminal,
        )
        os.close(theirs)
        started.append((process, ours))
        return Browsing(process, ours, size)

    yield start
    for process, terminal in started:
        process.kill()
        process.communicate()
        os.close(terminal)


def test_what_was_marked_comes_out_of_the_pipe(browse: Start) -> None:
    browsing = browse()
    browsing.until(READY)
    browsing.press("a dog")
    shown = browsing.until("IMG_0013.jpg")
    assert shown.splitlines()[0] == "› a dog"
    browsing.press("\t  ")  # to the pictures, mark two
    browsing.until("2 marked")
    browsing.press("q")
    assert browsing.end() == (0, b"IMG_0013.jpg\nIMG_0034.png\n", b"")
    assert LEFT in browsing.sent


@pytest.mark.parametrize(
    ("option", "expected"),
    [("-0", b"IMG_0013.jpg\0"), ("--null", b"IMG_0013.jpg\0")],
    ids=["-0", "--null"],
)
def test_paths_ended_by_nul(browse: Start, option: str, expected: bytes) -> None:
    browsing = browse("a dog", option)
    browsing.until("IMG_0034.png")
    browsing.press("\t q")
    assert browsing.end() == (0, expected, b"")


def test_marked_pictures_as_json(browse: Start) -> None:
    browsing = browse("a dog", "--json", "--type", "jpeg")
    browsing.until("IMG_0013.jpg")
    browsing.press("\t q")
    code, out, err = browsing.end()
    assert (code, err) == (0, b"")
    entry = json.loads(out)
    assert (entry["rank"], Path(entry["path"]).name) == (1, "IMG_0013.jpg")
    assert entry["relevance"] == pytest.approx(0.541, abs=0.02)


def test_more_like_one_and_back(browse: Start) -> None:
    browsing = browse("a castle")
    browsing.until("IMG_0001.jpg")
    browsing.press("\tl")
    browsing.until("like IMG_0001.jpg › ")
    browsing.press("b")
    browsing.until("› a castle")
    browsing.press("q")
    assert browsing.end() == (0, b"", b"")


def test_ctrl_c_prints_nothing_and_asks_before_marks_are_lost(browse: Start) -> None:
    browsing = browse("a dog")
    browsing.until("IMG_0034.png")
    browsing.press("\t \x03")
    browsing.until("1 marked: ctrl+q quits and prints them, ctrl+c drops them")
    browsing.press("\x03")
    assert browsing.end() == (130, b"", b"")


def test_a_system_that_ends_it_gets_its_terminal_back(browse: Start) -> None:
    browsing = browse("a dog")
    browsing.until("IMG_0034.png")
    browsing.process.send_signal(signal.SIGTERM)
    assert browsing.end() == (143, b"", b"")
    assert LEFT in browsing.sent


def test_no_colour_is_sent_where_none_is_wanted(browse: Start) -> None:
    browsing = browse("a dog", environ={"NO_COLOR": "1"}, size=(100, 30))
    browsing.until("IMG_0034.png")
    browsing.until("relevance")
    browsing.press("\t q")
    assert browsing.end()[0] == 0
    colours = set(re.findall(rb"\x1b\[(?:[\d;]*;)?((?:3|4|9|10)[0-8][\d;]*)m", browsing.sent))
    assert colours == set()


def test_small_windows_have_room(browse: Start) -> None:
    browsing = browse("snow", size=(40, 12))
    shown = browsing.until("IMG_0")
    assert shown.splitlines()[0] == "› snow"
    browsing.press("\t")
    browsing.until("space mark")
    browsing.press("\x1b[6~")
    browsing.until("3–4 of")
    browsing.press("q")
    assert browsing.end() == (0, b"", b"")


@pytest.fixture
def odd(tmp_path: Path, vsearch: Run) -> Path:
    """An indexed folder of pictures of names that mean something in the line."""
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in ("2023 - Holiday.png", "new\nline.png", "bad\udcff.png"):
        shutil.copy(PHOTOS / "IMG_0034.png", folder / name)
    shutil.copy(PHOTOS / "IMG_0013.jpg", folder)
    assert vsearch("index", folder, "--index", folder / ".vsearch").returncode == 0
    return folder


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["2023 - Holiday.png"], '"2023 - Holiday.png"', id="sign"),
        pytest.param(["new\nline.png"], r'"new\nline.png"', id="newline"),
        pytest.param(["bad\udcff.png"], r'"bad\udcff.png"', id="no UTF-8"),
        pytest.param(["a - b", "--minus", "c + d"], '"a - b" - "c + d"', id="signs in words"),
    ],
)
def test_terms_mean_in_the_line_what_they_did_on_the_command_line(
    browse: Start, odd: Path, arguments: list[str], line: str
) -> None:
    browsing = browse(*arguments, cwd=odd, environ={"VSEARCH_INDEX": str(odd / ".vsearch")})
    assert browsing.until("IMG_0013.jpg").splitlines()[0] == f"› {line}"
    browsing.press("\tq")
    assert browsing.end() == (0, b"", b"")


def test_filters_are_those_of_search(browse: Start) -> None:
    browsing = browse("a dog", "--label", "no such", "--min-relevance", "0.1")
    browsing.until("nothing found, no picture meets the conditions")
    browsing.press("\tq")
    assert browsing.end() == (0, b"", b"")


def kept(err: bytes, message: str) -> bytes:
    """Return what was written to the file that the one line on stderr names; remove that."""
    line = err.decode()
    told = re.fullmatch(f"vsearch: {message}; what was marked is kept in (.+)\n", line)
    assert told, line
    content = Path(told[1]).read_bytes()
    shutil.rmtree(Path(told[1]).parent)
    return content


@pytest.mark.parametrize("null", [False, True], ids=["paths", "null"])
def test_what_cannot_be_printed_is_kept(browse: Start, null: bool) -> None:
    with Path("/dev/full").open("wb") as full:
        browsing = browse("a dog", *["-0"] * null, stdout=full)
        browsing.until("IMG_0034.png")
        browsing.press("\t q")
        code, _, err = browsing.end()
    assert code == 2
    ended = b"\0" if null else b"\n"
    assert kept(err, "printing failed, No space left on device") == b"IMG_0013.jpg" + ended


def test_what_nobody_reads_any_more_is_kept(browse: Start) -> None:
    browsing = browse("a dog")
    browsing.until("IMG_0034.png")
    assert browsing.process.stdout
    browsing.process.stdout.close()
    browsing.process.stdout = None
    browsing.press("\t q")
    code, _, err = browsing.end()
    assert code == 2
    assert kept(err, "printing failed, Broken pipe") == b"IMG_0013.jpg\n"


def test_what_can_nowhere_be_kept_is_said(browse: Start, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    browsing = browse("a dog", cwd=folder)
    browsing.until("IMG_0034.png")
    folder.rmdir()  # paths are printed as seen from here
    browsing.press("\t q")
    code, out, err = browsing.end()
    assert (code, out) == (2, b"")
    first, second = err.decode().splitlines()
    assert Path(first).name == "IMG_0013.jpg"
    assert second.startswith("vsearch: printing failed, No such file or directory; what was marked")


def test_what_was_marked_is_kept_when_the_system_ends_it(browse: Start) -> None:
    browsing = browse("a dog")
    browsing.until("IMG_0034.png")
    browsing.press("\t ")
    browsing.until("1 marked")
    browsing.process.send_signal(signal.SIGTERM)
    code, out, err = browsing.end()
    assert (code, out) == (143, b"")
    assert kept(err, "the browser ended before its time") == b"IMG_0013.jpg\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(
            ["browse"],
            b"vsearch: no terminal to browse on (TERM is dumb, or not set); use `vsearch search`, "
            b"or run it in a terminal\n",
            id="no terminal",
        ),
        pytest.param(
            ["browse", "--json", "-0"],
            b"vsearch: --json cannot go with -0; choose one\n",
            id="contradiction",
        ),
        pytest.param(
            ["browse", "--min-relevance", "nan"],
            b"vsearch: out of range, nan for --min-relevance; give a number from 0 to 1\n",
            id="bad relevance",
        ),
        pytest.param(
            ["browse", "--where", "wdth > 3"],
            b"vsearch: --where is not understood (there is no 'wdth', but ",
            id="bad filter",
        ),
    ],
)
def test_what_cannot_be_is_one_line(
    vsearch: Run, photos_index: Path, arguments: list[str], expected: bytes
) -> None:
    done = vsearch(*arguments, "--index", photos_index, preexec=os.setsid)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(expected)
    assert done.stderr.count(b"\n") == 1


def test_no_index_is_said_before_the_screen_is_touched(browse: Start, tmp_path: Path) -> None:
    browsing = browse("--index", str(tmp_path / "none"))
    code, out, err = browsing.end()
    assert (code, out) == (2, b"")
    assert err.startswith(b"vsearch: there is no index, in ")
    assert browsing.sent == b""
