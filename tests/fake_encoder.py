"""An Encoder whose answers a reader can compute, and the pictures and names that go with it.

A picture's embedding is the direction of its mean colour: (1, 0, 0) for a red one, the same for a
dark red one. "red", "green" and "blue" are the three axes; any other text is grey, as black is.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vsearch.records import Calibration, Logistic, ModelIdentity, Preprocessing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
AXES = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}
GREY = (3**-0.5, 3**-0.5, 3**-0.5)


class FakeEncoder:
    """The colour encoder; `pictures` and `texts` count what it was given, `loaded` how often."""

    def __init__(self, name: str = "colours") -> None:
        self.identity = ModelIdentity(
            name, weights=f"weights of {name}", preprocessing="8px", dim=3
        )
        self.preprocessing = Preprocessing(
            size=8, resize="shortest", interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1)
        )
        told = Logistic(slope=10.0, bias=-5.0)
        self.calibration = Calibration(sentence=told, keyword=told)
        self.templates: Sequence[str] = ()
        self.batch_size = 1
        self.pictures = 0
        self.texts = 0
        self.loaded = 0
        self._counting = Lock()

    def load_images(self) -> None:
        with self._counting:
            self.loaded += 1

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with self._counting:
            self.pictures += len(pixels)
        colours = pixels.mean(axis=(1, 2), dtype=np.float64)  # (n, 3)
        lengths = np.linalg.norm(colours, axis=1, keepdims=True)
        directions = np.where(lengths < 1e-6, GREY, colours / np.maximum(lengths, 1e-6))
        return np.asarray(directions, dtype=np.float32)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._counting:
            self.texts += len(texts)
        return np.array([AXES.get(text, GREY) for text in texts], dtype=np.float32).reshape(-1, 3)


class TurnedEncoder(FakeEncoder):
    """Another model: its embeddings have four numbers, and red's is what green's is elsewhere."""

    def __init__(self, name: str = "turned") -> None:
        super().__init__(name)
        self.identity = replace(self.identity, dim=4)

    def encode_images(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        turned = np.roll(super().encode_images(pixels), 1, axis=1)
        return np.pad(turned, ((0, 0), (0, 1)))


class PixelEncoder(FakeEncoder):
    """Another model, of 192 dimensions: a picture's embedding is its 8 x 8 pixels, less grey."""

    def __init__(self, name: str = "pixels") -> None:
        super().__init__(name)
        self.identity = replace(self.identity, dim=192)

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with self._counting:
            self.pictures += len(pixels)
        numbers = pixels.reshape(len(pixels), 192).astype(np.float32) - np.float32(127.5)
        return np.asarray(numbers / np.linalg.norm(numbers, axis=1, keepdims=True))

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        colours = 255 * super().encode_texts(texts).repeat(64, axis=0).reshape(-1, 64, 3)
        numbers = colours.reshape(len(texts), 192) - np.float32(127.5)
        return np.asarray(numbers / np.linalg.norm(numbers, axis=1, keepdims=True))


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (4, 4)) -> Path:
    """Make a picture of one colour, in the format that its suffix names, and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path
