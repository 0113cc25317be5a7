"""An index of certain pictures: the known one as long as it has them all, else one for now."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from fake_encoder import BLUE, GREEN, RED, FakeEncoder, paint

from vsearch.errors import StoreError
from vsearch.index import Index
from vsearch.indexing.events import Embedded
from vsearch.indexing.run import Options, update
from vsearch.indexing.temporary import Lacking, index_of

OPTIONS = Options(workers=2, pixel_limit=10_000)
LONG_AGO = 10**18  # ns: so that a file counts as settled


def write(path: Path, colour: tuple[int, int, int]) -> str:
    path.parent.mkdir(exist_ok=True)
    paint(path, colour)
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return str(path)


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    colours = {"red.png": RED, "green.png": GREEN, "blue.png": BLUE}
    return [write(tmp_path / "photos" / name, colour) for name, colour in colours.items()]


@pytest.fixture
def known(tmp_path: Path, photos: list[str]) -> Path:
    folder = tmp_path / "index"
    list(update(folder, FakeEncoder(), [str(tmp_path / "photos")], OPTIONS))
    return folder


def used(
    paths: list[str], known: Path | None, encoder: FakeEncoder | None = None
) -> tuple[Path, list[object]]:
    """Return the folder that is given, and what is shown; all of `paths` have a vector in it."""
    shown: list[object] = []
    encoder = encoder or FakeEncoder()
    with index_of(paths, known, encoder, OPTIONS, shown.append) as folder:
        with Index(folder, encoder.identity) as index:
            assert (index.rows_of(paths) >= 0).all()
        assert folder.exists()
    return folder, shown


def test_the_known_index_is_used_where_it_has_them_all(known: Path, photos: list[str]) -> None:
    assert used(photos, known) == (known, [])


def test_links_to_the_pictures_are_known_too(
    tmp_path: Path, known: Path, photos: list[str]
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    (tmp_path / "one.png").symlink_to(photos[0])
    named = [str(tmp_path / "link" / "red.png"), str(tmp_path / "one.png")]
    assert used(named, known) == (known, [])


@pytest.mark.parametrize("what", ["new", "changed", "none"])
def test_what_the_known_index_lacks_is_made_for_now_and_gone_afterwards(
    tmp_path: Path, known: Path, photos: list[str], what: str
) -> None:
    if what == "new":
        photos.append(write(tmp_path / "other" / "new.png", (9, 9, 9)))
    elif what == "changed":
        paint(Path(photos[0]), BLUE)
    else:
        shutil.rmtree(known)
    folder, shown = used(photos, known)
    assert folder != known
    assert not folder.exists()
    lacking = 3 if what == "none" else 1
    assert shown[0] == Lacking(None if what == "none" else known, lacking, len(photos))
    assert sum(isinstance(event, Embedded) for event in shown) == len(photos)


def test_the_known_index_stays_as_it_is(known: Path, photos: list[str], tmp_path: Path) -> None:
    kept = ["catalog.sqlite", "sets/whole/matrix.f32", "sets/whole/graph.hnsw"]
    before = [(known / name).read_bytes() for name in kept]
    used([*photos, write(tmp_path / "other" / "new.png", (9, 9, 9))], known)
    assert before == [(known / name).read_bytes() for name in kept]


def test_another_model_needs_an_index_of_its_own(known: Path, photos: list[str]) -> None:
    other = FakeEncoder("other")
    folder, _ = used(photos, known, other)
    assert folder != known
    list(update(known, other, [], OPTIONS))  # now the index has embeddings by both
    assert used(photos, known, other)[0] == known
    assert used(photos, known, FakeEncoder())[0] == known  # those of the first are kept


def test_a_file_that_is_known_to_be_no_picture_lacks_nothing(
    tmp_path: Path, known: Path, photos: list[str]
) -> None:
    broken = tmp_path / "photos" / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    os.utime(broken, ns=(LONG_AGO, LONG_AGO))
    shown: list[object] = []
    list(update(known, FakeEncoder(), [], OPTIONS))
    with index_of([*photos, str(broken)], known, FakeEncoder(), OPTIONS, shown.append) as folder:
        assert (folder, shown) == (known, [])


def test_what_is_not_there_is_left_out(known: Path, photos: list[str], tmp_path: Path) -> None:
    with index_of(
        [*photos, str(tmp_path / "gone.png")], known, FakeEncoder(), OPTIONS, lambda _: None
    ) as folder:
        assert folder == known
        with Index(folder) as index:
            rows = index.rows_of([*photos, str(tmp_path / "gone.png")])
    assert rows[-1] == -1
    assert (rows[:-1] >= 0).all()


def test_a_set_is_opened_by_its_name(known: Path, photos: list[str]) -> None:
    list(update(known, FakeEncoder("other"), [], OPTIONS))
    with Index(known, "whole") as first, Index(known, "whole-2") as second:
        assert first.model == FakeEncoder().identity
        assert second.model == FakeEncoder("other").identity
        assert (first.vector_set, second.vector_set) == ("whole", "whole-2")
        assert np.allclose(first.vectors(first.rows_of(photos[:1])), [[1, 0, 0]])
    with pytest.raises(StoreError, match=r"no such vector set, 'whole-3'.*whole-2 by other"):
        Index(known, "whole-3")
