"""Measuring an encoder: what is counted, on the encoder whose answers a reader can compute."""

import json
import subprocess
import sys

import pytest
from fake_encoder import FakeEncoder

from vsearch.benchmark import probe
from vsearch.models.folder import built_in


def test_rates_are_pictures_and_not_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SECONDS", 0.05)
    encoder = FakeEncoder()
    found = probe.measure(encoder, cores=2)
    assert list(found.pictures_per_s) == ["1", "8", "32"]
    assert all(rate > 0 for rate in found.pictures_per_s.values())
    assert encoder.pictures > 1 + 2 * probe.TIMES * sum(probe.BATCHES)  # two threads, and once each
    assert found.text_ms > 0
    assert found.load_ms > 0


def test_the_peak_is_that_of_a_fresh_process() -> None:
    """What this process holds must not count: Linux hands the parent's peak on."""
    ballast = bytearray(400_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    done = subprocess.run(
        [sys.executable, "-m", "vsearch.benchmark.probe", str(built_in().path), "cpu"],
        capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    assert 30 < json.loads(done.stdout)["peak_mb"] < 350
    assert len(ballast) == 400_000_000
