"""How long a query takes on this machine, and how many are answered a second.

Cold is a process of its own, from its start to its end, with the files of program, model and index
in the page cache: the first process, which may have to read them from the disk, is not counted.
Warm is a query to a process that has all of them open. No priority is changed: what else runs on
the machine counts, and shows in the spread.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import vsearch
from vsearch.config import MODELS_VARIABLE, models_location
from vsearch.config.locations import NO_CONFIG_VARIABLE
from vsearch.errors import StoreError, UsageError
from vsearch.evaluation.results import Latency
from vsearch.searching.lines import BATCH
from vsearch.searching.query import Term
from vsearch.searching.searcher import Query, Searcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsearch.models.encoder import Encoder

_WARM_UP = 3  # queries that are not counted: the first loads the model, and the graph
_LONGEST = 2000  # characters of an argument; no model reads as many


@dataclass(frozen=True, slots=True)
class Percentiles:
    """What half, 95 % and 99 % of some values do not exceed, in their unit."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Cold:
    """One process that searched: how long it was there, and the most memory it had.

    `peak_bytes` is what the system counts (ru_maxrss), which on Linux is never less than what the
    process had that started it; None where the system does not tell (Windows).
    """

    seconds: float
    peak_bytes: int | None


def percentiles(values: Sequence[float]) -> Percentiles:
    """Return the percentiles of `values` (n,), interpolated linearly between neighbours.

    The p-th is at place (n - 1) p / 100 of the sorted values, counted from 0: type 7 of Hyndman and
    Fan, "Sample Quantiles in Statistical Packages" (1996), numpy's default. Of few values, the
    outer ones are hardly more than the largest: n is to be told with them. Raises ValueError for
    none.
    """
    import numpy as np

    if not len(values):
        raise ValueError("no values")
    p50, p95, p99 = np.percentile(np.asarray(values, dtype=np.float64), (50, 95, 99)).tolist()
    return Percentiles(p50, p95, p99)


def measure_latency(
    index_folder: Path,
    texts: Sequence[str],
    encoder: Encoder,
    *,
    cold: int = 5,
    warm: int = 200,
    pixel_limit: int,
) -> Latency:
    """Ask the index in `index_folder` for `texts`, one after the other, again from the first.

    `cold` processes of `vsearch search`, after one that is not counted. `warm` queries to this
    process with `encoder`, which should be made for many (see `OnnxEncoder`), then as many again in
    batches: as many threads work as encoder and index use by themselves. Each is a query of words
    for ten pictures; none comes twice in a batch. Raises UsageError without texts, StoreError when
    the index cannot be used or such a process fails.
    """
    if not texts:
        raise UsageError("nothing to measure the latency with, no texts; give one at least")
    different = list(dict.fromkeys(texts))
    size = min(BATCH, len(different))  # of a batch: the same text twice would be embedded once
    asked = itertools.cycle(different)
    if cold:
        cold_search(index_folder, next(asked))
    alone = [1000 * cold_search(index_folder, next(asked)).seconds for _ in range(cold)]
    with Searcher(
        index_folder, encoder, pixel_limit=pixel_limit, queries=_WARM_UP + 2 * warm
    ) as searcher:
        for _ in range(_WARM_UP):
            searcher.answer(_query(next(asked)))
        one_by_one = [1000 * _seconds(searcher, [_query(next(asked))]) for _ in range(warm)]
        batches = [
            [_query(next(asked)) for _ in range(min(size, warm - first))]
            for first in range(0, warm, size)
        ]
        together = sum(_seconds(searcher, batch) for batch in batches)
    return Latency(tuple(alone), tuple(one_by_one), warm / together if together else 0.0)


def cold_search(index_folder: Path, text: str) -> Cold:
    """Search for words in a process of its own, with no setting of the user's.

    Raises StoreError when it fails, with what it said.
    """
    # In the folder of this very vsearch, so that it is the one that is measured, and no file of the
    # current folder is taken for a module.
    command = [
        *(sys.executable, "-m", "vsearch", "search", _argument(text), "--json"),
        *("--index", os.path.abspath(index_folder)),
    ]
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=Path(vsearch.__file__).parents[1],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            said = process.stderr.read() if process.stderr else b""
            peak = _wait(process)
        except BaseException:  # interrupted
            process.kill()
            raise
        seconds = time.perf_counter() - started
    if process.returncode not in (0, 1):  # 1: nothing found, in an index without pictures
        lines = said.decode("utf-8", "replace").strip().splitlines()
        why = lines[-1].removeprefix("vsearch: ") if lines else "it said nothing"
        raise StoreError(
            f"a search in a process of its own failed (exit status {process.returncode}), in "
            f"{index_folder}; {why}"
        )
    return Cold(seconds, peak)


def _argument(text: str) -> str:
    """Return a text as an argument can be: words, whatever files there are of that name."""
    encoded = text[:_LONGEST].replace("\0", " ").encode("utf-8", "replace")
    return f"text:{encoded.decode()}"


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    """Wait for the end of a process and return its peak of memory in bytes."""
    if sys.platform == "win32":
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _environment() -> dict[str, str]:
    """Return the environment without settings of vsearch but where its models are."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VSEARCH_")}
    kept[NO_CONFIG_VARIABLE] = "1"
    if os.environ.get(MODELS_VARIABLE):
        kept[MODELS_VARIABLE] = os.fspath(models_location())  # absolute
    return kept


def _query(text: str) -> Query:
    return Query([Term(text, "words", 1.0)])


def _seconds(searcher: Searcher, queries: Sequence[Query]) -> float:
    """Return how long it takes to answer them. Raises UsageError for one that cannot be."""
    started = time.perf_counter()
    for answer in searcher.answers(queries):
        if isinstance(answer, UsageError):
            raise answer
    return time.perf_counter() - started
