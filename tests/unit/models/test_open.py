"""`open_encoder`: torch where a GPU can be used, onnxruntime elsewhere, and why."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from vsearch.errors import ModelError
from vsearch.models import device
from vsearch.models import open as module
from vsearch.models.folder import ModelFolder, built_in
from vsearch.models.onnx import OnnxEncoder
from vsearch.models.open import open_encoder
from vsearch.models.torch import TorchEncoder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelFolder:
    """Return a model with torch weights, on a machine with a GPU."""
    monkeypatch.setattr(device, "gpu", lambda: "cuda")
    monkeypatch.setattr(device, "_torch_knows_cuda", lambda: True)
    identity = replace(built_in().identity, name="ViT-X/some")
    card = built_in().card | {"torch": {"always": False, "precision": None}}
    return replace(built_in(), identity=identity, card=card)


def test_a_gpu_that_torch_can_use_is_used(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "require_device", lambda _: None)
    for wanted in ("auto", "cuda"):
        encoder, reason = open_encoder(folder, wanted)
        assert isinstance(encoder, TorchEncoder)
        assert reason is None


@pytest.mark.parametrize("always", [False, True])
def test_one_that_torch_cannot_use_is_told_and_passed_over(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, always: bool
) -> None:
    def old_driver(name: str) -> None:
        raise ModelError(f"torch finds no CUDA GPU it can use, for --device {name}")

    monkeypatch.setattr(module, "require_device", old_driver)
    folder.card["torch"]["always"] = always
    encoder, reason = open_encoder(folder, "auto")
    assert isinstance(encoder, TorchEncoder if always else OnnxEncoder)
    assert reason == (
        "a GPU is there but not used: torch finds no CUDA GPU it can use, for --device cuda"
    )


@pytest.mark.parametrize("wanted", ["auto", "cpu"])
def test_on_the_cpu_onnxruntime_runs_it(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, wanted: Literal["auto", "cpu"]
) -> None:
    monkeypatch.setattr(device, "gpu", lambda: None)
    encoder, reason = open_encoder(folder, wanted)
    assert isinstance(encoder, OnnxEncoder)
    assert reason is None
