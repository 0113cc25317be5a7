"""What a model folder is made from, and the open_clip model that it describes."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, TypeAlias

from vsearch.errors import ModelError
from vsearch.models.card import LARGEST_SIDE, LONGEST_TEXT, MOST, number
from vsearch.records import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OpenClip: TypeAlias = Any  # open_clip has no types

# What open_clip does with them is known; others would go on to transformers, which has settings
# that fetch and run code.
TOKENIZER_SETTINGS = {"clean", "strip_sep_token", "language"}
# Where a repository of transformers' names code: modules of its own, kernels of anybody's.
CODE = {"auto_map", "attn_implementation", "_attn_implementation"}


@dataclass(frozen=True, slots=True)
class Source:
    """An architecture, its weights, and everything else that belongs to them.

    `model_cfg` and `preprocess_cfg` are what open_clip_config.json holds for a model. `checkpoint`
    is a safetensors file or a weights-only torch file; None: random weights drawn with `seed`, for
    benchmarks. `tokenizer` is the folder of a Hugging Face tokenizer, `text_config` that of the
    config.json of a Hugging Face text tower; None where open_clip needs none.
    """

    name: str
    model_cfg: dict[str, Any]
    preprocess_cfg: dict[str, Any]
    checkpoint: Path | None
    tokenizer: Path | None = None
    text_config: Path | None = None
    licence: str | None = None
    origins: tuple[dict[str, str], ...] = field(default=())
    seed: int = 0

    def digest(self) -> str:
        """Return the hexadecimal SHA-256 of the weights: of the checkpoint file, as published."""
        if self.checkpoint is None:
            described = json.dumps([self.model_cfg, self.seed], sort_keys=True, default=str)
            return hashlib.sha256(described.encode()).hexdigest()
        with self.checkpoint.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def preprocessing(self) -> Preprocessing:
        """Return open_clip's evaluation preprocessing. Raises ModelError for what we cannot do."""
        try:
            return self._preprocessing()
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise ModelError(
                f"its preprocessing cannot be used ({error!r}), of the model {self.name}; "
                "tell its publisher"
            ) from error

    def _preprocessing(self) -> Preprocessing:
        cfg = self.preprocess_cfg
        size = cfg["size"]
        if not isinstance(size, int):
            if len(set(size)) != 1:
                raise ModelError(f"pictures must be square, not {size}, for the model {self.name}")
            size = size[0]
        if type(size) is not int or not 1 <= size <= LARGEST_SIDE:
            raise ValueError(f"pictures of {size!r} pixels a side")
        modes = {"shortest": "shortest-truncated", "squash": "squash", "longest": "longest"}
        resize = modes.get(cfg["resize_mode"])
        if resize is None or cfg["interpolation"] not in ("bicubic", "bilinear"):
            raise ModelError(
                f"unknown preprocessing ({cfg['resize_mode']}, {cfg['interpolation']}), "
                f"of the model {self.name}; update vsearch"
            )
        if resize == "longest" and cfg.get("fill_color", 0) != 0:
            raise ModelError(
                f"pictures framed in another colour than black, for the model {self.name}"
            )
        red, green, blue = (float(value) for value in cfg["mean"])
        red_std, green_std, blue_std = (float(value) for value in cfg["std"])
        if not all(map(number, (red, green, blue, red_std, green_std, blue_std))):
            raise ValueError(f"a mean of {cfg['mean']} and a standard deviation of {cfg['std']}")
        if min(red_std, green_std, blue_std) < 1 / MOST:
            raise ValueError(f"a standard deviation of {cfg['std']}")
        return Preprocessing(
            size=size,
            resize=resize,  # type: ignore[arg-type]
            interpolation=cfg["interpolation"],
            mean=(red, green, blue),
            std=(red_std, green_std, blue_std),
        )


def load(source: Source, work: Path) -> OpenClip:
    """Return the open_clip model of `source` in float32, its text tower at `model.text`.

    `work` is a folder for what open_clip wants to read from a file. Nothing in a checkpoint is
    executed: safetensors holds numbers only, and torch files are read with `weights_only`.
    Raises ModelError when architecture and checkpoint do not fit, or the latter is no such file.
    """
    import open_clip
    import torch

    model_cfg = dict(source.model_cfg)
    if ":" in str(model_cfg["vision_cfg"].get("timm_model_name", "")):  # "hf-hub:..."
        raise ModelError(
            f"its image tower is elsewhere, {model_cfg['vision_cfg']['timm_model_name']!r}, of the "
            f"model {source.name}; nothing is fetched that was not asked for"
        )
    if source.text_config is not None:
        _refuse_code(source.text_config, source)
        model_cfg["text_cfg"] = model_cfg["text_cfg"] | {"hf_model_name": str(source.text_config)}
    config = {"model_cfg": model_cfg, "preprocess_cfg": source.preprocess_cfg}
    (work / "open_clip_config.json").write_text(json.dumps(config), "utf-8")
    torch.manual_seed(source.seed)
    try:
        with _quiet(), _offline():
            model = open_clip.create_model(
                f"local-dir:{work}",
                load_weights=False,
                pretrained_text=False,
                force_custom_text=True,
            )
            if source.checkpoint is not None:
                open_clip.load_checkpoint(model, str(source.checkpoint), weights_only=True)
    except OSError as error:
        if error.errno is not None:  # of the disk; others are transformers' for what it read
            raise
        raise _unloadable(error, source) from error
    except UnpicklingError as error:  # its words would advise to run what is in there
        raise ModelError(
            f"the checkpoint is damaged or holds more than numbers, and nothing in it is run, "
            f"{source.checkpoint}; save its state_dict alone, best as safetensors"
        ) from error
    except Exception as error:  # open_clip, torch and safetensors have no common error
        lines = (str(error).strip() or type(error).__name__).splitlines()
        raise ModelError(
            f"the weights cannot be loaded ({lines[0]}), for the model {source.name} from "
            f"{source.checkpoint}; check that they belong to this architecture"
        ) from error
    used = (part for name, part in model.named_parameters() if not name.startswith("text_decoder."))
    if not all(bool(part.isfinite().all()) for part in used):
        raise ModelError(
            f"some weights are no numbers or infinite, of the model {source.name} from "
            f"{source.checkpoint}; the training that made them has failed"
        )
    return model.float().eval()


def load_tokenizer(source: Source) -> Any:  # noqa: ANN401  # one of open_clip's three
    """Return the open_clip tokenizer of `source`. Raises ModelError."""
    import open_clip

    text = source.model_cfg["text_cfg"]
    settings = dict(text.get("tokenizer_kwargs", {}))
    if unknown := settings.keys() - TOKENIZER_SETTINGS:
        raise ModelError(
            f"unknown settings of its tokenizer ({', '.join(sorted(unknown))}), of the model "
            f"{source.name}; update vsearch"
        )
    length = text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH)
    if type(length) is not int or not 2 <= length <= LONGEST_TEXT:
        raise ModelError(
            f"texts of {length!r} tokens, of the model {source.name}; tell its publisher"
        )
    if source.tokenizer is not None:
        _refuse_code(source.tokenizer, source)
    try:
        with _quiet(), _offline():
            if source.tokenizer is None:
                return open_clip.SimpleTokenizer(context_length=length, **settings)
            return open_clip.tokenizer.HFTokenizer(
                str(source.tokenizer),
                context_length=length,
                tokenizer_mode=text.get("tokenizer_mode"),
                trust_remote_code=False,
                **settings,
            )
    except OSError as error:
        if error.errno is not None:  # of the disk; others are transformers' for what it read
            raise
        raise _unloadable(error, source) from error
    except Exception as error:  # transformers raises what it likes
        raise ModelError(
            f"the tokenizer cannot be loaded ({error}), for the model {source.name} from "
            f"{source.tokenizer}; check the files there"
        ) from error


def _unloadable(error: Exception, source: Source) -> ModelError:
    lines = (str(error).strip() or type(error).__name__).splitlines()
    return ModelError(f"it cannot be loaded ({lines[0]}), the model {source.name}; check its files")


def _refuse_code(folder: Path, source: Source) -> None:
    """Raise ModelError where a repository of transformers' names code of its own to be run."""
    for path in sorted(folder.glob("*.json")):
        try:
            described = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ModelError(
                f"{path.name} cannot be read ({type(error).__name__}), of the model {source.name}; "
                "tell its publisher"
            ) from error
        if named := CODE & _keys(described):
            raise ModelError(
                f"it would run code of its publisher's ({path.name} has {', '.join(named)}), the "
                f"model {source.name}; name another model"
            )


def _keys(described: Any) -> set[str]:  # noqa: ANN401  # whatever stands in a JSON file
    """Return the keys of all objects in it, however deep."""
    found: set[str] = set()
    rest = [described]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            found.update(part)
            rest += part.values()
        elif isinstance(part, list):
            rest += part
    return found


@contextmanager
def _offline() -> Iterator[None]:
    """Let nobody fetch anything: all that a model is made from is here already."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what open_clip and transformers log and warn to themselves."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
