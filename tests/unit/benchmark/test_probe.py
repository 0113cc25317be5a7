"""Measuring an encoder: what is counted, on the encoder whose answers a reader can compute."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fake_encoder import FakeEncoder, paint

from vsearch.benchmark import probe
from vsearch.models.folder import built_in


def test_rates_are_pictures_and_not_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SECONDS", 0.05)
    monkeypatch.setattr(probe, "MOST_INDEXED", 50)
    encoder = FakeEncoder()
    found = probe.measure(encoder, cores=2)
    assert list(found.pictures_per_s) == ["1", "8", "32"]
    assert all(rate > 0 for rate in found.pictures_per_s.values())
    assert encoder.pictures > 1 + 2 * probe.TIMES * sum(probe.BATCHES)  # two threads, and once each
    assert found.text_ms > 0
    assert found.of_peak is None
    assert found.load_ms > 0


def test_files_are_counted_that_became_vectors(tmp_path: Path) -> None:
    for number in range(5):
        paint(tmp_path / "photos" / f"{number}.png", (200, number, 0))
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    encoder = FakeEncoder()
    found = probe.measure(encoder, 2, tmp_path / "photos")
    assert found.files_per_s > 0
    before = encoder.pictures
    rate = probe.indexing_rate(encoder, 2, tmp_path / "photos", 1e9)
    assert (encoder.pictures - before, rate > 0) == (5, True)


def test_bundled_photographs_are_repeated_as_different_files() -> None:
    encoder = FakeEncoder()
    probe.indexing_rate(encoder, 2, None, 50 / probe.INDEXED_SECONDS)
    assert encoder.pictures == 50
    probe.indexing_rate(encoder, 2, None, 0.0)
    assert encoder.pictures == 50 + 37


class CountingEncoder(FakeEncoder):
    def operations(self) -> tuple[float, float]:
        return 1e3, 1e12


def test_the_share_of_the_peak_is_what_the_best_batch_uses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(probe, "SECONDS", 0.05)
    found = probe.measure(CountingEncoder(), 2, tmp_path)
    assert found.of_peak == pytest.approx(max(found.pictures_per_s.values()) * 1e3 / 1e12)


@pytest.mark.slow
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
