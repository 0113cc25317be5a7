"""Nothing is lost and nothing is wrong, whatever strikes: the harness, at several sizes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from faults import disk

if why := disk.missing():
    pytest.skip(why, allow_module_level=True)


def struck(*arguments: str, patience: int = 240) -> dict[str, Any]:
    """Run the harness and return its figures; fail with its lines where something is bad."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("run.py"), *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    lines = done.stdout.splitlines()
    bad = [number for number, line in enumerate(lines) if line.startswith("BAD")]
    shown = lines[bad[0] :] if bad else lines[-5:]
    assert done.returncode == 0, "\n".join(shown) + done.stderr
    figures: dict[str, Any] = json.loads(lines[-1])
    assert figures["bad"] == 0
    return figures


def test_a_fault_at_any_step() -> None:
    figures = struck("--steps", "--part", "197")
    assert figures["steps"] > 25


def test_the_disk_sees_what_each_library_writes() -> None:
    seen = struck("--steps", "--only", "index", "--part", "997")["steps_seen"]
    assert {
        "write catalog.sqlite-wal",  # SQLite
        "write catalog.sqlite",
        "write sets/whole/matrix.f32",  # Python
        "fsync sets/whole/matrix.f32",
        "write sets/whole/graph.hnsw.new",  # C++
        "rename sets/whole/graph.hnsw.new -> sets/whole/graph.hnsw",
    } <= set(seen)


def test_kill_9_at_any_time() -> None:
    assert struck("--kills", "3")["kills"] == 3


def test_damage_to_any_file() -> None:
    assert struck("--flips", "30")["flips"] == 30


def test_readers_beside_a_writer() -> None:
    figures = struck("--concurrent", "3")
    assert figures["queries"] > 100
    assert figures["rounds"] > 3


@pytest.mark.slow
def test_what_happens_around() -> None:
    assert "a_clock_set_back" in struck("--others")["others"]


@pytest.mark.slow
def test_a_fault_at_every_seventh_step() -> None:
    assert struck("--steps", "--part", "7")["steps"] > 500


@pytest.mark.slow
def test_kill_9_at_many_times() -> None:
    assert struck("--kills", "150")["kills"] == 150


@pytest.mark.slow
def test_much_damage() -> None:
    assert struck("--flips", "600", "--seed", "1")["flips"] == 600


@pytest.mark.slow
def test_a_kill_costs_no_more_than_five_seconds() -> None:
    costs = struck("--redone")["redone_seconds"]
    assert max(costs.values()) < 5
