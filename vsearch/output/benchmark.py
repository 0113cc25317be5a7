"""Measurements of this machine: a table, or JSON Lines."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsearch.benchmark.model import Measured

_TITLES = (
    "precision", "device", "1", "8", "32", "text ms", "load ms", "peak MB", "disk MB", "cosine",
    "overlap",
)  # fmt: skip


def print_model_titles() -> None:
    """Print the head of the table: pictures a second by batch size come first."""
    print("{:<10}{:<7}{:>8}{:>8}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}".format(*_TITLES))


def print_measured(row: Measured, *, as_json: bool) -> None:
    """Print one row on stdout."""
    if as_json:
        print(json.dumps(asdict(row)), flush=True)
        return
    probe = row.probe
    rates = "".join(f"{rate:>8.1f}" for rate in probe.pictures_per_s.values())
    cosine = f"{row.cosine:>9.4f}" if row.cosine is not None else f"{'-':>9}"
    overlap = f"{row.overlap:>9.1%}" if row.overlap is not None else f"{'-':>9}"
    print(
        f"{row.precision:<10}{row.device:<7}{rates}{probe.text_ms:>9.1f}{probe.load_ms:>9.0f}"
        f"{probe.peak_mb:>9.0f}{row.disk_mb:>9.0f}{cosine}{overlap}",
        flush=True,
    )
