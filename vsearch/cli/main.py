"""The app, and the one place where errors become a line on stderr and an exit code.

Exit codes: 0 done; 1 nothing found, or a gate failed; 2 wrong use or an error; 3 partly done;
130 interrupted.
"""

from __future__ import annotations

import gc
import io
import itertools
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn, TextIO

import typer

import vsearch
from vsearch.cli import completion, settings
from vsearch.cli.commands import Commands
from vsearch.cli.completion import PROGRAM
from vsearch.cli.help import App
from vsearch.errors import VsearchError, in_words
from vsearch.output.terminal import say

# Nothing here multiplies large matrices in numpy. Its library would start a thread a core all the
# same, and let each spin for 20 ms and more while the cores are wanted elsewhere.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Importing makes many objects that stay; looking for garbage among them takes 7 ms of a search.
gc.set_threshold(100_000, 50, 100)

app = App(Commands)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"vsearch {vsearch.__version__}")
        raise typer.Exit


@app.callback()
def vsearch_command(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001  # looked for by _failed
    version: Annotated[  # noqa: ARG001  # acts by its callback
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Search your own pictures by words or by picture, offline.

    \b
    vsearch index ~/Pictures
    vsearch search "a dog on a beach"
    vsearch search holiday.jpg --minus people
    """
    settings.apply(context)


def main() -> NoReturn:
    """Run the command line and exit."""
    code = run()
    # Everything is written. Taking sessions and modules apart, which the system frees at once
    # anyway, would cost 20 to 35 ms: a tenth of a cold search.
    with suppress(OSError):  # it may be full, or closed
        sys.stderr.flush()
    os._exit(code)


def run() -> int:
    """Run the command line and return its exit code."""
    # `vsearch search ... | head` ends quietly, as any other program in a pipe.
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _mend_streams()
    if completion.is_asked():
        return completion.answer(app)
    try:
        try:
            app(prog_name=PROGRAM)
        except SystemExit as ended:  # typer always ends so
            sys.stdout.flush()
            return ended.code if isinstance(ended.code, int) else 0
    except KeyboardInterrupt:  # before typer looks for it
        return 130
    except (VsearchError, OSError) as error:
        if isinstance(error, OSError) and _here_is_gone():
            return _failed(error, "the current folder is gone; go to another, with cd")
        return _failed(error, in_words(error))
    except Exception as error:  # noqa: BLE001  # whatever it is: 1 would say "nothing found"
        import shlex

        again = shlex.join([PROGRAM, "--debug", *sys.argv[1:]])
        return _failed(
            error,
            f"a fault of its own ({type(error).__name__}: {error}); run `{again}` for all of it, "
            "and report it",
        )
    return 0


def _here_is_gone() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _mend_streams() -> None:
    """Make closed streams (`>&-`) lead nowhere, and let none fail on a character it lacks."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _failed(error: Exception, message: str) -> int:
    options = itertools.takewhile(lambda word: word.startswith("-"), sys.argv[1:])
    if "--debug" in options:
        raise error
    say(f"vsearch: {message}")
    return 2


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
