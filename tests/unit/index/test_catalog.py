"""`Catalog`: what is put in comes out, and files it must not touch are refused."""

import itertools
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from vsearch.errors import IndexDamaged, IndexMissing, SkipReason, StoreError
from vsearch.index.catalog import Catalog, Known
from vsearch.records import ImageFacts, ImageRecord, ModelIdentity

MODEL = ModelIdentity("m", "w", "p", 3)
FACTS = ImageFacts(640, 480, "JPEG", "2021-05-04T12:33:10+02:00", "Maker Model")
BARE = ImageFacts(1, 2, "PNG")

NASTY = [
    pytest.param("new\nline.png", id="newline"),
    pytest.param("tab\tand\x1b[31mescape.png", id="control characters"),
    pytest.param(os.fsdecode(b"caf\xe9/\xff\xfe.png"), id="invalid UTF-8"),
    pytest.param("Grüße/🎉/写真.png", id="unicode"),
    pytest.param("e\u0301.png", id="decomposed accent"),
    pytest.param("'; DROP TABLE images; --.png", id="SQL"),
    pytest.param("%?*_[a-z]#.png", id="patterns"),
    pytest.param(" ", id="a space"),
]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(tmp_path, write=True)
    made.begin_writing()
    made.put_model(MODEL)
    yield made
    made.close()


def put(catalog: Catalog, root: str, path: str, digest: bytes = b"", whole: bool = True) -> int:
    """Record a file with a content of its own, or the one given, and return its row."""
    digest = digest or os.fsencode(root + path)
    at = catalog.add_root(root, whole=whole)
    content = catalog.put_content(digest, BARE)
    known = catalog.content(digest)
    assert known is not None
    row = known[1]
    if row is None:
        row = catalog.committed_rows()
        catalog.put_row(row, content)
        catalog.set_committed_rows(row + 1)
    catalog.put_image(at, path, 10, 20, content)
    return row


def paths(catalog: Catalog) -> dict[str, list[str]]:
    return {root.path: sorted(catalog.known(root)) for root in catalog.roots()}


@pytest.mark.parametrize("name", NASTY)
def test_any_name_comes_back_as_it_was(catalog: Catalog, name: str) -> None:
    row = put(catalog, "/photos/" + name, name)
    root = catalog.roots()[0]
    assert root.path == "/photos/" + name
    assert catalog.known(root) == {name: Known(10, 20, None, embedded=True)}
    assert catalog.images_of([row]) == {row: [ImageRecord(root.path, name, row, 10, BARE)]}
    catalog.put_skip(root, name, 1, 2, SkipReason.DAMAGED, "why")
    assert catalog.skipped() == [(f"{root.path}/{name}", SkipReason.DAMAGED, "why")]
    catalog.remove(root, [name])
    assert catalog.known(root) == {}


@pytest.mark.parametrize("name", ["a b", "50%", "what?", "#1", "ü", os.fsdecode(b"\xff")])
def test_the_index_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    made = Catalog(folder, write=True)
    made.begin_writing()
    made.put_model(MODEL)
    made.commit()
    made.close()
    assert (folder / "catalog.sqlite").is_file()
    assert os.listdir(tmp_path) == [name]
    reader = Catalog(folder, write=False)
    assert reader.model() == MODEL
    reader.close()


def test_facts_come_back_as_they_were(catalog: Catalog) -> None:
    root = catalog.add_root("/r", whole=True)
    for row, (name, facts) in enumerate({"full": FACTS, "bare": BARE}.items()):
        content = catalog.put_content(name.encode(), facts)
        catalog.put_row(row, content)
        catalog.put_image(root, name, 5, 6, content)
    assert catalog.images_of([1, 0]) == {
        0: [ImageRecord("/r", "full", 0, 5, FACTS)],
        1: [ImageRecord("/r", "bare", 1, 5, BARE)],
    }


def test_large_numbers_come_back_as_they_were(catalog: Catalog) -> None:
    root = catalog.add_root("/r", whole=True)
    catalog.put_skip(root, "f", 1 << 50, 1_700_000_000_123_456_789, SkipReason.TOO_LARGE, "")
    catalog.put_skip(root, "old", 0, -1, SkipReason.EMPTY, "")
    assert catalog.known(root) == {
        "f": Known(1 << 50, 1_700_000_000_123_456_789, SkipReason.TOO_LARGE, embedded=False),
        "old": Known(0, -1, SkipReason.EMPTY, embedded=False),
    }


def test_copies_share_a_row_and_answer_by_path(catalog: Catalog) -> None:
    rows = {
        put(catalog, root, path, b"same")
        for root, path in itertools.product(("/b", "/a"), ("z.png", "Z.png", "é.png"))
    }
    assert rows == {0}
    assert [
        f"{record.root}/{record.path}" for record in catalog.images_of([0])[0]
    ] == ["/a/Z.png", "/a/z.png", "/a/é.png", "/b/Z.png", "/b/z.png", "/b/é.png"]  # fmt: skip


def test_rows_without_files_are_left_out(catalog: Catalog) -> None:
    put(catalog, "/r", "a")
    put(catalog, "/r", "b")
    catalog.remove(catalog.roots()[0], ["a"])
    assert list(catalog.images_of([0, 1, 2, 99])) == [1]
    assert catalog.images_of([]) == {}
    counts = catalog.counts()
    assert (counts.images, counts.live_rows, counts.skipped) == (1, 1, {})


def test_counts_are_those_of_a_plain_count(catalog: Catalog) -> None:
    put(catalog, "/r", "a", b"1")
    put(catalog, "/r", "b", b"1")
    put(catalog, "/r", "c", b"2")
    put(catalog, "/r", "d", b"3")
    root = catalog.roots()[0]
    catalog.remove(root, ["d"])
    for name, reason in {"x": "DAMAGED", "y": "DAMAGED", "z": "EMPTY"}.items():
        catalog.put_skip(root, name, 1, 2, SkipReason[reason], "")
    counts = catalog.counts()
    assert (counts.images, counts.live_rows) == (3, 2)
    assert counts.skipped == {SkipReason.DAMAGED: 2, SkipReason.EMPTY: 1}
    assert catalog.images_below(root) == 3


def test_dropped_rows_leave_files_that_lost_their_embedding(catalog: Catalog) -> None:
    for name in "abc":
        put(catalog, "/r", name)
    catalog.set_committed_rows(1)
    known = catalog.known(catalog.roots()[0])
    assert {name: entry.embedded for name, entry in known.items()} == {
        "a": True, "b": False, "c": False,
    }  # fmt: skip
    assert list(catalog.images_of([0, 1, 2])) == [0]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        pytest.param(
            "", ["a", "a!b", "a-b", "a.b", "a/1", "a/b/2", "a0b", "aa/3", "b/4"], id="all"
        ),
        pytest.param("a", ["a", "a/1", "a/b/2"], id="a folder, and the file it was before"),
        pytest.param("a/b", ["a/b/2"], id="a folder in a folder"),
        pytest.param("aa", ["aa/3"], id="a folder whose name begins like another's"),
        pytest.param("c", [], id="nothing there"),
    ],
)
def test_only_what_is_at_or_below_a_prefix_is_known_there(
    catalog: Catalog, prefix: str, expected: list[str]
) -> None:
    for name in ("a", "a!b", "a-b", "a.b", "a/1", "a/b/2", "a0b", "aa/3", "b/4"):
        put(catalog, "/r", name)
    put(catalog, "/other", "a/of another root")
    root = next(root for root in catalog.roots() if root.path == "/r")
    assert sorted(catalog.known(root, prefix)) == expected


def test_skipped_files_come_by_path_whatever_root_was_first(catalog: Catalog) -> None:
    for root in ("/z", "/a"):
        at = catalog.add_root(root, whole=True)
        for name in ("2", "1"):
            catalog.put_skip(at, name, 1, 2, SkipReason.EMPTY, "")
    assert [path for path, _, _ in catalog.skipped()] == ["/a/1", "/a/2", "/z/1", "/z/2"]


# Roots


def test_a_parent_takes_in_the_roots_below_it(catalog: Catalog) -> None:
    put(catalog, "/p/a", "1.png")
    put(catalog, "/p/b/c", "2.png", whole=False)
    put(catalog, "/pp", "3.png")
    put(catalog, "/p", "0.png")
    assert paths(catalog) == {"/p": ["0.png", "a/1.png", "b/c/2.png"], "/pp": ["3.png"]}
    assert [record.path for record in catalog.images_of([0])[0]] == ["a/1.png"]


def test_a_parent_that_knew_a_file_keeps_one_record_of_it(catalog: Catalog) -> None:
    put(catalog, "/p", "a/1.png", whole=False)
    put(catalog, "/p/a", "1.png")
    put(catalog, "/p", "0.png", whole=True)
    assert paths(catalog) == {"/p": ["0.png", "a/1.png"]}


def test_the_root_of_the_disk_takes_in_everything(catalog: Catalog) -> None:
    put(catalog, "/p/a", "1.png")
    put(catalog, "/", "0.png")
    assert paths(catalog) == {"/": ["0.png", "p/a/1.png"]}


def test_a_root_of_single_files_takes_in_nothing_and_can_be_widened(catalog: Catalog) -> None:
    put(catalog, "/p/a", "1.png")
    single = catalog.add_root("/p", whole=False)
    assert (single.whole, len(catalog.roots())) == (False, 2)
    widened = catalog.add_root("/p", whole=True)
    assert (widened.id, widened.whole, len(catalog.roots())) == (single.id, True, 1)
    assert catalog.add_root("/p", whole=False).whole


def test_roots_come_by_path(catalog: Catalog) -> None:
    for path in ("/b", "/é", "/a", "/B"):
        catalog.add_root(path, whole=True)
    assert [root.path for root in catalog.roots()] == ["/B", "/a", "/b", "/é"]


def test_the_device_of_a_root_is_remembered(catalog: Catalog) -> None:
    root = catalog.add_root("/p", whole=True)
    assert root.device is None
    catalog.set_device(root, 77)
    assert catalog.roots()[0].device == 77


def test_a_root_around_the_index_moves_with_it_and_others_stay(tmp_path: Path) -> None:
    photos, elsewhere = tmp_path / "photos", tmp_path / "photos2"
    index = photos / "sub" / ".vsearch"
    index.mkdir(parents=True)
    made = Catalog(index, write=True)
    made.begin_writing()
    made.put_model(MODEL)
    put(made, str(photos / "sub"), "1.png")
    put(made, str(photos / "beside"), "2.png")
    put(made, str(elsewhere), "3.png")
    made.commit()
    made.close()
    photos.rename(tmp_path / "moved")
    reader = Catalog(tmp_path / "moved" / "sub" / ".vsearch", write=False)
    assert paths(reader) == {
        str(tmp_path / "moved" / "sub"): ["1.png"],
        str(photos / "beside"): ["2.png"],
        str(elsewhere): ["3.png"],
    }
    reader.close()


# What is opened


def test_there_is_nothing_to_read_before_there_is_an_index(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing) as caught:
        Catalog(tmp_path, write=False)
    assert str(caught.value) == (
        f"there is no index, in {tmp_path}; make one with `vsearch index FOLDER`"
    )
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_catalog_from_before_the_first_commit_is_no_index_yet(
    tmp_path: Path, journal: str
) -> None:
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    connection.execute(f"PRAGMA journal_mode={journal}")
    connection.close()
    assert (tmp_path / "catalog.sqlite").is_file()
    with pytest.raises(IndexMissing):
        Catalog(tmp_path, write=False)
    Catalog(tmp_path, write=True).close()
    Catalog(tmp_path, write=False).close()


@pytest.mark.parametrize("write", [False, True])
def test_a_newer_format_is_refused_with_what_to_do(tmp_path: Path, write: bool) -> None:
    Catalog(tmp_path, write=True).close()
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    connection.execute("PRAGMA user_version=2")
    connection.close()
    with pytest.raises(StoreError) as caught:
        Catalog(tmp_path, write=write)
    assert str(caught.value) == (
        f"the index has format 2, in {tmp_path}; this vsearch reads up to 1: update vsearch"
    )


@pytest.mark.parametrize("write", [False, True])
def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path, write: bool) -> None:
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    connection.execute("CREATE TABLE songs(name)")
    connection.close()
    with pytest.raises(IndexDamaged) as caught:
        Catalog(tmp_path, write=write)
    assert str(caught.value) == (
        f"not a vsearch catalog, in {tmp_path / 'catalog.sqlite'}; name another place with --index"
    )
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]
    connection.close()


@pytest.mark.parametrize("write", [False, True])
def test_garbage_is_damage(tmp_path: Path, write: bool) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"this is no database. " * 500)
    with pytest.raises(IndexDamaged) as caught:
        Catalog(tmp_path, write=write)
    assert str(caught.value).startswith("the catalog is damaged (")
    assert str(caught.value).endswith("move the index away and run `vsearch index` again")


def test_a_database_with_other_tables_is_a_store_error(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    connection.executescript("CREATE TABLE songs(name); PRAGMA user_version=1")
    connection.close()
    with pytest.raises(IndexDamaged, match="not a vsearch catalog"):
        Catalog(tmp_path, write=False)
