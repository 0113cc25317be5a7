"""Both towers of every family, exported, against open_clip itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import CONFIGS, tiny

from vsearch.models.conversion import towers
from vsearch.models.conversion.source import load
from vsearch.models.onnx import run_tower

START, END = 49406, 49407
# What a causal tower reads at its end-of-text token no padding can change; the others read it.
PADDING = {
    "clip": "longest", "quickgelu": "longest", "siglip": "context", "coca": "context",
    "convnext": "longest", "mobileclip": "context", "eva": "longest", "resnet": "longest",
}  # fmt: skip


def token_ids(context: int) -> tuple[np.ndarray, list[int]]:
    """Return ids (4, context) as open_clip pads them, and their lengths: shortest to full."""
    lengths = [2, 5, context // 2, context]
    ids = np.zeros((len(lengths), context), np.int64)
    random = np.random.default_rng(0)
    for row, length in zip(ids, lengths, strict=True):
        row[:length] = random.integers(300, 40_000, length)
        row[0], row[length - 1] = START, END
    return ids, lengths


@pytest.mark.parametrize("family", CONFIGS)
def test_towers_answer_as_open_clip_does(family: str, tmp_path: Path) -> None:
    source = tiny(family)
    model = load(source, tmp_path)
    size = source.preprocessing().size
    towers.export_image_tower(model, size, tmp_path / "image.onnx")
    pixels = np.random.default_rng(1).normal(size=(3, 3, size, size)).astype(np.float32)
    with torch.inference_mode():
        wanted = model.encode_image(torch.from_numpy(pixels), normalize=True).numpy()
    assert run_tower(tmp_path / "image.onnx")(pixels) == pytest.approx(wanted, abs=1e-5)

    ids, lengths = token_ids(source.model_cfg["text_cfg"]["context_length"])
    padding = towers.export_text_tower(model, ids, lengths, tmp_path / "text.onnx")
    assert padding == PADDING[family]
    with torch.inference_mode():
        texts = model.encode_text(torch.from_numpy(ids), normalize=True).numpy()
    run = run_tower(tmp_path / "text.onnx")
    assert run(ids) == pytest.approx(texts, abs=1e-5)
    if padding == "longest":
        for row, length, one in zip(ids, lengths, texts, strict=True):
            assert run(row[None, :length])[0] == pytest.approx(one, abs=1e-5)


def test_what_torch_cannot_export_is_said_in_a_line(tmp_path: Path) -> None:
    model = load(tiny("clip"), tmp_path)

    class Odd(torch.nn.Module):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            odd: torch.Tensor = torch.special.zeta(given.mean(dim=(1, 2)) + 3, torch.tensor(2.0))
            return odd

    model.visual = Odd()
    with pytest.raises(towers.TowerUnexportable, match="cannot export the tower") as caught:
        towers.export_image_tower(model, 32, tmp_path / "image.onnx")
    assert "\n" not in str(caught.value)


def test_a_graph_that_answers_differently_is_refused(tmp_path: Path) -> None:
    model = load(tiny("clip"), tmp_path)
    honest = model.visual.forward

    def two_faced(pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = honest(pixels)
        traced = torch.onnx.is_in_onnx_export()
        return features.flip(1) if traced else features

    model.visual.forward = two_faced
    with pytest.raises(towers.TowerUnexportable, match="answers differently"):
        towers.export_image_tower(model, 32, tmp_path / "image.onnx")


def test_attention_is_put_back_after_exporting(tmp_path: Path) -> None:
    before = torch.nn.MultiheadAttention.forward
    towers.export_image_tower(load(tiny("clip"), tmp_path), 32, tmp_path / "image.onnx")
    assert torch.nn.MultiheadAttention.forward is before
