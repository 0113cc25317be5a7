"""One encoder, measured in a fresh process.

    python -m vsearch.benchmark.probe FOLDER DEVICE [PICTURES]

A process of its own, because memory only ever grows and libraries stay loaded. Prints one JSON
object: see `Probe`. PICTURES is a folder of files to index; without it, the bundled photographs.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsearch.models.device import Device
    from vsearch.models.encoder import Encoder

BATCHES = (1, 8, 32)
SECONDS = 2.0  # at least this long, and at least `TIMES` calls
TIMES = 3
INDEXED_SECONDS, MOST_INDEXED = 4.0, 20_000  # about so long, and no more files than that
TEXT = "two people riding bicycles along a river at sunset"


@runtime_checkable
class Counting(Protocol):
    """An encoder that counts its floating-point operations."""

    def operations(self) -> tuple[float, float]:
        """Return those of one picture, and those a second of a large product of matrices."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What one encoder does.

    `pictures_per_s` by batch size, prepared pictures, all cores; `files_per_s` from files on disk
    to vectors in an index, all cores, the model loaded; `text_ms` one text; `load_ms` from the
    model folder to the first picture's embedding; `peak_mb` resident with pictures one at a time
    and texts, bytes / 10^6; `of_peak` the share of what products of matrices reach on this device
    that the best of `pictures_per_s` uses, None where the encoder does not count its operations.
    """

    pictures_per_s: dict[str, float]
    files_per_s: float
    text_ms: float
    load_ms: float
    peak_mb: float
    of_peak: float | None


def measure(encoder: Encoder, cores: int, pictures_in: Path | None = None) -> Probe:
    """Measure `encoder` in this process, as indexing would use it on `cores` cores.

    Raises VsearchError when the folder `pictures_in` cannot be indexed.
    """
    import numpy as np

    from vsearch.indexing.batches import ENCODING_THREADS

    size, random = encoder.preprocessing.size, np.random.default_rng(0)
    first = random.integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    started = time.perf_counter()
    encoder.encode_images(first)
    load_s = time.perf_counter() - started
    sizes = sorted({*BATCHES, encoder.batch_size})  # known only now: by the memory that is free
    pictures = random.integers(0, 256, (max(sizes), size, size, 3), dtype=np.uint8)
    threads = cores if encoder.batch_size == 1 else ENCODING_THREADS

    def rate(batch: int) -> float:
        return batch * _rate(partial(encoder.encode_images, pictures[:batch]), threads)

    alone = rate(1)
    encoder.encode_texts([TEXT])
    durations = []
    for _ in range(20):
        started = time.perf_counter()
        encoder.encode_texts([TEXT])
        durations.append(time.perf_counter() - started)
    peak = peak_mb()  # as indexing needs it: larger batches would take more
    rates = {"1": alone} | {str(batch): rate(batch) for batch in sizes if batch > 1}
    best = max(rates.values())
    files_per_s = indexing_rate(encoder, cores, pictures_in, best)
    of_peak = None
    if isinstance(encoder, Counting):
        each, most = encoder.operations()
        of_peak = best * each / most
    return Probe(rates, files_per_s, 1000 * median(durations), 1000 * load_s, peak, of_peak)


def indexing_rate(encoder: Encoder, cores: int, folder: Path | None, rate: float) -> float:
    """Return the files a second of indexing `folder`; None: the bundled photographs, repeated.

    `rate` is how many pictures a second the encoder alone can do: how often to repeat them.
    """
    from tempfile import TemporaryDirectory

    from vsearch.images.limits import pixel_limit
    from vsearch.indexing.events import Tally
    from vsearch.indexing.run import Options, update

    with TemporaryDirectory(prefix="vsearch-bench-") as work:
        if folder is None:
            folder = Path(work, "photographs")
            _write_photographs(folder, min(int(rate * INDEXED_SECONDS), MOST_INDEXED))
        tally, options = Tally(), Options(cores, pixel_limit(cores))
        started = time.perf_counter()
        for event in update(Path(work, "index"), encoder, [str(folder)], options):
            tally.add(event)
        return tally.embedded / (time.perf_counter() - started)


def _write_photographs(folder: Path, count: int) -> None:
    """Write the bundled photographs again and again, at least once each, every file different."""
    from vsearch.models.conversion.fidelity import probe_pictures

    folder.mkdir()
    pictures = probe_pictures()
    for number in range(max(count, len(pictures))):
        content = pictures[number % len(pictures)]
        # What follows the end of a JPEG is no part of the picture; it makes another file of it.
        (folder / f"{number:06}.jpg").write_bytes(content + number.to_bytes(8))


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


def peak_mb() -> float:
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

    model, device, *pictures = sys.argv[1:]
    encoder, _ = open_encoder(ModelFolder.open(Path(model)), cast("Device", device))
    found = measure(encoder, cores(), Path(pictures[0]) if pictures else None)
    print(json.dumps(asdict(found)))  # noqa: T201  # to who started it


if __name__ == "__main__":
    main()
