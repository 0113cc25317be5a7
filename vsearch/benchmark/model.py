"""A model in each precision: converted, then measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.benchmark.probe import Probe
from vsearch.errors import ModelError, UsageError
from vsearch.models.conversion.convert import convert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vsearch.models.conversion.convert import Prepare, Wanted
    from vsearch.models.conversion.source import Source
    from vsearch.models.device import Device
    from vsearch.models.folder import ModelFolder


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: a precision on a device, what it does, and how near its answers are to float32.

    `cosine` is the smallest over the probe pictures and captions, `overlap` the smaller share of
    the ten best answers that stay; None where the conversion measured neither.
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
    pictures: Path | None = None,
) -> Iterator[Measured]:
    """Convert `source` to each of `precisions` in the folder `work`, and yield what each does.

    `pictures` is a folder to be indexed in passing; None: the bundled photographs. Raises
    ModelError, and UsageError for a folder that is not there.
    """
    _require_folder(pictures)  # before anything is converted
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
        yield measure_folder(folder, wanted, device, pictures)


def measure_folder(
    folder: ModelFolder, precision: str, device: Device, pictures: Path | None = None
) -> Measured:
    """Measure the model in `folder`, of which only its `precision` is told.

    Raises ModelError, and UsageError for a folder `pictures` that is not there.
    """
    _require_folder(pictures)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "vsearch.benchmark.probe", str(folder.path), device),
            *([str(pictures)] if pictures else []),
        ],
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise ModelError(
            f"measuring failed (exit status {done.returncode}), of {precision} on {device}; what "
            "its process said stands above"
        )
    in_torch = precision == "bf16" or device != "cpu"
    card = folder.card["torch"] if in_torch else folder.card
    fidelity = card.get("fidelity")
    return Measured(
        precision,
        device,
        Probe(**json.loads(done.stdout)),
        fidelity and min(fidelity[name] for name in fidelity if name.endswith("cosine")),
        fidelity and min(fidelity["image_overlap"], fidelity["text_overlap"]),
        folder.total_bytes / 1e6,
    )


def _require_folder(pictures: Path | None) -> None:
    if pictures is not None and not pictures.is_dir():
        raise UsageError(f"no such folder, named {str(pictures)!r}; check the name of --pictures")
