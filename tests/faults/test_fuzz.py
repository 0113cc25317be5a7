"""Damaged files and bombs cost themselves at most: the fuzzing harness, at two sizes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from faults.bombs import bombs
from faults.mutants import STRUCTURED, mutant, seeds

from vsearch.images import formats
from vsearch.images.decode import decode

if sys.platform != "linux":
    pytest.skip("looks into /proc", allow_module_level=True)


def fuzzed(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("fuzz.py"), *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert figures["runs_lost"] == 0
    return figures


def test_seeds_are_pictures_of_every_format_that_can_be_made() -> None:
    known = {name for name, _, _ in seeds()}
    assert len(known) > 25
    for name, suffix, data in seeds():
        decoded = decode(data, shorter=8, pixel_limit=10**7, suffix=suffix)
        assert decoded.image.mode == "RGB", name
    # What Pillow cannot write has no seed here.
    unmade = set(formats._SIGNED) - known - {"DCX", "FTEX", "PIXAR", "XVTHUMB"}
    assert unmade == set()


def test_mutants_are_the_same_for_the_same_seed() -> None:
    made = [mutant(number, 7) for number in range(300)]
    assert made == [mutant(number, 7) for number in range(300)]
    assert made != [mutant(number, 8) for number in range(300)]
    kinds = {one.kind for one in made}
    assert {way.__name__.strip("_") for way in STRUCTURED.values()} <= kinds


def test_damaged_files_and_bombs() -> None:
    figures = fuzzed("--files", "400", "--seed", "1")
    assert figures["files"] == 400 + len(list(bombs()))
    assert figures["outcomes"]["decoded"] > 50
    assert figures["outcomes"]["damaged image"] > 50
    assert figures["outcomes"]["too large"] > 10


@pytest.mark.slow
def test_many_damaged_files() -> None:
    assert fuzzed("--files", "4000", "--seed", "2")["files"] > 4000
