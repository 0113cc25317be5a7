"""The fake encoder: it is an Encoder, and its answers are those its docstring promises."""

from pathlib import Path

import numpy as np
import pytest
from fake_encoder import BLUE, GREEN, GREY, RED, FakeEncoder, paint

from vsearch.images.load import prepare
from vsearch.models.encoder import Encoder


def picture(path: Path) -> list[float]:
    encoder: Encoder = FakeEncoder()
    prepared = prepare(path.read_bytes(), encoder.preprocessing, pixel_limit=1000, path=str(path))
    return [float(value) for value in encoder.encode_images(prepared.pixels[None])[0]]


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        pytest.param(RED, (1, 0, 0), id="red"),
        pytest.param(GREEN, (0, 1, 0), id="green"),
        pytest.param(BLUE, (0, 0, 1), id="blue"),
        pytest.param((60, 0, 0), (1, 0, 0), id="dark red has the direction of red"),
        pytest.param((90, 120, 0), (0.6, 0.8, 0), id="olive"),
        pytest.param((0, 0, 0), GREY, id="black"),
        pytest.param((255, 255, 255), GREY, id="white"),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_a_picture_is_the_direction_of_its_mean_colour(
    tmp_path: Path, colour: tuple[int, int, int], expected: tuple[float, ...], suffix: str
) -> None:
    assert picture(paint(tmp_path / f"p.{suffix}", colour)) == pytest.approx(expected, abs=1e-6)


def test_texts_are_the_axes_and_grey() -> None:
    vectors = FakeEncoder().encode_texts(["blue", "a dog", "red", "green"])
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[0, 0, 1], [pytest.approx(3**-0.5)] * 3, [1, 0, 0], [0, 1, 0]]


def test_no_texts_are_no_vectors() -> None:
    assert FakeEncoder().encode_texts([]).shape == (0, 3)


def test_what_was_given_is_counted() -> None:
    encoder = FakeEncoder()
    encoder.encode_texts(["red", "blue"])
    encoder.encode_images(np.zeros((3, 8, 8, 3), np.uint8))
    assert (encoder.pictures, encoder.texts) == (3, 2)
