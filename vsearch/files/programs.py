"""Another program, run for each of several files."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

from vsearch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACE = "{}"


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
