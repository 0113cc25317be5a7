"""`OnnxEncoder` with the built-in model: its contract, and which file is read for what."""

import hashlib
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from vsearch.errors import ModelError
from vsearch.models.folder import ModelFolder, built_in
from vsearch.models.onnx import OnnxEncoder

TEXTS = ["a dog", "two people on a red bicycle in the rain", "x", "", "Grüße 🎉"]
Copy = Callable[[], Path]


@pytest.fixture(scope="module")
def mini() -> OnnxEncoder:
    return OnnxEncoder(built_in())


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Return a function that makes a copy of `mini` to be damaged."""

    def make() -> Path:
        return Path(shutil.copytree(built_in().path, tmp_path / "mini"))

    return make


def noise(count: int) -> NDArray[np.uint8]:
    size = built_in().preprocessing.size
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def forge(folder: Path, name: str, content: bytes) -> None:
    """Replace a file of the model and its digest: a folder that was made wrong, not damaged."""
    (folder / name).write_bytes(content)
    card = json.loads((folder / "model.json").read_text())
    card["sha256"][name] = hashlib.sha256(content).hexdigest()
    (folder / "model.json").write_text(json.dumps(card))


def test_embeddings_of_texts_are_unit_vectors(mini: OnnxEncoder) -> None:
    vectors = mini.encode_texts(TEXTS)
    assert vectors.shape == (len(TEXTS), mini.identity.dim)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_embeddings_of_pictures_are_unit_vectors(mini: OnnxEncoder) -> None:
    vectors = mini.encode_images(noise(2))
    assert vectors.shape == (2, mini.identity.dim)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_the_tower_is_given_normalised_channels(copy: Copy) -> None:
    folder = copy()
    card = json.loads((folder / "model.json").read_text())
    mean, std = [0.48, 0.45, 0.4], [0.3, 0.4, 0.5]
    card["image"].update(mean=mean, std=std)
    (folder / "model.json").write_text(json.dumps(card))
    pixels = noise(2)
    plain = ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2)
    session = onnxruntime.InferenceSession(built_in().read("image.onnx"))
    [expected] = session.run(["embedding"], {"pixel_values": plain.astype(np.float32)})
    vectors = OnnxEncoder(ModelFolder.open(folder)).encode_images(pixels)
    assert vectors == pytest.approx(expected, abs=1e-4)


def test_a_batch_of_texts_equals_each_alone(mini: OnnxEncoder) -> None:
    alone = np.concatenate([mini.encode_texts([text]) for text in TEXTS])
    assert mini.encode_texts(TEXTS) == pytest.approx(alone, abs=1e-4)


def test_a_batch_of_pictures_equals_each_alone(mini: OnnxEncoder) -> None:
    pixels = noise(3)
    alone = np.concatenate([mini.encode_images(pixels[place, None]) for place in range(3)])
    assert mini.encode_images(pixels) == pytest.approx(alone, abs=1e-4)


def test_different_texts_are_different(mini: OnnxEncoder) -> None:
    cosines = mini.encode_texts(["a dog", "a car"]) @ mini.encode_texts(["a puppy"])[0]
    assert cosines[0] > cosines[1]
    assert max(cosines) < 0.99


def test_what_exceeds_the_context_is_cut_off(mini: OnnxEncoder) -> None:
    long = "dog " * 1000
    vectors = mini.encode_texts([long, long + "car " * 1000, "dog"])
    assert vectors[0].tolist() == vectors[1].tolist()
    assert vectors[0] @ vectors[2] < 0.9999


def test_how_much_is_cut_off_is_what_the_card_says(copy: Copy) -> None:
    folder = copy()
    card = json.loads((folder / "model.json").read_text())
    card["text"]["context_length"] = 6  # with a token before and after the words
    (folder / "model.json").write_text(json.dumps(card))
    encoder = OnnxEncoder(ModelFolder.open(folder))
    vectors = encoder.encode_texts(["one two three four", "one two three four five", "one two"])
    assert vectors[0].tolist() == vectors[1].tolist()
    assert vectors[0].tolist() != vectors[2].tolist()


def test_texts_need_no_image_tower(copy: Copy, mini: OnnxEncoder) -> None:
    folder = copy()
    (folder / "image.onnx").unlink()
    encoder = OnnxEncoder(ModelFolder.open(folder))
    assert encoder.encode_texts(["a dog"]).tolist() == mini.encode_texts(["a dog"]).tolist()
    with pytest.raises(ModelError, match=r"not whole .*image\.onnx"):
        encoder.encode_images(noise(1))


def test_pictures_need_no_text_tower_and_no_tokenizer(copy: Copy, mini: OnnxEncoder) -> None:
    folder = copy()
    (folder / "text.onnx").unlink()
    (folder / "tokenizer.json").unlink()
    encoder = OnnxEncoder(ModelFolder.open(folder))
    assert encoder.encode_images(noise(1)).tolist() == mini.encode_images(noise(1)).tolist()
    with pytest.raises(ModelError, match="not whole"):
        encoder.encode_texts(["a dog"])


def test_nothing_is_read_before_it_is_used(copy: Copy) -> None:
    folder = copy()
    model = ModelFolder.open(folder)
    shutil.rmtree(folder)
    encoder = OnnxEncoder(model)
    assert encoder.identity == built_in().identity
    assert encoder.preprocessing == built_in().preprocessing
    assert encoder.calibration == built_in().calibration


def test_a_tower_is_read_once(copy: Copy) -> None:
    folder = copy()
    encoder = OnnxEncoder(ModelFolder.open(folder))
    first = encoder.encode_texts(["a dog"])
    shutil.rmtree(folder)
    assert encoder.encode_texts(["a dog"]).tolist() == first.tolist()


@pytest.mark.parametrize("name", ["text.onnx", "tokenizer.json"])
def test_a_damaged_file_is_refused_by_its_digest(copy: Copy, name: str) -> None:
    folder = copy()
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        OnnxEncoder(ModelFolder.open(folder)).encode_texts(["a dog"])
    assert str(caught.value) == (
        f"the model is damaged (wrong digest), at {folder / name}; reinstall vsearch"
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("text.onnx", b"", id="empty tower"),
        pytest.param("text.onnx", b"garbage", id="tower is no protobuf"),
        pytest.param("text.onnx", b"\x08\x07", id="tower without a graph"),
        pytest.param("tokenizer.json", b"garbage", id="tokenizer is no JSON"),
        pytest.param("tokenizer.json", b"{}", id="tokenizer without a model"),
    ],
)
def test_a_file_that_was_made_wrong_is_a_model_error(copy: Copy, name: str, content: bytes) -> None:
    folder = copy()
    forge(folder, name, content)
    with pytest.raises(ModelError, match=r"cannot .*get") as caught:
        OnnxEncoder(ModelFolder.open(folder)).encode_texts(["a dog"])
    assert str(folder) in str(caught.value)


def test_threads_share_one_encoder() -> None:
    encoder = OnnxEncoder(built_in())  # of its own, so that the threads race for the loading
    texts = [f"{number} dogs" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: encoder.encode_texts([text])[0], texts))
    alone = [encoder.encode_texts([text])[0] for text in texts]
    assert np.array(together) == pytest.approx(np.array(alone), abs=1e-6)


@pytest.mark.parametrize("dim", [383, 385])
def test_a_model_that_gives_other_vectors_than_it_says_is_refused(copy: Copy, dim: int) -> None:
    folder = copy()
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | {"dim": dim}))
    encoder = OnnxEncoder(ModelFolder.open(folder))
    with pytest.raises(ModelError, match=rf"gives \(384,\) numbers where .* says {dim}"):
        encoder.encode_images(noise(1))
    with pytest.raises(ModelError, match=rf"gives \(384,\) numbers where .* says {dim}"):
        encoder.encode_texts(["x"])


def test_a_tower_in_the_place_of_the_other_is_refused(copy: Copy) -> None:
    folder = copy()
    image, text = (folder / "image.onnx").read_bytes(), (folder / "text.onnx").read_bytes()
    forge(folder, "image.onnx", text)
    forge(folder, "text.onnx", image)
    encoder = OnnxEncoder(ModelFolder.open(folder))
    with pytest.raises(ModelError, match="is another than its"):
        encoder.encode_images(noise(1))
    with pytest.raises(ModelError, match="is another than its"):
        encoder.encode_texts(["x"])


def test_an_input_that_the_tower_does_not_take_is_refused(copy: Copy) -> None:
    folder = copy()
    card = json.loads((folder / "model.json").read_text())
    card["text"]["inputs"] = ["input_ids"]
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="is another than its"):
        OnnxEncoder(ModelFolder.open(folder)).encode_texts(["x"])


def test_what_onnxruntime_cannot_run_is_one_line(copy: Copy) -> None:
    folder = copy()
    card = json.loads((folder / "model.json").read_text())
    card["text"]["context_length"] = 5000  # more than the tower has positions for
    (folder / "model.json").write_text(json.dumps(card))
    encoder = OnnxEncoder(ModelFolder.open(folder))
    with pytest.raises(ModelError, match="onnxruntime cannot run the model") as caught:
        encoder.encode_texts(["dog " * 4000])
    assert "\n" not in str(caught.value)
