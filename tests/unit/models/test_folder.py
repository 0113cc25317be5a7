"""`ModelFolder`: what a card says, and a line for everything that can be wrong with a folder."""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.models.test_installed import card as whole_card

from vsearch.errors import ModelError
from vsearch.models.folder import ModelFolder, TextInput, built_in
from vsearch.records import Calibration, Logistic, Preprocessing


def card() -> dict[str, Any]:
    """Return a card of these files that leaves out what may be left out."""
    files = {"image.onnx": b"image", "text.onnx": b"text"}
    content = whole_card("tiny", files, relevance={"logistic": {"slope": 12.5, "bias": -3.0}})
    del content["weights"], content["bytes"]
    return content


def folder(path: Path, content: dict[str, Any]) -> Path:
    (path / "model.json").write_text(json.dumps(content))
    (path / "image.onnx").write_bytes(b"image")
    (path / "text.onnx").write_bytes(b"text")
    return path


def test_a_card_is_read_field_by_field(tmp_path: Path) -> None:
    model = ModelFolder.open(folder(tmp_path, card()))
    assert model.path == tmp_path
    assert (model.identity.name, model.identity.dim) == ("tiny", 7)
    assert model.identity.weights == hashlib.sha256(b"image").hexdigest()
    assert model.preprocessing == Preprocessing(
        32, "shortest", "bilinear", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    )
    assert model.calibration == Calibration(Logistic(12.5, -3.0), Logistic(12.5, -3.0))
    assert model.text == TextInput(16, 9)
    assert model.read("text.onnx") == b"text"


def test_a_card_without_relevance_has_no_calibration(tmp_path: Path) -> None:
    content = card()
    del content["relevance"]
    assert ModelFolder.open(folder(tmp_path, content)).calibration == Calibration()


def test_each_kind_of_query_has_its_own_calibration(tmp_path: Path) -> None:
    content = card()
    content["relevance"] = {
        "logistic": {"slope": 5, "bias": -1},
        "keyword": {"slope": 6, "bias": -2},
        "picture": {"slope": 7, "bias": -3, "share": 0.5},
    }
    assert ModelFolder.open(folder(tmp_path, content)).calibration == Calibration(
        sentence=Logistic(5, -1), keyword=Logistic(6, -2), picture=Logistic(7, -3)
    )


def test_a_logistic_for_a_share_of_matches_becomes_one_for_half_of_them(tmp_path: Path) -> None:
    content = card()
    content["relevance"] = {"logistic": {"slope": 5, "bias": -1, "share": 0.1}}
    told = ModelFolder.open(folder(tmp_path, content)).calibration.sentence
    assert told is not None
    assert told.slope == 5
    assert told.bias == pytest.approx(-1 + math.log(9))


def other_std(content: dict[str, Any]) -> None:
    content["image"]["std"][2] = 0.61


def other_image_tower(content: dict[str, Any]) -> None:
    content["sha256"]["image.onnx"] = "0" * 64


def other_text_tower(content: dict[str, Any]) -> None:
    content["sha256"]["text.onnx"] = "0" * 64


@pytest.mark.parametrize(
    ("change", "comparable"),
    [
        pytest.param(other_std, False, id="other preprocessing"),
        pytest.param(other_image_tower, False, id="other image weights"),
        pytest.param(other_text_tower, True, id="only the text tower is another"),
    ],
)
def test_the_identity_is_what_makes_stored_vectors_comparable(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], comparable: bool
) -> None:
    before = ModelFolder.open(folder(tmp_path, card())).identity
    content = card()
    change(content)
    assert (ModelFolder.open(folder(tmp_path, content)).identity == before) is comparable


def test_a_missing_folder_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        ModelFolder.open(tmp_path / "gone")
    assert str(caught.value) == (
        f"no model (No such file or directory), in {tmp_path / 'gone'}; get the model again"
    )


def test_a_newer_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        ModelFolder.open(folder(tmp_path, card() | {"format": 2}))
    assert str(caught.value) == (
        f"the model has format 2, in {tmp_path}; this vsearch reads 1: update vsearch"
    )


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="cut"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="without a format"),
        pytest.param('{"format": 1}', id="a format and nothing else"),
        pytest.param(json.dumps(card() | {"image": 3}), id="image is a number"),
        pytest.param(json.dumps(card() | {"sha256": {}}), id="no digests"),
        pytest.param(json.dumps(card() | {"relevance": {}, "image": {}}), id="empty parts"),
    ],
)
def test_an_unfit_card_is_told_with_its_place(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError) as caught:
        ModelFolder.open(tmp_path)
    message = str(caught.value)
    assert message.startswith("model.json cannot be used (")
    assert message.endswith(f"), in {tmp_path}; get the model again")


@pytest.mark.parametrize("field", ["clean", "padding", "side"])
def test_a_way_with_texts_that_is_unknown_is_refused(tmp_path: Path, field: str) -> None:
    content = card()
    content["text"][field] = "somehow"
    with pytest.raises(ModelError, match=r"'somehow'.*get the model again"):
        ModelFolder.open(folder(tmp_path, content))


def test_a_card_that_is_no_text_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="cannot be used"):
        ModelFolder.open(tmp_path)


def test_a_missing_file_is_told_with_its_name(tmp_path: Path) -> None:
    model = ModelFolder.open(folder(tmp_path, card()))
    (tmp_path / "image.onnx").unlink()
    with pytest.raises(ModelError) as caught:
        model.read("image.onnx")
    assert str(caught.value) == (
        f"the model is not whole (No such file or directory), at {tmp_path / 'image.onnx'}; "
        "run `vsearch models get tiny`"
    )


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"imagf", id="one bit flipped"),
        pytest.param(b"image\0", id="one byte longer"),
    ],
)
def test_a_changed_file_is_never_handed_out(tmp_path: Path, content: bytes) -> None:
    model = ModelFolder.open(folder(tmp_path, card()))
    (tmp_path / "image.onnx").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        model.read("image.onnx")
    assert str(caught.value) == (
        f"the model is damaged (wrong digest), at {tmp_path / 'image.onnx'}; "
        "run `vsearch models get tiny`"
    )


def test_a_file_without_a_digest_is_never_handed_out(tmp_path: Path) -> None:
    model = ModelFolder.open(folder(tmp_path, card()))
    (tmp_path / "other.bin").write_bytes(b"anything")
    with pytest.raises(ModelError, match="wrong digest"):
        model.read("other.bin")


@pytest.mark.parametrize("name", ["image.onnx", "text.onnx", "tokenizer.json"])
def test_the_built_in_model_is_whole(name: str) -> None:
    assert built_in().read(name)


def test_the_built_in_model_is_calibrated_for_cosines() -> None:
    told = built_in().calibration.sentence
    assert told is not None
    # The card's own statistics: a typical match is above, a typical other pair below even odds.
    assert told.slope * 0.371 + told.bias > 3
    assert told.slope * -0.005 + told.bias < -3


@pytest.mark.parametrize(
    ("image", "torch", "words"),
    [
        pytest.param("int8", None, "int8", id="exported"),
        pytest.param("int8", {"always": False, "precision": None}, "int8", id="torch on a GPU"),
        pytest.param(
            "int8", {"always": True, "precision": "bf16"}, "bf16 in torch", id="torch asked for"
        ),
        pytest.param(None, {"always": True, "precision": None}, "torch", id="left to torch"),
    ],
)
def test_what_a_tower_computes_in_is_said(
    tmp_path: Path, image: str | None, torch: dict[str, Any] | None, words: str
) -> None:
    content = card()
    content["image"]["precision"], content["text"]["precision"] = image, "fp32"
    if torch:
        content["torch"] = torch
    found = ModelFolder.open(folder(tmp_path, content))
    assert (found.precision("image"), found.precision("text")) == (words, "fp32")
