"""Other programs for files: a command of the user's, and the viewer of the system."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from vsearch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACE = "{}"
_SECONDS = 2.0  # in which a viewer that cannot show anything says so


def command_of(text: str) -> list[str]:
    """Return the words of a command line, split as a shell would; a place for the file is added.

    Raises UsageError for what has no words, an open quote, or a program that is not to be found.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"no command ({error}), {text!r}; close the quote") from None
    if not words:
        raise UsageError("no command, for --exec; name a program")
    if _PLACE not in words[0] and shutil.which(words[0]) is None:
        raise UsageError(
            f"no such program, {words[0]!r}; check its name (there is no shell: for its own words "
            "use sh -c '...' sh {})"
        )
    return words if any(_PLACE in word for word in words) else [*words, _PLACE]


def run_for(words: Sequence[str], path: str) -> int:
    """Run a command with `path` for each {} in its words, without a shell; return its exit code.

    An absolute path is no option, whatever its name begins with. Raises UsageError when the
    program cannot be run.
    """
    filled = [word.replace(_PLACE, path) for word in words]
    try:
        return subprocess.run(filled, check=False).returncode
    except OSError as error:
        raise UsageError(
            f"the program cannot be run ({error.strerror or error}), {filled[0]!r}; check its name"
        ) from None


def show_file(path: str) -> str:
    """Open the file at an absolute path as a double click would; return why not, else nothing."""
    if not os.path.exists(path):
        return "the file has gone"
    if sys.platform == "win32":
        try:
            os.startfile(path)  # noqa: S606  # what a double click does there
        except OSError as error:
            return error.strerror or str(error)
        return ""
    program = "open" if sys.platform == "darwin" else "xdg-open"
    nowhere = (
        subprocess.DEVNULL
    )  # what it has to say belongs neither on our screen nor into our pipe
    try:
        opened = subprocess.Popen(
            [program, path], stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
    except OSError:
        return f"there is no {program} on this machine"
    try:
        code = opened.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        return ""  # it is the viewer itself, which stays
    return f"{program} found no viewer (exit code {code})" if code else ""
