"""A model in each precision: converted, then measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.benchmark.probe import Probe
from vsearch.models.conversion.convert import convert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vsearch.models.conversion.convert import Prepare, Wanted
    from vsearch.models.conversion.source import Source
    from vsearch.models.device import Device


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: a precision on a device, what it does, and how near its answers are to float32.

    `cosine` is the smallest over the probe pictures and captions, `overlap` the smaller share of
    the ten best answers that stay; None where the conversion measures neither (torch).
    """

    precision: str
    device: Device
    probe: Probe
    cosine: float | None
    overlap: float | None
    disk_mb: float


def measure_model(
    source: Source,
    precisions: Sequence[Wanted],
    device: Device,
    work: Path,
    *,
    prepare: Prepare,
    step: Callable[[str], None],
) -> Iterator[Measured]:
    """Convert `source` to each of `precisions` in the folder `work`, and yield what each does.

    Raises ModelError.
    """
    for wanted in precisions:
        folder = convert(
            source,
            wanted,
            work / wanted,
            prepare=prepare,
            torch_weights=device != "cpu",
            step=step,
        ).folder
        step(f"measuring {wanted} on {device}")
        done = subprocess.run(
            [sys.executable, "-m", "vsearch.benchmark.probe", str(folder.path), device],
            stdout=subprocess.PIPE,
            check=True,
        )
        fidelity = folder.card["fidelity"] if wanted != "bf16" and device == "cpu" else None
        yield Measured(
            wanted,
            device,
            Probe(**json.loads(done.stdout)),
            fidelity and min(fidelity["image_cosine"], fidelity["text_cosine"]),
            fidelity and min(fidelity["image_overlap"], fidelity["text_overlap"]),
            sum(folder.card["bytes"].values()) / 1e6,
        )
