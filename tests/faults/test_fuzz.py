"""No picture, however damaged, costs more than itself: the fuzzing harness, at two sizes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hostile
import numpy as np
import pytest
from fake_encoder import FakeEncoder, paint
from faults.measured import MEASURED
from faults.mutations import mutated
from faults.seeds import Seed, seeds

from vsearch.images.decode import decode
from vsearch.index import Index
from vsearch.indexing.events import Skipped
from vsearch.indexing.run import Options, update

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

LONG_AGO = (1e9, 1e9)  # so that a file counts as settled
SEEDS = seeds()


def fuzzed(*arguments: str, patience: int = 300) -> dict[str, Any]:
    """Run the harness and return its figures; fail with its lines where something is bad."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("fuzz.py"), *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    lines = done.stdout.splitlines()
    bad = [line for line in lines if line.startswith("BAD")]
    assert done.returncode == 0, "\n".join(bad or lines[-5:]) + done.stderr
    figures: dict[str, Any] = json.loads(lines[-1])
    return figures


def well(figures: dict[str, Any]) -> bool:
    """Whether nothing came out of any file but a picture or one reason why not."""
    return not any(figures[name] for name in ("bad", "unexpected", "lost", "processes_left"))


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_what_is_damaged_is_sound_before(seed: Seed) -> None:
    facts = decode(seed.data, shorter=32, pixel_limit=10**6, suffix=seed.suffix).facts
    counted = {"MPO": "JPEG", "DIB": "BMP", "XVThumb": "XVTHUMB", "RAW named NEF": "TIFF"}
    formats = {seed.format, counted.get(seed.format), counted.get(seed.name)}
    assert counted.get(facts.format, facts.format) in formats


def test_some_hundred_damaged_pictures() -> None:
    figures = fuzzed("--files", "500", "--bombs", "huge")
    assert well(figures)
    assert figures["files"] == 500 + figures["bombs"]
    assert len(figures["formats"]) > 30
    assert figures["outcomes"]["decoded"] > 50
    assert figures["outcomes"]["too large"] > 15


def test_what_a_file_does_is_counted_and_one_that_crashes_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MEASURED, hostile.LOADER)
    files, kept = tmp_path / "files", tmp_path / "kept"
    paint(files / "good.png", (1, 2, 3))
    for name in ("abort", "segv", "spin", "allocate"):
        (files / f"{name}.png").write_bytes(hostile.deed(name))
    figures = fuzzed("--pillow", os.fspath(files), "--seconds", "1", "--keep", os.fspath(kept))
    assert figures["outcomes"] == {
        "crashes its decoder": 2,
        "decoded": 1,
        "takes too long to decode": 1,
        "too large": 1,
    }
    assert figures["crashes_by_signal"] == {"SIGABRT": 1, "SIGSEGV": 1}
    assert figures["timeouts"] == 1
    assert figures["longest_seconds"] >= 1
    assert figures["largest_megabytes"] > 5
    assert {path.read_bytes() for path in kept.iterdir()} == {
        hostile.deed("abort"),
        hostile.deed("segv"),
    }


def test_an_error_that_is_not_the_files_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MEASURED, hostile.LOADER)
    (tmp_path / "raise.png").write_bytes(hostile.deed("raise"))
    with pytest.raises(AssertionError, match="BufferError"):
        fuzzed("--pillow", os.fspath(tmp_path))


def test_a_file_is_made_again_from_its_number(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        fuzzed("--only", "17", "--seed", "3", "--keep", os.fspath(tmp_path / folder))
    (first,), (second,) = ((tmp_path / name).iterdir() for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
def test_thousands_of_damaged_pictures_and_all_bombs() -> None:
    assert well(fuzzed("--files", "3000", "--seed", "1", "--seconds", "5"))


def test_a_hundred_pictures_among_three_hundred_damaged_ones(tmp_path: Path) -> None:
    from random import Random

    photos = tmp_path / "photos"
    for number in range(100):
        os.utime(paint(photos / f"{number:03}.png", (number, 255 - number, 90)), LONG_AGO)
    options = Options(workers=3, pixel_limit=1_000_000)
    list(update(tmp_path / "without", FakeEncoder(), [os.fspath(photos)], options))
    for number in range(300):
        random = Random(number)
        seed = SEEDS[number % len(SEEDS)]
        _, data = mutated(seed, random.choice(SEEDS), random)
        bad = photos / f"{number % 100:03}-{number}{seed.suffix}"
        bad.write_bytes(data)
        os.utime(bad, LONG_AGO)
    events = list(update(tmp_path / "with", FakeEncoder(), [os.fspath(photos)], options))
    skipped = {os.path.basename(one.path) for one in events if isinstance(one, Skipped)}
    with_them, without = vectors(tmp_path / "with"), vectors(tmp_path / "without")
    assert len(skipped) > 100
    assert len(without) == 100
    assert {path: with_them[path] for path in without} == without
    # Some are still pictures, damaged as they are; one without a suffix may be no picture at all.
    named = {path.name for path in photos.iterdir() if path.suffix}
    assert named <= {*map(os.path.basename, with_them), *skipped}


def vectors(folder: Path) -> dict[str, bytes]:
    with Index(folder) as index:
        return {
            record.path: index.vectors(np.array([row]))[0].tobytes()
            for row, records in index.images_of(range(index.rows)).items()
            for record in records
        }
