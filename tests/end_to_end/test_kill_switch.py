"""kill -9 while the model is changed: the old one answers in full until the new one does."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from end_to_end import switching
from end_to_end.command import environment
from end_to_end.pictures import write_pictures

from vsearch.index import Index

KILLS = 40
PICTURES = 1500


def started(*arguments: str | Path, home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, switching.__file__, *arguments],
        env=environment(home) | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(*arguments: str | Path, home: Path) -> list[str]:
    """Run to the end and return the kinds of events that there were."""
    process = started(*arguments, home=home)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.decode().split()


def answering(folder: Path) -> tuple[str, dict[str, bytes]]:
    """Return the model an index answers with, and path -> embedding of all its answers."""
    with Index(folder) as index:
        assert index.model
        rows = index.vectors(np.arange(index.rows))
        # What a scan reads is what is read row by row.
        query = np.eye(1, index.model.dim, dtype=np.float32)[0]
        assert np.array_equal(index.scores(query), rows[:, 0])
        found = {
            record.path: rows[row].tobytes()
            for row, records in index.images_of(range(index.rows)).items()
            for record in records
        }
        if index.graph_rows():
            assert index.graph().rows == index.rows
        return index.model.name, found


@pytest.mark.slow
def test_killed_at_random_moments_while_it_switches(tmp_path: Path) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    write_pictures(photos, PICTURES)
    alone = {}
    for model in switching.MODELS:
        finish(tmp_path / model, photos, model, home=tmp_path)
        name, alone[model] = answering(tmp_path / model)
        assert (name, len(alone[model])) == (model, PICTURES)
    old, new = switching.MODELS
    begun = time.monotonic()
    finish(index, photos, old, home=tmp_path)
    whole_run = time.monotonic() - begun
    when = random.Random(0)
    kills = switches = partial = 0
    while kills < KILLS or switches < 4:
        drop = ["--drop-old"] if when.random() < 0.7 else []
        process = started(index, photos, new, *drop, home=tmp_path)
        if when.random() < 0.9:  # else perhaps while it starts
            assert process.stdout
            process.stdout.readline()
        time.sleep(when.uniform(0, whole_run))
        process.send_signal(signal.SIGKILL)
        _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err
        kills += process.returncode != 0
        model, found = answering(index)
        assert model in (old, new)
        assert found == alone[model]
        with Index(index) as opened:
            partial += any(0 < one.images < PICTURES for one in opened.status().others)
        if model == new:  # the way back is the next switch
            switches += 1
            old, new = new, old
    # It was hit while it was at work, not only before and after.
    assert partial >= 5
    events = finish(index, photos, new, "--drop-old", home=tmp_path)
    assert "Switched" in events
    assert answering(index) == (new, alone[new])
    assert len(os.listdir(index / "sets")) == 1
    assert set(finish(index, photos, new, home=tmp_path)) == {"Planned", "Committed", "Done"}
