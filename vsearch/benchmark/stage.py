"""One stage of measuring an installation, in a fresh process.

    python -m vsearch.benchmark.stage STAGE MODEL_FOLDER ARGUMENTS

A process of its own, because memory only ever grows and libraries stay loaded. ARGUMENTS are those
of a function below, as a JSON object. Prints a JSON array of `Samples`; exits with 2 and a line on
stderr where it cannot measure.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vsearch.benchmark.figures import Samples
from vsearch.errors import VsearchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vsearch.models.folder import ModelFolder

WINDOWS = 7  # spans of time in each of which a rate is taken
PICTURES = 8  # bundled photographs that are decoded
LARGE, LARGE_NAME = (4000, 3000), "12 megapixels"
FORMATS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "HEIF": "HEIC"}
RATE = "pictures/s"
NEIGHBOURS, GROUP = 10, 20  # of a query; queries whose recall is one sample


def pictures(model: ModelFolder, *, seconds: float) -> Iterator[Samples]:
    """Decode, and prepare for `model`, on one thread: files in memory -> what the model reads."""
    from vsearch.images.decode import decode
    from vsearch.images.preprocess import to_square
    from vsearch.images.reencode import reencoded
    from vsearch.models.conversion.fidelity import probe_pictures

    bundled = probe_pictures()[:PICTURES]
    files = {("jpeg", f"JPEG, {_megapixels(bundled)}"): bundled}
    for form, name in FORMATS.items():
        if form != "JPEG":
            try:
                made = [reencoded(one, form) for one in bundled]
            except (OSError, KeyError):  # a Pillow, or a libheif, that cannot write it
                continue
            files[form.lower(), f"{name}, {_megapixels(bundled)}"] = made
    files["jpeg_12mp", f"JPEG, {LARGE_NAME}"] = [
        reencoded(one, "JPEG", LARGE) for one in bundled[:2]
    ]
    spec, limit = model.preprocessing, 10**9
    for (name, title), contents in files.items():

        def decoded(contents: Sequence[bytes] = contents) -> object:
            return [decode(one, shorter=spec.size, pixel_limit=limit) for one in contents]

        values = rates(decoded, len(contents), 1, seconds)
        yield Samples(f"decode.{name}", "decode, one core", title, RATE, values)
    for (name, title), contents in files.items():
        if name not in ("jpeg", "jpeg_12mp"):
            continue
        images = [decode(one, shorter=spec.size, pixel_limit=limit) for one in contents]

        def prepared(images: Sequence = images) -> object:  # type: ignore[type-arg]  # of Decoded
            return [to_square(one.image, spec, one.extent) for one in images]

        values = rates(prepared, len(contents), 1, seconds)
        yield Samples(f"preprocess.{name}", "preprocess, one core", title, RATE, values)


def embedding(model: ModelFolder, *, cores: int, seconds: float) -> Iterator[Samples]:
    """Embed prepared pictures on one thread and as indexing does, and texts one at a time."""
    import numpy as np

    from vsearch.indexing.batches import ENCODING_THREADS
    from vsearch.models.conversion.fidelity import probe_captions
    from vsearch.models.open import open_encoder, open_for_search

    encoder, _ = open_encoder(model, "auto")
    encoder.load_images()
    size = model.preprocessing.size
    random = np.random.default_rng(0)
    prepared = random.integers(0, 256, (encoder.batch_size, size, size, 3), dtype=np.uint8)
    group = "model"
    one = rates(partial(encoder.encode_images, prepared[:1]), 1, 1, seconds)
    yield Samples("model.image", group, "one picture at a time", RATE, one)
    threads = cores if encoder.batch_size == 1 else ENCODING_THREADS
    many = rates(partial(encoder.encode_images, prepared), len(prepared), threads, seconds)
    yield Samples("model.images", group, "pictures, as indexing embeds them", RATE, many)
    searching = open_for_search(model, cores, for_one=False)
    captions = probe_captions()
    searching.encode_texts(captions[:1])
    times = [milliseconds(partial(searching.encode_texts, [caption])) for caption in captions]
    yield Samples("model.text", group, "one text", "ms", times)


def indexing(model: ModelFolder, *, cores: int, rate: float) -> Iterator[Samples]:
    """Index small photographs, files just written, with the model loaded; `rate`: see `probe`."""
    from vsearch.benchmark.probe import indexing_rate, peak_mb
    from vsearch.models.open import open_encoder

    encoder, _ = open_encoder(model, "auto")
    encoder.load_images()
    files = indexing_rate(encoder, cores, None, rate)
    group = "index, all cores"
    yield Samples("index.files", group, "small photographs, disk to index", "files/s", [files])
    yield Samples("index.memory", group, "peak memory of the process", "MB", [peak_mb()])


def growing(model: ModelFolder, *, index: str, rows: int) -> Iterator[Samples]:
    """Bring a made-up index to `rows` vectors, which measures nothing."""
    from vsearch.benchmark.made import grow

    grow(Path(index), model.identity, rows)
    yield from ()


def querying(
    model: ModelFolder, *, index: str, cores: int, warm: int, queries: int
) -> Iterator[Samples]:
    """Ask a made-up index: `warm` texts in all, and `queries` vectors to compare the graph with."""
    from vsearch.benchmark.made import QUERIES, clustered
    from vsearch.evaluation.latency import measure_latency
    from vsearch.images.limits import pixel_limit
    from vsearch.index import Index
    from vsearch.models.conversion.fidelity import probe_captions
    from vsearch.models.open import open_for_search
    from vsearch.vectors import best

    encoder, runs = open_for_search(model, cores, for_one=False), 3
    found = [
        measure_latency(
            Path(index),
            probe_captions(),
            encoder,
            cold=0,
            warm=warm // runs,
            pixel_limit=pixel_limit(),
        )
        for _ in range(runs)
    ]
    with Index(Path(index)) as opened:
        rows, graph = opened.rows, opened.graph()
        asked = list(clustered(QUERIES, model.identity.dim, queries))

        def exact(number: int) -> set[int]:
            return set(best(opened.scores(asked[number]), NEIGHBOURS).tolist())

        def by_graph(number: int) -> set[int]:
            return set(graph.search(asked[number], NEIGHBOURS)[0].tolist())

        # The more of them are timed, the better; but a scan of a million vectors takes a while.
        exact(0), by_graph(0)
        scans = [milliseconds(partial(exact, number)) for number in range(min(queries, 60))]
        steps = [milliseconds(partial(by_graph, number)) for number in range(queries)]
        hits = [len(exact(number) & by_graph(number)) / NEIGHBOURS for number in range(queries)]
    recalls = [sum(hits[at : at + GROUP]) / GROUP for at in range(0, queries, GROUP)]
    name, group = f"query.{rows}", f"{rows:,} vectors"
    warm_ms = [value for one in found for value in one.warm]
    throughput = [one.throughput for one in found]
    yield Samples(f"{name}.warm", group, "warm query", "ms", warm_ms)
    yield Samples(f"{name}.throughput", group, "many queries at once", "queries/s", throughput)
    yield Samples(f"{name}.exact", group, "one vector, scanning all", "ms", scans)
    yield Samples(f"{name}.graph", group, "one vector, asking the graph", "ms", steps)
    yield Samples(f"{name}.recall", group, "recall@10 of the graph", "", recalls)


def rates(call: Callable[[], object], units: int, threads: int, seconds: float) -> list[float]:
    """Return the units a second of `threads` threads that call without pause, in each window.

    A call does `units`. All windows together take `seconds`, and longer where a call does.
    """
    call()
    window = seconds / WINDOWS

    def work(started: float) -> int:
        calls = 0
        while not calls or time.perf_counter() - started < window:
            call()
            calls += 1
        return calls

    found = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(WINDOWS):
            started = time.perf_counter()
            calls = sum(pool.map(work, [started] * threads))
            found.append(units * calls / (time.perf_counter() - started))
    return found


def milliseconds(call: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


def _megapixels(contents: Sequence[bytes]) -> str:
    from statistics import mean

    from vsearch.images.decode import decode

    facts = [decode(one, shorter=1, pixel_limit=10**9).facts for one in contents]
    return f"{mean(one.width * one.height for one in facts) / 1e6:.1f} megapixels"


STAGES = {one.__name__: one for one in (pictures, embedding, indexing, growing, querying)}


def main() -> None:
    """Run the stage that is named on the command line."""
    from vsearch.models.folder import ModelFolder

    name, model, arguments = sys.argv[1:]
    try:
        measured = list(STAGES[name](ModelFolder.open(Path(model)), **json.loads(arguments)))
    except VsearchError as error:
        print(error, file=sys.stderr)  # noqa: T201  # to who started it
        raise SystemExit(2) from None
    except OSError as error:
        print(f"{error.strerror}, at {error.filename}", file=sys.stderr)  # noqa: T201  # as above
        raise SystemExit(2) from None
    print(json.dumps(measured))  # noqa: T201  # as above


if __name__ == "__main__":
    main()
