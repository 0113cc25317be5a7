"""vsearch completion: what a shell needs to complete commands, options and their values.

The scripts, and how a shell asks, are typer's. Installing is not: typer's rewrites the start-up
files whole, leaves ZDOTDIR and XDG folders aside, loosens PowerShell's execution policy, and ends
without a word where it cannot tell the shell.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vsearch.config import expanded

PROGRAM = "vsearch"
ASKED = "_VSEARCH_COMPLETE"


class Shell(StrEnum):
    """The shells there are scripts for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


def completion(
    shell: Annotated[
        Shell | None,
        typer.Argument(metavar="[SHELL]", help="bash, zsh, fish or powershell. Default: yours."),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Set it up for good, instead of printing the script.")
    ] = False,
) -> None:
    """Complete commands, options, models and indexed folders with the Tab key.

    \b
    vsearch completion --install
    vsearch completion zsh --install
    eval "$(vsearch completion bash)"    # only in this shell
    """
    from vsearch.output.terminal import say

    chosen = shell or _detected()
    if not install:
        print(script(chosen))
        return
    for line in _install(chosen):
        say(line)


def is_asked() -> bool:
    """Whether it is a shell that runs this, to know how a line could go on."""
    return ASKED in os.environ


def answer(app: typer.Typer) -> int:
    """Tell the shell how a line could go on, and return the exit code it looks at.

    A fault stays unsaid: the person is typing.
    """
    from vsearch.cli.shells import register

    register()
    try:
        app(prog_name=PROGRAM)
    except SystemExit as ended:
        with suppress(OSError):
            sys.stdout.flush()
        return ended.code if isinstance(ended.code, int) else 0
    except Exception:  # noqa: BLE001  # whatever it was, there is no one to tell
        return 1
    return 0


def script(shell: Shell) -> str:
    """Return the script that lets `shell` ask `vsearch` for what could come next."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # the same

    text = get_completion_script(prog_name=PROGRAM, complete_var=ASKED, shell=shell)
    if shell is Shell.BASH:
        # Its words end at "=" and ":", so that the line is needed as well. And only bash needs to
        # be told that names with spaces want quoting.
        text = text.replace("$( env COMP", '$( env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP', 1)
        text = text.replace(
            "    return 0\n",
            '    [[ "${COMPREPLY[*]}" == *[/\\ ]* ]] && compopt -o filenames\n    return 0\n',
        )
    return text


def _detected() -> Shell:
    """Return the shell that runs this, else the one of $SHELL. Raises UsageError for others."""
    import shellingham

    from vsearch.errors import UsageError

    try:
        name = str(shellingham.detect_shell()[0])
    except (shellingham.ShellDetectionFailure, OSError):
        name = os.path.basename(os.environ.get("SHELL", ""))
    name = {"pwsh": "powershell"}.get(name, name)
    if name not in list(Shell):
        what = f"{name!r} is none of them" if name else "it cannot be told which one runs this"
        raise UsageError(
            f"completion is for bash, zsh, fish and powershell, and {what}; name one: "
            "`vsearch completion bash --install`"
        )
    return Shell(name)


def _install(shell: Shell) -> list[str]:
    """Put the script where `shell` finds it, and return what to say of it."""
    if shell is Shell.FISH:  # which finds it by its name
        place = _folder("XDG_CONFIG_HOME", ".config") / "fish" / "completions" / f"{PROGRAM}.fish"
        _write(place, script(shell))
        return [f"completion for fish is in {place}, and works in the next shell"]
    place = _folder("XDG_DATA_HOME", ".local/share") / PROGRAM / f"completion.{shell}"
    if shell is Shell.BASH:
        start, line = expanded("~/.bashrc"), f". {_quoted(place)}"
    elif shell is Shell.ZSH:
        start = Path(os.environ.get("ZDOTDIR") or expanded("~")) / ".zshrc"
        ready = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }"
        line = f"{ready}; . {_quoted(place)}"
    else:
        start = _powershell_profile()
        place = place.with_suffix(".ps1")
        line = ". '" + os.fspath(place).replace("'", "''") + "'"
    _write(place, script(shell))
    added = _add_line(start, line)
    said = "a line was added to" if added else "the line was there already in"
    return [
        f"completion for {shell} is in {place}; {said} {start}",
        "it works in the next shell",
    ]


def _folder(variable: str, default: str) -> Path:
    value = os.environ.get(variable)
    return Path(value) if value else expanded("~") / default


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(os.fspath(path))


def _write(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode() + b"\n")


def _add_line(file: Path, line: str) -> bool:
    """Add a line to the end of a start-up file, which may be in any encoding; False: is there."""
    wanted = os.fsencode(line)
    before = file.read_bytes() if file.exists() else b""
    if wanted in before.splitlines():
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as opened:  # nothing that is there is ever written again
        opened.write((b"" if before.endswith(b"\n") or not before else b"\n") + wanted + b"\n")
    return True


def _powershell_profile() -> Path:
    """Return the start-up file that PowerShell names. Raises UsageError where there is no such."""
    import shutil
    import subprocess

    from vsearch.errors import UsageError

    for name in ("pwsh", "powershell"):
        if program := shutil.which(name):
            command = "[Console]::OutputEncoding = [Text.Encoding]::UTF8; $PROFILE"
            found = subprocess.run(
                [program, "-NoProfile", "-Command", command], capture_output=True, check=False
            )
            if profile := found.stdout.decode("utf-8", "replace").strip():
                return Path(profile)
    raise UsageError(
        "no PowerShell is found on the PATH, to ask for its profile; in PowerShell, run "
        "`vsearch completion powershell >> $PROFILE`"
    )
