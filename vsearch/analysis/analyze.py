"""An index, and labels where there are some -> an Analysis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from vsearch.analysis.contents import Contents
from vsearch.analysis.coverage import coverage
from vsearch.analysis.facts import Counts
from vsearch.analysis.groups import alike, pairs_of_flat
from vsearch.analysis.labelling import Files, labelled
from vsearch.analysis.leakage import duplicates
from vsearch.analysis.outliers import outliers
from vsearch.analysis.projection import laid_out
from vsearch.analysis.results import Analysis
from vsearch.analysis.suspects import suspects
from vsearch.duplicates.find import near_pairs, path_of
from vsearch.index import Index
from vsearch.truth.read import read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.analysis.contents import Places
    from vsearch.analysis.results import (
        Chosen,
        Coverage,
        Duplicates,
        Facts,
        Outlier,
        Outliers,
        Suspect,
        Suspects,
    )
    from vsearch.conditions import Condition


def analyze(
    folder: Path,
    *,
    labels_from: Path | Literal["keywords", "folders"] | None = None,
    images: Path | None = None,
    condition: Condition | None = None,
    top: int = 20,
    map_points: int = 5000,
    seed: int = 0,
    workers: int,
    pixel_limit: int,
    progress: Callable[[str, int, int], None] = lambda _stage, _done, _total: None,
) -> Analysis:
    """Return what there is to say about the pictures in the index in `folder`.

    Labels, and splits, are those of the truth file or folder `labels_from` (its pictures below
    `images`, see `truth.read`), or of keywords or folders; None: whichever there are. With a
    `condition`, only files that meet it are looked at. `top` is how many are listed of what is
    ranked, `map_points` how many pictures are on the map, at most. What is not told by its hash yet
    is decoded by `workers`, at most `pixel_limit` pixels each. `progress` is told what is being
    done, and how much of how much of it is.

    Raises StoreError when the index cannot be used, SourceError and UsageError as `truth.read`.
    """
    import numpy as np

    source = labels_from if isinstance(labels_from, str) else None
    place = None if isinstance(labels_from, str) else labels_from
    truth = None if place is None else read(place, images=images)
    with Index(folder) as index:
        files, facts = _files(index, condition)
        known = labelled(files, truth, place, source, filtered=condition is not None)
        del truth
        content_of_row, starts = np.unique(np.array(files.rows, np.int64), return_index=True)
        vectors, damaged = _vectors(index, content_of_row)
        hashes, are_known = index.perceptual_hashes(content_of_row)
        featureless = are_known & ~hashes.any(axis=1)
        contents = Contents(
            files, known, np.append(starts, len(files.rows)), vectors, ~damaged & ~featureless
        )
        near = alike(
            near_pairs(
                index, content_of_row, workers=workers, pixel_limit=pixel_limit,
                progress=lambda done, total: progress("duplicates", done, total),
            ),
            len(content_of_row),
            contents.sides(),
            pairs_of_flat(vectors, featureless),
        )  # fmt: skip
        model = index.model
    twice = duplicates(contents, near, top)
    apart, are_apart = outliers(contents, near, featureless & ~damaged, top, progress)
    doubted = suspects(contents, near, hashes, top, seed, progress)
    covered = coverage(contents, near, are_apart, top)
    return Analysis(
        index=str(folder),
        model=model,
        created=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        seed=seed,
        top=top,
        filtered=condition is not None,
        pictures=len(files.paths),
        contents=len(content_of_row),
        damaged=int(np.diff(contents.starts)[damaged].sum()),
        facts=facts,
        labelling=known.labelling if known else None,
        duplicates=twice,
        outliers=apart,
        suspects=doubted,
        coverage=covered,
        map=laid_out(
            contents, ~damaged, _named(twice, apart, doubted, covered, top), map_points, seed,
            progress,
        ),
    )  # fmt: skip


def _files(index: Index, condition: Condition | None) -> tuple[Files, Facts]:
    files, counts = Files(), Counts()
    for entry in index.entries(condition):
        files.paths.append(path_of(entry))
        files.rows.append(entry.row)
        files.sides.append((entry.facts.width, entry.facts.height))
        files.keywords.append(entry.facts.labels)
        counts.add(entry)
    return files, counts.facts()


def _vectors(index: Index, rows: Places) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the embeddings of the ascending `rows`, zeros where damaged, and which are."""
    import numpy as np

    vectors = np.zeros((len(rows), index.model.dim if index.model else 1), dtype=np.float32)
    damaged = np.ones(len(rows), dtype=bool)
    for first, block in index.blocks():
        if block is not None:
            low, high = np.searchsorted(rows, [first, first + len(block)])
            vectors[low:high] = block[rows[low:high] - first]
            damaged[low:high] = False
    return vectors, damaged


def _named(
    duplicates: Duplicates,
    apart: Outliers,
    doubted: Suspects | None,
    covered: Coverage,
    top: int,
) -> set[str]:
    """Return the paths of the pictures that are listed."""
    ranked: list[Sequence[Suspect | Outlier | Chosen]] = [
        doubted.listed if doubted else (), apart.listed, apart.odd, covered.next
    ]  # fmt: skip
    paths = {one.picture.path for some in ranked for one in some}
    for pair in duplicates.pairs[:top]:
        paths |= {pair.first.path, pair.second.path}
    return paths
