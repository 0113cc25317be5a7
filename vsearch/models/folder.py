"""A model is a folder: image.onnx, text.onnx, tokenizer.json, model.json.

`model.json` says everything a user of the model must know and cannot see in the weights; see the
one of `mini` for an example with every field.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vsearch.errors import ModelError
from vsearch.records import Calibration, ModelIdentity, Preprocessing

FORMAT = 1
BUILT_IN = "mini"
PADDINGS = ("longest", "context")
SIDES = ("right", "left")
CLEANINGS = ("none", "lower", "whitespace", "canonicalize")


@dataclass(frozen=True, slots=True)
class TextInput:
    """How words become the text tower's input.

    `context_length` is the longest text in tokens, `pad_id` the token that fills shorter ones up:
    to the longest beside it, or with `padding` "context" always to the full length; `side` is where
    it is put. `clean` is what is done to the words first (see `tokenizer.clean`). `dropped_ids`
    become 0; `last_id` takes the last place of every text.
    """

    context_length: int
    pad_id: int
    padding: Literal["longest", "context"] = "longest"
    clean: str = "none"
    dropped_ids: tuple[int, ...] = ()
    last_id: int | None = None
    side: Literal["right", "left"] = "right"

    @classmethod
    def from_card(cls, text: dict[str, Any]) -> TextInput:
        """Return what the "text" part of a model.json says. Raises KeyError and ValueError."""
        padding, clean = text.get("padding", "longest"), text.get("clean", "none")
        side = text.get("side", "right")
        if padding not in PADDINGS or clean not in CLEANINGS or side not in SIDES:
            raise ValueError(
                f"texts padded {padding!r} on the {side!r}, cleaned {clean!r}: one of them unknown"
            )
        return cls(
            text["context_length"],
            text["pad_id"],
            padding,
            clean,
            tuple(text.get("dropped_ids", ())),
            text.get("last_id"),
            side,
        )


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model folder whose model.json, the `card`, has been read; the rest when asked for."""

    path: Path
    identity: ModelIdentity
    preprocessing: Preprocessing
    calibration: Calibration | None
    text: TextInput
    digests: dict[str, str]
    card: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> ModelFolder:
        """Read the model.json in `path`. Raises ModelError when it is missing or unfit."""
        try:
            card = json.loads((path / "model.json").read_bytes())
            if card["format"] != FORMAT:
                raise ModelError(
                    f"the model has format {card['format']}, in {path}; this vsearch reads "
                    f"{FORMAT}: update vsearch"
                )
            return cls._from_card(path, card)
        except OSError as error:
            raise ModelError(
                f"no model ({error.strerror}), in {path}; reinstall vsearch or name another"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"model.json cannot be used ({error!r}), in {path}; reinstall the model"
            ) from error

    @classmethod
    def _from_card(cls, path: Path, card: dict[str, Any]) -> ModelFolder:
        image, text, relevance = card["image"], card["text"], card.get("relevance")
        red, green, blue = image["mean"]
        red_std, green_std, blue_std = image["std"]
        preprocessing = Preprocessing(
            size=image["size"],
            resize=image["resize"],
            interpolation=image["interpolation"],
            mean=(red, green, blue),
            std=(red_std, green_std, blue_std),
        )
        digests = dict(card["sha256"])
        if any(name != os.path.basename(name) or name.startswith(".") for name in digests):
            raise ValueError(f"a file outside of the folder among {sorted(digests)}")
        identity = ModelIdentity(
            name=card["name"],
            # The image tower alone made what an index stores; a text tower of the same space may
            # change without making those vectors wrong. What was made from one checkpoint, in
            # precisions that change no answer to speak of, is one model.
            weights=card["weights"] if "weights" in card else digests["image.onnx"],
            preprocessing=hashlib.sha256(repr(preprocessing).encode()).hexdigest(),
            dim=card["dim"],
        )
        logistic = relevance and relevance["logistic"]
        calibration = Calibration(logistic["slope"], logistic["bias"]) if logistic else None
        return cls(
            path,
            identity,
            preprocessing,
            calibration,
            TextInput.from_card(text),
            digests,
            card,
        )

    @property
    def has_torch_weights(self) -> bool:
        """Whether the folder holds what the torch encoder needs, on a GPU for one."""
        return "torch" in self.card

    def precision(self, tower: Literal["image", "text"]) -> str:
        """Return what a tower computes in on the CPU, in words; "torch" where only that runs it."""
        exported: str | None = self.card[tower].get("precision")
        torch = self.card.get("torch", {})
        if tower == "image" and torch.get("always") and torch["precision"]:
            return f"{torch['precision']} in torch"
        return exported or "torch"

    def read(self, name: str) -> bytes:
        """Return the content of one of the folder's files, its digest checked.

        The caller uses these very bytes, so that what runs is what was checked. Raises ModelError.
        """
        try:
            content = (self.path / name).read_bytes()
        except OSError as error:
            raise self._not_whole(name, error) from error
        if hashlib.sha256(content).hexdigest() != self.digests.get(name):
            raise self._damaged(name)
        return content

    def verify(self, *names: str) -> None:
        """Check the digests of files too large to be held in memory. Raises ModelError."""
        for name in names:
            try:
                digest = digest_of(self.path / name)
            except OSError as error:
                raise self._not_whole(name, error) from error
            if digest != self.digests.get(name):
                raise self._damaged(name)

    def _not_whole(self, name: str, error: OSError) -> ModelError:
        return ModelError(
            f"the model is not whole ({error.strerror}), at {self.path / name}; reinstall it"
        )

    def _damaged(self, name: str) -> ModelError:
        return ModelError(
            f"the model is damaged (wrong digest), at {self.path / name}; reinstall it"
        )


def digest_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def built_in() -> ModelFolder:
    """Return the model folder `mini` that ships inside the package."""
    return ModelFolder.open(Path(__file__).parent / BUILT_IN)
