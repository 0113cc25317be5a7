"""Groups of files in an index: what is in one, which file is kept, what is left out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from photographs import LIMIT, dated, indexed, photograph
from PIL import Image

from vsearch.conditions import Below, Compared, Condition
from vsearch.duplicates import near
from vsearch.duplicates.find import Group, Keep, LeftOut, Sought, find, path_of
from vsearch.images.isolation.decoders import Decoders
from vsearch.records import Preprocessing

Shown = list[tuple[str, list[tuple[str, str]]]]


def groups(
    index: Path,
    root: Path,
    keep: Keep = "largest",
    condition: Condition | None = None,
    sought: Sought = "near",
) -> Shown:
    return [
        (
            os.path.relpath(path_of(one.kept), root),
            [(other.why, os.path.relpath(path_of(other.entry), root)) for other in one.others],
        )
        for one in everything(index, keep, condition, sought)
        if isinstance(one, Group)
    ]


def everything(
    index: Path,
    keep: Keep = "largest",
    condition: Condition | None = None,
    sought: Sought = "near",
) -> list[Group | LeftOut]:
    found = find(index, keep, sought=sought, condition=condition, workers=2, pixel_limit=LIMIT)
    return list(found)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two pictures with duplicates, 13 (640 x 480) and 10, and two without any."""
    root = tmp_path / "pictures"
    photograph(root / "13.jpg", "IMG_0013.jpg", seconds=50)
    photograph(root / "13 (copy).jpg", "IMG_0013.jpg", seconds=10)
    photograph(root / "old" / "13.jpg", "IMG_0013.jpg", seconds=90)
    photograph(root / "13 half.png", "IMG_0013.jpg", 0.5, seconds=5)
    photograph(root / "10.jpg", "IMG_0010.jpg", seconds=40)
    photograph(root / "old" / "10 less.jpg", "IMG_0010.jpg", 0.4, seconds=60)
    photograph(root / "21.jpg", "IMG_0021.jpg")
    photograph(root / "25.jpg", "IMG_0025.jpg")
    return root


@pytest.fixture
def index(root: Path, tmp_path: Path) -> Path:
    return indexed(root, tmp_path / "index")


def test_groups_are_of_exact_copies_and_near_ones(root: Path, index: Path) -> None:
    assert groups(index, root) == [
        (
            "13.jpg",
            [("exact", "old/13.jpg"), ("exact", "13 (copy).jpg"), ("near", "13 half.png")],
        ),
        ("10.jpg", [("near", "old/10 less.jpg")]),
    ]
    first = everything(index)[0]
    assert isinstance(first, Group)
    assert [(one.cosine, one.bits) for one in first.others[:2]] == [(None, None)] * 2
    assert first.others[2].cosine == pytest.approx(1, abs=0.01)
    assert 0 <= (first.others[2].bits or 0) < 10


def test_exact_copies_alone(root: Path, index: Path) -> None:
    photograph(root / "half again.png", "IMG_0013.jpg", 0.5, seconds=6)
    indexed(root, index)
    assert groups(index, root, sought="exact") == [
        ("13.jpg", [("exact", "old/13.jpg"), ("exact", "13 (copy).jpg")]),
        ("13 half.png", [("exact", "half again.png")]),
    ]
    (root / "13.jpg").unlink()
    assert everything(index, sought="exact")[0] == LeftOut(changed=1, damaged=0)
    assert groups(index, root, "oldest", sought="exact") == [
        ("13 half.png", [("exact", "half again.png")]),
        ("old/13.jpg", [("exact", "13 (copy).jpg")]),
    ]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        # By EXIF: 13 was taken in 2020, 10 in 2021; what was resized has the time of its file.
        pytest.param("largest", ["13.jpg", "10.jpg"], id="largest"),
        pytest.param("oldest", ["13 half.png", "old/10 less.jpg"], id="oldest"),
        pytest.param("newest", ["10.jpg", "13.jpg"], id="newest"),
    ],
)
def test_which_one_is_kept(root: Path, index: Path, keep: Keep, kept: list[str]) -> None:
    assert [one for one, _ in groups(index, root, keep)] == kept


def test_the_time_of_change_counts_where_the_camera_says_nothing(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    for seconds in (30, 10, 20):
        photograph(root / f"{seconds}.png", "IMG_0021.jpg", 0.5, seconds=seconds)
    index = indexed(root, tmp_path / "index")
    assert [one for one, _ in groups(index, root, "oldest")] == ["10.png"]
    assert [one for one, _ in groups(index, root, "newest")] == ["30.png"]


def test_only_what_meets_a_condition_is_in_a_group(root: Path, index: Path) -> None:
    assert groups(index, root, condition=Below(str(root / "old"))) == []
    assert groups(index, root, condition=Compared("type", "==", "jpeg")) == [
        ("13.jpg", [("exact", "old/13.jpg"), ("exact", "13 (copy).jpg")]),
        ("10.jpg", [("near", "old/10 less.jpg")]),
    ]
    assert groups(index, root, condition=Compared("width", "<", 400)) == []


def test_what_is_not_as_it_was_indexed_is_in_no_group(root: Path, index: Path) -> None:
    (root / "13.jpg").unlink()
    dated(root / "10.jpg", 41)
    (root / "old" / "13.jpg").write_bytes(b"something else")
    found = everything(index)
    assert found[0] == LeftOut(changed=3, damaged=0)
    assert groups(index, root) == [("13 (copy).jpg", [("near", "13 half.png")])]


def test_a_hard_link_is_the_kept_file_itself(root: Path, tmp_path: Path) -> None:
    os.link(root / "21.jpg", root / "21 again.jpg")
    index = indexed(root, tmp_path / "index")
    assert ("21.jpg", [("linked", "21 again.jpg")]) in groups(index, root)


def test_damaged_vectors_leave_exact_copies(root: Path, index: Path) -> None:
    matrix = index / "sets" / "whole" / "matrix.f32"
    matrix.write_bytes(bytes(matrix.stat().st_size))
    found = everything(index)
    assert found[0] == LeftOut(changed=0, damaged=6)
    assert groups(index, root) == [
        ("13.jpg", [("exact", "old/13.jpg"), ("exact", "13 (copy).jpg")])
    ]


def test_turned_and_mirrored_pictures_are_found(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    root.mkdir()
    pixels = np.asarray(Image.open(photograph(root / "as it is.jpg", "IMG_0021.jpg")))
    for name, turned in {
        "turned": np.rot90(pixels), "mirrored": pixels[:, ::-1], "both": np.rot90(pixels[::-1]),
    }.items():  # fmt: skip
        Image.fromarray(turned).save(root / f"{name}.png")
    index = indexed(root, tmp_path / "index")
    ((_, others),) = groups(index, root)
    assert len(others) == 3


@pytest.mark.parametrize("flat", [(255, 255, 255), (0, 0, 0)])
def test_blank_pictures_are_near_to_nothing(tmp_path: Path, flat: tuple[int, int, int]) -> None:
    root = tmp_path / "pictures"
    root.mkdir()
    for size in (40, 50, 60):
        Image.new("RGB", (size, 40), flat).save(root / f"{size}.png")
    assert everything(indexed(root, tmp_path / "index")) == []


@pytest.fixture
def edits(tmp_path: Path) -> Path:
    """A picture, a crop of it that was enlarged, a tilted copy, and a picture of something else."""
    root = tmp_path / "pictures"
    path = photograph(root / "whole.jpg", "IMG_0013.jpg", seconds=9)
    photograph(root / "other.jpg", "IMG_0021.jpg")
    with Image.open(path) as image:
        width, height = image.size
        crop = image.crop((width // 8, height // 8, width, height))
        crop.resize((2 * width, 2 * height)).save(root / "crop.png")
        tilted = image.rotate(4, Image.Resampling.BICUBIC)
        margin = (width // 12, height // 12)
        tilted.crop((*margin, width - margin[0], height - margin[1])).save(root / "tilted.png")
    return root


def test_crops_are_found_where_they_are_asked_for(
    edits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "COSINE_OF_CROPS", 0.5)  # PixelEncoder is no model
    index = indexed(edits, tmp_path / "index")
    assert groups(index, edits) == []
    # The whole is the smaller one, for all that it is the part's whole.
    assert groups(index, edits, sought="crops") == [("crop.png", [("crop", "whole.jpg")])]
    assert groups(index, edits, "oldest", sought="crops") == [
        ("whole.jpg", [("crop", "crop.png"), ("crop", "tilted.png")])
    ]


@pytest.mark.parametrize("change", ["gone", "broken", "another"])
def test_what_cannot_be_decoded_is_no_crop(
    change: str, edits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "COSINE_OF_CROPS", 0.5)
    index = indexed(edits, tmp_path / "index")
    monkeypatch.setattr("vsearch.duplicates.find.is_as_recorded", lambda _entry: True)
    path = edits / "crop.png"
    if change == "gone":
        path.unlink()
    elif change == "broken":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        photograph(path, "IMG_0013.jpg")
    assert groups(index, edits, "oldest", sought="crops") == [
        ("whole.jpg", [("crop", "tilted.png")])
    ]


@pytest.mark.parametrize("kept", [1, 1 << 15])
def test_each_picture_is_decoded_once_while_there_is_room(
    kept: int, edits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "COSINE_OF_CROPS", -1.0)
    monkeypatch.setattr(near, "BITS_OF_CROPS", -1)  # so that all are compared with all
    monkeypatch.setattr("vsearch.duplicates.find._KEPT", kept)
    index = indexed(edits, tmp_path / "index")
    decoded = []
    load = Decoders.load

    def counted(self: Decoders, path: str, spec: Preprocessing) -> object:
        decoded.append(os.path.basename(path))
        return load(self, path, spec)

    monkeypatch.setattr(Decoders, "load", counted)
    assert groups(index, edits, sought="crops") == []
    names = ["crop.png", "other.jpg", "tilted.png", "whole.jpg"]
    assert sorted(set(decoded)) == names
    assert (sorted(decoded) == names) == (kept > 1)


def test_an_empty_index_has_no_groups(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    assert everything(indexed(tmp_path / "pictures", tmp_path / "index")) == []
