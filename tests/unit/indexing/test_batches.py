"""`Batches`, and `update` with an encoder that likes many pictures at once."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fake_encoder import BLUE, GREEN, RED, FakeEncoder, paint
from numpy.typing import NDArray

from vsearch.errors import ModelError
from vsearch.images.isolation.decoders import Decoders
from vsearch.index import Index
from vsearch.indexing import batches, run
from vsearch.indexing.batches import Batches
from vsearch.indexing.events import Embedded, Event, Reused, Skipped
from vsearch.indexing.run import Options, update

Pixels = NDArray[np.uint8]
Vectors = NDArray[np.float32]
OPTIONS = Options(workers=4, pixel_limit=10_000)
AGES = 60.0  # seconds: a test that waits for this fails by its time


class Many(FakeEncoder):
    """Takes eight at once; `sizes` are those of the batches it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.batch_size = 8
        self.sizes: list[int] = []

    def encode_images(self, pixels: Pixels) -> Vectors:
        with self._counting:
            self.sizes.append(len(pixels))
        return super().encode_images(pixels)


class Choosy(Many):
    """Fails on a batch with a green picture in it."""

    def encode_images(self, pixels: Pixels) -> Vectors:
        vectors = super().encode_images(pixels)
        if (vectors[:, 1] > 0.9).any():
            raise RuntimeError("green is beyond me")
        return vectors


def of(colour: tuple[int, int, int]) -> Pixels:
    return np.full((8, 8, 3), colour, np.uint8)


def encoding_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("encode-")]


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    assert encoding_threads() == []


def gathered(encoder: Many, colours: list[tuple[int, int, int]]) -> list[Future[Vectors]]:
    """Hand in all of `colours` and wait for the answers."""
    batches = Batches(encoder)
    with batches.reading():
        futures = [batches.submit(of(colour)) for colour in colours]
    for future in futures:
        future.exception(timeout=AGES / 2)
    batches.close()
    return futures


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch waits until it is full, or nobody reads."""
    monkeypatch.setattr(batches, "_LINGER", AGES)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("pictures", "sizes"), [(1, [1]), (7, [7]), (8, [8]), (9, [1, 8]), (20, [4, 8, 8])]
)
def test_pictures_that_come_together_are_embedded_together(pictures: int, sizes: list[int]) -> None:
    encoder = Many()
    colours = [(number, 0, 200 - number) for number in range(pictures)]
    futures = gathered(encoder, colours)
    assert sorted(encoder.sizes) == sizes
    for future, colour in zip(futures, colours, strict=True):
        assert future.result() == pytest.approx(np.array(colour) / np.linalg.norm(colour))


@pytest.mark.usefixtures("patient")
def test_a_full_batch_does_not_wait_for_the_readers() -> None:
    encoder = Many()
    batches = Batches(encoder)
    with batches.reading():
        futures = [batches.submit(of(RED)) for _ in range(8)]
        assert futures[7].result(timeout=AGES / 2).tolist() == [1, 0, 0]
    batches.close()


@pytest.mark.usefixtures("patient")
def test_when_nobody_reads_nothing_waits() -> None:
    batches = Batches(Many())
    assert batches.submit(of(BLUE)).result(timeout=AGES / 2).tolist() == [0, 0, 1]
    batches.close()


def test_a_reader_that_takes_long_is_not_waited_for() -> None:
    batches = Batches(Many())
    with batches.reading():
        assert batches.submit(of(BLUE)).result(timeout=AGES / 2).tolist() == [0, 0, 1]
    batches.close()


@pytest.mark.usefixtures("patient")
def test_two_batches_are_embedded_at_once() -> None:
    both = threading.Barrier(2, timeout=AGES / 2)

    class Slow(Many):
        def encode_images(self, pixels: Pixels) -> Vectors:
            both.wait()
            return super().encode_images(pixels)

    futures = gathered(Slow(), [RED] * 16)
    assert all(future.result().tolist() == [1, 0, 0] for future in futures)


@pytest.mark.usefixtures("patient")
def test_a_smaller_batch_size_is_heeded_at_once() -> None:
    """As after the device's memory ran out."""

    class Shrinking(Many):
        def encode_images(self, pixels: Pixels) -> Vectors:
            self.batch_size = 2
            return super().encode_images(pixels)

    encoder = Shrinking()
    batches = Batches(encoder)
    with batches.reading():
        for _ in range(2):
            futures = [batches.submit(of(RED)) for _ in range(8)]
            for future in futures:
                future.result(timeout=AGES / 2)
    batches.close()
    assert encoder.sizes == [8, 2, 2, 2, 2]


@pytest.mark.usefixtures("patient")
def test_one_bad_picture_does_not_fail_its_neighbours() -> None:
    encoder = Choosy()
    futures = gathered(encoder, [RED, GREEN, BLUE, RED])
    assert sorted(encoder.sizes) == [1, 1, 1, 1, 4]
    assert [str(future.exception()) for future in futures] == [
        "None", "green is beyond me", "None", "None",
    ]  # fmt: skip
    assert futures[2].result().tolist() == [0, 0, 1]


@pytest.mark.usefixtures("patient")
def test_a_model_that_cannot_run_is_not_tried_again() -> None:
    class Missing(Many):
        def encode_images(self, pixels: Pixels) -> Vectors:
            super().encode_images(pixels)
            raise ModelError("the model is not whole")

    encoder = Missing()
    futures = gathered(encoder, [RED, GREEN, BLUE])
    assert [str(future.exception()) for future in futures] == ["the model is not whole"] * 3
    assert encoder.sizes == [3]


@pytest.mark.usefixtures("patient")
def test_too_few_vectors_are_a_fault_and_no_endless_wait() -> None:
    class Forgetful(Many):
        def encode_images(self, pixels: Pixels) -> Vectors:
            return super().encode_images(pixels)[1:]

    for future in gathered(Forgetful(), [RED, GREEN]):
        assert isinstance(future.exception(), ValueError)


def test_closing_cancels_what_waits_and_finishes_what_has_begun() -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    class Held(Many):
        def encode_images(self, pixels: Pixels) -> Vectors:
            begun.release()
            assert go_on.wait(AGES / 2)
            return super().encode_images(pixels)

    batches = Batches(Held())
    in_work = [batches.submit(of(RED))]
    assert begun.acquire(timeout=AGES / 2)
    in_work.append(batches.submit(of(GREEN)))
    assert begun.acquire(timeout=AGES / 2)
    waiting = batches.submit(of(BLUE))
    closing = threading.Thread(target=batches.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(timeout=AGES / 2)
    go_on.set()
    closing.join(AGES / 2)
    assert [future.result(timeout=0).tolist() for future in in_work] == [[1, 0, 0], [0, 1, 0]]


def test_without_a_picture_there_is_no_thread() -> None:
    batches = Batches(Many())
    with batches.reading():
        assert encoding_threads() == []
    batches.close()


# Indexing


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """60 pictures, some of the same content, some that are none."""
    root = tmp_path / "photos"
    for number in range(60):
        name = root / f"{number:02}.png"
        if number % 13 == 5:
            name.write_bytes(b"no picture")
        else:
            paint(name, (number, 100, 3 * (number // 2)), (90 - number, 90))
            if number % 7 == 6:
                name.write_bytes((root / f"{number - 1:02}.png").read_bytes())
        os.utime(name, ns=(10**18, 10**18))
    return root


def vectors(index: Path) -> dict[str, Vectors]:
    with Index(index) as opened:
        images = opened.images_of(range(opened.rows))
        stored = opened.vectors(np.arange(opened.rows))
    return {one.path: stored[row] for row, records in images.items() for one in records}


def files(events: list[Event]) -> list[Embedded | Reused | Skipped]:
    return [one for one in events if isinstance(one, Embedded | Reused | Skipped)]


@pytest.mark.usefixtures("patient")
def test_the_index_and_the_events_are_the_same_as_one_by_one(root: Path, tmp_path: Path) -> None:
    many = Many()
    events = [
        files(list(update(tmp_path / name, encoder, [str(root)], OPTIONS)))
        for name, encoder in (("one", FakeEncoder()), ("many", many))
    ]
    # Whether the second file of a content is embedded or reused depends on the time.
    assert [one.path for one in events[0]] == [one.path for one in events[1]]
    one, eight = vectors(tmp_path / "one"), vectors(tmp_path / "many")
    assert one.keys() == eight.keys()
    assert len(one) == 54
    for path, vector in one.items():
        assert eight[path].tolist() == vector.tolist()
    assert 1 < max(many.sizes) <= 8
    assert sum(many.sizes) == many.pictures <= 54


def test_a_second_run_starts_no_thread(root: Path, tmp_path: Path) -> None:
    list(update(tmp_path / "index", Many(), [str(root)], OPTIONS))
    encoder = Many()
    for _ in update(tmp_path / "index", encoder, [str(root)], OPTIONS):
        assert encoding_threads() == []
    assert encoder.sizes == []


def test_what_the_model_has_no_direction_for_is_skipped_alone(tmp_path: Path) -> None:
    class Weak(Many):
        def encode_images(self, pixels: Pixels) -> Vectors:
            vectors = super().encode_images(pixels)
            return np.where(vectors[:, 1:2] > 0.9, np.float32("nan"), vectors)

    root = tmp_path / "photos"
    for name, colour in (("a", RED), ("b", GREEN), ("c", BLUE)):
        paint(root / f"{name}.png", colour)
    events = files(list(update(tmp_path / "index", Weak(), [str(root)], OPTIONS)))
    assert [type(one) for one in events] == [Embedded, Skipped, Embedded]
    assert events[1].path == f"{root}/b.png"


def test_a_fault_of_the_model_is_told_and_what_came_before_stays(tmp_path: Path) -> None:
    root, index = tmp_path / "photos", tmp_path / "index"
    for number in range(20):
        paint(root / f"{number:02}.png", GREEN if number == 11 else (200, number, 0))
    with pytest.raises(RuntimeError, match="green is beyond me"):
        list(update(index, Choosy(), [str(root)], OPTIONS))
    assert len(vectors(index)) == 11
    list(update(index, Many(), [str(root)], OPTIONS))
    assert len(vectors(index)) == 20


@pytest.mark.parametrize("how", ["closed", "interrupted"])
def test_stopped_early_what_is_done_stays_and_no_thread_hangs(
    root: Path, tmp_path: Path, how: str
) -> None:
    class Slow(Many):
        def encode_images(self, pixels: Pixels) -> Vectors:
            time.sleep(0.02)
            return super().encode_images(pixels)

    index = tmp_path / "index"
    encoder = Slow()
    steps = update(index, encoder, [str(root)], Options(2, 10_000))
    done = 0
    while done < 3:
        done += isinstance(next(steps), Embedded)
    assert encoding_threads()
    if how == "closed":
        steps.close()  # type: ignore[attr-defined]  # a generator
    else:
        with pytest.raises(KeyboardInterrupt):
            steps.throw(KeyboardInterrupt)  # type: ignore[attr-defined]  # a generator
    assert encoding_threads() == []
    assert len(vectors(index)) == 3
    list(update(index, Many(), [str(root)], OPTIONS))
    assert len(vectors(index)) == 54


@pytest.mark.parametrize(
    ("workers", "batch_size", "size", "expected"),
    [
        pytest.param(4, 1, 224, 128, id="no batches: only embeddings wait"),
        pytest.param(4, 8, 224, 128, id="a small batch: what the readers like"),
        pytest.param(16, 256, 224, 768, id="three batches"),
        pytest.param(16, 256, 384, 768, id="three larger ones"),
        pytest.param(16, 256, 768, 303, id="no more than the bytes"),
        pytest.param(16, 256, 4096, 32, id="but two for each reader"),
    ],
)
def test_how_far_the_readers_run_ahead(
    workers: int, batch_size: int, size: int, expected: int
) -> None:
    encoder = Many()
    encoder.batch_size = batch_size
    encoder.preprocessing = type(encoder.preprocessing)(
        size, "shortest", "bicubic", (0, 0, 0), (1, 1, 1)
    )
    with Decoders(10_000) as decoders:
        nothing = SimpleNamespace(has_vector=lambda _: False, is_described=lambda _: False)
        reader = run._Reader(encoder, nothing, decoders)  # type: ignore[arg-type]  # what it uses
        assert reader.ahead(workers) == expected
