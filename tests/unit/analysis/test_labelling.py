"""Which label a picture gets; facts and balance."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from made_indexes import entry

from vsearch.analysis.facts import Counts, distribution
from vsearch.analysis.labelling import Files, balance, labelled
from vsearch.analysis.results import ClassCount
from vsearch.errors import UsageError
from vsearch.records import ImageFacts
from vsearch.truth.values import Captions, Labels, Queries


def files(*paths: str, keywords: dict[str, tuple[str, ...]] | None = None) -> Files:
    found = (keywords or {}).get
    return Files(
        list(paths), list(range(len(paths))), [(4, 4)] * len(paths),
        [found(path, ()) for path in paths],
    )  # fmt: skip


def test_labels_and_splits_of_a_truth() -> None:
    truth = Labels(("/p/b", "/p/gone", "/p/a"), ("cat", "dog", "dog"), ("test", "train", ""))
    known = labelled(files("/p/a", "/p/b", "/p/c"), truth, Path("/t.csv"), None)
    assert known is not None
    assert known.labels == ["dog", "cat", None]
    assert known.splits == [None, "test", None]
    told = known.labelling
    assert (told.source, told.place) == ("truth", "/t.csv")
    assert (told.labelled, told.unlabelled, told.missing, told.missing_paths) == (
        2, 1, 1, ("/p/gone",)
    )  # fmt: skip
    assert told.classes == (ClassCount("cat", 1, {"test": 1}), ClassCount("dog", 1, {}))
    assert told.splits == {"test": 1}


def test_a_truth_that_names_a_picture_by_another_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    truth = Labels((str(tmp_path / "link" / "a"),), ("cat",))
    known = labelled(files(str(tmp_path.resolve() / "real" / "a")), truth, Path("t"), None)
    assert known is not None
    assert known.labels == ["cat"]


def test_captions_may_have_splits_only() -> None:
    truth = Captions(("/a", "/b"), ("one", "two"), (0, 1), ("train", "test"))
    known = labelled(files("/a", "/b"), truth, Path("t"), None)
    assert known is not None
    assert (known.labels, known.splits) == ([None, None], ["train", "test"])


@pytest.mark.parametrize(
    ("truth", "kind"),
    [
        (Captions(("/a",), ("one",), (0,)), "captions without splits"),
        (Queries(("/a",), ("one",), ({"/a": 1.0},)), "queries"),
    ],
)
def test_what_has_no_labels_is_refused(truth: Captions | Queries, kind: str) -> None:
    with pytest.raises(UsageError, match=f"no labels but {kind} in it, t;"):
        labelled(files("/a"), truth, Path("t"), None)


def test_of_several_keywords_the_rarest_that_enough_have() -> None:
    keywords: dict[str, tuple[str, ...]] = {f"/{n}": ("Beach", "holiday") for n in range(5)}
    keywords |= {"/5": ("holiday", "aunt"), "/6": ("uncle",), "/7": ("beach",)}
    known = labelled(files(*keywords, "/8", keywords=keywords), None, None, None)
    assert known is not None
    assert known.labels == [*["Beach"] * 5, "holiday", "uncle", "Beach", None]
    assert known.besides[5] == ("aunt", "holiday")
    assert (known.labelling.source, known.labelling.several) == ("keywords", 6)


def test_folders_where_there_are_no_keywords() -> None:
    known = labelled(files("/p/x/a", "/p/y/z/b", "/p/x/c"), None, None, None)
    assert known is not None
    assert (known.labelling.source, known.labels) == ("folders", ["p/x", "p/y/z", "p/x"])
    assert labelled(files("/p/a", "/p/b"), None, None, None) is None
    assert labelled(files(), None, None, None) is None
    asked = labelled(files("/p/a", "/p/b"), None, None, "folders")
    assert asked is not None
    assert asked.labels == ["p", "p"]


def test_balance_by_hand() -> None:
    assert balance([]) == balance([3]) == (None, None, None)
    assert balance([5, 5]) == pytest.approx((1, 1, 2))
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert balance([6, 2]) == pytest.approx((3, entropy / math.log(2), math.exp(entropy)))


def test_facts_are_counted() -> None:
    counts = Counts()
    for width, height, taken, camera in (
        (400, 300, "2020-05-01T10:00:00", "One"), (300, 400, None, None), (10, 10, None, "One"),
    ):  # fmt: skip
        facts = ImageFacts(width, height, "JPEG" if camera else "PNG", taken, camera)
        counts.add(entry("/root", f"{width}", facts))
    told = counts.facts()
    assert (told.formats, told.cameras, told.without_camera) == (
        {"JPEG": 2, "PNG": 1},
        {"One": 2},
        1,
    )
    assert told.orientations == {"landscape": 1, "portrait": 1, "square": 1}
    assert told.years == {"2020": 3}
    assert told.months == {"2020-05": 1, "2020-09": 2}
    assert (told.dated, told.undated) == (1, 0)
    assert told.longer_side is not None
    assert (told.longer_side.least, told.longer_side.median, told.longer_side.most) == (
        10,
        400,
        400,
    )
    assert sum(told.longer_side.counts) == 3
    assert Counts().facts().megapixels is None


@pytest.mark.parametrize("figures", [[1.0], [0.0, 0.0], [2.0, 2.0], [0.0, 3.0], [1e-9, 1e12, 5.0]])
def test_every_figure_is_in_a_bin(figures: list[float]) -> None:
    found = distribution(np.array(figures))
    assert found is not None
    assert sum(found.counts) == len(figures)
    assert (found.edges[0], found.edges[-1]) == (min(figures), max(figures) or 1.0)
    assert list(found.edges) == sorted(found.edges)
