"""Make stand-ins for rclip's model files: its architecture, random weights, the same graph form.

    python tests/benchmarks/rclip_models.py FOLDER

rclip 3.3.0 keeps two ONNX models and a vocabulary in its data directory and checks no digest:

    ViT-B-32-256-datacomp_s34b_b86k/visual.onnx    (batch, 3, 256, 256) float32 -> (batch, 512)
    ViT-B-32-256-datacomp_s34b_b86k/textual.onnx   (batch, 77) int64 -> (batch, 512)
    tokenizer/bpe_simple_vocab_16e6.txt.gz         the copy inside open_clip is the same file

and beside them, for vsearch to convert, random.safetensors: the weights both graphs were made from.

The recipe, which is that of rclip's own conversion (scripts/convert_model.py in its repository):
open_clip `ViT-B-32-256`, float32, one tower a file, exported by torch's tracing exporter at opset
18, tensors named "input" and "output", the batch axis free, the fused attention path off. Speed and
memory do not depend on what the weights are, so they are drawn with a fixed seed; the answers mean
nothing. Needs torch, open_clip_torch, safetensors and
onnx.
"""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

ARCHITECTURE = "ViT-B-32-256"
FOLDER = "ViT-B-32-256-datacomp_s34b_b86k"
VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
WEIGHTS = "random.safetensors"
SEED = 20260923


def make_models(folder: Path) -> None:
    """Write the files below `folder`, laid out as rclip looks for them."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(SEED)
    # Tracing follows the fused kernel of nn.MultiheadAttention, which has no ONNX counterpart.
    torch.backends.mha.set_fastpath_enabled(False)
    clip = open_clip.create_model(ARCHITECTURE).eval()
    save_file(clip.state_dict(), folder / WEIGHTS)
    towers = folder / FOLDER
    towers.mkdir(parents=True)
    images = torch.randn(2, 3, 256, 256)
    export(clip.visual, images, towers / "visual.onnx")
    tokens = torch.randint(1, 49_406, (2, 77))
    tokens[:, 9] = 49_407  # the end-of-text token, at which the text tower reads its answer
    export(text_tower(clip), tokens, towers / "textual.onnx")
    vocabulary = folder / "tokenizer" / VOCABULARY
    vocabulary.parent.mkdir()
    shutil.copyfile(Path(open_clip.__file__).with_name(VOCABULARY), vocabulary)


def text_tower(clip: Any) -> torch.nn.Module:
    """Give `clip.encode_text` the form of a module, which is what the exporter takes."""
    import torch

    class TextTower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.clip = clip

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            features: torch.Tensor = self.clip.encode_text(tokens)
            return features

    return TextTower().eval()


def export(tower: torch.nn.Module, example: torch.Tensor, path: Path) -> None:
    """Export one tower, tracing a batch of one, and check the file on a batch of two."""
    import onnxruntime
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter announces its age at every call
        torch.onnx.export(
            tower,
            (example[:1],),
            str(path),
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
            opset_version=18,
            dynamo=False,
        )
    with torch.no_grad():
        wanted = tower(example).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": example.numpy()})
    np.testing.assert_allclose(found, wanted, atol=1e-4)


if __name__ == "__main__":
    make_models(Path(sys.argv[1]))
