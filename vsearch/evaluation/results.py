"""What an evaluation comes to, as frozen values.

Metrics are named as the field does ("recall@1", "map@r", "ndcg@10"), within a protocol; the full
name is "text_to_image.recall@1".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.records import ModelIdentity


Kind = Literal["captions", "labels", "queries"]
"""Of truth."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric of `n` queries, or pairs of pictures, and its 95 % interval [low, high]."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Came:
    """One item that came: a picture (`path`) or a caption (`words`), its cosine, whether right.

    `label` is the picture's true class, where it has one.
    """

    score: float
    right: bool
    path: str | None = None
    words: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A query with what was wanted and what came, the best first.

    The query is `words` or a picture (`path`), of the class `label` where there are classes. What
    was wanted are pictures (`wanted`) or captions (`wanted_words`), the first few of them. `rank`
    is where the first that is relevant came, counted from 1, the mean over all orders of equals;
    `value` is the metric by which the query is among the worst (`Result.worst_by`).
    """

    rank: float
    value: float
    came: tuple[Came, ...]
    words: str | None = None
    path: str | None = None
    label: str | None = None
    wanted: tuple[str, ...] = ()
    wanted_words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scores:
    """How cosines are distributed: counts between `edges` (b + 1,), of pairs that match and others.

    `cutoff` is the cosine from which on a result is not shown as weak; None where nothing tells it.
    """

    edges: NDArray[np.float64]
    matching: NDArray[np.int64]
    others: NDArray[np.int64]
    cutoff: float | None = None


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class: `support` pictures are of it; precision, recall and F1 in [0, 1]."""

    label: str
    support: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Result:
    """What one protocol came to.

    `name` is the protocol's ("text_to_image", "image_to_text", "image_to_image", "zero_shot",
    "nearest_neighbour", "search", "graph"), `title` says it in words. `queries` were asked of a
    `gallery` of so many items; `left_out` queries more had nothing relevant in it. `ids` name the
    queries, `per_query` holds the value of each for every metric that is a mean over queries (nan
    where it has none); queries with the same number in `clusters` are not independent. `curve` is
    the metric `curve_of` by k. `worst` are the worst queries by the metric `worst_by`, the worst
    first. `confusion` counts pictures by true and predicted class. `spread` is how
    much further than by queries alone values are taken to be spread, see `significance.paired`.
    """

    name: str
    title: str
    queries: int
    gallery: int
    left_out: int
    metrics: Mapping[str, Estimate]
    ids: tuple[str, ...] = ()
    per_query: Mapping[str, NDArray[np.float64]] | None = None
    clusters: NDArray[np.int64] | None = None
    curve: tuple[tuple[int, float], ...] = ()
    curve_of: Literal["recall", "hit_rate"] = "recall"
    worst: tuple[Example, ...] = ()
    worst_by: str = ""
    scores: Scores | None = None
    classes: tuple[ClassRow, ...] = ()
    confusion: Mapping[tuple[str, str], int] | None = None
    spread: float = 1.0


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one query takes on this machine, in milliseconds; how many are answered a second.

    `cold` are whole processes of `vsearch search`, `warm` queries to a process that has model and
    index open, one after the other; `throughput` is queries a second of such a process that gets
    many at once.
    """

    cold: tuple[float, ...]
    warm: tuple[float, ...]
    throughput: float


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One model: what each protocol came to. `vector_set` is where its embeddings are.

    `missing` pictures of the truth have none. `no_graph` is why the graph cannot be used, "" where
    it can. `judgements` are digests of what the truth says, see `judgements.judgements`; `items` of
    the contents that queries search, where these are more than the truth names.
    """

    model: ModelIdentity
    vector_set: str
    results: tuple[Result, ...]
    latency: Latency | None = None
    missing: int = 0
    no_graph: str = ""
    judgements: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether a model is better than the first one, by one metric.

    `difference` is its value less that of `other`, over the same queries; [low, high] its 95 %
    interval and `p` the two-sided p-value of "no difference": see `comparison.changes`. `p_holm` is
    that adjusted for all comparisons that were made, see `significance.holm`.
    """

    metric: str
    model: str
    other: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class Gate:
    """One requirement, whether it was met, and a line that says how, or how not."""

    requirement: str
    passed: bool
    line: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All of it. `kind` is that of the truth, which names `pictures`, `missing` of them in vain.

    `created` is ISO 8601 with an offset; `machine` what `vsearch.machine` tells.
    """

    truth: str
    kind: Kind
    split: str | None
    pictures: int
    created: str
    machine: Mapping[str, str | int | float]
    models: tuple[Evaluated, ...]
    comparisons: tuple[Comparison, ...] = ()
    gates: tuple[Gate, ...] = ()
    missing: int = 0
