"""The commands in README.md and what they print, as a person sees it on a terminal.

    python tests/end_to_end/readme.py     runs them and writes their output into README.md

A block that begins with ```console holds commands ("$ ...") and their output. All blocks are run in
order in one folder with a copy of `examples/photos`. That folder is called /path/to/here in README.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyte
from end_to_end.command import PHOTOS, REPOSITORY, environment

README = REPOSITORY / "README.md"
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
COLUMNS, LINES = 100, 200
SCREEN = 400  # wider than any line, so that none is broken
HERE = "/path/to/here"


def commands(block: str) -> list[tuple[str, str]]:
    """Return (command, output) for each command of a block."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert parts[0] == "", f"output before any command: {parts[0]!r}"
    return [
        (command, output) for command, _, output in (part.partition("\n") for part in parts[1:])
    ]


def on_a_terminal(command: str, folder: Path, home: Path) -> str:
    """Run a shell command on a terminal and return what is on the screen at the end."""
    path = os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"]))
    environ = environment(home) | {
        "PATH": path, "TERM": "xterm", "COLUMNS": str(COLUMNS), "LINES": str(LINES),
    }  # fmt: skip
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", command], cwd=folder, env=environ, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    screen = pyte.Screen(SCREEN, LINES)
    stream = pyte.ByteStream(screen)
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # Linux says so when the last writer has closed a terminal
            break
        if not chunk:
            break
        stream.feed(chunk)
    os.close(master)
    process.wait()
    shown = "\n".join(line.rstrip() for line in screen.display).strip("\n")
    return f"{shown}\n".replace(str(folder), HERE) if shown else ""


def run_all(text: str) -> list[tuple[str, str, str]]:
    """Run every command of the text; return (command, written output, output seen)."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, home = Path(scratch).resolve() / "here", Path(scratch) / "home"
        home.mkdir()
        shutil.copytree(PHOTOS, folder / "examples" / "photos")
        return [
            (command, written, on_a_terminal(command, folder, home))
            for block in BLOCK.findall(text)
            for command, written in commands(block)
        ]


def main() -> None:
    """Write what the commands print today into README.md."""
    text = README.read_text(encoding="utf-8")
    seen = iter(run_all(text))

    def fresh(match: re.Match[str]) -> str:
        return "".join(f"$ {command}\n{next(seen)[2]}" for command, _ in commands(match.group()))

    README.write_text(BLOCK.sub(fresh, text), encoding="utf-8")


if __name__ == "__main__":
    main()
