"""Thumbnails: what comes, in which order, and how much of it stays."""

from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import pytest
from fake_encoder import BLUE, GREEN, RED, paint

from vsearch.browser import thumbnails
from vsearch.browser.thumbnails import Thumbnail, Thumbnails, Wanted
from vsearch.errors import DecoderError, ImageError, SkipReason

Arrived = Queue[tuple[Wanted, Thumbnail]]


@pytest.fixture
def arrived() -> Arrived:
    return Queue()


def made(arrived: Arrived, **options: Any) -> Thumbnails:
    return Thumbnails(
        lambda one, thumbnail: arrived.put((one, thumbnail)),
        **{"workers": 1, "pixel_limit": 10_000} | options,
    )


@pytest.fixture
def shop(arrived: Arrived) -> Iterator[Thumbnails]:
    shop = made(arrived)
    yield shop
    shop.close()


def test_pictures_come_at_the_size_wanted_and_stay(
    shop: Thumbnails, arrived: Arrived, tmp_path: Path
) -> None:
    path = str(paint(tmp_path / "red.png", RED, (100, 50)))
    assert shop.want([(path, 20)]) == {}
    one, thumbnail = arrived.get(timeout=30)
    assert one == (path, 20)
    assert thumbnail.image is not None
    assert (thumbnail.image.size, thumbnail.image.getpixel((3, 3))) == ((20, 10), RED)
    assert shop.want([(path, 20)]) == {one: thumbnail}
    assert shop.want([(path, 30)]) == {}
    assert arrived.get(timeout=30)[0] == (path, 30)
    shop.forget()
    assert shop.want([(path, 20)]) == {}


def test_files_without_a_picture_say_why(
    shop: Thumbnails, arrived: Arrived, tmp_path: Path
) -> None:
    paths = [tmp_path / "gone.png", tmp_path / "broken.png", tmp_path / "text.png"]
    sound = paint(paths[1], BLUE, (30, 30)).read_bytes()
    paths[1].write_bytes(sound[:50])
    paths[2].write_text("no picture")
    shop.want([(str(path), 8) for path in paths])
    faults = [arrived.get(timeout=30)[1] for _ in paths]
    assert faults == [
        Thumbnail(None, "gone"), Thumbnail(None, "damaged image"), Thumbnail(None, "not an image"),
    ]  # fmt: skip


def test_what_is_wanted_no_more_is_not_decoded(
    arrived: Arrived, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, decoded = Event(), Event(), list[str]()

    def slow(path: str, *_: object) -> None:
        decoded.append(path)
        begun.set()
        go_on.wait(30)
        raise ImageError(SkipReason.EMPTY)

    monkeypatch.setattr(thumbnails, "thumbnail", slow)
    shop = made(arrived)
    shop.want([("/old 1", 8), ("/old 2", 8), ("/old 3", 8)])
    assert begun.wait(30)
    shop.want([("/new 1", 8), ("/old 1", 8), ("/new 2", 8)])
    go_on.set()
    came = [arrived.get(timeout=30)[0][0] for _ in range(3)]
    assert came == decoded == ["/old 1", "/new 1", "/new 2"]
    shop.close()


def test_memory_is_bounded(arrived: Arrived, tmp_path: Path) -> None:
    paths = [
        str(paint(tmp_path / f"{number}.png", colour, (20, 20)))
        for number, colour in enumerate((RED, GREEN, BLUE))
    ]
    shop = made(arrived, kept_bytes=2 * 3 * 400)  # two of them
    for path in paths:
        shop.want([(path, 20)])
        arrived.get(timeout=30)
        shop.want([(paths[0], 20)])  # looked at again and again: it stays
    there = shop.want([(path, 20) for path in paths])
    assert sorted(path for path, _ in there) == [paths[0], paths[2]]
    shop.close()


def test_no_process_to_decode_in_is_said_in_its_place(
    shop: Thumbnails, arrived: Arrived, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise DecoderError("no process")

    monkeypatch.setattr(thumbnails, "thumbnail", fails)
    shop.want([("/a.png", 8)])
    assert arrived.get(timeout=30)[1] == Thumbnail(None, "cannot be decoded now")
