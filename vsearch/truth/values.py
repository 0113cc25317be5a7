"""The kinds of truth. Pictures are absolute paths, as `records` has them, none twice.

`splits` says of each picture (of each query, in `Queries`) which split it is in ("train", "test",
...; "" where the file says none); None where the truth knows nothing of splits.

`names` are what the file or folder calls pictures, by path: with it, they are the same anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Captions:
    """Pictures and what is said of them: `captions[i]` is of `paths[image_of[i]]`.

    A picture has one caption at least.
    """

    paths: tuple[str, ...]
    captions: tuple[str, ...]
    image_of: tuple[int, ...]
    splits: tuple[str, ...] | None = None
    names: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Labels:
    """Pictures and the one class each is of: `labels[i]` is that of `paths[i]`.

    `beside` are pictures that lie beside class folders, in none of them: nothing is known of these.
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    splits: tuple[str, ...] | None = None
    beside: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Queries:
    """Queries, as a person types them, and the grade of each relevant picture, above zero.

    `relevant[i]` is of `queries[i]`; what it does not name is not relevant. `paths` are all
    pictures that are named.
    """

    paths: tuple[str, ...]
    queries: tuple[str, ...]
    relevant: tuple[Mapping[str, float], ...]
    splits: tuple[str, ...] | None = None
    names: Mapping[str, str] = field(default_factory=dict, compare=False)


Truth = Captions | Labels | Queries


def called(truth: Truth) -> list[str]:
    """Return what the truth calls its pictures, in their order."""
    return [truth.names.get(path, path) for path in truth.paths]
