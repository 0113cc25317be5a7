"""From a source to a model folder that answers as open_clip does; nothing is lost on the way."""

import hashlib
import json
import logging
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import made_tokenizers
import numpy as np
import onnx
import open_clip
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tiny_models import tiny, with_checkpoint

from vsearch.errors import ModelError
from vsearch.images.preprocess import to_model_input
from vsearch.models.conversion import convert as conversion
from vsearch.models.conversion import fidelity, towers
from vsearch.models.conversion.convert import Wanted, convert
from vsearch.models.conversion.source import Source, load, load_tokenizer
from vsearch.models.folder import ModelFolder
from vsearch.models.onnx import OnnxEncoder, normalised
from vsearch.models.torch import TorchEncoder
from vsearch.records import Calibration, Preprocessing

TEXTS = ["a dog", "two people on a red bicycle in the rain", "", "Grüße 🎉 " * 60, "<end_of_text>"]


def prepare(data: bytes, spec: Preprocessing) -> NDArray[np.uint8]:
    return to_model_input(Image.open(BytesIO(data)).convert("RGB"), spec)


def made(source: Source, target: Path, wanted: Wanted = "auto", **more: Any) -> ModelFolder:
    return convert(source, wanted, target, prepare=prepare, **more).folder


@cache
def made_once(wanted: Wanted, below: Path) -> Path:
    return made(tiny("clip"), below / wanted, wanted).path


@pytest.fixture
def converted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Wanted], ModelFolder]:
    """What gives the tiny CLIP in a precision, the same folder to all tests: for reading only."""
    below = tmp_path_factory.getbasetemp() / "converted"
    return lambda wanted: ModelFolder.open(made_once(wanted, below))


@pytest.mark.parametrize("family", ["clip", "siglip", "coca", "mobileclip"])
def test_a_folder_answers_as_open_clip_does(family: str, tmp_path: Path) -> None:
    source = tiny(family)
    folder = made(source, tmp_path / "model", "fp32")
    encoder = OnnxEncoder(folder)
    model, tokenizer = load(source, tmp_path), load_tokenizer(source)
    with torch.inference_mode():
        texts = model.encode_text(tokenizer(TEXTS), normalize=True).numpy()
    assert np.einsum("nd,nd->n", encoder.encode_texts(TEXTS), texts).min() > 0.99999

    pictures = [prepare(data, folder.preprocessing) for data in fidelity.probe_pictures()[:4]]
    given = torch.from_numpy(normalised(np.stack(pictures), folder.preprocessing))
    with torch.inference_mode():
        images = model.encode_image(given, normalize=True).numpy()
    found = encoder.encode_images(np.stack(pictures))
    assert np.einsum("nd,nd->n", found, images).min() > 0.99999


def test_the_card_says_what_a_user_must_know(tmp_path: Path) -> None:
    source = with_checkpoint(tiny("clip"), tmp_path / "weights.safetensors")
    folder = made(replace(source, origins=({"weights": "here"},)), tmp_path / "model")
    card = folder.card
    assert folder.identity.name == "tiny-clip/random"
    assert folder.identity.dim == card["dim"] == 32
    digest = hashlib.sha256((tmp_path / "weights.safetensors").read_bytes()).hexdigest()
    assert folder.identity.weights == digest
    assert folder.preprocessing.resize == "shortest-truncated"
    assert folder.text.context_length == 77
    assert card["text"]["padding"] == "longest"
    assert card["logit_scale"] == pytest.approx(1 / 0.07, rel=1e-3)
    assert (card["licence"], card["origins"]) == ("MIT", [{"weights": "here"}])
    assert card["fidelity"]["image_cosine"] >= 0.995
    assert card["image"]["precision"] == card["fidelity"]["image"]
    files = {path.name for path in folder.path.iterdir()} - {"model.json"}
    assert set(card["sha256"]) == set(card["bytes"]) == files
    folder.verify(*card["sha256"])


@pytest.mark.parametrize("wanted", ["fp32", "fp16", "int8"])
def test_a_precision_that_is_asked_for_is_taken(
    wanted: Wanted, converted: Callable[[Wanted], ModelFolder]
) -> None:
    card = converted(wanted).card
    assert card["image"]["precision"].startswith(wanted)
    assert card["text"]["precision"].startswith(wanted)


@pytest.mark.slow
def test_precisions_of_one_checkpoint_are_one_model(tmp_path: Path) -> None:
    source = with_checkpoint(tiny("clip"), tmp_path / "weights.safetensors")
    exact = made(source, tmp_path / "fp32", "fp32")
    small = made(replace(source, name="tiny-clip/random@int8"), tmp_path / "int8", "int8")
    assert exact.digests["image.onnx"] != small.digests["image.onnx"]
    assert exact.identity.comparable(small.identity)


@pytest.mark.slow
def test_an_unfaithful_precision_is_a_model_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity, "LEAST_COSINE", 1.5)
    source = with_checkpoint(tiny("clip"), tmp_path / "weights.safetensors")
    done = convert(source, "int8", tmp_path / "int8", prepare=prepare)
    assert done.remark is not None
    assert "int8 changes the answers" in done.remark
    monkeypatch.undo()
    exact = made(source, tmp_path / "fp32", "fp32")
    assert not exact.identity.comparable(done.folder.identity)


def test_what_was_done_before_an_interruption_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tiny("clip"), tmp_path / "model"
    steps: list[str] = []

    def stop_when_measuring(what: str) -> None:
        steps.append(what)
        if what.startswith("measuring the text tower"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(source, target, step=stop_when_measuring)
    assert not target.exists()
    assert "exporting the image tower" in steps
    steps.clear()
    folder = made(source, target, step=steps.append)
    assert not [what for what in steps if what.startswith(("exporting", "loading"))]
    assert OnnxEncoder(folder).encode_texts(["a dog"]).shape == (1, 32)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["model"]


@pytest.mark.slow
def test_other_weights_are_not_mixed_with_the_remains_of_a_conversion(tmp_path: Path) -> None:
    target = tmp_path / "model"

    def stop(what: str) -> None:
        if what.startswith("measuring"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(tiny("clip"), target, step=stop)
    other = replace(tiny("clip"), seed=1)
    fresh = made(other, tmp_path / "fresh", "fp32")
    resumed = made(other, target, "fp32")
    texts = [OnnxEncoder(folder).encode_texts(["a dog"]) for folder in (fresh, resumed)]
    assert texts[0] == pytest.approx(texts[1], abs=1e-6)


@pytest.mark.slow
def test_a_model_that_is_made_again_replaces_the_old_one(tmp_path: Path) -> None:
    made(tiny("clip"), tmp_path / "model", "fp32")
    again = made(tiny("clip"), tmp_path / "model", "fp16")
    assert again.card["image"]["precision"] == "fp16"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["model"]


def test_all_files_of_a_folder_may_be_read_by_the_same(
    converted: Callable[[Wanted], ModelFolder],
) -> None:
    folder = converted("int8")
    modes = {path.name: path.stat().st_mode for path in folder.path.iterdir()}
    assert len(modes) >= 6
    assert len(set(modes.values())) == 1


@pytest.mark.parametrize("wanted", ["fp32", "fp16", "int8"])
def test_graphs_are_stored_as_onnxruntime_would_rewrite_them(
    converted: Callable[[Wanted], ModelFolder], wanted: Wanted
) -> None:
    folder = converted(wanted)
    for name in ("image.onnx", "text.onnx"):
        graph = onnx.load(folder.path / name, load_external_data=False).graph
        assert any(node.domain == "com.microsoft" for node in graph.node)  # fused
    if wanted == "fp16":  # weights are stored as they were made small
        halves = [one for one in graph.initializer if one.data_type == onnx.TensorProto.FLOAT16]
        floats = [one for one in graph.initializer if one.data_type == onnx.TensorProto.FLOAT]
        assert sum(map(elements, halves)) > 100 * sum(map(elements, floats))


def elements(tensor: onnx.TensorProto) -> int:
    return int(np.prod(tensor.dims))


@pytest.mark.parametrize("wanted", ["fp32", "fp16", "int8"])
def test_one_query_is_answered_as_many_are(
    converted: Callable[[Wanted], ModelFolder], wanted: Wanted
) -> None:
    """Weights are not rearranged for it, which must only cost or spare time."""
    folder = converted(wanted)
    many, one = OnnxEncoder(folder), OnnxEncoder(folder, for_one=True)
    pictures = np.stack(
        [prepare(data, folder.preprocessing) for data in fidelity.probe_pictures()[:4]]
    )
    assert one.encode_images(pictures) == pytest.approx(many.encode_images(pictures), abs=1e-6)
    assert one.encode_texts(TEXTS) == pytest.approx(many.encode_texts(TEXTS), abs=1e-6)


@pytest.mark.parametrize("damage", ["a bit", "cut off", "empty", "gone"])
def test_wrong_numbers_are_refused(
    converted: Callable[[Wanted], ModelFolder],
    tmp_path: Path,
    damage: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """They lie beside the graph and are mapped, not read: their digest counts all the same."""
    folder = ModelFolder.open(shutil.copytree(converted("fp32").path, tmp_path / "model"))
    numbers = folder.path / "text.onnx.data"
    content = bytearray(numbers.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "a bit":
        numbers.write_bytes(content)
    elif damage == "cut off":
        numbers.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        numbers.write_bytes(b"")
    else:
        numbers.unlink()
    capfd.readouterr()
    said = r"not whole \(No such" if damage == "gone" else r"damaged \(wrong digest\)"
    with pytest.raises(ModelError, match=rf"{said}.*text\.onnx\.data; run `vsearch models get"):
        OnnxEncoder(folder).encode_texts(["a dog"])
    assert capfd.readouterr() == ("", "")  # onnxruntime has words of its own


def test_two_processes_do_not_make_the_same_model(tmp_path: Path) -> None:
    from filelock import FileLock

    with (
        FileLock(tmp_path / ".model.part.lock"),
        pytest.raises(ModelError, match="another process"),
    ):
        made(tiny("clip"), tmp_path / "model")


def test_torch_weights_come_along_when_asked_for(tmp_path: Path) -> None:
    from safetensors import safe_open

    folder = made(tiny("clip"), tmp_path / "model", "fp32", torch_weights=True)
    assert folder.has_torch_weights
    with safe_open(folder.path / "torch.safetensors", "np") as weights:
        assert all(name.startswith("visual.") for name in weights.keys())  # noqa: SIM118
    assert json.loads((folder.path / "open_clip.json").read_text())["model_cfg"]["embed_dim"] == 32


def test_a_model_that_was_trained_to_give_probabilities_gives_them(tmp_path: Path) -> None:
    source = tiny("siglip")
    model = load(source, tmp_path)
    calibration = made(source, tmp_path / "model", "fp32").calibration
    told = calibration.sentence
    assert told is not None
    assert calibration == Calibration(sentence=told, keyword=told)
    assert told.slope == pytest.approx(model.logit_scale.exp().item())
    assert model.logit_bias.item() == -10
    assert told.bias == pytest.approx(-10 + math.log(32_767))  # others in a batch of training


@pytest.mark.slow
@pytest.mark.parametrize("wanted", ["auto", "bf16"])
def test_what_bf16_does_to_pictures_is_measured(tmp_path: Path, wanted: Wanted) -> None:
    folder = made(tiny("clip"), tmp_path / "model", wanted, torch_weights=True)
    pictures = np.stack([prepare(data, folder.preprocessing) for data in fidelity.probe_pictures()])
    exact, found = (
        TorchEncoder(folder, "cpu", kind).encode_images(pictures) for kind in ("fp32", "bf16")
    )
    told = folder.card["torch"]["fidelity"]
    assert told["image_cosine"] == pytest.approx(np.einsum("nd,nd->n", found, exact).min())
    assert 0.99 < told["image_cosine"] < 1
    assert 0.5 < told["image_overlap"] <= 1
    assert 0.5 < told["text_overlap"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "torch_in", "same_model"), [("auto", "fp32", True), ("bf16", "bf16", False)]
)
def test_where_bf16_changes_the_answers_torch_takes_fp32(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wanted: Wanted,
    torch_in: str,
    same_model: bool,
) -> None:
    monkeypatch.setattr(
        fidelity, "compare_pictures", lambda *_: fidelity.PictureFidelity(0.9, 1.0, 1.0)
    )
    source = tiny("clip")
    done = convert(source, wanted, tmp_path / "model", prepare=prepare, torch_weights=True)
    assert done.folder.card["torch"]["precision"] == torch_in
    assert (done.folder.identity.weights == source.digest()) == same_model
    assert ("bf16 changes the answers" in (done.remark or "")) == (not same_model)


def test_a_tower_onnx_cannot_hold_is_left_to_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise towers.TowerUnexportable("torch cannot export the tower (why), to image.onnx")

    monkeypatch.setattr(towers, "export_image_tower", fail)
    done = convert(tiny("clip"), "auto", tmp_path / "model", prepare=prepare)
    assert done.remark == "torch cannot export the tower (why), to image.onnx"
    assert done.folder.has_torch_weights
    assert not (done.folder.path / "image.onnx").exists()
    assert done.folder.card["image"]["precision"] is None
    assert done.folder.card["torch"]["always"]
    assert OnnxEncoder(done.folder).encode_texts(["a dog"]).shape == (1, 32)


class Trap:
    """A pickle that runs code when it is loaded by a careless reader."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("trapped"),))


def test_a_checkpoint_is_never_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"visual.proj": Trap()}, tmp_path / "evil.bin")
    for name in ("evil.bin", "evil.pt"):
        (tmp_path / "evil.bin").replace(tmp_path / name)
        with pytest.raises(ModelError, match="holds more than numbers") as caught:
            made(replace(tiny("clip"), checkpoint=tmp_path / name), tmp_path / "model")
        assert "weights_only" not in str(caught.value)  # torch's own words advise to run it
        (tmp_path / name).replace(tmp_path / "evil.bin")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04garbage"])
@pytest.mark.parametrize("name", ["weights.safetensors", "weights.bin"])
def test_what_is_no_checkpoint_is_said_in_a_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        ModelError, match=r"weights cannot be loaded|checkpoint is damaged"
    ) as caught:
        made(replace(tiny("clip"), checkpoint=tmp_path / name), tmp_path / "model")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()


def with_tokenizer(folder: Path, **settings: Any) -> Source:
    """Return a tiny CLIP that reads its texts with the tokenizer in `folder`."""
    text = tiny("clip").model_cfg["text_cfg"] | {"tokenizer_kwargs": settings}
    config = tiny("clip").model_cfg | {"text_cfg": text}
    return replace(tiny("clip"), model_cfg=config, tokenizer=folder)


CODE = "open('ran', 'w').close()\n"


def test_code_of_a_tokenizer_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = made_tokenizers.gemma(tmp_path / "tokenizer")
    (folder / "code.py").write_text(CODE)
    path = folder / "tokenizer_config.json"
    named = {"auto_map": {"AutoTokenizer": ["code.Evil", "code.Evil"]}, "tokenizer_class": "Evil"}
    path.write_text(json.dumps(json.loads(path.read_text()) | named))
    for settings in ({}, {"clean": "lower"}):
        with pytest.raises(ModelError, match=r"run code .*tokenizer_config\.json has auto_map"):
            made(with_tokenizer(folder, **settings), tmp_path / "model", "fp32")
    with pytest.raises(ModelError, match=r"unknown settings .*trust_remote_code"):
        made(with_tokenizer(folder, trust_remote_code=True), tmp_path / "model", "fp32")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("length", ["77", -3, 1, 10**10, True, None])
def test_texts_of_no_length_are_one_line(tmp_path: Path, length: Any) -> None:
    text = tiny("clip").model_cfg["text_cfg"] | {"context_length": length}
    source = replace(tiny("clip"), model_cfg=tiny("clip").model_cfg | {"text_cfg": text})
    with pytest.raises(ModelError, match=r"texts of .* tokens"):
        load_tokenizer(source)


@pytest.mark.parametrize(
    "content",
    [
        {"attn_implementation": "evil/kernel"}, {"text_config": {"_attn_implementation": "a/b"}},
        [{"deep": [{"auto_map": {}}]}],
    ],
    ids=str,
)  # fmt: skip
def test_code_is_found_however_deep_it_is_named(tmp_path: Path, content: Any) -> None:
    folder = made_tokenizers.gemma(tmp_path / "tokenizer")
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"run code .*config\.json has"):
        load_tokenizer(with_tokenizer(folder))
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        load_tokenizer(with_tokenizer(folder))


def test_code_of_a_text_tower_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = made_tokenizers.xlm_roberta(tmp_path / "tokenizer", width=32, layers=1, heads=2)
    (folder / "code.py").write_text(CODE)
    path = folder / "config.json"
    named = {"auto_map": {"AutoConfig": "code.Evil", "AutoModel": "code.Evil"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | named))
    text = {"hf_model_name": "org/name", "hf_tokenizer_name": "org/name", "hf_proj_type": "mlp"}
    config = tiny("clip").model_cfg | {"text_cfg": text}
    source = replace(tiny("clip"), model_cfg=config, text_config=folder)
    with pytest.raises(ModelError, match=r"run code .*config\.json has auto_map"):
        load(source, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_an_image_tower_is_not_fetched_from_elsewhere(tmp_path: Path) -> None:
    vision = tiny("convnext").model_cfg["vision_cfg"] | {"timm_model_name": "hf-hub:org/other"}
    config = tiny("convnext").model_cfg | {"vision_cfg": vision}
    with pytest.raises(ModelError, match="image tower is elsewhere, 'hf-hub:org/other'"):
        made(replace(tiny("convnext"), model_cfg=config), tmp_path / "model")


def test_nobody_fetches_while_a_model_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    seen: list[bool] = []
    real = open_clip.create_model

    def create(*arguments: Any, **settings: Any) -> Any:
        seen.append(constants.is_offline_mode())
        return real(*arguments, **settings)

    monkeypatch.setattr(open_clip, "create_model", create)
    before = constants.is_offline_mode()
    load(tiny("clip"), tmp_path)
    assert seen == [True]
    assert constants.is_offline_mode() == before


@pytest.mark.parametrize(
    ("value", "said"), [(float("nan"), "some weights"), (1e30, "what is no number")]
)
def test_weights_that_give_no_numbers_are_refused(tmp_path: Path, value: float, said: str) -> None:
    from safetensors.torch import load_file, save_file

    source = with_checkpoint(tiny("clip"), tmp_path / "weights.safetensors")
    weights = load_file(tmp_path / "weights.safetensors")
    weights["visual.conv1.weight"].fill_(value)
    save_file(weights, tmp_path / "weights.safetensors")
    with pytest.raises(ModelError, match=said):
        made(source, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    other = with_checkpoint(tiny("resnet"), tmp_path / "other.safetensors").checkpoint
    with pytest.raises(ModelError, match="check that they belong to this architecture"):
        made(replace(tiny("clip"), checkpoint=other), tmp_path / "model")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": (224, 256)}, "must be square"),
        ({"resize_mode": "tiles"}, "unknown preprocessing"),
        ({"interpolation": "random"}, "unknown preprocessing"),
        ({"resize_mode": "longest", "fill_color": 7}, "another colour than black"),
    ],
)
def test_preprocessing_that_we_cannot_do_is_refused(changed: dict[str, Any], message: str) -> None:
    source = tiny("clip")
    with pytest.raises(ModelError, match=message):
        replace(source, preprocess_cfg={**source.preprocess_cfg, **changed}).preprocessing()


def test_nothing_is_printed_or_logged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        made(tiny("coca"), tmp_path / "model", "fp32")
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


@pytest.mark.slow
def test_versions_of_the_steps_are_part_of_what_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(what: str) -> None:
        if what.startswith("measuring"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(tiny("clip"), tmp_path / "model", step=stop)
    monkeypatch.setattr(conversion, "STEPS", conversion.STEPS + 1)
    steps: list[str] = []
    made(tiny("clip"), tmp_path / "model", "fp32", step=steps.append)
    assert "exporting the image tower" in steps
