"""A model is a folder: image.onnx, text.onnx, tokenizer.json, model.json.

`model.json` says everything a user of the model must know and cannot see in the weights; see the
one of `mini` for an example with every field.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsearch.errors import ModelError
from vsearch.records import Calibration, ModelIdentity, Preprocessing

FORMAT = 1
BUILT_IN = "mini"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model folder whose model.json has been read; its other files are read when asked for.

    `path` is the folder; `context_length` the longest text in tokens, `pad_id` the token that
    fills shorter ones up.
    """

    path: Path
    identity: ModelIdentity
    preprocessing: Preprocessing
    calibration: Calibration | None
    context_length: int
    pad_id: int
    digests: dict[str, str]

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
        identity = ModelIdentity(
            name=card["name"],
            # The image tower alone made what an index stores; a text tower of the same space may
            # change without making those vectors wrong.
            weights=digests["image.onnx"],
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
            text["context_length"],
            text["pad_id"],
            digests,
        )

    def read(self, name: str) -> bytes:
        """Return the content of one of the folder's files, its digest checked.

        The caller uses these very bytes, so that what runs is what was checked. Raises ModelError.
        """
        try:
            content = (self.path / name).read_bytes()
        except OSError as error:
            raise ModelError(
                f"the model is not whole ({error.strerror}), at {self.path / name}; reinstall it"
            ) from error
        if hashlib.sha256(content).hexdigest() != self.digests.get(name):
            raise ModelError(
                f"the model is damaged (wrong digest), at {self.path / name}; reinstall it"
            )
        return content

    def verified(self, name: str) -> Path:
        """Return the path of one of the folder's files, its digest checked.

        For files too large to be held twice: what is read from the path afterwards is what was
        checked, as long as nobody writes to the folder meanwhile. Raises ModelError.
        """
        path = self.path / name
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(
                f"the model is not whole ({error.strerror}), at {path}; reinstall it"
            ) from error
        if digest != self.digests.get(name):
            raise ModelError(f"the model is damaged (wrong digest), at {path}; reinstall it")
        return path


def built_in() -> ModelFolder:
    """Return the model folder `mini` that ships inside the package."""
    return ModelFolder.open(Path(__file__).parent / BUILT_IN)
