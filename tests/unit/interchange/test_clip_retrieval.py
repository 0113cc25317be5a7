"""Folders as `clip-retrieval inference` writes them, and as it would not."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_encoder import BLUE, GREEN, RED, paint
from made_indexes import MODEL, Content, content, make_index
from PIL import Image

from vsearch.errors import SourceError, UsageError
from vsearch.images.perceptual import NO_STRUCTURE
from vsearch.images.read import content_hash
from vsearch.index import Index, unsettled
from vsearch.interchange import clip_retrieval
from vsearch.interchange.source import NotTaken
from vsearch.interchange.transfer import Imported, Watch, source_at, take_in
from vsearch.records import ImageFacts, ModelIdentity

AXES = np.eye(3, dtype=np.float16)
LONG_AGO = 1_600_000_000


def write(
    folder: Path,
    number: str,
    paths: Sequence[str | Path],
    vectors: Any,
    **columns: Sequence[object],
) -> None:
    """Write one partition; its first column is `image_path`."""
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    np.save(folder / "img_emb" / f"img_emb_{number}.npy", vectors)
    table = pa.table({"image_path": [os.fspath(path) for path in paths], **columns})
    pq.write_table(table, folder / "metadata" / f"metadata_{number}.parquet")


def old(path: Path) -> Path:
    """Give a picture a time of change that settles what it is."""
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def taken(
    folder: Path, into: Path, root: str | None = None, told: list[NotTaken] | None = None,
    named: ModelIdentity | None = MODEL, dry_run: bool = False,
) -> Imported:  # fmt: skip
    source = source_at(folder, root=root, pixel_limit=10_000, workers=2)
    watch = Watch(not_taken=(told if told is not None else []).append)
    return take_in(into, source, named, dry_run=dry_run, watch=watch)


def vectors_of(made: Content) -> dict[str, list[float]]:
    return {
        os.path.join(*place): np.frombuffer(found[4], dtype="f4").tolist()
        for place, found in made.items()
    }


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, colour in {"deep/red.png": RED, "green.png": GREEN, "b/blue.png": BLUE}.items():
        old(paint(tmp_path / "photos" / name, colour, (5, 4)))
    return tmp_path / "photos"


def test_pictures_are_taken_in_with_their_embeddings_and_facts(
    tmp_path: Path, photos: Path
) -> None:
    paths = [photos / "deep/red.png", photos / "green.png", photos / "b/blue.png"]
    write(tmp_path / "clip", "0", paths, AXES, caption=["a", "b", "c"], width=[1, 2, 3])
    imported = taken(tmp_path / "clip", tmp_path / "index")
    assert imported == Imported(3, 0, 0, 3)
    found = content(tmp_path / "index")
    data = (photos / "deep/red.png").read_bytes()
    assert found[str(photos), "deep/red.png"] == (
        len(data), LONG_AGO * 10**9, content_hash(data), ImageFacts(5, 4, "PNG"),
        np.array([1, 0, 0], np.float32).tobytes(), NO_STRUCTURE,
    )  # fmt: skip
    assert vectors_of(found) == {str(path): AXES[row].tolist() for row, path in enumerate(paths)}
    with Index(tmp_path / "index") as index:
        assert [(root.path, root.whole) for root in index.roots()] == [(str(photos), True)]


def test_a_picture_the_index_knows_stays_as_it_is(tmp_path: Path, photos: Path) -> None:
    paths = [photos / "deep/red.png", photos / "green.png", photos / "b/blue.png"]
    write(tmp_path / "one", "0", paths[:1], AXES[:1])
    taken(tmp_path / "one", tmp_path / "index", root=str(photos))
    before = content(tmp_path / "index")
    old(paint(paths[0], GREEN, (5, 4)))
    write(tmp_path / "clip", "0", [*paths, "gone"], AXES[[0, 1, 2, 0]])
    for dry_run, images in ((True, 1), (False, 3)):
        imported = taken(tmp_path / "clip", tmp_path / "index", dry_run=dry_run)
        assert imported == Imported(2, 1, 1, images)
    assert before.items() < content(tmp_path / "index").items()


def test_facts_are_of_the_upright_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0132], exif[0x0110] = 6, "2021:05:04 12:33:10", "One"
    picture = tmp_path / "photos" / "a.jpg"
    picture.parent.mkdir()
    Image.new("RGB", (640, 480)).save(picture, exif=exif)
    write(tmp_path / "clip", "0", [picture], AXES[:1])
    source = source_at(tmp_path / "clip", root=None, pixel_limit=10**6, workers=1)
    take_in(tmp_path / "index", source, MODEL)
    assert content(tmp_path / "index")[str(picture.parent), "a.jpg"][3] == ImageFacts(
        480, 640, "JPEG", "2021-05-04T12:33:10", "One"
    )


def test_partitions_come_in_natural_order_whatever_their_padding(
    tmp_path: Path, photos: Path
) -> None:
    for number in range(12):
        copy = old(paint(photos / f"{number}.png", (number, 0, 0), (5, 4)))
        vector = np.array([[number + 1, 1, 0]], dtype=np.float32)
        vector /= np.linalg.norm(vector)
        write(tmp_path / "clip", str(number), [copy], vector)
    assert taken(tmp_path / "clip", tmp_path / "index").taken == 12
    with Index(tmp_path / "index") as index:
        assert [one.path for one in index.entries()] == [f"{number}.png" for number in range(12)]
    (tmp_path / "clip/img_emb/img_emb_3.npy").rename(tmp_path / "clip/img_emb/img_emb_003.npy")
    (tmp_path / "clip/img_emb/notes.txt").touch()
    (tmp_path / "clip/text_emb").mkdir()
    assert taken(tmp_path / "clip", tmp_path / "again").taken == 12
    assert content(tmp_path / "again") == content(tmp_path / "index")


def test_relative_names_are_looked_up_from_the_current_folder(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "clip", "0", ["photos/green.png", "./photos/b/blue.png"], AXES[:2])
    taken(tmp_path / "clip", tmp_path / "index")
    assert set(content(tmp_path / "index")) == {
        (str(photos), "green.png"), (str(photos), "b/blue.png"),
    }  # fmt: skip
    monkeypatch.chdir(photos)
    with pytest.raises(
        UsageError, match="none of the 2 pictures can be taken, the first named 'ph"
    ):
        taken(tmp_path / "clip", tmp_path / "index")


def test_links_on_the_way_are_resolved(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "link").symlink_to(photos)
    write(tmp_path / "clip", "0", [tmp_path / "link/green.png"], AXES[:1])
    taken(tmp_path / "clip", tmp_path / "index", root=str(tmp_path / "link"))
    assert set(content(tmp_path / "index")) == {(str(photos), "green.png")}


def test_a_root_may_be_named(tmp_path: Path, photos: Path) -> None:
    paths = [photos / "deep/red.png", photos / "green.png", photos / "b/blue.png"]
    write(tmp_path / "clip", "0", paths, AXES)
    told: list[NotTaken] = []
    taken(tmp_path / "clip", tmp_path / "one", root=str(tmp_path))
    assert {root for root, _ in content(tmp_path / "one")} == {str(tmp_path)}
    imported = taken(tmp_path / "clip", tmp_path / "two", root=f"{photos}/b/", told=told)
    assert imported == Imported(1, 0, 2, 1)
    assert told == [NotTaken(str(path), "not below --root") for path in paths[:2]]
    assert set(content(tmp_path / "two")) == {(f"{photos}/b", "blue.png")}


def test_pictures_of_two_places_need_a_root(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "clip", "0", [photos / "green.png", photos / "b/blue.png"], AXES[:2])
    monkeypatch.setattr(os.path, "commonpath", lambda _: "/")
    with pytest.raises(UsageError, match="no folder in common but /; name one with --root DIR"):
        taken(tmp_path / "clip", tmp_path / "index")
    assert not (tmp_path / "index").exists()
    assert taken(tmp_path / "clip", tmp_path / "index", root="/").taken == 2


def test_what_cannot_be_used_is_told_and_the_rest_is_taken(tmp_path: Path, photos: Path) -> None:
    (photos / "damaged.png").write_bytes((photos / "green.png").read_bytes()[:40])
    (photos / "note.jpg").write_text("buy milk")
    paint(photos / "large.png", RED, (200, 200))
    os.mkfifo(photos / "fifo.png")
    paths = [
        str(photos / "green.png"), str(photos / "none.png"), "", str(photos), "000001",
        str(photos / "damaged.png"), str(photos / "note.jpg"), str(photos / "large.png"),
        str(photos / "fifo.png"), "https://example.org/a.jpg", "a\0b", str(photos / "b/blue.png"),
    ]  # fmt: skip
    write(tmp_path / "clip", "0", paths, np.array([[0, 0.6, 0.8]] * len(paths), np.float16))
    told: list[NotTaken] = []
    assert taken(tmp_path / "clip", tmp_path / "dry", told=told, dry_run=True).taken == 5
    assert [row.path for row in told] == [paths[at] for at in (1, 2, 3, 4, 8, 9, 10)]
    assert {row.why for row in told} == {"not found"}
    told.clear()
    imported = taken(tmp_path / "clip", tmp_path / "index", told=told)
    assert imported == Imported(2, 0, 10, 2)
    whys = {row.path: row.why for row in told}
    assert whys[paths[5]].startswith("damaged image: ")
    assert whys[paths[6]] == "not an image"
    assert whys[paths[7]].startswith("too large: 200x200 is 0.04 megapixels, the limit is 0.01")
    assert {path for _, path in content(tmp_path / "index")} == {"green.png", "b/blue.png"}


def test_a_picture_changed_just_now_is_looked_at_again(tmp_path: Path, photos: Path) -> None:
    fresh = paint(photos / "fresh.png", RED)
    now = time.time_ns()
    os.utime(fresh, ns=(now, now))
    write(tmp_path / "clip", "0", [fresh, photos / "green.png"], AXES[:2])
    taken(tmp_path / "clip", tmp_path / "index")
    times = {path: found[1] for (_, path), found in content(tmp_path / "index").items()}
    assert times == {"fresh.png": unsettled(now), "green.png": LONG_AGO * 10**9}


def test_many_are_taken_in_steps(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_retrieval, "_STEP", 4)
    paths = [old(paint(photos / f"{n}.png", (n, n, 255))) for n in range(10)]
    drawn = np.random.default_rng(0).standard_normal((10, 3))
    vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    write(tmp_path / "clip", "0", paths, vectors)
    # Row groups end elsewhere than steps.
    metadata = tmp_path / "clip/metadata/metadata_0.parquet"
    pq.write_table(pq.read_table(metadata), metadata, row_group_size=3)
    assert taken(tmp_path / "clip", tmp_path / "index").taken == 10
    found = vectors_of(content(tmp_path / "index"))
    assert found == {str(path): vectors[row].tolist() for row, path in enumerate(paths)}


def test_into_an_index_that_has_the_pictures_nothing_changes(tmp_path: Path, photos: Path) -> None:
    write(tmp_path / "clip", "0", [photos / "green.png"], AXES[:1])
    for _ in range(2):
        assert taken(tmp_path / "clip", tmp_path / "index").images == 1
    with Index(tmp_path / "index") as index:
        assert index.rows == 1


def test_a_model_must_be_named_and_fit(tmp_path: Path, photos: Path) -> None:
    write(tmp_path / "clip", "0", [photos / "green.png"], AXES[:1])
    with pytest.raises(UsageError, match="name it with --model NAME"):
        taken(tmp_path / "clip", tmp_path / "index", named=None)
    with pytest.raises(SourceError, match=r"the embeddings have 3 dimensions, the model 4\), from"):
        taken(tmp_path / "clip", tmp_path / "index", named=replace(MODEL, dim=4))
    make_index(tmp_path / "index")
    assert taken(tmp_path / "clip", tmp_path / "index").images == 1


def test_no_rows_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    write(tmp_path / "clip", "0", [], AXES[:0])
    metadata = tmp_path / "clip/metadata/metadata_0.parquet"
    pq.write_table(pa.table({"image_path": pa.array([], pa.string())}), metadata)
    assert taken(tmp_path / "clip", tmp_path / "index") == Imported(0, 0, 0, 0)


def refused(folder: Path, into: Path) -> str:
    with pytest.raises(SourceError) as caught:
        taken(folder, into)
    assert not into.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_not_as_it_should_be_is_told(tmp_path: Path, photos: Path) -> None:
    clip, into = tmp_path / "clip", tmp_path / "index"
    (clip / "img_emb").mkdir(parents=True)
    assert "(there is no img_emb/img_emb_0.npy)" in refused(clip, into)
    paths = [photos / "green.png", photos / "b/blue.png"]
    write(clip, "0", paths, AXES[:2])
    vectors, metadata = clip / "img_emb/img_emb_0.npy", clip / "metadata/metadata_0.parquet"
    good_vectors, good_metadata = vectors.read_bytes(), metadata.read_bytes()

    metadata.rename(clip / "metadata/metadata_1.parquet")
    assert "(there is no metadata of number 0)" in refused(clip, into)
    (clip / "metadata/metadata_1.parquet").unlink()
    metadata.write_bytes(good_metadata)

    (clip / "img_emb/img_emb_00.npy").write_bytes(good_vectors)
    assert "have the same number)" in refused(clip, into)
    (clip / "img_emb/img_emb_00.npy").unlink()

    for text in (b"", good_metadata[:100], b"PAR1" * 10):
        metadata.write_bytes(text)
        assert refused(clip, into).endswith(f", from {metadata}; export it once more")
    for table, what in (
        (pa.table({"path": ["a", "b"]}), "the column image_path is missing"),
        (pa.table({"image_path": [1, 2]}), "the column image_path holds no text"),
        (pa.table({"image_path": ["a", "b", "c"]}), "it has 3 rows, img_emb_0.npy 2"),
        (
            pa.table({"image_path": [str(paths[0]), None]}),
            "row 1, counted from 0: image_path is no text",
        ),
    ):
        pq.write_table(table, metadata)
        assert f"({what}), from {metadata};" in refused(clip, into)
    metadata.write_bytes(good_metadata)

    for array, what in (
        (np.array([["a", "b", "c"]] * 2, dtype=object), "its numbers are object, not float16"),
        (np.zeros((2, 3), np.float16), "row 0, counted from 0: the embedding is of length 0"),
        (
            np.array([[1, 0, 0], [7, 0, 0]], np.float16),
            "row 1, counted from 0: the embedding is of length 7",
        ),
        (
            np.array([[1, 0, 0], [np.nan, 0, 0]], np.float16),
            "row 1, counted from 0: the embedding is not",
        ),
    ):
        np.save(vectors, array)
        assert f"({what}" in refused(clip, into)
        assert f", from {vectors};" in refused(clip, into)
    vectors.write_bytes(good_vectors[:-2])
    assert "(img_emb_0.npy is shorter than its header says)" in refused(clip, into)
    vectors.write_bytes(good_vectors)
    assert taken(clip, into).taken == 2
