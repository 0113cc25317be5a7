"""A model's name -> what to make it from: published weights, a repository, a file of one's own."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from vsearch.errors import ModelError, UsageError
from vsearch.models import hub
from vsearch.models.conversion.source import Source
from vsearch.models.zoo.names import (
    ModelName,
    is_repository,
    require_published,
    without_precision,
)
from vsearch.models.zoo.table import licence_of

if TYPE_CHECKING:
    from pathlib import Path

    from vsearch.models.hub import Connection

CONFIG = "open_clip_config.json"
# As open_clip looks for them: numbers only first, then torch files, read with weights_only.
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
# The last tells what kind of tokenizer it is where the second does not (BERT's).
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json",
)  # fmt: skip


def find(name: ModelName, checkpoint: Path | None, connection: Connection) -> Source:
    """Return the source of the model `name`, with every file of it on this machine.

    `checkpoint` is the weights of an architecture named without its weights. Raises ModelError when
    something cannot be had, UsageError when name and checkpoint do not go together.
    """
    if checkpoint is not None:
        return _from_file(name, checkpoint, connection)
    if name.repository is not None:
        return _from_repository(name, name.repository, connection)
    return _from_zoo(name, connection)


def find_random(architecture: str, connection: Connection) -> Source:
    """Return a source of that open_clip architecture with random weights, for benchmarks."""
    import open_clip

    config = open_clip.get_model_config(architecture)
    if config is None:
        raise UsageError(f"open_clip has no architecture {architecture!r}; check the name")
    name = ModelName(f"{architecture}/random", "auto", architecture, "random")
    origin = {"weights": "drawn at random"}
    preprocessing = _agreed_preprocessing(architecture, config)
    return _complete(name, deepcopy(config), preprocessing, None, connection, None, origin)


def _from_zoo(name: ModelName, connection: Connection) -> Source:
    import open_clip

    require_published(name)
    published = open_clip.get_pretrained_cfg(name.architecture, name.tag)
    place = published.get("hf_hub", "")
    if not place:
        raise ModelError(
            f"its publisher keeps it away from the hub, the model {name.canonical!r}; fetch "
            f"{published.get('url')} yourself and give it with --checkpoint"
        )
    repository, filename = os.path.split(place)
    names = hub.safe_first(filename) if filename else WEIGHTS
    weights = connection.download_first(repository, names)
    config = deepcopy(open_clip.get_model_config(name.architecture))
    if published.get("quick_gelu"):
        config["quick_gelu"] = True  # open_clip only warns; without it the answers are wrong
    return _complete(
        name,
        config,
        _preprocessing(config, published),
        weights,
        connection,
        licence_of(without_precision(name.canonical)),
        {"weights": f"hf-hub:{repository}", "file": weights.name},
    )


def _from_repository(name: ModelName, repository: str, connection: Connection) -> Source:
    content = connection.download(repository, CONFIG).read_bytes()
    try:
        described = json.loads(content)
        config = described["model_cfg"]
        if not all(isinstance(config[part], dict) for part in ("vision_cfg", "text_cfg")):
            raise TypeError("a tower that is not described")
        preprocessing = _preprocessing(config, described.get("preprocess_cfg") or {})
        for key in ("hf_tokenizer_name", "hf_model_name"):
            _require_repository(config["text_cfg"].get(key))
        if not isinstance(config["text_cfg"].get("tokenizer_kwargs", {}), dict):
            raise TypeError("settings of a tokenizer that are none")
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"its {CONFIG} cannot be used ({error!r}), of {repository}; tell its publisher"
        ) from error
    weights = connection.download_first(repository, WEIGHTS)
    return _complete(
        name,
        config,
        preprocessing,
        weights,
        connection,
        None,
        {"weights": f"hf-hub:{repository}", "file": weights.name},
    )


def _require_repository(name: object) -> None:
    """Raise ValueError for what cannot be the name of a repository, nor be left out."""
    if name is not None and not (isinstance(name, str) and is_repository(name)):
        raise ValueError(f"no repository can be named {name!r}")


def _from_file(name: ModelName, checkpoint: Path, connection: Connection) -> Source:
    import open_clip

    config = open_clip.get_model_config(name.architecture)
    if config is None:
        raise UsageError(f"open_clip has no architecture {name.architecture!r}; check the name")
    if not checkpoint.is_file():
        raise UsageError(f"no such file, named {str(checkpoint)!r}; check the name of --checkpoint")
    preprocessing = _agreed_preprocessing(name.architecture, config)
    return _complete(
        name,
        deepcopy(config),
        preprocessing,
        checkpoint,
        connection,
        None,
        {"weights": "a checkpoint of the user's", "file": checkpoint.name},
    )


def _agreed_preprocessing(architecture: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return how pictures are prepared for weights that do not say it themselves.

    What all published weights of an architecture agree on is safer than CLIP's own way: SigLIP's
    pictures are always squeezed, and normalised otherwise.
    """
    import open_clip

    published = [
        _preprocessing(config, open_clip.get_pretrained_cfg(architecture, tag))
        for tag in open_clip.list_pretrained_tags_by_model(architecture)
    ]
    agreed = published and all(each == published[0] for each in published)
    return published[0] if agreed else _preprocessing(config, {})


def _preprocessing(config: dict[str, Any], published: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    from open_clip.transform import PreprocessCfg, merge_preprocess_dict

    merged: dict[str, Any] = merge_preprocess_dict(asdict(PreprocessCfg()), published)
    merged["size"] = config["vision_cfg"].get("image_size", merged["size"])
    return merged


def _complete(
    name: ModelName,
    config: dict[str, Any],
    preprocessing: dict[str, Any],
    weights: Path | None,
    connection: Connection,
    licence: str | None,
    origin: dict[str, str],
) -> Source:
    """Add what a text tower from another library needs: its tokenizer and its configuration."""
    text = config["text_cfg"]
    tokenizer = text_config = None
    if text.get("hf_tokenizer_name"):
        repository = text["hf_tokenizer_name"]
        tokenizer = connection.download_all(repository, TOKENIZER[:1], optional=TOKENIZER[1:])
    if text.get("hf_model_name"):
        text_config = connection.download(text["hf_model_name"], "config.json").parent
    return Source(
        name=name.canonical,
        model_cfg=config,
        preprocess_cfg=preprocessing,
        checkpoint=weights,
        tokenizer=tokenizer,
        text_config=text_config,
        licence=licence,
        origins=(origin,),
    )
