"""An open_clip model -> two ONNX graphs in float32, checked against the model itself.

    image.onnx  pixel_values (batch, 3, size, size) float32 -> embedding (batch, dim) float32
    text.onnx   input_ids (batch, length) int64 -> embedding (batch, dim) float32

Embeddings are unit vectors. `batch` is free; `length` is free where a text may be given without its
padding, else it is the context length.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from vsearch.errors import ModelError
from vsearch.models.conversion.pruning import prune

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from vsearch.models.conversion.source import OpenClip

OPSET = 18
TOLERANCE = 1e-4  # of a cosine: what a graph may differ from the model it was made from


class TowerUnexportable(ModelError):
    """torch cannot express this tower as an ONNX graph, or the graph answers differently."""


def export_image_tower(model: OpenClip, size: int, path: Path) -> None:
    """Write the image tower of an open_clip `model` to `path`. Raises TowerUnexportable."""
    import torch

    example = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    tower = image_tower(model)
    axes = {"pixel_values": {0: "batch"}, "embedding": {0: "batch"}}
    _export(tower, example[:1], path, "pixel_values", axes)
    _require_equal(path, "pixel_values", example.numpy(), _run(tower, example))


def export_text_tower(
    model: OpenClip, ids: NDArray[np.int64], lengths: Sequence[int], path: Path
) -> Literal["longest", "context"]:
    """Write the text tower of an open_clip `model` to `path`; return how its input is to be padded.

    `ids` (n, context length) are tokenized texts as open_clip pads them, `lengths` how many tokens
    of each are no padding. "longest": a text may come without its padding, which was tried on
    these; "context": the padding is part of what the tower reads (SigLIP, CoCa).

    Raises TowerUnexportable.
    """
    import torch

    whole = torch.from_numpy(ids)
    wanted = _run(_tower(lambda given: model.text(given), model), whole)  # as open_clip has it
    trimmed = trimmed_text_tower(model)
    if trimmed is not None:
        rows = [
            _run(trimmed, whole[place : place + 1, :length])[0]
            for place, length in enumerate(lengths)
        ]
        if _agree(torch.stack([torch.from_numpy(row) for row in rows]).numpy(), wanted):
            axes = {"input_ids": {0: "batch", 1: "length"}, "embedding": {0: "batch"}}
            try:
                _export(trimmed, whole[:1, : lengths[0]], path, "input_ids", axes)
                for place, length in enumerate(lengths):
                    one = slice(place, place + 1)
                    _require_equal(path, "input_ids", ids[one, :length], wanted[one])
                _require_equal(path, "input_ids", ids, wanted)
            except TowerUnexportable:
                path.unlink(missing_ok=True)  # with its padding it may still work
            else:
                return "longest"
    axes = {"input_ids": {0: "batch"}, "embedding": {0: "batch"}}
    _export(padded_text_tower(model), whole[:1], path, "input_ids", axes)
    _require_equal(path, "input_ids", ids, wanted)
    return "context"


def image_tower(model: OpenClip) -> torch.nn.Module:
    """Return the module (batch, 3, size, size) -> unit vectors (batch, dim)."""
    return _tower(lambda pixels: model.visual(pixels), model)


def padded_text_tower(model: OpenClip) -> torch.nn.Module:
    """Return the module (batch, context length) of token ids -> unit vectors (batch, dim)."""
    text = model.text
    if getattr(text, "cls_emb", None) is None:
        return _tower(lambda ids: text(ids), model)

    def with_class_token(ids: torch.Tensor) -> torch.Tensor:
        """Do what open_clip does for CoCa, without counting a tensor's shape up in place."""
        import torch

        length = text.num_pos
        token = text.cls_emb.expand(ids.shape[0], 1, -1)
        x = torch.cat([text.token_embedding(ids), token], dim=1) + text.positional_embedding
        mask = text._build_additive_mask(ids, length, x.dtype)
        if text.attn_mask is not None:
            mask = mask + text.attn_mask
        return _projected(text, text.ln_final(text.transformer(x, attn_mask=mask)[:, -1]))

    return _tower(with_class_token, model)


def trimmed_text_tower(model: OpenClip) -> torch.nn.Module | None:
    """Return the same for ids of any length, without padding; None where that cannot be right.

    A causal transformer that reads its answer at the end-of-text token never looks at what comes
    after it; a Hugging Face encoder masks the padding out.
    """
    text = model.text
    if hasattr(text, "hf_tokenizer_name") or type(text).__name__ == "HFTextEncoder":
        return padded_text_tower(model)
    if (
        text.cls_emb is not None
        or text.attn_mask is None
        or text.pool_type not in ("argmax", "eos")
    ):
        return None
    from open_clip.transformer import text_global_pool

    def forward(ids: torch.Tensor) -> torch.Tensor:
        length = ids.shape[1]
        x = text.token_embedding(ids) + text.positional_embedding[:length]
        x = text.transformer(x, attn_mask=text.attn_mask[:length, :length])
        x = text_global_pool(text.ln_final(x), ids, text.pool_type, eos_token_id=text.eos_id)
        return _projected(text, x)

    return _tower(forward, model)


def _projected(text: Any, x: torch.Tensor) -> torch.Tensor:  # noqa: ANN401  # open_clip is untyped
    """Take the features of a text tower into the space of the embeddings."""
    projection = text.text_projection
    if projection is None:
        return x
    projected: torch.Tensor = projection(x) if callable(projection) else x @ projection
    return projected


def _tower(forward: Any, model: OpenClip) -> torch.nn.Module:  # noqa: ANN401  # a callable
    """Make a module of a function: the exporter takes modules only."""
    import torch

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            features = forward(given)
            if isinstance(features, tuple):  # CoCa gives its tokens too
                features = features[0]
            return torch.nn.functional.normalize(features, dim=-1)

    return Tower().eval()


def _run(tower: torch.nn.Module, given: torch.Tensor) -> NDArray[np.float32]:
    """Run the model itself, its attention as torch computes it. Raises ModelError."""
    import numpy as np
    import torch

    with torch.inference_mode():
        embeddings: NDArray[np.float32] = tower(given).float().numpy()
    if not np.isfinite(embeddings).all():
        raise ModelError("the model answers with what is no number; its weights are broken")
    return embeddings


def _export(
    tower: torch.nn.Module,
    example: torch.Tensor,
    path: Path,
    name: str,
    axes: dict[str, dict[int, str]],
) -> None:
    import torch

    try:
        with _traceable(), torch.no_grad():
            torch.onnx.export(
                tower,
                (example,),
                str(path),
                input_names=[name],
                output_names=["embedding"],
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
    except OSError:
        raise
    except Exception as error:  # the exporter raises whatever the traced code raises
        raise TowerUnexportable(
            f"torch cannot export the tower ({_first_line(error)}), to {path.name}; "
            "the torch encoder can still run it"
        ) from error
    prune(path)


@contextmanager
def _traceable() -> Iterator[None]:
    """Write attention out in plain operations, and keep the exporter's many warnings quiet.

    torch's own attention has fused kernels that ONNX lacks, and its traced form holds the length of
    the example fast; timm has a switch of its own for the same.
    """
    import torch
    from timm.layers.config import set_fused_attn, use_fused_attn

    fused, original = bool(use_fused_attn()), torch.nn.MultiheadAttention.forward
    disabled = logging.root.manager.disable
    torch.nn.MultiheadAttention.forward = _attention  # type: ignore[method-assign,assignment]
    set_fused_attn(False)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        set_fused_attn(fused)
        torch.nn.MultiheadAttention.forward = original  # type: ignore[method-assign]


def _attention(
    self: torch.nn.MultiheadAttention,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    **_unused: object,
) -> tuple[torch.Tensor, None]:
    """Attention as in Vaswani et al., "Attention Is All You Need" (2017), without its weights.

    Takes what open_clip gives `nn.MultiheadAttention`: (batch, length, width) or the first two the
    other way round, and a mask (length, length) or (batch x heads, length, length) that is added.
    """
    import torch
    from torch.nn.functional import linear

    if not self.batch_first:
        query, key, value = (x.transpose(0, 1) for x in (query, key, value))
    heads, width = self.num_heads, self.head_dim
    if self._qkv_same_embed_dim:
        weights = self.in_proj_weight.chunk(3)
    else:
        weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
    bias: torch.Tensor | None = self.in_proj_bias
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    if self._qkv_same_embed_dim and query is key and key is value:
        parts = linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
    else:
        given = zip((query, key, value), weights, biases, strict=True)
        parts = tuple(linear(x, weight, bias) for x, weight, bias in given)
    q, k, v = (part.reshape(part.shape[0], part.shape[1], heads, width) for part in parts)
    scores = (q * width**-0.5).transpose(1, 2) @ k.permute(0, 2, 3, 1)  # (batch, heads, l, l)
    if attn_mask is not None:
        mask = attn_mask if attn_mask.dim() == 2 else attn_mask.reshape(scores.shape)
        scores = scores + mask
    mixed = (scores.softmax(dim=-1) @ v.transpose(1, 2)).transpose(1, 2)
    joined = mixed.reshape(mixed.shape[0], mixed.shape[1], heads * width)
    answer = torch.nn.functional.linear(joined, self.out_proj.weight, self.out_proj.bias)
    return answer if self.batch_first else answer.transpose(0, 1), None


def _require_equal(path: Path, name: str, given: NDArray[Any], wanted: NDArray[np.float32]) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        found = session.run(["embedding"], {name: given})[0]
    except Exception as error:  # a dozen unrelated classes of onnxruntime's own
        raise TowerUnexportable(
            f"onnxruntime cannot run the exported tower ({_first_line(error)}), in {path.name}; "
            "the torch encoder can still run it"
        ) from error
    if not _agree(found, wanted):
        raise TowerUnexportable(
            f"the exported tower answers differently, in {path.name}; "
            "the torch encoder can still run it"
        )


def _agree(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> bool:
    import numpy as np

    return found.shape == wanted.shape and bool(
        np.all(np.einsum("nd,nd->n", found, wanted) > 1 - TOLERANCE)
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
