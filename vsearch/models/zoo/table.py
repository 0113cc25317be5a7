"""What is known of every model that open_clip publishes, and the four worth a short name.

known.json is written by `python tests/known_models/make.py`, whose docstring names its sources.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Chosen from open_clip's published results among the weights under MIT or Apache-2.0, so that
# anybody may use them for anything.
ALIASES: dict[str, tuple[str, str]] = {
    "fast": (
        "ViT-B-32-256/datacomp_s34b_b86k",
        "best published below 20 GFLOPs for a picture and a text: 72.8 % on ImageNet at 17",
    ),
    "balanced": (
        "ViT-B-16-SigLIP-256/webli",
        "best published below 60 GFLOPs: 76.5 % on ImageNet, .83 on Flickr30k",
    ),
    "best": (
        "ViT-SO400M-16-SigLIP2-384/webli",
        "84.1 % on ImageNet; those with 85.0 and 85.4 have 1.6 and 2.1 times its parameters",
    ),
    "multilingual": (
        "ViT-B-16-SigLIP-i18n-256/webli",
        "75.1 % on ImageNet, .664 on multilingual retrieval at 58 GFLOPs; XLM-R base .647 at 106",
    ),
}


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A published model.

    `dim` of its embeddings; `size` of its square input in pixels; `parameters`, a count;
    `download_bytes`, four for each of them; `imagenet`, zero-shot top-1 accuracy, `flickr` and
    `coco`, retrieval, all in [0, 1]; `gflops` for a picture and a text. None: not published, or
    not known.
    """

    name: str
    dim: int
    size: int
    parameters: int | None
    download_bytes: int | None
    licence: str | None
    imagenet: float | None
    flickr: float | None
    coco: float | None
    gflops: float | None
    repository: str | None


@cache
def _by_name() -> dict[str, KnownModel]:
    rows = json.loads((Path(__file__).parent / "known.json").read_text("utf-8"))
    return {row["name"]: KnownModel(**row) for row in rows}


def known() -> tuple[KnownModel, ...]:
    """Return every published model, by ImageNet accuracy, best first."""
    return tuple(_by_name().values())


def lookup(name: str) -> KnownModel | None:
    """Return the model of that canonical name, `ARCH/PRETRAINED`; None where there is none."""
    return _by_name().get(name)


def licence_of(name: str) -> str | None:
    """Return the licence of the weights of that name; None when it is not known."""
    found = lookup(name)
    return found.licence if found else None


def aliases_of(name: str) -> tuple[str, ...]:
    """Return the aliases that point to the model of that canonical name."""
    return tuple(alias for alias, (target, _) in ALIASES.items() if target == name)


def reason(alias: str) -> str:
    """Return why that alias points where it does."""
    return ALIASES[alias][1]
