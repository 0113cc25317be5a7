"""Model input, held against the plain way: resize everything, cut out."""

import io
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from open_clip.transform import image_transform
from PIL import Image, ImageOps

from vsearch.images.decode import decode
from vsearch.images.preprocess import to_model_input
from vsearch.records import Preprocessing

PHOTOS = Path(__file__).parents[3] / "examples/photos"
MINI = Preprocessing(224, "shortest", "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def plain(image: Image.Image, spec: Preprocessing) -> NDArray[np.float64]:
    scale = spec.size / min(image.size)
    width, height = (max(spec.size, round(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling[spec.interpolation.upper()])
    left, top = (width - spec.size) // 2, (height - spec.size) // 2
    image = image.crop((left, top, left + spec.size, top + spec.size))
    return np.asarray(image).astype(np.float64)


@pytest.mark.parametrize(
    "size",
    [(224, 224), (500, 375), (375, 500), (640, 427), (225, 224), (100, 80), (1, 1), (3000, 20),
     (333, 1001)],
)  # fmt: skip
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_the_same_as_the_plain_way(
    size: tuple[int, int], interpolation: Literal["bicubic", "bilinear"]
) -> None:
    spec = Preprocessing(224, "shortest", interpolation, (0, 0, 0), (1, 1, 1))
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    image = Image.fromarray(noise)
    found, expected = to_model_input(image, spec), plain(image, spec)
    assert found.shape == (224, 224, 3)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert np.abs(found - expected).max() <= 1
    assert np.abs(found - expected).mean() <= 0.05


def of_open_clip(image: Image.Image, spec: Preprocessing) -> NDArray[np.float64]:
    mode = "shortest" if spec.resize == "shortest-truncated" else spec.resize
    transform = image_transform(
        spec.size,
        is_train=False,
        mean=(0, 0, 0),
        std=(1, 1, 1),
        resize_mode=mode,
        interpolation=spec.interpolation,
    )
    prepared: NDArray[np.float64] = 255 * transform(image).numpy().astype(np.float64)
    return prepared.transpose(1, 2, 0)


@pytest.mark.parametrize("resize", ["shortest-truncated", "squash", "longest"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_the_same_as_open_clips_own_transform(
    resize: Literal["shortest-truncated", "squash", "longest"],
    interpolation: Literal["bicubic", "bilinear"],
) -> None:
    random = np.random.default_rng(1)
    sizes = [
        (224, 224), (225, 224), (224, 225), (500, 375), (375, 500), (333, 251), (251, 333),
        (1001, 333), (1, 1), (2, 3), (31, 97), (97, 31), (100, 80), (2000, 40), (40, 2000),
        *(tuple(map(int, random.integers(5, 700, 2))) for _ in range(40)),
    ]  # fmt: skip
    for side in (32, 224, 257):
        spec = Preprocessing(side, resize, interpolation, (0, 0, 0), (1, 1, 1))
        for width, height in sizes:
            noise = random.integers(64, 192, (height, width, 3), np.uint8)  # never clipped
            image = Image.fromarray(noise)
            found, expected = to_model_input(image, spec), of_open_clip(image, spec)
            assert found.shape == (side, side, 3)
            assert found.dtype == np.uint8
            assert found.flags.c_contiguous
            apart = np.abs(found - expected)
            # In levels of 255: rows or columns first rounds differently.
            assert (apart > 1.01).mean() <= 0.01, (side, width, height)
            assert apart.mean() <= 0.3, (side, width, height)


def test_longest_keeps_a_line_of_what_is_thinner_than_a_pixel() -> None:
    """open_clip itself fails on these: it rounds the side to nothing."""
    spec = Preprocessing(32, "longest", "bicubic", (0, 0, 0), (1, 1, 1))
    pixels = to_model_input(Image.new("RGB", (4000, 20), (255, 255, 255)), spec)
    assert np.flatnonzero(pixels.any(axis=(1, 2))).tolist() == [15]


def test_the_channels_are_red_green_and_blue() -> None:
    prepared = to_model_input(Image.new("RGB", (300, 400), (255, 0, 128)), MINI)
    assert prepared[7, 7].tolist() == [255, 0, 128]


@pytest.mark.parametrize("name", ["IMG_0001.jpg", "IMG_0006.jpg", "IMG_0023.jpg"])
def test_the_reduced_decode_is_that_of_the_models_own_preprocessing(name: str) -> None:
    """What the model was made with: `draft` to twice its size, then the plain way."""
    big = Image.open(PHOTOS / name).resize((2400, 1600), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    big.save(buffer, "JPEG", quality=90)
    reference = Image.open(buffer)
    reference.draft("RGB", (448, 448))
    decoded = decode(buffer.getvalue(), shorter=224, pixel_limit=10**8)
    found = to_model_input(decoded.image, MINI)
    assert np.abs(found - plain(reference.convert("RGB"), MINI)).max() <= 1


@pytest.mark.parametrize("resize", ["shortest", "shortest-truncated", "squash", "longest"])
@pytest.mark.parametrize(
    ("size", "orientation"),
    [((4000, 2250), 1), ((2393, 4001), 1), ((3999, 2393), 3), ((4000, 2251), 6), ((4001, 2249), 8)],
)
def test_a_size_that_the_fraction_does_not_divide_is_prepared_as_the_full_one(
    resize: Literal["shortest", "shortest-truncated", "squash", "longest"],
    size: tuple[int, int],
    orientation: int,
) -> None:
    spec = Preprocessing(224, resize, "bicubic", (0, 0, 0), (1, 1, 1))
    photo = Image.open(PHOTOS / "IMG_0010.jpg").resize(size, Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=95, exif=exif)
    decoded = decode(buffer.getvalue(), shorter=224, pixel_limit=10**8)
    assert decoded.image.width <= max(size) / 2 + 1  # it was decoded at a fraction
    whole = ImageOps.exif_transpose(Image.open(buffer)).convert("RGB")
    found = to_model_input(decoded.image, spec, decoded.extent).astype(float)
    apart = np.abs(found - to_model_input(whole, spec))
    assert apart.mean() < 0.8  # levels of 255; 2 to 9 when the rest of a pixel counts as a whole
    assert apart.max() < 20
