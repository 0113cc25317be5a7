"""Command lines, and all that comes of them: exit code and output, in a pipe and on a terminal.

    PYTHONPATH=tests python tests/end_to_end/command_lines.py [NAME ...]

runs the cases of `command_lines/NAME.txt` (without NAME, all) and writes what came of them into
these files; `git diff` then shows what has changed. To add a case, write its line and run this. In
a file, "#" begins a remark, and a case is

    $ a line for the shell                      in a folder with pictures, an index, and some more
    exit 0
    stdout                                      in a pipe; left out when empty
    | what is printed
    stderr                                      in a pipe; left out when empty
    | what is said
    terminal                                    the screen at the end, 80 columns wide
    | what a person sees; left out where it is stdout and stderr, one below the other

The exit code is the same in both. Each case begins in a fresh copy of the folder (see `prepare`)
and without a network. What differs from run to run is written in one way, see `settled`; how
processors round is passed over, see `alike`.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pyte
from end_to_end.command import PHOTOS, environment

import vsearch

CASES = Path(__file__).parent / "command_lines"
COLUMNS, LINES = 80, 400
WIDTH = 4000  # of the screen: a line that is too long for the terminal is seen as one
PICTURES = [
    "IMG_0003.heic", "IMG_0007.jpg", "IMG_0010.jpg", "IMG_0010_q30.jpg", "IMG_0013.jpg",
    "IMG_0022.png", "IMG_0024.jpg", "IMG_0032.jpg", "IMG_0034.png", "IMG_0036.jpg",
    "IMG_0036_small.jpg", "IMG_0042.jpg",
]  # fmt: skip
ROUNDING = 0.03  # of scores and relevances: other processors round otherwise


@dataclass(frozen=True, slots=True)
class Case:
    """A command line and what comes of it; `remark` is what the file says above it."""

    line: str
    exit: int = 0
    stdout: str = ""
    stderr: str = ""
    terminal: str = ""
    remark: str = ""


def read(path: Path) -> list[Case]:
    """Return the cases of a file, in order."""
    cases: list[Case] = []
    remark, part = "", ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line[2:] + "\n"
        if line.startswith("#"):
            remark += line + "\n"
        elif line.startswith("$ "):
            cases.append(Case(line[2:], remark=remark))
            remark, part = "", ""
        elif line.startswith("exit "):
            cases[-1] = replace(cases[-1], exit=int(line[5:]))
        elif line in ("stdout", "stderr", "terminal"):
            part = line
        elif line == "|" or line.startswith("| "):
            cases[-1] = replace(cases[-1], **{part: getattr(cases[-1], part) + text})
        elif line:
            raise ValueError(f"{path}:{number}: not a line of a case: {line!r}")
    return [replace(case, terminal=case.terminal or case.stdout + case.stderr) for case in cases]


def written(cases: list[Case]) -> str:
    """Return cases as a file holds them."""
    return "\n".join(_written(case) for case in cases)


def _written(case: Case) -> str:
    parts = [f"{case.remark}$ {case.line}\nexit {case.exit}\n"]
    same = case.terminal == case.stdout + case.stderr
    for name in ("stdout", "stderr", *(() if same else ("terminal",))):
        lines = getattr(case, name).split("\n")[:-1]
        if lines:
            parts += [f"{name}\n", *(f"| {line}".rstrip(" ") + "\n" for line in lines)]
    return "".join(parts)


def prepare(folder: Path) -> None:
    """Make what every case begins with.

    Twelve photographs in `photos`, three of them in `photos/trip`, changed last from 2020 on, some
    months apart; an empty folder, `empty`; and an index of it all, `.vsearch`, which moves with it.
    """
    trip = folder / "photos" / "trip"
    trip.mkdir(parents=True)
    (folder / "empty").mkdir()
    for number, name in enumerate(PICTURES):
        place = shutil.copy(PHOTOS / name, trip if number < 3 else trip.parent)
        os.utime(place, (1_600_000_000 + 10_000_000 * number,) * 2)
    done = subprocess.run(
        [sys.executable, "-m", "vsearch", "index", ".", "--index", ".vsearch"],
        cwd=folder, env=environment(folder), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def run(line: str, prepared: Path, scratch: Path) -> Case:
    """Run a line twice, piped and on a terminal, each in its own copy of the folder."""
    # Both before either runs: a process that is started while the other's program is being written
    # holds that open for a moment, and what is open for writing cannot be run ("Text file busy").
    places = [_surroundings(prepared, scratch / name) for name in ("piped", "terminal")]
    with ThreadPoolExecutor(2) as both:
        piped = both.submit(_piped, line, *places[0])
        shown = both.submit(_on_a_terminal, line, *places[1])
        code, *streams = piped.result()
        code_there, screen = shown.result()
    stdout, stderr = (settled(text, scratch / "piped") for text in streams)
    screen = settled(screen, scratch / "terminal")
    assert code == code_there, f"exit {code} in a pipe, {code_there} on a terminal: {screen}"
    return Case(line, code, stdout, stderr, screen)


def _surroundings(prepared: Path, scratch: Path) -> tuple[Path, dict[str, str]]:
    """Return a folder to run in, and the environment: `vsearch` is the one of this checkout."""
    folder, home, programs = scratch / "here", scratch / "home", scratch / "programs"
    shutil.copytree(prepared, folder)
    home.mkdir()
    programs.mkdir()
    command = programs / "vsearch"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vsearch "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join((str(programs), os.environ["PATH"]))
    return folder, environment(home) | {
        "PATH": path, "VSEARCH_OFFLINE": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8",
    }  # fmt: skip


def _piped(line: str, folder: Path, environ: dict[str, str]) -> tuple[int, str, str]:
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environ, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    stdout, stderr = (
        text.decode("utf-8", "backslashreplace").replace("\0", "␀")
        for text in (done.stdout, done.stderr)
    )
    return done.returncode, stdout, stderr


def _on_a_terminal(line: str, folder: Path, environ: dict[str, str]) -> tuple[int, str]:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (LINES, COLUMNS))
    process = subprocess.Popen(
        ["bash", "-c", line], cwd=folder, env=environ | {"TERM": "xterm"},
        stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    screen = pyte.Screen(WIDTH, LINES)
    stream = pyte.ByteStream(screen)
    for chunk in _read(master):
        stream.feed(chunk)
    os.close(master)
    rows = (screen.buffer[number] for number in range(max(screen.buffer, default=0) + 1))
    lines = ["".join(row[at].data for at in range(max(row, default=-1) + 1)) for row in rows]
    return process.wait(), "\n".join(lines).rstrip() + "\n"


def _read(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux says so when the last writer has closed a terminal
            return
        if not chunk:
            return
        yield chunk


def settled(text: str, scratch: Path) -> str:
    """Return what was printed without what differs from run to run: places, and times."""
    for place, shown in {
        scratch / "here": "/path/to/here",
        scratch / "home": "/path/to/home",
        Path(vsearch.__file__).parent: "/path/to/vsearch",
    }.items():
        text = text.replace(str(place), shown)
    text = re.sub(r"(?<= in )\d+\.\d(?= s\b)", "0.0", text)
    text = re.sub(r"^(time: .* )\d+\.\d(?= ms$)", r"\g<1>0.0", text, flags=re.MULTILINE)
    text = re.sub(r'(?<="changed_at": )\d+\.\d+', "0.0", text)
    return "".join(line.rstrip() + "\n" for line in text.splitlines()) if text.strip() else ""


def alike(one: str, other: str) -> bool:
    """Whether two texts differ at most by how processors round, and by a tenth in file sizes."""
    number = re.compile(r'(?<![\d.])(?:0\.\d+|\d+(?=%)|\d+(?= kB)|(?<="bytes": )\d+)')
    bar = re.compile(r"[█▉▊▋▌▍▎▏]+ *(?=(?:weak )? *\d+%)")  # of relevance, which stands beside it
    if number.sub("#", bar.sub("", one)) != number.sub("#", bar.sub("", other)):
        return False
    pairs = zip(number.finditer(one), number.finditer(other), strict=True)
    return all(_close(left, right) for left, right in pairs)


def _close(one: re.Match[str], other: re.Match[str]) -> bool:
    left, right = float(one.group()), float(other.group())
    if "." in one.group():
        return abs(left - right) <= ROUNDING
    if one.string[one.end() :].startswith("%"):
        return abs(left - right) <= 100 * ROUNDING
    return abs(left - right) <= 0.1 * max(left, right)


def main() -> None:
    """Run cases and write what came of them."""
    names = sys.argv[1:] or [path.stem for path in sorted(CASES.glob("*.txt"))]
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place).resolve()
        prepare(scratch / "prepared")
        for name in names:
            path = CASES / f"{name}.txt"
            fresh = []
            for number, case in enumerate(read(path)):
                here = scratch / f"{name}{number}"
                seen = run(case.line, scratch / "prepared", here)
                shutil.rmtree(here)
                # What differs only by this machine's rounding stays as it is.
                kept = {
                    part: getattr(case, part)
                    for part in ("stdout", "stderr", "terminal")
                    if alike(getattr(seen, part), getattr(case, part))
                }
                fresh.append(replace(seen, remark=case.remark, **kept))
            path.write_text(written(fresh), encoding="utf-8")


if __name__ == "__main__":
    main()
