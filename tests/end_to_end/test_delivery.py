"""The ways out of a search: galleries, sheets, copies, links and other programs."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyte
import pytest
from end_to_end.command import PHOTOS, Run, environment

DOGS = ["IMG_0013.jpg", "IMG_0034.png"]


@pytest.fixture
def query(photos_index: Path) -> list[str | Path]:
    return ["search", "a dog", "-k", "2", "--index", photos_index]


def test_all_at_once(vsearch: Run, query: list[str | Path], tmp_path: Path) -> None:
    command = [
        *query, "--paths", "--gallery", "page.html", "--sheet", "sheet.jpg", "--copy-to", "copies",
        "--link-to", "deep/links",
    ]  # fmt: skip
    done = vsearch(*command, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.decode() == "".join(f"{PHOTOS / name}\n" for name in DOGS)
    assert done.stderr.decode() == (
        "2 pictures in page.html\n"
        "2 pictures in sheet.jpg\n"
        "2 pictures copied to copies\n"
        "2 pictures linked to deep/links\n"
    )
    assert sorted(os.listdir(tmp_path)) == ["copies", "deep", "page.html", "sheet.jpg"]
    for name in DOGS:
        assert (tmp_path / "copies" / name).read_bytes() == (PHOTOS / name).read_bytes()
        assert os.readlink(tmp_path / "deep" / "links" / name) == os.fspath(PHOTOS / name)
    again = vsearch(*command, "--quiet", cwd=tmp_path)
    assert (again.returncode, again.stdout, again.stderr) == (0, done.stdout, b"")
    assert sorted(os.listdir(tmp_path / "copies")) == sorted(DOGS)


def test_a_program_is_run_for_each_and_prints_in_place_of_the_answer(
    vsearch: Run, query: list[str | Path]
) -> None:
    done = vsearch(*query, "--exec", "echo 'a  b' --file={}")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == "".join(f"a  b --file={PHOTOS / name}\n" for name in DOGS)
    done = vsearch(*query, "--exec", "basename")
    assert done.stdout.decode().split() == DOGS


def test_its_exit_code_says_when_one_of_them_failed(vsearch: Run, query: list[str | Path]) -> None:
    assert vsearch(*query, "--exec", "true").returncode == 0
    assert vsearch(*query, "--exec", "test -h").returncode == 3
    assert vsearch(*query, "--exec", f"test {PHOTOS / DOGS[0]} = {{}}").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--exec", "no-such-program"], "no such program, 'no-such-program'; check its name"),
        (["--exec", ""], "no command, for --exec;"),
        (["--sheet", "page.html"], "a contact sheet is a picture, not 'page.html';"),
        (["--json", "--csv"], "--json cannot go with --csv; choose one"),
        (["--json", "--exec", "ls"], "--json cannot go with --exec; choose one"),
        (["--preview", "-0"], "-0 cannot go with --preview; choose one"),
    ],
)
def test_what_cannot_be_done_is_told_before_the_search(
    vsearch: Run, query: list[str | Path], arguments: list[str], message: str
) -> None:
    done = vsearch(*query, *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"vsearch: {message}")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("both", [False, True], ids=["stdout", "stderr too"])
def test_a_pipe_closed_early_keeps_nothing_from_being_delivered(
    query: list[str | Path], tmp_path: Path, both: bool
) -> None:
    """`vsearch search ... --copy-to DIR | head -0`: the copies are what was asked for."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "vsearch", *query, "--copy-to", "out"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=writing,
        stderr=writing if both else subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, None if both else b"2 pictures copied to out\n")
    assert sorted(os.listdir(tmp_path / "out")) == sorted(DOGS)


@pytest.mark.parametrize("option", ["--copy-to", "--link-to", "--gallery", "--sheet", "--index"])
def test_an_empty_name_is_no_place(
    vsearch: Run, query: list[str | Path], tmp_path: Path, option: str
) -> None:
    """As of `--copy-to "$DIR"` where DIR is unset: it is not this folder."""
    done = vsearch(*query, option, "", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        f"vsearch: an empty name, for {option}; see `vsearch search --help`\n"
    )
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gallery", "mine.html"], "what is there already is no gallery of vsearch, at mine."),
        (["--gallery", "mine.png"], "a gallery is a page, not 'mine.png'; name it .html"),
        (["--sheet", "mine.png"], "what is there already is no sheet of vsearch, at mine.png;"),
        (["--copy-to", "mine"], "it is no folder, "),
        (["--link-to", "mine/folder"], "it is no folder, "),
        (["--copy-to", "x" * 256], "File name too long, at "),
        (["--gallery", "x" * 251 + ".html"], "File name too long, at xxx"),
        (["--copy-to", "index/sets/whole-2"], "'index/sets/whole-2' lies in an index, "),
        (["--gallery", "index/page.html"], "'index/page.html' lies in an index, "),
        (["--gallery", "none/page.html"], "No such file or directory, at none/page.html;"),
    ],
)
def test_what_is_in_the_way_stays(
    vsearch: Run,
    query: list[str | Path],
    photos_index: Path,
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    for name in ("mine", "mine.html", "mine.png"):
        (tmp_path / name).write_text(name)
    (tmp_path / "index").symlink_to(photos_index)
    done = vsearch(*query, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")  # seen before anything is searched
    assert done.stderr.decode().startswith(f"vsearch: {message}")
    assert done.stderr.count(b"\n") == 1
    (tmp_path / "index").unlink()
    assert {name: (tmp_path / name).read_text() for name in os.listdir(tmp_path)} == {
        "mine": "mine", "mine.html": "mine.html", "mine.png": "mine.png",
    }  # fmt: skip


def test_a_file_that_is_gone_costs_itself_only(vsearch: Run, tmp_path: Path) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    photos.mkdir()
    for name in DOGS:
        (photos / name).write_bytes((PHOTOS / name).read_bytes())
    assert vsearch("index", photos, "--index", index).returncode == 0
    (photos / DOGS[0]).unlink()
    done = vsearch(
        "search", "a dog", "--index", index, "--paths", "--copy-to", "out", "--gallery", "g.html",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.decode() == (
        "2 pictures in g.html\n"
        f"not copied: {photos / DOGS[0]}: No such file or directory\n"
        "1 picture copied to out, 1 not\n"
    )
    assert os.listdir(tmp_path / "out") == [DOGS[1]]
    assert (tmp_path / "g.html").read_text().count("cannot be shown") == 1


def test_nothing_found_leaves_nothing(
    vsearch: Run, query: list[str | Path], tmp_path: Path
) -> None:
    command = [
        *query, "--after", "2999", "--gallery", "g.html", "--copy-to", "out", "--exec", "ls"
    ]  # fmt: skip
    done = vsearch(*command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"vsearch: nothing found, no picture meets the conditions\n"
    done = vsearch(*command, "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    assert os.listdir(tmp_path) == []


def test_many_are_not_opened_unasked(vsearch: Run, query: list[str | Path], tmp_path: Path) -> None:
    viewer = tmp_path / "xdg-open"
    viewer.write_text('#!/bin/sh\necho "$1" >> "$OPENED"\n')
    viewer.chmod(0o755)
    opened = tmp_path / "opened"
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "OPENED": os.fspath(opened)}
    done = vsearch(*query, "-k", "6", "--open", environ=environ)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        "vsearch: nobody can be asked whether to open 6 pictures; ask for 5 at the most with -k\n"
    )
    assert not opened.exists()
    assert vsearch(*query, "--open", "--quiet", environ=environ).returncode == 0
    until = time.monotonic() + 30
    while time.monotonic() < until and (
        not opened.exists() or opened.read_text().count("\n") < len(DOGS)
    ):
        time.sleep(0.05)
    assert sorted(opened.read_text().split()) == sorted(str(PHOTOS / name) for name in DOGS)
    viewer.write_text(f'#!/bin/sh\necho words\ncase "$1" in *{DOGS[1]}) exit 3; esac\n')
    done = vsearch(*query, "--open", "--paths", environ=environ)
    assert (done.returncode, done.stdout.decode().split()) == (
        3, [str(PHOTOS / name) for name in DOGS],
    )  # fmt: skip
    assert done.stderr.decode() == (
        f"not opened: {PHOTOS / DOGS[1]}: xdg-open found no viewer (exit code 3)\n"
    )
    done = vsearch(*query, "--open", environ={"PATH": "/nowhere"})
    assert done.returncode == 2
    assert done.stderr.startswith(b"vsearch: there is no program to open pictures with, xdg-open;")


@pytest.mark.parametrize(
    ("typed", "code", "count"), [(b"n\n", 0, 0), (b"y\n", 0, 6), (b"\x03", 130, 0)]
)
def test_a_person_is_asked_before_many_are_opened(
    query: list[str | Path], tmp_path: Path, typed: bytes, code: int, count: int
) -> None:
    viewer, opened = tmp_path / "xdg-open", tmp_path / "opened"
    viewer.write_text('#!/bin/sh\necho "$1" >> "$OPENED"\n')
    viewer.chmod(0o755)
    environ = environment(tmp_path) | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "OPENED": os.fspath(opened), "TERM": "xterm",
    }  # fmt: skip
    command = [sys.executable, "-m", "vsearch", *map(str, query), "-k", "6", "--open", "--paths"]
    pid, master = pty.fork()
    if not pid:
        os.execve(sys.executable, command, environ)  # noqa: S606  # none is wanted
    seen = b""
    while True:
        if select.select([master], [], [], 1)[0]:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
        elif b"open 6 pictures? [y/N]: " in seen:
            # Again if need be: Python overlooks a Ctrl-C between the question and its waiting.
            os.write(master, typed)
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code, seen
    until = time.monotonic() + 30
    while time.monotonic() < until and count != _lines(opened):
        time.sleep(0.05)
    assert _lines(opened) == count
    assert "━".encode() not in seen  # no bar has flashed


def _lines(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0


def test_ctrl_c_ends_the_program_and_the_search(query: list[str | Path], tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vsearch", *query, "--exec", "sh -c 'echo begun; exec sleep 60'"],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stdout.readline() == b"begun\n"
    time.sleep(1)  # until it sleeps, and is waited for
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert err == b"interrupted; nothing is left half written\n"


def on_a_screen(*arguments: str | Path, home: Path, columns: int, lines: int) -> list[str]:
    """Return what is on the screen of a plain terminal, which answers as one without pictures."""
    pid, master = pty.fork()
    if not pid:
        os.chdir(PHOTOS)
        size = {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(lines)}
        command = [sys.executable, "-m", "vsearch", *(os.fspath(one) for one in arguments)]
        os.execve(sys.executable, command, environment(home) | size)  # noqa: S606  # none is wanted
    seen = b""
    while True:
        if not select.select([master], [], [], 60)[0]:
            break
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if part.endswith(b"\x1b[c"):
            os.write(master, b"\x1b[?62;22c")
        seen += part
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    screen = pyte.Screen(columns, lines)
    text = re.sub(r"\x1b]8;[^\x1b]*\x1b\\|\x1b_G[^\x1b]*\x1b\\", "", seen.decode())
    pyte.Stream(screen).feed(text)
    return [line.rstrip() for line in screen.display]


def test_a_preview_is_a_grid_of_pictures(photos_index: Path, tmp_path: Path) -> None:
    shown = on_a_screen(
        "search", "a dog", "-k", "2", "--preview", "--index", photos_index,
        home=tmp_path, columns=60, lines=20,
    )  # fmt: skip
    words = [line.split() for line in shown if line and "▀" not in line]
    assert [[re.sub(r"\d+%", "N%", word) for word in line] for line in words] == [
        ["1", "N%", "2", "N%"], DOGS,
    ]  # fmt: skip
    assert shown[-1] == ""
    blocks = [line for line in shown if "▀" in line]
    assert len(blocks) > 8
    assert set("".join(blocks)) == {"▀", " "}


def test_a_preview_in_a_pipe_is_the_usual_lines(vsearch: Run, query: list[str | Path]) -> None:
    assert vsearch(*query, "--preview").stdout == vsearch(*query).stdout


def test_a_home_folder_that_the_shell_has_left(
    vsearch: Run, query: list[str | Path], tmp_path: Path
) -> None:
    """As in `--copy-to=~/album`; a folder of that name is ./~."""
    places = ["--copy-to=~/album", "--gallery=~/page.html", "--in=~/photos"]
    (tmp_path / "photos").symlink_to(PHOTOS)
    environ = {"HOME": str(tmp_path)}
    done = vsearch(*query, *places, "--link-to=./~", cwd=tmp_path, environ=environ)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)) == ["album", "page.html", "photos", "~"]
