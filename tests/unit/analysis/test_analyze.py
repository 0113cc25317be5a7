"""A whole analysis of made-up indexes with planted faults, and of indexes with little in them."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from made_indexes import FACTS, entry

from vsearch.analysis.analyze import analyze
from vsearch.analysis.results import Analysis
from vsearch.conditions import Below
from vsearch.errors import IndexMissing, UsageError
from vsearch.images.perceptual import NO_STRUCTURE
from vsearch.index.folder import FIRST_SET, place_of
from vsearch.index.writer import IndexWriter
from vsearch.records import ModelIdentity
from vsearch.vectors import unit

DIM = 24
MODEL = ModelIdentity("made up", "weights", "preprocessing", DIM)
Row = tuple[str, str | None, np.ndarray, bytes | None]  # name, content, embedding, perceptual hash


def index_of(folder: Path, rows: list[Row]) -> Path:
    with IndexWriter(folder, MODEL) as writer:
        root = writer.add_root("/pictures", whole=True)
        for name, content, vector, perceptual in rows:
            one = entry("/pictures", name, FACTS, content)
            writer.add(
                root, one.path, one.size, one.mtime_ns, one.digest, one.facts,
                unit(np.asarray(vector, np.float32)), perceptual,
            )  # fmt: skip
        writer.commit()
    return folder


def truth(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    file = folder / "truth.csv"
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([("path", "label", "split"), *rows])
    return file


def analysed(index: Path, labels_from: Path | None = None, **options: object) -> Analysis:
    return analyze(index, labels_from=labels_from, workers=1, pixel_limit=1000, **options)  # type: ignore[arg-type]  # as analyze takes them


def hash_of(number: int) -> bytes:
    return np.random.default_rng(number).bytes(32)


def clustered(count: int, seed: int = 0) -> tuple[list[Row], list[str]]:
    """Pictures of three classes in clusters, named by number, and their classes."""
    random = np.random.default_rng(seed)
    centres = 1.5 * random.standard_normal((3, DIM))
    labels = [f"class {number % 3}" for number in range(count)]
    vectors = centres[np.arange(count) % 3] + random.standard_normal((count, DIM))
    names = [f"{number:04}.png" for number in range(count)]
    return [(name, None, vectors[n], hash_of(n)) for n, name in enumerate(names)], labels


def test_planted_faults_are_found(tmp_path: Path) -> None:
    rows, labels = clustered(300)
    splits = ["train"] * 240 + ["test"] * 60
    # An exact copy and a near one of pictures of "train", in "test".
    rows[270] = ("0270.png", rows[0][0], rows[0][2], rows[0][3])
    rows[271] = ("0271.png", None, rows[1][2] + 1e-3, rows[1][3])
    # A near one of 3 with another label, in the same split.
    rows[33] = ("0033.png", None, rows[3][2], rows[3][3])
    labels[33] = "class 1"
    strange = np.random.default_rng(99).standard_normal(DIM)
    for number in (50, 51):
        rows[number] = (rows[number][0], None, strange + 0.1 * rows[number][2], rows[number][3])
    rows[60] = ("0060.png", None, rows[60][2], NO_STRUCTURE)
    wrong = {100: "class 0", 101: "class 0", 102: "class 1"}
    for number, label in wrong.items():
        assert labels[number] != label
        labels[number] = label
    place = truth(
        tmp_path,
        [
            (f"/pictures/{row[0]}", label, split)
            for row, label, split in zip(rows, labels, splits, strict=True)
        ],
    )
    found = analysed(index_of(tmp_path / "index", rows), place, top=10, map_points=50)
    assert (found.pictures, found.contents, found.damaged) == (300, 299, 0)

    twice = found.duplicates
    assert (twice.groups, twice.pictures, twice.across, twice.leaking) == (3, 6, 2, 4)
    exact, near = twice.pairs
    for pair, why, first, second in ((exact, "exact", 0, 270), (near, "near", 1, 271)):
        assert (pair.why, pair.first.split, pair.second.split) == (why, "train", "test")
        assert pair.first.path == f"/pictures/{first:04}.png"
        assert pair.second.path == f"/pictures/{second:04}.png"
        assert pair.cosine == pytest.approx(1, abs=1e-4)
        assert pair.bits == 0
    (leak,) = twice.leaks
    assert (leak.first, leak.second, leak.exact, leak.near) == ("train", "test", 1, 1)
    assert [group.labels for group in twice.conflicts] == [("class 0", "class 1")]

    assert {one.picture.path for one in found.outliers.listed[:2]} == {
        "/pictures/0050.png", "/pictures/0051.png"
    }  # fmt: skip
    above = [one.score >= found.outliers.threshold for one in found.outliers.listed]
    assert 1 <= sum(above) == found.outliers.found < len(above)
    assert (found.outliers.featureless, found.outliers.blank[0].path) == (1, "/pictures/0060.png")

    suspects = found.suspects
    assert suspects is not None
    told = {one.picture.path: one for one in suspects.listed[:6]}
    for number in wrong:
        suspect = told[f"/pictures/{number:04}.png"]
        assert suspect.confident
        assert suspect.given == wrong[number] == suspect.picture.label
        assert suspect.proposed == f"class {number % 3}"
        assert suspect.margin == pytest.approx(
            suspect.proposed_probability - suspect.given_probability
        )
        assert len(suspect.nearest) == 5
    vouched = told["/pictures/0033.png"]
    assert vouched.proposed == "class 0"
    assert "/pictures/0003.png" not in {one.picture.path for one in vouched.nearest}
    assert suspects.accuracy > 0.9

    assert len(found.map.points) == 50
    shown = {one.picture.path for one in found.map.points}
    assert {one.picture.path for one in suspects.listed} <= shown
    assert found.coverage.next == ()
    assert found.coverage.labelled is not None
    distances = [one.distance for one in found.coverage.curve]
    assert distances == sorted(distances, reverse=True)


def test_flat_copies_leak_by_their_embeddings(tmp_path: Path) -> None:
    """Pictures with too little structure for a hash are near by cosine: copies, and no others."""
    rows, labels = clustered(40)
    random = np.random.default_rng(7)
    flat, other, one_more, structured = random.standard_normal((4, DIM))
    copy = flat + 0.2 * random.standard_normal(DIM)
    for number, vector, perceptual in (
        (2, flat, NO_STRUCTURE),
        (32, copy, NO_STRUCTURE),
        (3, structured, hash_of(3)),
        (33, structured + 0.01, NO_STRUCTURE),
        (4, other, NO_STRUCTURE),
        (34, one_more, NO_STRUCTURE),
    ):
        rows[number] = (rows[number][0], None, vector, perceptual)
    labels[32] = "another"
    labels[33] = labels[3]
    place = truth(
        tmp_path,
        [
            (f"/pictures/{row[0]}", label, "train" if number < 30 else "test")
            for number, (row, label) in enumerate(zip(rows, labels, strict=True))
        ],
    )
    found = analysed(index_of(tmp_path / "index", rows), place, map_points=0)
    twice = found.duplicates
    pairs = [(pair.first.path[-6:-4], pair.second.path[-6:-4]) for pair in twice.pairs]
    assert pairs == [("03", "33"), ("02", "32")]
    assert all(pair.why == "flat" and pair.bits is None for pair in twice.pairs)
    assert [0.9 <= (pair.cosine or 0) <= 1 for pair in twice.pairs] == [True, True]
    (leak,) = twice.leaks
    assert (leak.exact, leak.near, leak.flat, twice.leaking) == (0, 0, 2, 4)
    assert (twice.groups, twice.conflicts) == (0, ())  # they may be the same, and join nothing


def test_the_same_seed_comes_to_the_same(tmp_path: Path) -> None:
    rows, labels = clustered(90)
    index = index_of(tmp_path / "index", rows)
    place = truth(
        tmp_path,
        [(f"/pictures/{one[0]}", label, "") for one, label in zip(rows, labels, strict=True)],
    )
    first, second = (
        dataclasses.replace(analysed(index, place, seed=5, map_points=40), created="") for _ in "12"
    )
    assert first == second


def test_what_to_label_next_is_far_from_what_is_labelled(tmp_path: Path) -> None:
    rows, labels = clustered(60)
    index = index_of(tmp_path / "index", rows)
    of_two = [
        (f"/pictures/{row[0]}", label, "")
        for row, label in zip(rows, labels, strict=True)
        if label != "class 2"
    ]
    found = analysed(index, truth(tmp_path, of_two), top=3, map_points=0)
    assert found.labelling is not None
    assert (found.labelling.labelled, found.labelling.unlabelled) == (40, 20)
    number = int(Path(found.coverage.next[0].picture.path).stem)
    assert labels[number] == "class 2"
    assert [one.picture.label for one in found.coverage.next] == [None] * 3
    cosines = [one.cosine or 0 for one in found.coverage.next]
    assert cosines == sorted(cosines)


def test_what_to_label_next_is_no_outlier(tmp_path: Path) -> None:
    rows, labels = clustered(60)
    rows[7] = (rows[7][0], None, -np.sum([row[2] for row in rows[:6]], axis=0), rows[7][3])
    index = index_of(tmp_path / "index", rows)
    of_two = [(f"/pictures/{row[0]}", labels[0], "") for row in rows[:60:3]]
    found = analysed(index, truth(tmp_path, of_two), map_points=0)
    assert found.outliers.listed[0].picture.path == "/pictures/0007.png"
    assert found.outliers.listed[0].score >= found.outliers.threshold
    assert "/pictures/0007.png" not in {one.picture.path for one in found.coverage.next}


def test_leaks_are_told_in_the_order_of_the_splits(tmp_path: Path) -> None:
    """The first split of the truth is the first of a pair, whichever file the index has first."""
    rows, labels = clustered(20)
    rows[10] = ("0010.png", rows[0][0], rows[0][2], rows[0][3])
    index = index_of(tmp_path / "index", rows)
    listed = [
        (f"/pictures/{row[0]}", label, "test" if number < 10 else "train")
        for number, (row, label) in enumerate(zip(rows, labels, strict=True))
    ]
    found = analysed(index, truth(tmp_path, listed[::-1]), map_points=0)
    (pair,) = found.duplicates.pairs
    assert (pair.first.path, pair.first.split) == ("/pictures/0010.png", "train")
    assert (pair.second.path, pair.second.split) == ("/pictures/0000.png", "test")
    (leak,) = found.duplicates.leaks
    assert (leak.first, leak.second) == ("train", "test")


SMALL = {
    "empty": 0,
    "one picture": 1,
    "two": 2,
    "three": 3,
    "all equal": 12,
    "eleven": 11,
}


@pytest.mark.parametrize(("name", "count"), SMALL.items(), ids=list(SMALL))
@pytest.mark.parametrize("classes", [0, 1, 2])
def test_little_is_answered_too(tmp_path: Path, name: str, count: int, classes: int) -> None:
    rows, _ = clustered(count)
    if name == "all equal":
        rows = [(one[0], None, np.ones(DIM), hash_of(0)) for one in rows]
    index = index_of(tmp_path / "index", rows)
    listed = [
        (f"/pictures/{row[0]}", f"class {number % classes}", "ab"[number % 2])
        for number, row in enumerate(rows)
        if classes
    ]
    listed.append(("/pictures/gone.png", "class 0", "a"))
    found = analysed(index, truth(tmp_path, listed) if classes else None, top=5)
    assert found.pictures == count
    if classes:
        assert found.labelling is not None
        assert found.labelling.missing == 1
        assert found.labelling.labelled == count
    else:
        assert found.labelling is None
    assert len(found.map.points) == count
    assert len(found.coverage.curve) == (1 if name == "all equal" else count)
    assert len(found.outliers.listed) == (5 if name == "eleven" else 0)
    assert (found.duplicates.groups, found.duplicates.leaking) == (
        (1, 12 if classes else 0) if name == "all equal" else (0, 0)
    )
    assert (found.suspects is None) == (not (name == "eleven" and classes == 2))


def test_labels_of_none_of_the_pictures_are_an_error(tmp_path: Path) -> None:
    index = index_of(tmp_path / "index", clustered(3)[0])
    labels = truth(tmp_path, [("/pictures/gone.png", "class 0", "a")])
    with pytest.raises(UsageError, match=r"none of the 1 labelled pictures .* /pictures/gone\.png"):
        analysed(index, labels)


def test_damaged_rows_are_counted_and_not_compared(tmp_path: Path) -> None:
    rows, labels = clustered(600)
    # An exact copy of one in the damaged part:
    rows[599] = (
        "0599.png",
        "0000.png",
        rows[0][2],
        rows[0][3],
    )
    index = index_of(tmp_path / "index", rows)
    matrix = place_of(index, FIRST_SET) / "matrix.f32"
    data = bytearray(matrix.read_bytes())
    data[100] ^= 1  # a block of 256 rows
    matrix.write_bytes(data)
    place = truth(
        tmp_path,
        [
            (f"/pictures/{row[0]}", label, "train" if number < 300 else "test")
            for number, (row, label) in enumerate(zip(rows, labels, strict=True))
        ],
    )
    found = analysed(index, place, map_points=50)
    assert (found.pictures, found.damaged) == (600, 257)
    (pair,) = found.duplicates.pairs
    assert (pair.why, pair.cosine, pair.bits) == ("exact", None, None)
    assert found.map.of == 343
    assert found.suspects is not None
    assert found.suspects.tested == 343


def test_one_content_with_two_labels_is_a_conflict_and_vouches_for_neither(tmp_path: Path) -> None:
    rows, labels = clustered(60)
    rows[5] = ("0005.png", rows[3][0], rows[3][2], rows[3][3])
    index = index_of(tmp_path / "index", rows)
    place = truth(
        tmp_path,
        [(f"/pictures/{one[0]}", label, "") for one, label in zip(rows, labels, strict=True)],
    )
    found = analysed(index, place, map_points=0)
    (group,) = found.duplicates.conflicts
    assert group.exact
    assert group.labels == ("class 0", "class 2")
    assert found.suspects is not None
    first = found.suspects.listed[0]
    assert (first.picture.path, first.proposed) == ("/pictures/0005.png", "class 0")


def test_only_what_meets_a_condition_is_looked_at(tmp_path: Path) -> None:
    rows, _ = clustered(20)
    moved = [(f"in/{one[0]}", *one[1:]) for one in rows[:5]]
    found = analysed(
        index_of(tmp_path / "index", [*rows[5:], *moved]), condition=Below("/pictures/in")
    )
    assert (found.pictures, found.filtered, found.labelling) == (5, True, None)


def test_no_map_where_none_is_wanted(tmp_path: Path) -> None:
    rows, _ = clustered(20)
    found = analysed(index_of(tmp_path / "index", rows), map_points=0)
    assert (found.map.points, found.map.of) == ((), 20)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        analysed(tmp_path / "none")
    with pytest.raises(UsageError, match="it is not there"):
        analysed(tmp_path / "none", tmp_path / "truth.csv")
