"""This installation on this machine: from decoding a picture to asking a million of them.

Each stage runs in a process of its own; the cold queries are whole processes of `vsearch search`.
Files that are read have just been written, or have been read once without being counted: they are
in the page cache, since no program may empty it. What a disk adds is not measured.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vsearch
from vsearch.benchmark.figures import Benchmark, Samples, summarised
from vsearch.benchmark.made import disk_bytes, graph_bytes
from vsearch.benchmark.probe import INDEXED_SECONDS
from vsearch.config import cores
from vsearch.errors import StoreError
from vsearch.evaluation.latency import cold_search
from vsearch.images.limits import available_bytes
from vsearch.machine import facts
from vsearch.models.conversion.fidelity import probe_captions
from vsearch.models.device import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsearch.models.folder import ModelFolder

_WORK_BYTES = 300_000_000  # photographs, their index, and what is written meanwhile
_TWICE = 2  # a graph while it is built, and the matrix that it is built from


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    `sizes` are those of the made-up indexes; each figure of decoding and embedding takes `seconds`;
    `cold` and `warm` queries of words, `queries` of vectors, and `indexings` of photographs for
    `indexed_seconds` each.
    """

    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)
    seconds: float = 2.0
    cold: int = 7
    warm: int = 300
    queries: int = 200
    indexings: int = 3
    indexed_seconds: float = 4.0

    def larger(self) -> Plan:
        """Return it with an index of ten times the size in addition."""
        return replace(self, sizes=(*self.sizes, 10 * self.sizes[-1]))


QUICK = Plan((1_000, 10_000), 0.5, 3, 90, 60, 1, 1.0)


def measure_installation(
    model: ModelFolder, plan: Plan, *, quick: bool, step: Callable[[str], None]
) -> Benchmark:
    """Measure this installation with `model`, in a temporary folder that is gone afterwards.

    `step` is told what is being done. Raises StoreError where there is too little space or memory
    for it, or a stage fails.
    """
    created = datetime.now().astimezone().isoformat(timespec="seconds")
    machine = facts()
    with _work(plan, model.identity.dim) as work:
        figures = summarised(_measured(model, plan, work, step))
    device = choose(model, "auto").device
    return Benchmark(created, quick, model.identity.name, device, machine, tuple(figures))


def _measured(
    model: ModelFolder, plan: Plan, work: Path, step: Callable[[str], None]
) -> Iterator[Samples]:
    def stage(name: str, **arguments: object) -> list[Samples]:
        return run_stage(name, model, work, **arguments)

    here, index = cores(), os.fspath(work / "index")
    step("decoding")
    yield from stage("pictures", seconds=plan.seconds)
    step("embedding")
    embedded = stage("embedding", cores=here, seconds=plan.seconds)
    yield from embedded
    rate = max(next(one for one in embedded if one.name == "model.images").values)
    rate *= plan.indexed_seconds / INDEXED_SECONDS
    for number in range(plan.indexings):
        step(f"indexing, {number + 1} of {plan.indexings}")
        yield from stage("indexing", cores=here, rate=rate)
    texts = probe_captions()
    for rows in plan.sizes:
        step(f"making an index of {rows:,} vectors")
        stage("growing", index=index, rows=rows)
        name, group = f"query.{rows}", f"{rows:,} vectors"
        cold_search(Path(index), texts[0])  # from now on its files are in the page cache
        for number in range(plan.cold):
            step(f"asking {rows:,} vectors, cold, {number + 1} of {plan.cold}")
            one = cold_search(Path(index), texts[number % len(texts)])
            yield Samples(f"{name}.cold", group, "cold query", "ms", [1000 * one.seconds])
            if one.peak_bytes:
                megabytes = one.peak_bytes / 1e6
                yield Samples(f"{name}.memory", group, "its peak memory", "MB", [megabytes])
        step(f"asking {rows:,} vectors, warm")
        yield from stage("querying", index=index, cores=here, warm=plan.warm, queries=plan.queries)


def run_stage(name: str, model: ModelFolder, work: Path, **arguments: object) -> list[Samples]:
    """Run a stage (see `stage.py`) in a process of its own, with `work` for what is temporary.

    Raises StoreError when it fails, with what it said.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-m", "vsearch.benchmark.stage", name),
            *(os.path.abspath(model.path), json.dumps(arguments)),
        ],
        # No file of the current folder is to be taken for a module.
        cwd=Path(vsearch.__file__).parents[1],
        env=os.environ | {"TMPDIR": os.fspath(work)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise StoreError(
            f"measuring failed (exit status {done.returncode}), of {name}; "
            f"{lines[-1] if lines else 'its process said nothing'}"
        )
    told: list[Any] = json.loads(done.stdout)
    return [Samples(*one) for one in told]


@contextmanager
def _work(plan: Plan, dim: int) -> Iterator[Path]:
    """Give a temporary folder with space enough. Raises StoreError where there is none."""
    rows = max(plan.sizes)
    needed = graph_bytes(rows, dim) * _TWICE
    free = available_bytes()
    if free < needed:
        raise StoreError(
            f"{_gb(needed)} of memory are needed and {_gb(free)} are free, for {rows:,} vectors; "
            "end other programs, or measure fewer vectors: without --large, or with --quick"
        )
    wanted = os.environ.get("TMPDIR")
    with ExitStack() as opened:
        try:
            place = tempfile.gettempdir()
            if wanted and os.path.abspath(wanted) != os.path.abspath(place):
                raise NotADirectoryError(errno.ENOTDIR, "no folder for new files", wanted)
            _require_space(place, rows, dim)
            work = opened.enter_context(tempfile.TemporaryDirectory(prefix="vsearch-bench-"))
        except OSError as error:
            raise StoreError(
                f"no temporary folder ({error.strerror}), at {error.filename or 'any place'}; set "
                "$TMPDIR to a folder that can be written to"
            ) from error
        yield Path(work)


def _require_space(place: str, rows: int, dim: int) -> None:
    import shutil

    needed, free = disk_bytes(rows, dim) + _WORK_BYTES, shutil.disk_usage(place).free
    if free < needed:
        raise StoreError(
            f"{_gb(needed)} are needed and {_gb(free)} are free, in {place}; free some, or set "
            "$TMPDIR to a folder on another disk"
        )


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
