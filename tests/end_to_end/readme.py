"""What in README.md is not written by hand: what commands print, and the reference of all commands.

    python tests/end_to_end/readme.py     writes both into README.md

A block that begins with ```console holds commands ("$ ...") and their output. All blocks are run in
order in one folder with a copy of `examples/photos`. That folder is called /path/to/here in README.
The reference lies between two remarks, and says of each command what its `--help` says.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyte
from end_to_end.command import PHOTOS, REPOSITORY, environment
from typer.core import TyperGroup
from typer.main import get_command

from vsearch.cli.main import app
from vsearch.cli.syntax import description, parameters, usage

if TYPE_CHECKING:
    from typer._click import Command, Context

README = REPOSITORY / "README.md"
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
REFERENCE = re.compile(r"(?<=<!-- reference -->\n).*?(?=<!-- end -->$)", re.DOTALL | re.MULTILINE)
COLUMNS, LINES = 100, 200
SCREEN = 400  # wider than any line, so that none is broken
HERE = "/path/to/here"
FETCHED = 1_767_268_800  # noon of 1 January 2026


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
        photos = shutil.copytree(PHOTOS, folder / "examples" / "photos")
        for photo in photos.iterdir():  # else with the date of the checkout, where none was taken
            os.utime(photo, (FETCHED, FETCHED))
        return [
            (command, written, on_a_terminal(command, folder, home))
            for block in BLOCK.findall(text)
            for command, written in commands(block)
        ]


def reference() -> str:
    """Return the reference: each command with all that it takes, in Markdown."""
    return "\n".join(_entries(get_command(app), "vsearch", None))


def _entries(command: Command, name: str, parent: Context | None) -> Iterator[str]:
    """Yield a command, then those below it."""
    context = command.make_context(name, [], parent, resilient_parsing=True)
    about, path = description(command), context.command_path
    yield f"### `{path} {usage(command)}`\n"
    yield " ".join((about.summary, *about.more)) + "\n"
    rows = []
    for heading, entries in parameters(command, context):
        shown = [(typed, text) for typed, text in entries if "--help" not in typed]
        if shown and heading not in ("Arguments", "Options"):
            rows.append(f"| **{heading}** | |")
        rows += [f"| {_cell(f'`{typed}`')} | {_cell(text)} |" for typed, text in shown]
    if rows:
        yield "\n".join(["| | |", "|---|---|", *rows]) + "\n"
    for below in command.commands.values() if isinstance(command, TyperGroup) else ():
        yield from _entries(below, below.name or "", context)


def _cell(text: str) -> str:
    """Return a text for a cell of a table, in which stars mean nothing outside of `code`."""
    parts = text.replace("|", "\\|").split("`")
    parts[::2] = [part.replace("*", "\\*") for part in parts[::2]]
    return "`".join(parts)


def main() -> None:
    """Write what the commands print today, and the reference, into README.md."""
    text = README.read_text(encoding="utf-8")
    seen = iter(run_all(text))

    def fresh(match: re.Match[str]) -> str:
        return "".join(f"$ {command}\n{next(seen)[2]}" for command, _ in commands(match.group()))

    text = REFERENCE.sub(lambda _: f"\n{reference()}\n", BLOCK.sub(fresh, text))
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
