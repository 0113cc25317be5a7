"""Many readers beside one writer: what each is told is right for one committed state."""

from __future__ import annotations

import io
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from end_to_end.pictures import write_pictures
from fake_encoder import FakeEncoder, PixelEncoder, TurnedEncoder
from faults.answers import SMALL, Bad, check_answer, state_of, true_vector
from faults.children import Child, Progress, fork
from faults.outcome import good
from faults.scenarios import LONG_AGO, Watch, bring_up, settle
from numpy.typing import NDArray
from PIL import Image

from vsearch.errors import IndexLocked
from vsearch.index import Index
from vsearch.indexing import run
from vsearch.searching.search import search

READERS = 8
VERSIONS = 3  # of some pictures, which change together from one commit to the next
CHANGING = 10
PAUSE = 0.02  # seconds between a reader's questions: more would only measure the processor
ANSWERS = 10
MODELS: dict[str, type[FakeEncoder]] = {"pixels": PixelEncoder, "turned": TurnedEncoder}


@dataclass(frozen=True, slots=True)
class Waits:
    """How long readers took to open the index and search it, in seconds: one number a query."""

    seconds: list[float]

    def __str__(self) -> str:
        if not self.seconds:
            return "no queries"
        p50, p99, most = np.percentile(self.seconds, [50, 99, 100]) * 1000
        return f"{len(self.seconds)} queries, p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {most:.1f} ms"


@dataclass(frozen=True, slots=True)
class Together:
    """Readers alone and beside a writer, which made `rounds` commits and `switches` of the model.

    `killed` readers were killed meanwhile; `bad` is what was wrong, a line each.
    """

    alone: Waits
    beside: Waits
    rounds: int
    switches: int
    killed: int
    bad: list[str]


class Album:
    """A folder of pictures in rounds: in each, some pictures are of another version, one is new."""

    def __init__(self, place: Path, size: int) -> None:
        self.photos = place / "photos"
        self.index = place / "index"
        write_pictures(self.photos, size)
        settle(self.photos)
        self.changing = sorted(self.photos.rglob("*.jpg"))[:CHANGING]
        self.versions = []
        for version in range(VERSIONS):
            other = place / f"version-{version}"
            write_pictures(other, CHANGING, seed=100 + version)
            self.versions.append([path.read_bytes() for path in sorted(other.rglob("*.jpg"))])
        fixed = [path for path in self.photos.rglob("*.jpg") if path not in self.changing]
        self.fixed = {
            name: {os.fspath(path): true_vector(path.read_bytes(), model()) for path in fixed}
            for name, model in MODELS.items()
        }

    def turn(self, number: int) -> None:
        """Change the pictures to what they are in round `number`."""
        for path, data in zip(self.changing, self.versions[number % VERSIONS], strict=True):
            _put(path, data, LONG_AGO + 100 + number)
        _put(self.photos / f"new-{number}.png", _new(number), LONG_AGO)
        (self.photos / f"new-{number - 1}.png").unlink(missing_ok=True)

    def true(self, model: str, number: int) -> dict[str, bytes]:
        """Return path -> vector of everything in round `number`."""
        encoder = MODELS[model]()
        found = dict(self.fixed[model])
        for path, data in zip(self.changing, self.versions[number % VERSIONS], strict=True):
            found[os.fspath(path)] = true_vector(data, encoder)
        found[os.fspath(self.photos / f"new-{number}.png")] = true_vector(_new(number), encoder)
        return found


def _put(path: Path, data: bytes, seconds: int) -> None:
    path.write_bytes(data)
    os.utime(path, (seconds, seconds))


def _new(number: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def together(place: Path, seconds: float, *, size: int = 300) -> Together:
    """Let readers ask for half of `seconds` alone, then for `seconds` beside a writer."""
    album = Album(place, size)
    album.turn(0)
    # One commit a round: what changes together is committed together.
    often, run.COMMIT_SECONDS = run.COMMIT_SECONDS, float("inf")
    fork(lambda: bring_up(album.index, album.photos)).result()
    bad: list[str] = []
    alone = _asked(album, seconds / 2, bad)
    progress = Progress()
    writer = Child(lambda: _write(album, progress, time.monotonic() + seconds))
    killer = Child(lambda: _kill_readers(album, seconds))
    beside = _asked(album, seconds, bad)
    killed = 0
    for name, child in (("the writer", writer), ("readers that are killed", killer)):
        try:
            killed += good(child.end(patience=seconds + 60)) or 0
        except Bad as error:
            bad.append(f"{name}: {error.detail}")
    run.COMMIT_SECONDS = often
    return Together(alone, beside, progress.get(0), progress.get(1), killed, bad)


def _asked(album: Album, seconds: float, bad: list[str]) -> Waits:
    until = time.monotonic() + seconds
    readers = [Child(partial(_read, album, until, number)) for number in range(READERS)]
    waits: list[float] = []
    for reader in readers:
        try:
            found: list[float] = good(reader.end(patience=seconds + 60))
            waits += found
        except Bad as error:
            bad.append(f"a reader: {error.detail}")
    return Waits(waits)


def _read(album: Album, until: float, seed: int) -> list[float]:
    chance = random.Random(seed)
    waits = []
    while time.monotonic() < until:
        graph = chance.random() < 0.5
        random_vector = np.random.default_rng(chance.randrange(1 << 30)).normal(size=192)
        begun = time.perf_counter()
        with Index(album.index) as index:
            assert index.model
            query = random_vector[: index.model.dim].astype(np.float32)
            query /= np.linalg.norm(query)
            found = search(index, query, ANSWERS, forced="graph" if graph else "exact")
            waits.append(time.perf_counter() - begun)
            state = state_of(index)
            _check_round(album, state.model, {k: v.vector for k, v in state.pictures.items()})
            got = [(os.path.join(one.root, one.path), score) for one, score in found.records]
            approximate = graph and index.rows > SMALL
            check_answer(state, query, got, ANSWERS, approximate=approximate)
        time.sleep(chance.uniform(0, 2 * PAUSE))
    return waits


def _check_round(album: Album, model: str, vectors: dict[str, bytes]) -> None:
    """Raise Bad unless these are all vectors of one round."""
    new = [path for path in vectors if "/new-" in path]
    if len(new) != 1:
        raise Bad("wrong", f"of several rounds or none: {new}")
    number = int(new[0].rpartition("-")[2].removesuffix(".png"))
    if vectors != album.true(model, number):
        raise Bad("wrong", f"not what was committed in round {number}, by {model}")


def _write(album: Album, progress: Progress, until: float) -> int:
    """Go through the rounds; every seventh also changes the model."""
    names = list(MODELS)
    number = switches = 0
    while time.monotonic() < until:
        number += 1
        album.turn(number)
        watch = Watch(Progress())
        if number % 7 == 0:
            # The switch is a commit of its own: first all by the old model, then all by the new.
            bring_up(album.index, album.photos, watch, MODELS[names[0]]())
            names.reverse()
            switches += 1
            bring_up(album.index, album.photos, watch, MODELS[names[0]](), drop_old=True)
        else:
            bring_up(album.index, album.photos, watch, MODELS[names[0]]())
        progress.set(0, number)
        progress.set(1, switches)
    return 0


def _kill_readers(album: Album, seconds: float) -> int:
    """Start readers and kill each at a random time; return how many."""
    until = time.monotonic() + seconds
    chance = random.Random(0)
    killed = 0
    while time.monotonic() < until:
        reader = Child(partial(_read, album, until + 1, killed))
        ended = reader.end(kill_after=chance.uniform(0.05, 0.3))
        if not ended.killed:
            raise Bad("crash", ended.crash or ended.where)
        killed += 1
    return killed


def two_writers(place: Path, size: int = 60) -> None:
    """Let two writers at one index: one is told to wait, both end well. Raises Bad."""
    album = Album(place, size)
    album.turn(0)
    progress = Progress()
    first = Child(lambda: bring_up(album.index, album.photos, Watch(progress), _Slow()))
    _wait_until(lambda: progress.get(Watch.EMBEDDED) > 0)
    second = fork(lambda: bring_up(album.index, album.photos))
    good(first.end())
    if not isinstance(second.error, IndexLocked):
        raise Bad("wrong", f"the second writer was not told to wait: {second.where}")
    album.turn(1)
    good(fork(lambda: bring_up(album.index, album.photos)))
    with Index(album.index) as index:
        state = state_of(index)
    _check_round(album, state.model, {k: v.vector for k, v in state.pictures.items()})


class _Slow(PixelEncoder):
    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        time.sleep(0.01)
        return super().encode_images(pixels)


def _wait_until(there: Callable[[], bool], patience: float = 30.0) -> None:
    until = time.monotonic() + patience
    while not there():
        if time.monotonic() > until:
            raise Bad("crash", "nothing happens")
        time.sleep(0.002)
