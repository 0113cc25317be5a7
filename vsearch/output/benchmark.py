"""Measurements of this machine: a table, or JSON Lines."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsearch.benchmark.model import Measured


def print_json(row: Measured) -> None:
    """Print one row as a line of JSON."""
    print(json.dumps(asdict(row)), flush=True)


def print_table(rows: Sequence[Measured]) -> None:
    """Print a column for each precision: so it fits any terminal."""
    lines: dict[str, list[str]] = {
        "device": [row.device for row in rows],
        "pictures/s, one at a time": [f"{row.probe.pictures_per_s['1']:.1f}" for row in rows],
        "pictures/s, 8 at a time": [f"{row.probe.pictures_per_s['8']:.1f}" for row in rows],
        "pictures/s, 32 at a time": [f"{row.probe.pictures_per_s['32']:.1f}" for row in rows],
        "pictures/s, at best": [f"{max(row.probe.pictures_per_s.values()):.1f}" for row in rows],
        "share of matrix products": [_percent(row.probe.of_peak) for row in rows],
        "files/s, disk to index": [f"{row.probe.files_per_s:.1f}" for row in rows],
        "one text": [f"{row.probe.text_ms:.1f} ms" for row in rows],
        "loading": [f"{row.probe.load_ms:.0f} ms" for row in rows],
        "peak memory": [f"{row.probe.peak_mb:.0f} MB" for row in rows],
        "on disk": [f"{row.disk_mb:.0f} MB" for row in rows],
        "least cosine to fp32": [
            f"{row.cosine:.4f}" if row.cosine is not None else "-" for row in rows
        ],
        "ten best as in fp32": [_percent(row.overlap) for row in rows],
    }
    print(f"{'':<26}" + "".join(f"{row.precision:>12}" for row in rows))
    for title, values in lines.items():
        print(f"{title:<26}" + "".join(f"{value:>12}" for value in values), flush=True)


def _percent(share: float | None) -> str:
    return f"{share:.1%}" if share is not None else "-"
