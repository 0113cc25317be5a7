"""Thumbnails: right pixels in the right order, and none for what cannot be decoded."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import hostile
import numpy as np
import pytest
from PIL import Image
from processes import descendants, wait_until_gone

from vsearch.images import thumbnail
from vsearch.images.isolation.decoders import Decoders
from vsearch.images.thumbnail import thumbnails, webp

LIMIT = 50_000_000


def made(path: Path, size: tuple[int, int], color: tuple[int, int, int]) -> str:
    Image.new("RGB", size, color).save(path)
    return str(path)


def shown(paths: list[str], longest: int = 64) -> list[Image.Image | None]:
    return list(thumbnails(paths, longest, workers=2, pixel_limit=LIMIT))


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = descendants()
    yield
    wait_until_gone(descendants() - before)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 480), (64, 48)),
        ((480, 640), (48, 64)),
        ((1000, 1), (64, 1)),
        ((64, 64), (64, 64)),
        ((20, 10), (20, 10)),
        ((1, 1), (1, 1)),
        ((63, 40), (63, 40)),
    ],
)
def test_sides_keep_their_ratio_and_small_ones_their_size(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    (picture,) = shown([made(tmp_path / "a.png", size, (200, 100, 50))])
    assert picture
    assert (picture.size, picture.mode) == (expected, "RGB")
    pixels = np.asarray(picture).reshape(-1, 3).astype(int)
    assert abs(pixels - (200, 100, 50)).max() <= 2  # nothing of what was around it


def test_they_come_in_order_and_what_is_no_picture_is_none(tmp_path: Path) -> None:
    paths = [made(tmp_path / f"{n}.png", (300, 200), (n, 0, 0)) for n in range(0, 250, 10)]
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(Path(paths[0]).read_bytes()[:100])
    paths[3:3] = [str(tmp_path / name) for name in ("text.jpg", "cut.png", "gone.png", "")]
    pictures = shown(paths)
    assert [None if one is None else one.getpixel((5, 5)) for one in pictures] == [
        *((n, 0, 0) for n in (0, 10, 20)),
        *[None] * 4,
        *((n, 0, 0) for n in range(30, 250, 10)),
    ]


def test_what_kills_its_decoder_costs_itself_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnail, "Decoders", partial(Decoders, loader=hostile.LOADER))
    monkeypatch.setattr(thumbnail, "SECONDS", 0.5)
    paths = [made(tmp_path / "a.png", (300, 200), (1, 2, 3))]
    for number, deed in enumerate(("segfault", "sleep", "malloc")):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(hostile.deed(deed))
        paths.append(str(path))
    paths.append(made(tmp_path / "b.png", (300, 200), (4, 5, 6)))
    pictures = shown(paths)
    assert [one is not None for one in pictures] == [True, False, False, False, True]


def test_who_stops_early_leaves_nothing_running(tmp_path: Path) -> None:
    paths = [made(tmp_path / f"{n}.png", (300, 200), (n, 0, 0)) for n in range(40)]
    some = thumbnails(iter(paths), 64, workers=2, pixel_limit=LIMIT)
    assert next(some) is not None
    del some


def test_a_webp_is_the_picture(tmp_path: Path) -> None:
    picture = Image.new("RGB", (60, 40), (200, 100, 50))
    with Image.open(io.BytesIO(webp(picture))) as read:
        assert (read.format, read.size) == ("WEBP", (60, 40))
        assert abs(np.asarray(read).astype(int) - (200, 100, 50)).max() <= 6
