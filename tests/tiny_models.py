"""open_clip models of each family, small enough to be made from random weights in a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from vsearch.models.conversion.source import Source

CLIP_NORMAL = {
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
}
HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
VIT = {"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2}


def _config(vision: dict[str, Any], text: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"embed_dim": 32, "vision_cfg": vision, "text_cfg": text, **more}


def _timm(name: str, size: int, **more: Any) -> dict[str, Any]:
    return {
        "timm_model_name": name, "timm_model_pretrained": False, "timm_pool": "",
        "timm_proj": "linear", "image_size": size, **more,
    }  # fmt: skip


CONFIGS: dict[str, dict[str, Any]] = {
    "clip": _config(VIT, TEXT),
    "quickgelu": _config(VIT, TEXT, quick_gelu=True),
    "siglip": _config(
        _timm("test_vit3", 160, timm_pool="map"),
        {
            **TEXT, "context_length": 64, "no_causal_mask": True, "proj_bias": True,
            "pool_type": "last", "norm_kwargs": {"eps": 1e-6},
        },
        custom_text=True, init_logit_bias=-10,
    ),
    "coca": _config(
        {**VIT, "attentional_pool": True, "attn_pooler_heads": 4, "output_tokens": True},
        {**TEXT, "context_length": 76, "embed_cls": True, "output_tokens": True},
        multimodal_cfg={**TEXT, "context_length": 76, "attn_pooler_heads": 4},
        custom_text=True,
    ),
    "convnext": _config(_timm("test_convnext", 160), TEXT),
    "mobileclip": _config(
        _timm("fastvit_t8", 64, timm_proj=None, timm_pool="avg"),
        {**TEXT, "no_causal_mask": True},
        custom_text=True,
    ),
    "eva": _config(_timm("eva02_tiny_patch14_224", 224, timm_pool="token"), TEXT),
    "resnet": _config(
        {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None}, TEXT
    ),
}  # fmt: skip


def tiny(family: str) -> Source:
    """Return the source of a model of that family, with random weights."""
    config = CONFIGS[family]
    size = config["vision_cfg"]["image_size"]
    squash = family == "siglip"
    return Source(
        name=f"tiny-{family}/random",
        model_cfg=config,
        preprocess_cfg={
            "size": size,
            "mode": "RGB",
            "interpolation": "bicubic",
            "resize_mode": "squash" if squash else "shortest",
            "fill_color": 0,
            **(HALF if squash else CLIP_NORMAL),
        },
        checkpoint=None,
        licence="MIT",
    )


def with_checkpoint(source: Source, path: Path) -> Source:
    """Write the random weights of `source` to `path` and return the source that names them."""
    import tempfile

    from safetensors.torch import save_file

    from vsearch.models.conversion.source import load

    with tempfile.TemporaryDirectory() as work:
        weights = load(source, Path(work)).state_dict()
    save_file({name: value.contiguous() for name, value in weights.items()}, path)
    return replace(source, checkpoint=path)
