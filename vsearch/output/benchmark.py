"""Measurements of this machine: a table, or JSON Lines."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsearch.benchmark.model import Measured

# Pictures a second by batch size come first, then at the best size and from files to an index.
_TITLES = (
    "precision", "device", "1", "8", "32", "best", "files/s", "text ms", "load ms", "peak MB",
    "disk MB", "cosine", "overlap", "of peak",
)  # fmt: skip


def print_model_titles() -> None:
    """Print the head of the table."""
    print(f"{_TITLES[0]:<10}{_TITLES[1]:<7}" + "".join(f"{title:>9}" for title in _TITLES[2:]))


def print_measured(row: Measured, *, as_json: bool) -> None:
    """Print one row on stdout."""
    if as_json:
        print(json.dumps(asdict(row)), flush=True)
        return
    probe = row.probe
    rates = probe.pictures_per_s
    fields = [f"{rates[batch]:.1f}" for batch in ("1", "8", "32")]
    fields += [f"{max(rates.values()):.1f}", f"{probe.files_per_s:.1f}"]
    fields += [f"{probe.text_ms:.1f}", f"{probe.load_ms:.0f}", f"{probe.peak_mb:.0f}"]
    fields += [f"{row.disk_mb:.0f}"]
    fields += [f"{row.cosine:.4f}" if row.cosine is not None else "-"]
    fields += [f"{row.overlap:.1%}" if row.overlap is not None else "-"]
    fields += [f"{probe.of_peak:.1%}" if probe.of_peak is not None else "-"]
    print(f"{row.precision:<10}{row.device:<7}" + "".join(f"{f:>9}" for f in fields), flush=True)
