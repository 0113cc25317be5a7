"""`check`: every field of a model.json that could make a command fail later is looked at."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from unit.models.test_installed import card

from vsearch.errors import ModelError
from vsearch.models.card import check
from vsearch.models.folder import ModelFolder, built_in
from vsearch.models.listing import line_of
from vsearch.output.models import print_info

FIDELITY = {
    "image": "int8", "text": "int8", "image_cosine": 0.99, "text_cosine": 0.99,
    "image_overlap": 1.0, "text_overlap": 1.0, "image_ms": 5, "text_ms": 2.5, "bytes": 7,
}  # fmt: skip
TORCH = {
    "always": True, "precision": "bf16",
    "fidelity": {"image_cosine": 0.99, "image_overlap": 1.0, "text_overlap": 1.0},
}  # fmt: skip
MISSING = object()


def whole() -> dict[str, Any]:
    """Return a card with every field there is."""
    content = card(fidelity=FIDELITY, torch=TORCH, licence="MIT", parameters=5)
    content["xxh3_128"] = {"image.onnx": "0" * 32}
    content["relevance"] = {
        "note": "as trained", "logistic": {"slope": 12.5, "bias": -3, "share": 0.01},
        "sentence": {"slope": 12, "bias": -3}, "keyword": {"slope": 12, "bias": -3},
        "picture": {"slope": 12, "bias": -3},
    }  # fmt: skip
    content["image"]["precision"] = content["text"]["precision"] = "int8"
    content["text"] |= {
        "inputs": ["input_ids"], "padding": "context", "side": "left", "clean": "lower",
        "dropped_ids": [2], "last_id": 1, "templates": ["there is a {}."],
    }  # fmt: skip
    return copy.deepcopy(content)


def test_a_whole_card_and_the_built_in_one_are_fit() -> None:
    assert check(whole()) == whole()
    assert check(built_in().card) == built_in().card


@pytest.mark.parametrize(
    "way",
    [
        "weights", "parameters", "licence", "image.precision", "text.inputs", "text.padding",
        "text.side", "text.clean", "text.dropped_ids", "text.last_id", "text.precision",
        "text.templates",
        "relevance", "relevance.logistic", "relevance.sentence", "relevance.keyword",
        "relevance.picture", "relevance.logistic.share", "fidelity", "torch", "torch.always",
        "torch.precision", "torch.fidelity", "bytes", "xxh3_128",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [None, MISSING], ids=["null", "left out"])
def test_what_may_be_missing_may_be(way: str, value: object, tmp_path: Path) -> None:
    content = changed(way, value)
    assert check(content) == content
    (tmp_path / "model.json").write_text(json.dumps(content))
    folder = ModelFolder.open(tmp_path)
    assert folder.precision("image")
    assert line_of(folder.identity.name, folder).here
    print_info(line_of(folder.identity.name, folder), folder, as_json=False)
    assert folder.text.inputs == ("input_ids",)


def changed(way: str, value: object) -> dict[str, Any]:
    content = part = whole()
    *path, last = way.split(".")
    for name in path:
        part = part[name]
    if value is MISSING:
        del part[last]
    else:
        part[last] = value
    return content


@pytest.mark.parametrize(
    ("way", "value"),
    [
        ("format", "1"), ("format", MISSING), ("name", MISSING), ("name", 5), ("name", ""),
        ("name", "\x1b[31m"), ("dim", MISSING), ("dim", "32"), ("dim", 0), ("dim", -3),
        ("dim", 1.5), ("dim", True), ("dim", 10**9), ("weights", 5), ("parameters", "many"),
        ("licence", 5), ("licence", ""), ("image", MISSING), ("image", []), ("image.size", -1),
        ("image.size", "224"), ("image.size", 100_000), ("image.resize", "magic"),
        ("image.resize", []), ("image.interpolation", "random"), ("image.interpolation", "nearest"),
        ("image.mean", ["a", "b", "c"]), ("image.mean", [0.5, 0.5]), ("image.mean", 0.5),
        ("image.mean", [float("nan")] * 3), ("image.std", [0, 0, 0]), ("image.std", [1, 1, -1]),
        ("image.std", [float("inf")] * 3), ("image.mean", [10**400, 0, 0]),
        ("image.mean", [1e308, 0, 0]), ("image.std", [1e-310, 1, 1]), ("image.mean", [True, 0, 0]),
        ("relevance.logistic.slope", 10**400), ("xxh3_128", {"image.onnx": "0" * 31}),
        ("image.precision", ["x"]), ("text", []),
        ("text.context_length", "x"), ("text.context_length", 0), ("text.context_length", -5),
        ("text.context_length", 10**9), ("text.pad_id", MISSING), ("text.pad_id", -1),
        ("text.inputs", []), ("text.inputs", ["foo"]), ("text.inputs", "input_ids"),
        ("text.padding", "somehow"), ("text.side", 1), ("text.clean", "somehow"),
        ("text.dropped_ids", ["2"]), ("text.last_id", 1.5), ("text.precision", {}),
        ("relevance", [1]), ("relevance.logistic", 5), ("relevance.logistic.slope", "x"),
        ("relevance.logistic.bias", MISSING), ("relevance.logistic.slope", 0),
        ("relevance.logistic.slope", -1), ("relevance.logistic.share", 0),
        ("relevance.logistic.share", 1), ("relevance.logistic.share", "half"),
        ("relevance.keyword", [1, 2]), ("relevance.sentence", {}), ("relevance.picture", "x"),
        ("text.templates", []), ("text.templates", "{}"), ("text.templates", ["no place"]),
        ("text.templates", ["{} and {}"]), ("text.templates", ["{x}"]), ("text.templates", ["{}}"]),
        ("text.templates", ["{}\x1b"]), ("text.templates", ["{}"] * 101),
        ("fidelity", "good"), ("fidelity", {"x": 1}),
        ("fidelity.image_ms", "quick"), ("torch", "x"), ("torch.always", 1),
        ("torch.precision", "int8"), ("torch.fidelity", {}), ("torch.fidelity.text_overlap", None),
        ("sha256", MISSING), ("sha256", []), ("sha256", {}), ("sha256", {"image.onnx": "short"}),
        ("sha256", {"image.onnx": 5}), ("sha256", {"text.onnx": "0" * 64}), ("bytes", [1]),
        ("bytes", {"image.onnx": -1}),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(way: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{way.split('.')[0]}"):
        check(changed(way, value))


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", ".hidden", "a\\b", "c:evil", ""])
def test_files_lie_in_the_folder(name: str) -> None:
    content = whole()
    content["sha256"][name] = "0" * 64
    with pytest.raises(ValueError, match="sha256"):
        check(content)


@pytest.mark.parametrize("content", ["[" * 100_000, "[1]", '"x"', "null"])
def test_what_is_no_object_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError, match=r"model\.json cannot be used \(.*; get it so") as caught:
        ModelFolder.open(tmp_path, "get it so")
    assert "\n" not in str(caught.value)
