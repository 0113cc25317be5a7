"""What a person types for a model -> a name with one spelling.

    mini                                   the built-in model
    fast  balanced  best  multilingual     aliases, see table.py
    ARCH/PRETRAINED                        open_clip's architecture and the name of its weights
    hf-hub:org/name                        a repository with an open_clip model
    ARCH                                   with a checkpoint of one's own

Each but the first may end in @fp32, @fp16, @int8 or @bf16; without, the precision is chosen.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vsearch.errors import UsageError
from vsearch.models.folder import BUILT_IN
from vsearch.models.zoo.table import ALIASES, known, lookup

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Precision = Literal["auto", "fp32", "fp16", "int8", "bf16"]
_SUFFIXES: dict[str, Precision] = {"fp32": "fp32", "fp16": "fp16", "int8": "int8", "bf16": "bf16"}
_HUB = "hf-hub:"
_REPOSITORY = re.compile(r"([\w][\w.-]*/)?[\w][\w.-]*", re.ASCII)
_PART = re.compile(r"[\w][\w.+-]*", re.ASCII)
_LONGEST = 120  # characters of a folder's name


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model's name taken apart.

    `canonical` is the one spelling of it; `repository` is set for hf-hub names, `architecture` and
    `tag` for the others.
    """

    canonical: str
    precision: Precision
    architecture: str = ""
    tag: str = ""
    repository: str | None = None

    @property
    def can_be_fetched(self) -> bool:
        """Whether the name says where its weights are published."""
        return self.repository is not None or lookup(f"{self.architecture}/{self.tag}") is not None


def parse(typed: str, checkpoint: Path | None = None) -> ModelName:
    """Return the name that was typed; `checkpoint` is the file that goes with an architecture.

    Whether there is such a model is known later: one that was made from a checkpoint, or imported,
    is known on this machine only. Raises UsageError for what cannot be a name.
    """
    base, precision = _split(typed)
    suffix = "" if precision == "auto" else f"@{precision}"
    if base in ALIASES:
        base = ALIASES[base][0]
    if base == BUILT_IN:
        if suffix or checkpoint:
            raise UsageError(f"the built-in model comes as it is, not as {typed!r}; leave it bare")
        return ModelName(base, precision)
    if base.startswith(_HUB):
        repository = base.removeprefix(_HUB)
        if checkpoint or "/" not in repository or not is_repository(repository):
            raise _unknown(typed, "a repository is named hf-hub:org/name, without --checkpoint")
        return ModelName(base + suffix, precision, repository=repository)
    architecture, _, tag = base.partition("/")
    if checkpoint is not None:
        tag = tag or re.sub(r"[^\w.+-]", "-", checkpoint.stem, flags=re.ASCII).lstrip(".+-")
    if not (_PART.fullmatch(architecture) and _PART.fullmatch(tag)):
        raise _unknown(typed)
    spelled = tag.lower().replace("-", "_")  # open_clip takes "laion2b-s34b" for the same
    if lookup(f"{architecture}/{spelled}"):
        tag = spelled
        if checkpoint is not None:
            raise UsageError(
                f"published weights are called so too, {architecture}/{tag}; give yours another "
                f"name, as in `{architecture}/mine --checkpoint {checkpoint}`"
            )
    return ModelName(f"{architecture}/{tag}{suffix}", precision, architecture, tag)


def is_repository(name: str) -> bool:
    """Whether `name` has the form of a repository's on the hub: org/name, or an old bare one."""
    return _REPOSITORY.fullmatch(name) is not None


def require_published(name: ModelName, here: Iterable[str] = ()) -> None:
    """Raise UsageError, with what may have been meant, for weights that nobody has published.

    `here`: the names of the models on this machine, which may have been meant too.
    """
    if not name.can_be_fetched:
        others = (other for other in here if other != name.canonical)  # it itself is damaged
        raise _unknown(name.canonical, here=others)


def meant(typed: str, names: Iterable[str]) -> str | None:
    """Return "did you mean 'balanced'?", with up to three of the names; None when none is near."""
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(typed.lower(), lower, n=3, cutoff=0.6)
    if not near:
        near = [name for name in lower if name.startswith(f"{typed.lower()}/")][:3]
    return f"did you mean {' or '.join(repr(lower[name]) for name in near)}?" if near else None


def without_precision(canonical: str) -> str:
    """Return a canonical name without its precision."""
    return _split(canonical)[0]


def folder_name(canonical: str) -> str:
    """Return the folder for a model: readable, different for different names, safe anywhere."""
    safe = re.sub(
        r"[^A-Za-z0-9_.@+-]", lambda odd: "".join(f"%{b:02x}" for b in odd[0].encode()), canonical
    )
    if safe.startswith("."):
        safe = f"%2e{safe[1:]}"
    if len(safe) <= _LONGEST:
        return safe
    return f"{safe[: _LONGEST - 17]}-{hashlib.sha256(canonical.encode()).hexdigest()[:16]}"


def _split(typed: str) -> tuple[str, Precision]:
    base, at, suffix = typed.rpartition("@")
    if not at:
        return typed, "auto"
    if suffix not in _SUFFIXES:
        raise UsageError(
            f"no such precision, {suffix!r} in {typed!r}; choose from {', '.join(_SUFFIXES)}, or "
            "leave it out"
        )
    return base, _SUFFIXES[suffix]


def _unknown(typed: str, advice: str | None = None, here: Iterable[str] = ()) -> UsageError:
    if advice is None:
        names = [BUILT_IN, *ALIASES, *here, *(model.name for model in known())]
        advice = meant(typed, names) or "see `vsearch models list --all`"
    return UsageError(f"no such model, named {typed!r}; {advice}")
