"""The real command, in a process of its own, with a home of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from end_to_end.command import PHOTOS, Run, environment


@pytest.fixture
def vsearch(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs `vsearch ARGUMENT...` and gives exit code, stdout and stderr."""
    home = tmp_path_factory.mktemp("home")

    def run(
        *arguments: str | bytes | Path,
        cwd: Path | None = None,
        environ: dict[str, str] | None = None,
        preexec: Callable[[], None] | None = None,
        stdin: bytes = b"",
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "vsearch", *arguments],
            cwd=cwd or home,
            env=environment(home) | (environ or {}),
            capture_output=True,
            input=stdin,
            timeout=300,
            preexec_fn=preexec,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def photos_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of the example photographs, made by the real command."""
    folder = tmp_path_factory.mktemp("index") / "photos"
    done = subprocess.run(
        [sys.executable, "-m", "vsearch", "index", PHOTOS, "--index", folder],
        env=environment(folder.parent),
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder
