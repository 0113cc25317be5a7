"""A picture in the system's viewer."""

from __future__ import annotations

import os
import subprocess
import sys

_SECONDS = 2.0  # in which a viewer that cannot show anything says so


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
    nowhere = subprocess.DEVNULL  # it must not draw on the screen of the browser
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
