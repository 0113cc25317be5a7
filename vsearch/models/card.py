"""What a model.json must hold, checked field by field when it is read.

A model folder may come from anywhere. What is checked here, no command has to be afraid of later.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[object], bool]

FORMAT = 1
LARGEST_SIDE = 4096  # pixels of a model's square: 50 MB a picture
LONGEST_TEXT = 65_536  # tokens
MOST_TEMPLATES = 100  # each costs a run of the text tower
MOST = 1e9  # of any number that says how something is scaled
INPUTS = ("input_ids", "attention_mask")
RESIZES = ("shortest", "shortest-truncated", "squash", "longest")
INTERPOLATIONS = ("bicubic", "bilinear")
PADDINGS = ("longest", "context")
SIDES = ("right", "left")
CLEANINGS = ("none", "lower", "whitespace", "canonicalize")
IN_TORCH = ("fp32", "fp16", "bf16")


def number(value: object) -> bool:
    """Whether a value from JSON is a number that one can compute with in float32."""
    return isinstance(value, int | float) and type(value) is not bool and abs(value) <= MOST


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _whole(least: int, most: int) -> Check:
    return lambda value: type(value) is int and least <= value <= most


def _one_of(choices: tuple[str, ...]) -> Check:
    return lambda value: isinstance(value, str) and value in choices


def _each(check: Check, least: int = 0, most: int = 1000) -> Check:
    return lambda value: (
        isinstance(value, list) and least <= len(value) <= most and all(map(check, value))
    )


def _values(check: Check) -> Check:
    return lambda value: (
        isinstance(value, dict) and all(_text(key) and check(found) for key, found in value.items())
    )


def _optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _positive(value: object) -> bool:
    return number(value) and value >= 1 / MOST  # type: ignore[operator]  # a number


def _digest(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _checksum(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32}", value) is not None


def _template(value: object) -> bool:
    return _text(value) and re.fullmatch(r"[^{}]*\{\}[^{}]*", str(value)) is not None


def _logistic(value: object) -> bool:
    """Whether it has a slope that rises, a bias, and perhaps the share of pairs that match."""
    if not isinstance(value, dict):
        return False
    share = value.get("share")
    return (
        _positive(value.get("slope"))
        and number(value.get("bias"))
        and (share is None or (number(share) and 1 / MOST <= share <= 1 - 1 / MOST))
    )


_COUNT = _whole(0, 1 << 62)
_ID = _whole(0, 1 << 31)

# By the way to a field; what may be missing is optional.
_FIELDS: dict[str, Check] = {
    "format": _whole(FORMAT, FORMAT),
    "name": _text,
    "dim": _whole(1, 65_536),
    "weights": _optional(_text),
    "parameters": _optional(_COUNT),
    "licence": _optional(_text),
    "image": lambda value: isinstance(value, dict),
    "image.size": _whole(1, LARGEST_SIDE),
    "image.resize": _one_of(RESIZES),
    "image.interpolation": _one_of(INTERPOLATIONS),
    "image.mean": _each(number, 3, 3),
    "image.std": _each(_positive, 3, 3),
    "image.precision": _optional(_text),
    "text": lambda value: isinstance(value, dict),
    "text.context_length": _whole(2, LONGEST_TEXT),
    "text.pad_id": _ID,
    "text.inputs": _optional(_each(_one_of(INPUTS), 1, len(INPUTS))),
    "text.padding": _optional(_one_of(PADDINGS)),
    "text.side": _optional(_one_of(SIDES)),
    "text.clean": _optional(_one_of(CLEANINGS)),
    "text.dropped_ids": _optional(_each(_ID)),
    "text.last_id": _optional(_ID),
    "text.templates": _optional(_each(_template, 1, MOST_TEMPLATES)),
    "text.precision": _optional(_text),
    "relevance": _optional(lambda value: isinstance(value, dict)),
    "relevance.logistic": _optional(_logistic),
    "relevance.sentence": _optional(_logistic),
    "relevance.keyword": _optional(_logistic),
    "relevance.picture": _optional(_logistic),
    "fidelity": _optional(lambda value: isinstance(value, dict)),
    "torch": _optional(lambda value: isinstance(value, dict)),
    "torch.always": _optional(lambda value: isinstance(value, bool)),
    "torch.precision": _optional(_one_of(IN_TORCH)),
    "torch.fidelity": _optional(_values(number)),
    "sha256": _values(_digest),
    "xxh3_128": _optional(_values(_checksum)),
    "bytes": _optional(_values(_COUNT)),
}
# What must be there, with a number in each, where the part around it is.
_WITHIN = {
    "fidelity": (
        "image_cosine", "text_cosine", "image_overlap", "text_overlap", "image_ms", "text_ms",
    ),
    "torch.fidelity": ("image_cosine", "image_overlap", "text_overlap"),
}  # fmt: skip


def check(card: object) -> dict[str, Any]:
    """Return what was read from a model.json. Raises ValueError, naming the field that is wrong."""
    if not isinstance(card, dict):
        raise ValueError("it is no object")
    for way, fits in _FIELDS.items():
        if not fits(_at(card, way)):
            raise ValueError(f"{way} is {_shown(_at(card, way))}")
    for way, names in _WITHIN.items():
        part = _at(card, way)
        for name in names if part is not None else ():
            if not number(part.get(name)):
                raise ValueError(f"{way}.{name} is {_shown(part.get(name))}")
    files = card["sha256"].keys()
    if "image.onnx" not in files and not (card.get("torch") and "torch.safetensors" in files):
        raise ValueError("sha256 names no image tower")
    for name in files:
        if "/" in name or "\\" in name or name.startswith(".") or ":" in name:
            raise ValueError(f"sha256 names a file outside of the folder, {name!r}")
    return card


def _at(card: dict[str, Any], way: str) -> Any:  # noqa: ANN401  # whatever stands there
    found: Any = card
    for name in way.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _shown(value: object) -> str:
    return "missing" if value is None else ascii(value)[:60]
