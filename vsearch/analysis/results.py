"""What an analysis comes to, as frozen values.

Lists are ranked, the most telling first, and cut to as many as were asked for (`top`); the counts
beside them are of all. Cosines are in [-1, 1]; probabilities and shares in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsearch.records import ModelIdentity


@dataclass(frozen=True, slots=True)
class Picture:
    """A file: its absolute path, its sides in pixels, its label and split; None where it has none.

    A split that a truth file leaves out is None, too.
    """

    path: str
    width: int
    height: int
    label: str | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A picture beside another one, and the cosine of the two."""

    picture: Picture
    cosine: float


# What there is


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a figure is distributed: `counts[i]` pictures have one in [edges[i], edges[i + 1]).

    The last bin has its upper edge, too; the edges are spaced for the eye, evenly in the logarithm.
    The quantiles are those of the figures themselves (the lower one where two are equally near).
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    least: float
    p5: float
    p25: float
    median: float
    p75: float
    p95: float
    most: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What the files say about themselves. Mappings count files, the most frequent first.

    `megapixels` of the upright picture; `longer_side` in pixels; `aspect` is width by height;
    `bytes` of the file; all None where there are no pictures. `orientations` counts "landscape",
    "portrait" and "square". `years` ("2023") and `months` ("2023-05") count by date, the earliest
    first: when a picture was taken, else when its file was changed. Of `dated` it was known when
    they were taken; of `undated` neither is known. `without_camera` name none.
    """

    formats: Mapping[str, int]
    orientations: Mapping[str, int]
    cameras: Mapping[str, int]
    without_camera: int
    years: Mapping[str, int]
    months: Mapping[str, int]
    dated: int
    undated: int
    megapixels: Distribution | None
    longer_side: Distribution | None
    aspect: Distribution | None
    bytes: Distribution | None


# Labels


@dataclass(frozen=True, slots=True)
class ClassCount:
    """One class: how many pictures are of it, and how many of these in each split."""

    label: str
    pictures: int
    splits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Labelling:
    """Where labels come from, and how the classes are balanced.

    `source` is "truth" (a file, `place`), "keywords" (in the pictures' files) or "folders" (the one
    each lies in). `classes` are all classes, the most frequent first. `labelled` and `unlabelled`
    pictures are in the index; `missing` ones are named by the truth and are not, of which
    `missing_paths` are the first few. `several` pictures had several keywords; each is of the
    rarest that enough pictures have. `splits` counts the pictures in each split, in the order of
    the truth; empty where there are none.

    `imbalance` is how many times as many pictures the largest class has as the smallest. `evenness`
    is Pielou's J: the entropy of the classes by that of as many equal ones, 1 where all are equal;
    `effective` is the number of equal classes of the same entropy (Hill's number of order 1). All
    three are None where there are fewer than two classes.
    """

    source: Literal["truth", "keywords", "folders"]
    place: str | None
    classes: tuple[ClassCount, ...]
    labelled: int
    unlabelled: int
    missing: int
    missing_paths: tuple[str, ...]
    several: int
    splits: Mapping[str, int]
    imbalance: float | None
    evenness: float | None
    effective: float | None


# Twice


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures that are the same: "exact", of equal content, or "near"; or "flat".

    One of two flat ones has too little structure for a hash, and they may be the same: their
    embeddings say so alone. `cosine` is that of these, `bits` in how many of 256 their perceptual
    hashes differ; 1 and 0 where they are exact, None where an exact one's embedding is damaged. The
    bits are None, too, of flat ones.
    """

    first: Picture
    second: Picture
    why: Literal["exact", "near", "flat"]
    cosine: float | None
    bits: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures that are the same, each to another one of the group at least (single linkage).

    `exact`: all are of one content. `labels` and `splits` are the different ones among them, in the
    order of the classes and of the truth; what has none is not counted.
    """

    pictures: tuple[Picture, ...]
    exact: bool
    labels: tuple[str, ...]
    splits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Pictures that are there more than once.

    `groups` are groups with so many `pictures` in them, `listed` the largest. Where there are
    splits, `across` groups have pictures in several of them. `leaking` pictures are in another
    split, too; `leaks` counts the pairs of such by their splits, and `pairs` are the pairs
    themselves, exact ones first, then those of the highest cosine: all of them, up to MOST_PAIRS.
    `conflicting` groups have pictures of several labels; `conflicts` lists
    them, the largest first, those of one content before others.
    """

    groups: int
    pictures: int
    listed: tuple[Group, ...]
    across: int
    leaking: int
    leaks: tuple[Leak, ...]
    pairs: tuple[Pair, ...]
    conflicting: int
    conflicts: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Leak:
    """Two splits and how many pairs of pictures, one in each, are the same: see `Pair`."""

    first: str
    second: str
    exact: int
    near: int
    flat: int = 0


MOST_PAIRS = 100_000
"""Pairs of pictures that are listed; one group of some thousands can come to millions."""


# Apart


@dataclass(frozen=True, slots=True)
class Outlier:
    """A picture that lies apart.

    `score` is how many times as far it is from its neighbours as is usual, among all pictures and
    among these neighbours (the geometric mean, see `outliers`): about 1 for most. `nearest` are
    those it is nearest to. `among` is the class it was looked at in, for odd ones out; None:
    all pictures.
    """

    picture: Picture
    score: float
    nearest: tuple[Neighbour, ...]
    among: str | None = None


@dataclass(frozen=True, slots=True)
class Outliers:
    """Pictures apart from all others (`listed`), and apart from their class (`odd`).

    `found` are of a score of `threshold` or more, `odd_found` of that of their class. The lists
    show the highest scores, at most as many as were asked for, and go on below the threshold.
    `neighbours` is how many of each picture's were looked at; 0 where there are too few pictures
    (then the threshold is 0, too). `featureless`
    pictures have too little structure for a perceptual hash, as a clear sky or a blank page;
    `blank` are the first of them. They are not looked at.
    """

    listed: tuple[Outlier, ...]
    found: int
    odd: tuple[Outlier, ...]
    odd_found: int
    threshold: float
    neighbours: int
    featureless: int
    blank: tuple[Picture, ...] = ()


# Labels that may be wrong


@dataclass(frozen=True, slots=True)
class Suspect:
    """A picture whose label may be wrong: it is `given` one and looks like another, `proposed`.

    The probabilities are those a classifier gives that has not seen the picture, nor any near
    duplicate of it. `margin`, by which they are ranked, is by how much the proposed one is more
    probable than the given one, in [-1, 1]. `confident`: confident learning counts it as
    an error. `nearest` are its neighbours, near duplicates left out.
    """

    picture: Picture
    given: str
    proposed: str
    given_probability: float
    proposed_probability: float
    margin: float
    confident: bool
    nearest: tuple[Neighbour, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """So many pictures of the class `given` look confidently like `proposed`."""

    given: str
    proposed: str
    pictures: int


@dataclass(frozen=True, slots=True)
class Suspects:
    """Labels that may be wrong, by confident learning (Northcutt, Jiang, Chuang 2021).

    `listed` are ranked, and may go on beyond the `found` that are confident. `tested` pictures of
    `classes` classes took part, `left_out` labelled ones did not: their class has too few.
    `accuracy` is the share of given labels that the classifier agrees with: where it is low,
    suspects are worth little. `confusions` are the most frequent kinds of error.
    """

    listed: tuple[Suspect, ...]
    found: int
    tested: int
    left_out: int
    classes: int
    accuracy: float
    confusions: tuple[Confusion, ...]


# Coverage


@dataclass(frozen=True, slots=True)
class Radius:
    """With `pictures` chosen ones, every picture is within `distance` of a chosen one.

    The distance is Euclidean between unit vectors, in [0, 2]; `cosine` the least one that any
    picture has with the nearest chosen one. Featureless pictures do not count.
    """

    pictures: int
    distance: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """A picture to label next: `cosine` is that with the nearest one labelled or chosen before.

    None for the first one where none is labelled.
    """

    picture: Picture
    cosine: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far few pictures stand for all, by k-centre greedy (Gonzalez 1985).

    `curve` is the radius by the number chosen, from the most central one on. `labelled` is the
    radius of those that are labelled; None where none is. `next` are the pictures to label next,
    those furthest from all labelled ones (Sener and Savarese 2018); outliers are left out, which
    would always come first. Empty where all are labelled.
    """

    curve: tuple[Radius, ...]
    labelled: Radius | None
    next: tuple[Chosen, ...]


# The map


@dataclass(frozen=True, slots=True)
class Point:
    """A picture on the map; x and y are in [-1, 1], near pictures near each other."""

    picture: Picture
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Map:
    """The embeddings in two dimensions: by `method`, `points` of `of` pictures.

    Where not all are shown, each class is there in proportion, but never without any, and so is
    what other lists name, as far as there is room.
    """

    points: tuple[Point, ...]
    of: int
    method: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """All of it.

    `index` is the index's folder; `pictures` files were looked at, of `contents` different
    contents; `damaged` of the files have an embedding that cannot be read, and count only as
    facts, labels and exact copies. `filtered`: not the whole index was looked at. `created` is ISO
    8601 with an offset. `top` is how many were listed, `seed` what chance came from. None stands
    where there is nothing to tell: no labels, or fewer than two classes.
    """

    index: str
    model: ModelIdentity | None
    created: str
    seed: int
    top: int
    filtered: bool
    pictures: int
    contents: int
    damaged: int
    facts: Facts
    labelling: Labelling | None
    duplicates: Duplicates
    outliers: Outliers
    suspects: Suspects | None
    coverage: Coverage
    map: Map
