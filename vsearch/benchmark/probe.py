"""One encoder, measured in a fresh process: `python -m vsearch.benchmark.probe FOLDER DEVICE`.

A process of its own, because memory only ever grows and libraries stay loaded. Prints one JSON
object: see `Probe`.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsearch.models.device import Device
    from vsearch.models.encoder import Encoder

BATCHES = (1, 8, 32)
SECONDS = 2.0  # at least this long, and at least `TIMES` calls
TIMES = 3
TEXT = "two people riding bicycles along a river at sunset"


@dataclass(frozen=True, slots=True)
class Probe:
    """What one encoder does.

    `pictures_per_s` by batch size, prepared pictures, all cores; `text_ms` one text; `load_ms` from
    the model folder to the first picture's embedding; `peak_mb` resident with pictures one at a
    time and texts, bytes / 10^6.
    """

    pictures_per_s: dict[str, float]
    text_ms: float
    load_ms: float
    peak_mb: float


def measure(encoder: Encoder, cores: int) -> Probe:
    """Measure `encoder` in this process, as indexing would use it on `cores` cores."""
    import numpy as np

    size = encoder.preprocessing.size
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (max(BATCHES), size, size, 3), dtype=np.uint8)
    started = time.perf_counter()
    encoder.encode_images(pictures[:1])
    load_s = time.perf_counter() - started
    threads = cores if encoder.batch_size == 1 else 1  # one thread a picture, or one a batch

    def rate(batch: int) -> float:
        return batch * _rate(partial(encoder.encode_images, pictures[:batch]), threads)

    alone = rate(1)
    encoder.encode_texts([TEXT])
    durations = []
    for _ in range(20):
        started = time.perf_counter()
        encoder.encode_texts([TEXT])
        durations.append(time.perf_counter() - started)
    peak_mb = _peak_mb()  # as indexing needs it: larger batches would take more
    rates = {"1": alone} | {str(batch): rate(batch) for batch in BATCHES if batch > 1}
    return Probe(rates, 1000 * median(durations), 1000 * load_s, peak_mb)


def _rate(call: Callable[[], object], threads: int) -> float:
    """Return the calls a second of `threads` threads that call without pause."""
    from concurrent.futures import ThreadPoolExecutor

    call()

    def work(started: float) -> int:
        calls = 0
        while calls < TIMES or time.perf_counter() - started < SECONDS:
            call()
            calls += 1
        return calls

    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        calls = sum(pool.map(work, [started] * threads))
        return calls / (time.perf_counter() - started)


def _peak_mb() -> float:
    """Return the most memory this process has had; NaN where the system does not tell.

    Linux's getrusage counts what the process it was forked from had, too; its own is VmHWM.
    """
    try:
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS: in bytes


def main() -> None:
    """Measure the model folder and device named on the command line."""
    from vsearch.config import cores
    from vsearch.models.folder import ModelFolder
    from vsearch.models.open import open_encoder

    encoder, _ = open_encoder(ModelFolder.open(Path(sys.argv[1])), cast("Device", sys.argv[2]))
    print(json.dumps(asdict(measure(encoder, cores()))))  # noqa: T201  # to who started it


if __name__ == "__main__":
    main()
