"""What every end-to-end test knows: where the photographs are, and a clean environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PHOTOS = REPOSITORY / "examples" / "photos"

Run = Callable[..., subprocess.CompletedProcess[bytes]]


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which nothing of the person who runs the tests shows."""
    theirs = ("NO_COLOR", "TERM", "COLUMNS", "LINES")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("VSEARCH_", "XDG_")) and name not in theirs
    }
    clock = {"TZ": "UTC"}  # dates of files are those of the clock on the wall
    return kept | clock | {"HOME": os.fspath(home), "XDG_DATA_HOME": os.fspath(home / "data")}
