"""One model on one truth: the pictures' embeddings from an index -> what each protocol comes to."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.evaluation.gallery import Gallery, gallery_of
from vsearch.evaluation.judgements import DIGEST, judgements
from vsearch.evaluation.latency import measure_latency
from vsearch.evaluation.protocols.captions import image_to_text, text_to_image
from vsearch.evaluation.protocols.graph import graph
from vsearch.evaluation.protocols.labels import classes_of, image_to_image, zero_shot
from vsearch.evaluation.protocols.queries import search
from vsearch.evaluation.results import Evaluated
from vsearch.evaluation.texts import embed_texts
from vsearch.images.formats import SUFFIXES
from vsearch.index import GraphUnusable, Index
from vsearch.searching.fetch import is_url
from vsearch.searching.query import embed_each, parse
from vsearch.searching.relevance import cutoff
from vsearch.truth.values import Captions, Labels, Queries, called

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.evaluation.results import Latency, Result
    from vsearch.evaluation.retrieval import Progress
    from vsearch.models.encoder import Encoder
    from vsearch.searching.query import Term
    from vsearch.truth.values import Truth

_NAMED = 3  # pictures that are missing, in the message


@dataclass(frozen=True, slots=True)
class Options:
    """How to evaluate: metrics at each of `k`; at most `sample` pictures ask for others of a class.

    These are drawn by `seed`; None: all of them. `folders` are those that queries that are pictures
    may be in. Pictures that the index does not have are an error, unless `allow_missing`; then they
    are left out, or of queries, count as never found. `latency`: it is measured, too.
    """

    workers: int
    pixel_limit: int
    k: tuple[int, ...] = (1, 5, 10)
    sample: int | None = None
    seed: int = 0
    folders: tuple[str, ...] = ()
    allow_missing: bool = False
    latency: bool = True


def evaluate(
    truth: Truth,
    folder: Path,
    vector_set: str | None,
    encoder: Encoder,
    options: Options,
    progress: Progress,
) -> Evaluated:
    """Evaluate the model of `encoder` with the pictures' embeddings in the index in `folder`.

    They are those of the set of that name, else of the one that this model made. Raises UsageError
    for pictures that are missing and terms that cannot be used, StoreError when the index cannot.
    """
    with Index(folder, vector_set or encoder.identity) as index:
        items = frozenset[str]()
        if isinstance(truth, Queries):
            items = frozenset(entry.digest[:DIGEST].hex() for entry in index.entries())
            lost = int((index.rows_of(truth.paths) < 0).sum())
            results, asked, texts = _queries(truth, index, encoder, options, progress)
        else:
            pictures = gallery_of(index, truth.paths)
            lost = len(truth.paths) - len(pictures.items)
            truth = _there(truth, pictures, allow_missing=options.allow_missing)
            if isinstance(truth, Captions):
                results, asked, texts = _captions(truth, pictures, encoder, options, progress)
            else:
                results, asked, texts = _labels(truth, pictures, encoder, options, progress)
        ids = results[0].ids  # of the same queries
        of_graph, no_graph = None, ""
        try:
            of_graph = graph(index, ids, asked, options.k, progress=progress)
        except GraphUnusable as error:
            no_graph = str(error)
        is_active = _is_active(folder, index)
        name = index.vector_set
    latency: Latency | None = None
    if options.latency and texts and is_active:  # what `vsearch search` answers with
        progress("latency", 0, 1)
        latency = measure_latency(folder, texts, encoder, pixel_limit=options.pixel_limit)
        progress("latency", 1, 1)
    if of_graph:
        results.append(of_graph)
    return Evaluated(
        encoder.identity,
        name,
        tuple(results),
        latency,
        lost,
        no_graph,
        judgements(truth),
        items,
    )


def _captions(
    truth: Captions, pictures: Gallery, encoder: Encoder, options: Options, progress: Progress
) -> tuple[list[Result], NDArray[np.float32], Sequence[str]]:
    names = called(truth)
    vectors = embed_texts(
        truth.captions,
        encoder,
        workers=options.workers,
        progress=_step("embedding captions", progress),
    )
    of_texts = text_to_image(
        truth,
        names,
        vectors,
        pictures,
        encoder.calibration,
        options.k,
        workers=options.workers,
        progress=progress,
    )
    of_pictures = image_to_text(
        truth, names, vectors, pictures, options.k, workers=options.workers, progress=progress
    )
    return [of_texts, of_pictures], vectors, truth.captions


def _labels(
    truth: Labels, pictures: Gallery, encoder: Encoder, options: Options, progress: Progress
) -> tuple[list[Result], NDArray[np.float32], Sequence[str]]:
    import numpy as np

    names = called(truth)
    queries = np.arange(len(names))
    if options.sample is not None and options.sample < len(names):
        drawn = np.random.default_rng(options.seed).choice(len(names), options.sample, False)
        queries = np.sort(drawn)
    results = list(
        image_to_image(
            truth,
            names,
            queries,
            pictures,
            options.k,
            workers=options.workers,
            progress=progress,
        )
    )
    words = [in_words(name) for name in classes_of(truth).names]
    if any(any(letter.isalpha() for letter in word) for word in words):  # "0", "1" name nothing
        vectors = embed_texts(words, encoder, workers=options.workers)
        told = encoder.calibration.keyword
        results.append(zero_shot(truth, names, queries, pictures, vectors, told, progress=progress))
    return results, pictures.of(queries), words


def _queries(
    truth: Queries, index: Index, encoder: Encoder, options: Options, progress: Progress
) -> tuple[list[Result], NDArray[np.float32], Sequence[str]]:
    import numpy as np

    paths = [os.path.join(entry.root, entry.path) for entry in index.entries()]
    pictures = gallery_of(index, paths)
    known = dict(zip(truth.paths, index.rows_of(truth.paths).tolist(), strict=True))
    lost = [path for path, row in known.items() if row < 0]
    if lost and not options.allow_missing:
        raise missing(lost, len(truth.paths))
    # Under the names that the index has them by, whatever links the truth names them through.
    named = {path: entry for path in truth.paths if (entry := index.entry(path))}
    as_indexed = {path: os.path.join(one.root, one.path) for path, one in named.items()}
    truth = Queries(
        truth.paths,
        truth.queries,
        tuple(
            {as_indexed.get(path, path): grade for path, grade in one.items()}
            for one in truth.relevant
        ),
    )
    vectors, own = [], []
    for number, query in enumerate(truth.queries, start=1):
        terms = [query_term(query, options.folders)]
        (found,) = embed_each([terms], encoder, options.pixel_limit)
        if isinstance(found, UsageError):
            raise found
        picture = terms[0].text if terms[0].kind == "picture" else None
        entry = index.entry(picture) if picture else None
        own.append(os.path.join(entry.root, entry.path) if entry else picture)
        vectors.append(found.vector)
        progress("embedding queries", number, len(truth.queries))
    asked = np.stack(vectors)
    sentence = encoder.calibration.sentence
    result = search(
        truth,
        asked,
        own,
        pictures,
        options.k,
        cutoff=cutoff(sentence, index.rows) if sentence else None,
        workers=options.workers,
        progress=progress,
    )
    texts = [query for query, picture in zip(truth.queries, own, strict=True) if picture is None]
    return [result], asked, texts


def query_term(query: str, folders: Sequence[str]) -> Term:
    """Return what a query of a truth means, wherever it is evaluated.

    An address, an absolute path, and what begins with `image:` or `text:`, are what they are to a
    search. Else it is a picture in one of the `folders` where one has that name, and words if not.
    Raises UsageError for what is named like a picture and is none of these.
    """
    prefixed = query.removeprefix("image:")
    if is_url(query) or query.startswith("text:") or os.path.isabs(prefixed):
        return parse([query])[0]
    named = prefixed != query or os.path.splitext(query)[1].lower() in SUFFIXES
    for folder in folders:
        path = os.path.join(folder, prefixed)
        if named and os.path.isfile(path):
            return parse([f"image:{path}"])[0]
    if named:
        raise UsageError(
            f"no such picture, for the query {query!r}, in {' or '.join(folders)}; check the path, "
            "or put text: before words"
        )
    return parse([f"text:{query}"])[0]


def _there(
    truth: Captions | Labels, pictures: Gallery, *, allow_missing: bool
) -> Captions | Labels:
    """Return what the truth says of the pictures that there are. Raises UsageError."""
    there = set(pictures.items)
    lost = [path for path in truth.paths if path not in there]
    if not lost:
        return truth
    if not allow_missing or not there:
        raise missing(lost, len(truth.paths))
    if isinstance(truth, Labels):
        kept = [pair for pair in zip(truth.paths, truth.labels, strict=True) if pair[0] in there]
        paths, labels = zip(*kept, strict=True)
        return replace(truth, paths=paths, labels=labels, splits=None)
    places = {path: place for place, path in enumerate(pictures.items)}
    captions = [
        (text, places[truth.paths[image]])
        for text, image in zip(truth.captions, truth.image_of, strict=True)
        if truth.paths[image] in there
    ]
    return replace(
        truth,
        paths=pictures.items,
        captions=tuple(text for text, _ in captions),
        image_of=tuple(image for _, image in captions),
        splits=None,
    )


def missing(lost: Sequence[str], pictures: int) -> UsageError:
    """Return the error for pictures of the truth without an embedding."""
    shown = ", ".join(repr(path) for path in lost[:_NAMED])
    more = ", ..." if len(lost) > _NAMED else ""
    return UsageError(
        f"{len(lost):,} of {pictures:,} pictures are not there, or cannot be used: {shown}{more}; "
        "say where they are with --images, bring the index up to date with `vsearch index`, or "
        "leave them out with --allow-missing"
    )


def _is_active(folder: Path, index: Index) -> bool:
    with Index(folder) as active:
        return active.vector_set == index.vector_set


def _step(title: str, progress: Progress) -> Callable[[int, int], None]:
    return lambda done, total: progress(title, done, total)


def in_words(label: str) -> str:
    """Return a label as one would say it: "golden_retriever" is a golden retriever."""
    return " ".join(label.replace("_", " ").replace("-", " ").split()) or label
