"""Captions: each asks for its picture, each picture for its captions.

The protocol of Flickr8k, Flickr30k and COCO captions (Karpathy and Fei-Fei, "Deep Visual-Semantic
Alignments for Generating Image Descriptions", 2015). What that calls Recall@K is `recall@k` from
text to image, where one picture is right, and `hit_rate@k` from image to text, where several are.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from vsearch.evaluation import ranking
from vsearch.evaluation.calibration import expected_calibration_error
from vsearch.evaluation.estimates import statistic
from vsearch.evaluation.gallery import Gallery
from vsearch.evaluation.protocols.retrieving import retrieved
from vsearch.evaluation.results import Came, Example
from vsearch.evaluation.retrieval import Asked, at
from vsearch.searching.query import is_keyword
from vsearch.searching.relevance import cutoff, evidence, relevance

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.evaluation.results import Result
    from vsearch.evaluation.retrieval import Progress
    from vsearch.records import Calibration
    from vsearch.truth.values import Captions

    Integers = NDArray[np.int64]

TOLD = 10  # answers to each query, of which it is looked at how honest their relevance is


def text_to_image(
    truth: Captions,
    names: Sequence[str],
    captions: NDArray[np.float32],
    pictures: Gallery,
    calibration: Calibration,
    k: Sequence[int],
    *,
    workers: int,
    progress: Progress,
) -> Result:
    """Ask for the pictures by their captions.

    `captions` (c, dim) are the embeddings of all captions, `pictures` those of `truth.paths`, in
    their order, which are called `names`. `ece` is of the relevance of the ten best answers to each
    query, as a search tells it; to be right, an answer must be the very picture of the caption.
    """
    import numpy as np

    image_of = np.array(truth.image_of, dtype=np.int64)
    asked = Asked(_ids(truth, names), captions, list(image_of[:, None]), clusters=image_of)
    count = min(TOLD, len(pictures.items))
    cosines = np.empty((len(image_of), count), dtype=np.float32)
    right = np.empty((len(image_of), count), dtype=bool)

    def keep(first: int, scores: NDArray[np.float32]) -> None:
        end = first + len(scores)
        places = np.argpartition(scores, -count, axis=1)[:, -count:]
        cosines[first:end] = np.take_along_axis(scores, places, axis=1)
        right[first:end] = places == image_of[first:end, None]

    sentence = calibration.sentence
    result, _ = retrieved(
        "text_to_image",
        "captions ask for their pictures",
        asked,
        pictures,
        {**at(k, ranking.recall_at, "recall"), "mrr": ranking.reciprocal_rank},
        curve_of="recall",
        worst_by="mrr",
        query=lambda place: Example(
            0,
            0,
            (),
            words=truth.captions[place],
            wanted=(truth.paths[truth.image_of[place]],),
        ),
        item=lambda place, score, is_right: Came(score, is_right, path=truth.paths[place]),
        cutoff=cutoff(sentence, len(pictures.items)) if sentence else None,
        workers=workers,
        progress=progress,
        each=keep,
    )
    told = _relevances(cosines, truth.captions, calibration, len(pictures.items))
    if told is None:
        return result
    ece = statistic(
        lambda rows: expected_calibration_error(told[rows].reshape(-1), right[rows].reshape(-1)),
        len(told),
        image_of,
    )
    return replace(result, metrics={**result.metrics, "ece": ece})


def image_to_text(
    truth: Captions,
    names: Sequence[str],
    captions: NDArray[np.float32],
    pictures: Gallery,
    k: Sequence[int],
    *,
    workers: int,
    progress: Progress,
) -> Result:
    """Ask for the captions by their pictures; the rest as in `text_to_image`."""
    import numpy as np

    own = defaultdict[int, list[int]](list)
    for place, image in enumerate(truth.image_of):
        own[image].append(place)
    relevant = [np.array(own[place], dtype=np.int64) for place in range(len(names))]
    asked = Asked(tuple(names), pictures.of(np.arange(len(names))), relevant)
    result, _ = retrieved(
        "image_to_text",
        "pictures ask for their captions",
        asked,
        _of_words(truth.captions, captions),
        {
            **at(k, ranking.hit_rate_at, "hit_rate"),
            **at(k, ranking.recall_at, "recall"),
            "mrr": ranking.reciprocal_rank,
            "map": ranking.average_precision,
            "r_precision": ranking.r_precision,
        },
        curve_of="hit_rate",
        worst_by="map",
        query=lambda place: Example(
            0,
            0,
            (),
            path=truth.paths[place],
            wanted_words=tuple(truth.captions[one] for one in own[place]),
        ),
        item=lambda place, score, is_right: Came(score, is_right, words=truth.captions[place]),
        workers=workers,
        progress=progress,
    )
    return result


def _ids(truth: Captions, names: Sequence[str]) -> tuple[str, ...]:
    """Return what each caption is known by, in another evaluation, too."""
    found = dict[str, int]()
    ids = []
    for text, image in zip(truth.captions, truth.image_of, strict=True):
        name = f"{names[image]}: {text}"
        found[name] = found.get(name, 0) + 1
        ids.append(name if found[name] == 1 else f"{name} #{found[name]}")
    return tuple(ids)


def _of_words(words: Sequence[str], vectors: NDArray[np.float32]) -> Gallery:
    """Return the gallery of texts with such embeddings (n, dim); equal texts share a row."""
    import numpy as np

    first: dict[str, int] = {}
    rows = [first.setdefault(text, len(first)) for text in words]
    places = np.empty(len(first), dtype=np.int64)
    places[rows] = np.arange(len(rows))
    several = np.array(rows, dtype=np.int64) if len(first) < len(rows) else None
    return Gallery(tuple(words), vectors[places], several)


def _relevances(
    cosines: NDArray[np.float32], captions: Sequence[str], calibration: Calibration, rows: int
) -> NDArray[np.float64] | None:
    """Return the relevance of pictures with such `cosines` (c, n), one caption a row: (c, n).

    None where the model does not know what cosines tell of one of them.
    """
    import numpy as np

    told = np.empty(cosines.shape)
    keywords = np.array([is_keyword(text) for text in captions], dtype=bool)
    for kind, chosen in ((calibration.keyword, keywords), (calibration.sentence, ~keywords)):
        if chosen.any():
            found = evidence(cosines[chosen], kind, None)
            if found is None:
                return None
            told[chosen] = relevance(found, rows)
    return told
