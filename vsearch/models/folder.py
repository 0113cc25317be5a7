"""A model is a folder: image.onnx, text.onnx, tokenizer.json, model.json.

`model.json` says everything a user of the model must know and cannot see in the weights; see the
one of `mini` for an example with every field.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vsearch.errors import ModelError
from vsearch.models.card import FORMAT, check
from vsearch.records import Calibration, Logistic, ModelIdentity, Preprocessing

if TYPE_CHECKING:
    from collections.abc import Callable

BUILT_IN = "mini"


@dataclass(frozen=True, slots=True)
class TextInput:
    """How words become the text tower's input.

    `context_length` is the longest text in tokens, `pad_id` the token that fills shorter ones up:
    to the longest beside it, or with `padding` "context" always to the full length; `side` is where
    it is put. `clean` is what is done to the words first (see `tokenizer.clean`). `dropped_ids`
    become 0; `last_id` takes the last place of every text. `inputs` are those of the tower.
    `templates` are sentences with "{}" in place of a keyword.
    """

    context_length: int
    pad_id: int
    padding: Literal["longest", "context"] = "longest"
    clean: str = "none"
    dropped_ids: tuple[int, ...] = ()
    last_id: int | None = None
    side: Literal["right", "left"] = "right"
    inputs: tuple[str, ...] = ("input_ids",)
    templates: tuple[str, ...] = ()

    @classmethod
    def from_card(cls, text: dict[str, Any]) -> TextInput:
        """Return what the "text" part of a checked model.json says."""
        return cls(
            text["context_length"],
            text["pad_id"],
            text.get("padding") or "longest",
            text.get("clean") or "none",
            tuple(text.get("dropped_ids") or ()),
            text.get("last_id"),
            text.get("side") or "right",
            tuple(text.get("inputs") or ("input_ids",)),
            tuple(text.get("templates") or ()),
        )


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model folder whose model.json, the `card`, has been read; the rest when asked for."""

    path: Path
    identity: ModelIdentity
    preprocessing: Preprocessing
    calibration: Calibration
    text: TextInput
    digests: dict[str, str]
    card: dict[str, Any]

    @classmethod
    def open(cls, path: Path, again: str = "get the model again") -> ModelFolder:
        """Read the model.json in `path`. Raises ModelError when it is missing or unfit.

        `again` is what a person is told to do then.
        """
        try:
            card = json.loads((path / "model.json").read_bytes())
            form = card.get("format") if isinstance(card, dict) else None
            if isinstance(form, int) and form > FORMAT:
                raise ModelError(
                    f"the model has format {form}, in {path}; this vsearch reads "
                    f"{FORMAT}: update vsearch"
                )
            return cls._from_card(path, check(card))
        except OSError as error:
            raise ModelError(f"no model ({error.strerror}), in {path}; {again}") from error
        except (ValueError, RecursionError) as error:
            raise ModelError(f"model.json cannot be used ({error}), in {path}; {again}") from error

    @classmethod
    def _from_card(cls, path: Path, card: dict[str, Any]) -> ModelFolder:
        image, text = card["image"], card["text"]
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
            # change without making those vectors wrong. What was made from one checkpoint, in
            # precisions that change no answer to speak of, is one model.
            weights=card.get("weights") or digests["image.onnx"],
            preprocessing=hashlib.sha256(repr(preprocessing).encode()).hexdigest(),
            dim=card["dim"],
        )
        return cls(
            path,
            identity,
            preprocessing,
            _calibration(card.get("relevance") or {}),
            TextInput.from_card(text),
            digests,
            card,
        )

    @property
    def has_torch_weights(self) -> bool:
        """Whether the folder holds what the torch encoder needs, on a GPU for one."""
        return self.card.get("torch") is not None

    @property
    def checksums(self) -> dict[str, str]:
        """The XXH3-128 of each file, by its name; none in folders of an earlier vsearch."""
        return self.card.get("xxh3_128") or {}

    @property
    def total_bytes(self) -> int:
        """The length of all files together, as announced; 0 where that was left out."""
        return sum((self.card.get("bytes") or {}).values())

    def precision(self, tower: Literal["image", "text"]) -> str:
        """Return what a tower computes in on the CPU, in words; "torch" where only that runs it."""
        exported: str | None = self.card[tower].get("precision")
        torch = self.card.get("torch") or {}
        if tower == "image" and torch.get("always") and torch.get("precision"):
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
            self._compare(name, digest_of, self.digests.get(name))
            if name in self.checksums:
                self._compare(name, checksum_of, self.checksums[name])

    def verify_quickly(self, name: str) -> None:
        """Check a file's checksum: each time it is used, since it takes a sixth of the time.

        It is one against damage. Who could write another file here could write its digest as well.
        Raises ModelError.
        """
        if name in self.checksums:
            self._compare(name, checksum_of, self.checksums[name])
        else:
            self._compare(name, digest_of, self.digests.get(name))

    def _compare(self, name: str, of: Callable[[Path], str], wanted: str | None) -> None:
        try:
            found = of(self.path / name)
        except OSError as error:
            raise self._not_whole(name, error) from error
        if found != wanted:
            raise self._damaged(name)

    def _not_whole(self, name: str, error: OSError) -> ModelError:
        return ModelError(
            f"the model is not whole ({error.strerror}), at {self.path / name}; {self.again}"
        )

    def _damaged(self, name: str) -> ModelError:
        return ModelError(
            f"the model is damaged (wrong digest), at {self.path / name}; {self.again}"
        )

    @property
    def again(self) -> str:
        """What a person can do about a folder that is not as it was made."""
        return how_to_get(self.identity.name)


def _calibration(relevance: dict[str, Any]) -> Calibration:
    """Return what the "relevance" part of a checked model.json says of each kind of query.

    "logistic" holds for words of any kind that have none of their own.
    """
    words = relevance.get("logistic")
    return Calibration(
        _logistic(relevance.get("sentence") or words),
        _logistic(relevance.get("keyword") or words),
        _logistic(relevance.get("picture")),
    )


def _logistic(part: dict[str, float] | None) -> Logistic | None:
    """Return the likelihood ratio; the odds of the share of pairs that it holds for are taken off.

    Without a share, half of the pairs match.
    """
    if part is None:
        return None
    share = part.get("share") or 0.5
    return Logistic(part["slope"], part["bias"] - math.log(share / (1 - share)))


def how_to_get(name: str) -> str:
    """Return what a person can do to have that model again, as it should be."""
    return "reinstall vsearch" if name == BUILT_IN else f"run `vsearch models get {name}`"


def digest_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_of(path: Path) -> str:
    """Return the hexadecimal XXH3-128 of a file."""
    import xxhash

    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()


def built_in() -> ModelFolder:
    """Return the model folder `mini` that ships inside the package."""
    return ModelFolder.open(Path(__file__).parent / BUILT_IN, how_to_get(BUILT_IN))
