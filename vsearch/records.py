"""The values that travel between the rooms: frozen, slotted, with their units and ranges in words.

Paths are `str` as Python's file functions give them: bytes that are no valid UTF-8 appear as lone
surrogates ("surrogateescape"), so every name survives a round trip through `os.fsencode`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import os

UNSETTLED = -1
"""A recorded time of change that proves nothing and says nothing."""
_MOST_NS = (1 << 63) - 1  # what SQLite and Parquet hold: the year 2262


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an upright RGB picture becomes the model's input (size, size, 3) uint8.

    `resize` is how it becomes a square:

    - "shortest": the shorter side to `size` pixels, the longer side rounded; the middle square is
      cut out, its offset rounded down. What `mini` was made with.
    - "shortest-truncated": the same as torchvision does it, and with it open_clip: the longer side
      rounded down, the offset rounded (half to even).
    - "squash": both sides to `size`, nothing cut out.
    - "longest": the longer side to `size`, the rest black.

    The encoder then makes each channel (value / 255 - mean) / std. Belongs to the model: the same
    picture prepared in another way is another embedding.
    """

    size: int
    resize: Literal["shortest", "shortest-truncated", "squash", "longest"]
    interpolation: Literal["bicubic", "bilinear"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What makes two vectors comparable: only vectors of one identity may share a set.

    `weights` and `preprocessing` are hexadecimal digests, `dim` is the embedding's length.
    """

    name: str
    weights: str
    preprocessing: str
    dim: int

    def comparable(self, other: ModelIdentity) -> bool:
        """Whether vectors of both may be compared: all but the name is the same."""
        mine = (self.weights, self.preprocessing, self.dim)
        return mine == (other.weights, other.preprocessing, other.dim)


@dataclass(frozen=True, slots=True)
class Logistic:
    """What a cosine tells: slope * cosine + bias is the logarithm of its likelihood ratio.

    That is how many times as often a pair that matches has such a cosine as one that does not; what
    a logistic regression gives where as many pairs match as not.
    """

    slope: float
    bias: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a model's cosines tell, by the kind of query; None where that is not known.

    Words are a `sentence` or a `keyword` (see `searching.query.is_keyword`).
    """

    sentence: Logistic | None = None
    keyword: Logistic | None = None
    picture: Logistic | None = None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a picture file says about itself, read on the way to its pixels.

    `width` and `height` are pixels of the full picture as it is seen (upright), whatever smaller
    scale it was decoded at. `taken_at` is ISO 8601 as the camera wrote it, local time without an
    offset unless the camera stored one ("2021-05-04T12:33:10", "...+02:00"); None when unknown.
    `camera` is maker and model in one string; None when unknown. `labels` are the keywords in the
    file, in its order, none twice but for case.
    """

    width: int
    height: int
    format: str
    taken_at: str | None = None
    camera: str | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture file the index can answer with.

    `root` is the absolute path of its root folder, `path` its path relative to that root; `row` is
    the matrix row of its embedding (files of equal content share one row). `size` and `mtime_ns` as
    in `Entry`.
    """

    root: str
    path: str
    row: int
    size: int
    mtime_ns: int
    facts: ImageFacts


@dataclass(frozen=True, slots=True)
class Entry:
    """All that an index knows of one picture file, but its embedding.

    `root` and `path` as in `ImageRecord`. `size` in bytes and `mtime_ns` in nanoseconds since 1970
    are those it had when it was read; one beside it, or UNSETTLED, where the time proves nothing,
    since it was read so soon after a change.
    `digest` is the xxh3-128 of its content, 16 bytes. `perceptual` is the perceptual hash of the
    picture, 32 bytes; None when unknown: an older vsearch recorded it, and no labels either.
    """

    root: str
    path: str
    size: int
    mtime_ns: int
    digest: bytes
    row: int
    facts: ImageFacts
    perceptual: bytes | None = None


def changed_ns(status: os.stat_result) -> int:
    """Return when a file was changed, in nanoseconds since 1970, as far as 64 bits go.

    Broken clocks and ext4 reach the year 2446.
    """
    return max(-_MOST_NS, min(_MOST_NS, status.st_mtime_ns))


def date_of(record: ImageRecord | Entry) -> str | None:
    """Return when a picture was taken, else when its file was changed, to the second, as ISO 8601.

    It is what conditions on a date compare: the time of the clock on the wall, without an offset.
    None where neither is known.
    """
    return record.facts.taken_at[:19] if record.facts.taken_at else on_the_wall(record.mtime_ns)


def on_the_wall(changed_ns: int) -> str | None:
    """Return what the clock on the wall showed, to the second, at a time of change; None: unknown.

    In the rules of time that held then: SQLite's own function has those of today.
    """
    if changed_ns == UNSETTLED:
        return None
    from datetime import datetime

    try:
        return datetime.fromtimestamp(changed_ns // 10**9).isoformat()
    except (ValueError, OverflowError, OSError):  # some systems know only some years
        return None


@dataclass(frozen=True, slots=True)
class Match:
    """One answer to a query.

    `rank` counts from 1. `path` is absolute. `score` is the cosine between query and picture, in
    [-1, 1]. `relevance` is how likely the picture is an answer, in [0, 1] (see
    `searching.relevance`); None where nothing tells it. `weak`: it is rather none. `size` is
    the file's when it was indexed, in bytes; None where it is not known. `date` is what `date_of`
    says. `names` is how far its names have the words of the query, in [0, 1]; None where they did
    not count. `duplicates` are the absolute paths of the files that are folded into it; None where
    nothing was to be folded.
    """

    rank: int
    path: str
    score: float
    relevance: float | None
    facts: ImageFacts
    weak: bool = False
    size: int | None = None
    date: str | None = None
    names: float | None = None
    duplicates: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RootStatus:
    """A root folder: its absolute path, whether it is there now, and its pictures in the index.

    `whole` is False where only single files of the folder were asked for.
    """

    path: str
    there: bool
    whole: bool
    images: int


@dataclass(frozen=True, slots=True)
class SetStatus:
    """The embeddings of a model that the index does not answer with: the vector set of that `name`.

    `kept` when it did so before, else they are being built. `rows` embeddings, with which `images`
    files could be answered; `lacking` are the pictures without one. `bytes` is the size on disk.
    """

    model: ModelIdentity
    kept: bool
    rows: int
    images: int
    lacking: int
    bytes: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What an index holds. It answers with the embeddings of `model`, which are in `vector_set`.

    `others` lie beside them.

    `images` are files with an embedding, `lacking` pictures that have none by this model, `rows`
    embeddings, of which `live_rows` belong to a file that is still there; `graph_rows` are covered
    by the graph. `labels` counts files by label, most frequent first, `skipped` files that are no
    usable pictures by reason. `bytes` is the size on disk, `changed_at` seconds since 1970.
    """

    folder: str
    model: ModelIdentity | None
    roots: tuple[RootStatus, ...]
    images: int
    lacking: int
    rows: int
    live_rows: int
    graph_rows: int
    others: tuple[SetStatus, ...]
    labels: dict[str, int]
    skipped: dict[str, int]
    bytes: int
    changed_at: float
    vector_set: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with an index: what, and the command that mends it."""

    what: str
    repair: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What checking one part of an index came to: `told` in words, and what is wrong with it."""

    part: str
    told: str
    faults: tuple[Fault, ...]
