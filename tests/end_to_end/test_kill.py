"""kill -9 at random moments: the index opens, answers, and ends up as if nothing had happened."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from end_to_end.command import Run
from end_to_end.pictures import write_pictures
from end_to_end.test_index import started

KILLS = 20
PICTURES = 2000


def content(index: Path) -> dict[str, bytes]:
    """Return path -> embedding of everything in an index, read without vsearch."""
    with closing(sqlite3.connect(index / "catalog.sqlite")) as catalog:
        found = catalog.execute(
            "SELECT path, row FROM images JOIN rows ON rows.content=images.content"
        ).fetchall()
        (count,) = catalog.execute("SELECT rows FROM sets").fetchone()
    matrix = np.fromfile(index / "sets" / "whole" / "matrix.f32", dtype="<f4").reshape(-1, 384)
    assert count == PICTURES
    return {path.decode(): matrix[row].tobytes() for path, row in found}


@pytest.mark.slow
def test_killed_at_random_moments(vsearch: Run, tmp_path: Path) -> None:
    photos, index, whole = tmp_path / "photos", tmp_path / "index", tmp_path / "whole"
    write_pictures(photos, PICTURES)
    assert vsearch("index", photos, "--index", whole).returncode == 0
    when = random.Random(0)
    answered = 0
    kills = 0
    while kills < KILLS:
        process = started(index, photos, tmp_path)
        time.sleep(when.uniform(0, 3.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:  # it was done before the kill came: begin anew
            assert content(index) == content(whole)
            shutil.rmtree(index)
            continue
        assert process.returncode == -signal.SIGKILL
        kills += 1
        done = vsearch("status", "--json", "--index", index)
        assert done.returncode == 0, done.stderr
        done = vsearch("search", "a red field", "--index", index, "--paths", "-k", "5")
        lines = done.stdout.splitlines()
        assert (done.returncode, len(lines)) in ((0, 5), (1, 0)), done.stderr
        answered += bool(lines)
    assert answered >= KILLS / 4
    assert vsearch("index", photos, "--index", index).returncode == 0
    assert content(index) == content(whole)
    assert len(content(index)) == PICTURES
