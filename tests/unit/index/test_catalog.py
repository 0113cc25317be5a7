"""`Catalog`: what is put in comes out, and files it must not touch are refused."""

import itertools
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from unit.index.made_indexes import flip, run_sql

from vsearch.errors import IndexDamaged, IndexMissing, SkipReason, StoreError
from vsearch.index.catalog import Catalog, Counts, Known, VectorSet
from vsearch.records import Entry, ImageFacts, ImageRecord, ModelIdentity

MODEL = ModelIdentity("m", "w", "p", 3)
FACTS = ImageFacts(640, 480, "JPEG", "2021-05-04T12:33:10+02:00", "Maker Model")
BARE = ImageFacts(1, 2, "PNG")
CHECKSUM = bytes(range(8))

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
    made.add_set("whole", MODEL)
    yield made
    made.close()


def put(
    catalog: Catalog,
    root: str,
    path: str,
    digest: bytes = b"",
    whole: bool = True,
    into: str = "whole",
) -> int:
    """Record a file with a content of its own, or the one given, and return its row in a set."""
    digest = digest or os.fsencode(root + path)
    at = catalog.add_root(root, whole=whole)
    known = catalog.content(digest, into)
    content, row = known or (catalog.add_content(digest, BARE), None)
    if row is None:
        row = next(one.rows for one in catalog.sets() if one.name == into)
        catalog.put_row(into, row, content, CHECKSUM)
        catalog.set_committed_rows(into, row + 1)
    catalog.put_image(at, path, 10, 20, content)
    return row


def paths(catalog: Catalog) -> dict[str, list[str]]:
    return {root.path: sorted(catalog.known(root, "whole")) for root in catalog.roots()}


@pytest.mark.parametrize("name", NASTY)
def test_any_name_comes_back_as_it_was(catalog: Catalog, name: str) -> None:
    row = put(catalog, "/photos/" + name, name)
    root = catalog.roots()[0]
    assert root.path == "/photos/" + name
    assert catalog.known(root, "whole") == {name: Known(10, 20, None, True, False)}
    assert catalog.images_of("whole", [row]) == {
        row: [ImageRecord(root.path, name, row, 10, 20, BARE)]
    }
    catalog.put_skip(root, name, 1, 2, SkipReason.DAMAGED, "why")
    assert catalog.skipped() == [(f"{root.path}/{name}", SkipReason.DAMAGED, "why")]
    catalog.remove(root, [name])
    assert catalog.known(root, "whole") == {}


@pytest.mark.parametrize("name", ["a b", "50%", "what?", "#1", "ü", os.fsdecode(b"\xff")])
def test_the_index_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    made = Catalog(folder, write=True)
    made.begin_writing()
    made.add_set("whole", MODEL)
    made.commit()
    made.close()
    assert (folder / "catalog.sqlite").is_file()
    assert os.listdir(tmp_path) == [name]
    reader = Catalog(folder, write=False)
    assert reader.active() == VectorSet("whole", MODEL, 0, "active")
    reader.close()


def test_facts_come_back_as_they_were(catalog: Catalog) -> None:
    root = catalog.add_root("/r", whole=True)
    for row, (name, facts) in enumerate({"full": FACTS, "bare": BARE}.items()):
        content = catalog.add_content(name.encode(), facts)
        catalog.put_row("whole", row, content, CHECKSUM)
        catalog.put_image(root, name, 5, 6, content)
    assert catalog.images_of("whole", [1, 0]) == {
        0: [ImageRecord("/r", "full", 0, 5, 6, FACTS)],
        1: [ImageRecord("/r", "bare", 1, 5, 6, BARE)],
    }


def test_large_numbers_come_back_as_they_were(catalog: Catalog) -> None:
    root = catalog.add_root("/r", whole=True)
    catalog.put_skip(root, "f", 1 << 50, 1_700_000_000_123_456_789, SkipReason.TOO_LARGE, "")
    catalog.put_skip(root, "old", 0, -1, SkipReason.EMPTY, "")
    assert catalog.known(root, "whole") == {
        "f": Known(1 << 50, 1_700_000_000_123_456_789, SkipReason.TOO_LARGE, False, True),
        "old": Known(0, -1, SkipReason.EMPTY, False, True),
    }


def test_copies_share_a_row_and_answer_by_path(catalog: Catalog) -> None:
    rows = {
        put(catalog, root, path, b"same")
        for root, path in itertools.product(("/b", "/a"), ("z.png", "Z.png", "é.png"))
    }
    assert rows == {0}
    assert [
        f"{record.root}/{record.path}" for record in catalog.images_of("whole", [0])[0]
    ] == ["/a/Z.png", "/a/z.png", "/a/é.png", "/b/Z.png", "/b/z.png", "/b/é.png"]  # fmt: skip


def test_rows_without_files_are_left_out(catalog: Catalog) -> None:
    put(catalog, "/r", "a")
    put(catalog, "/r", "b")
    catalog.remove(catalog.roots()[0], ["a"])
    assert list(catalog.images_of("whole", [0, 1, 2, 99])) == [1]
    assert catalog.images_of("whole", []) == {}
    assert catalog.counts("whole") == Counts(images=1, lacking=0, live_rows=1)
    assert catalog.skip_counts() == {}


def test_counts_are_those_of_a_plain_count(catalog: Catalog) -> None:
    put(catalog, "/r", "a", b"1")
    put(catalog, "/r", "b", b"1")
    put(catalog, "/r", "c", b"2")
    put(catalog, "/r", "d", b"3")
    root = catalog.roots()[0]
    catalog.remove(root, ["d"])
    for name, reason in {"x": "DAMAGED", "y": "DAMAGED", "z": "EMPTY"}.items():
        catalog.put_skip(root, name, 1, 2, SkipReason[reason], "")
    assert catalog.counts("whole") == Counts(images=3, lacking=0, live_rows=2)
    assert catalog.skip_counts() == {SkipReason.DAMAGED: 2, SkipReason.EMPTY: 1}
    assert catalog.images_below(root, "whole") == 3


def test_dropped_rows_leave_files_that_lost_their_embedding(catalog: Catalog) -> None:
    for name in "abc":
        put(catalog, "/r", name)
    catalog.set_committed_rows("whole", 1)
    known = catalog.known(catalog.roots()[0], "whole")
    assert {name: entry.embedded for name, entry in known.items()} == {
        "a": True, "b": False, "c": False,
    }  # fmt: skip
    assert catalog.counts("whole") == Counts(images=1, lacking=2, live_rows=1)
    assert list(catalog.images_of("whole", [0, 1, 2])) == [0]


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
    assert sorted(catalog.known(root, "whole", prefix)) == expected


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
    assert [record.path for record in catalog.images_of("whole", [0])[0]] == ["a/1.png"]


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
    made.add_set("whole", MODEL)
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


# Vector sets

OTHER = ModelIdentity("other", "w", "p", 5)


def test_the_first_set_answers_and_others_are_built_beside_it(catalog: Catalog) -> None:
    for number in (2, 3, 10):
        catalog.add_set(f"whole-{number}", ModelIdentity(f"m{number}", "w", "p", 3))
    assert [(one.name, one.state) for one in catalog.sets()] == [
        ("whole", "active"), ("whole-2", "building"), ("whole-3", "building"),
        ("whole-10", "building"),
    ]  # fmt: skip
    assert catalog.active() == VectorSet("whole", MODEL, 0, "active")
    catalog.activate("whole-3")
    catalog.activate("whole-10")
    assert [one.state for one in catalog.sets()] == ["kept", "building", "kept", "active"]
    assert catalog.active() == VectorSet("whole-10", ModelIdentity("m10", "w", "p", 3), 0, "active")


def test_two_sets_cannot_answer(catalog: Catalog, tmp_path: Path) -> None:
    catalog.add_set("whole-2", OTHER)
    catalog.commit()
    with pytest.raises(StoreError, match="UNIQUE constraint failed"):
        run_sql(tmp_path, "UPDATE sets SET state='active'")


def test_sets_of_which_none_answers_are_damage(catalog: Catalog, tmp_path: Path) -> None:
    catalog.commit()
    run_sql(tmp_path, "UPDATE sets SET state='kept'")
    with pytest.raises(IndexDamaged, match=r"no vectors to answer with, in .*; save what can"):
        catalog.active()


def test_a_model_that_cannot_be_read_is_damage(catalog: Catalog, tmp_path: Path) -> None:
    catalog.commit()
    run_sql(tmp_path, """UPDATE sets SET model='{"name": "m"}'""")
    with pytest.raises(IndexDamaged, match=r"no model that can be read, in .*; save what can"):
        catalog.sets()


def test_each_set_has_rows_of_its_own_and_files_and_facts_are_shared(catalog: Catalog) -> None:
    catalog.add_set("whole-2", OTHER)
    put(catalog, "/r", "a")
    put(catalog, "/r", "b", b"same")
    put(catalog, "/r", "copy", b"same")
    assert put(catalog, "/r", "copy", b"same", into="whole-2") == 0
    assert put(catalog, "/r", "new", into="whole-2") == 1
    root = catalog.roots()[0]
    assert [(one.name, one.rows) for one in catalog.sets()] == [("whole", 2), ("whole-2", 2)]
    embedded = {
        name: {path for path, known in catalog.known(root, name).items() if known.embedded}
        for name in ("whole", "whole-2", "none")
    }
    assert embedded == {
        "whole": {"a", "b", "copy"}, "whole-2": {"b", "copy", "new"}, "none": set(),
    }  # fmt: skip
    same = catalog.content(b"same", "whole")
    assert same is not None
    assert catalog.content(b"same", "whole-2") == (same[0], 0)
    assert catalog.content(b"same", "none") == (same[0], None)
    found = {
        name: {row: [one.path for one in records] for row, records in of_it.items()}
        for name in ("whole", "whole-2", "none")
        for of_it in [catalog.images_of(name, range(5))]
    }
    assert found == {
        "whole": {0: ["a"], 1: ["b", "copy"]}, "whole-2": {0: ["b", "copy"], 1: ["new"]},
        "none": {},
    }  # fmt: skip
    assert catalog.counts("whole") == Counts(images=3, lacking=1, live_rows=2)
    assert catalog.counts("whole-2") == Counts(images=3, lacking=1, live_rows=2)
    assert catalog.counts("none") == Counts(images=0, lacking=4, live_rows=0)
    assert (catalog.images("whole-2"), catalog.lacking("whole-2")) == (3, 1)
    assert catalog.images_below(root, "whole-2") == 3
    catalog.set_committed_rows("whole-2", 1)
    assert catalog.counts("whole") == Counts(images=3, lacking=1, live_rows=2)
    assert catalog.counts("whole-2") == Counts(images=2, lacking=2, live_rows=1)


def test_all_sets_but_the_active_one_can_be_dropped(catalog: Catalog) -> None:
    for name in ("whole-2", "whole-3"):
        catalog.add_set(name, ModelIdentity(name, "w", "p", 3))
    for name in ("whole", "whole-2", "whole-3"):
        put(catalog, "/r", "a", into=name)
        put(catalog, "/r", f"of {name}", into=name)
    catalog.activate("whole-2")
    catalog.drop_others()
    answering = VectorSet("whole-2", ModelIdentity("whole-2", "w", "p", 3), 2, "active")
    assert catalog.sets() == [answering]
    assert list(catalog.images_of("whole-2", range(9))) == [0, 1]
    assert catalog.counts("whole-2") == Counts(images=2, lacking=2, live_rows=2)
    # Nothing of them is found by another set that is given their name.
    catalog.add_set("whole", MODEL)
    assert catalog.counts("whole") == Counts(images=0, lacking=4, live_rows=0)


# Rows and their checksums


def test_rows_come_with_their_checksums_and_can_be_told_to_hold_nothing(catalog: Catalog) -> None:
    for number, name in enumerate("abcd"):
        content = catalog.add_content(name.encode(), BARE)
        catalog.put_row("whole", number, content, bytes([number]) * 8)
        catalog.put_image(catalog.add_root("/r", whole=True), name, 1, 2, content)
    assert catalog.rows_between("whole", 1, 3) == {1: b"\1" * 8, 2: b"\2" * 8}
    assert catalog.rows_between("other", 0, 9) == {}
    catalog.drop_row("whole", 1)
    assert list(catalog.rows_between("whole", 0, 9)) == [0, 2, 3]
    known = catalog.known(catalog.roots()[0], "whole")
    assert [path for path, one in known.items() if not one.embedded] == ["b"]
    assert catalog.content(b"b", "whole") == (2, None)
    catalog.put_row("whole", 1, 2, CHECKSUM)
    assert catalog.rows_between("whole", 1, 2) == {1: CHECKSUM}


def test_checksums_of_blocks_come_in_order_and_missing_ones_are_told(catalog: Catalog) -> None:
    assert catalog.blocks("whole") == []
    catalog.put_blocks("whole", {3: b"d", 0: b"a", 1: b"b"})
    assert catalog.blocks("whole") == [b"a", b"b", b"", b"d"]
    catalog.put_blocks("whole", {1: b"new", 2: b"c"})
    assert catalog.blocks("whole") == [b"a", b"new", b"c", b"d"]
    assert catalog.blocks("other") == []


@pytest.mark.parametrize(
    ("rows", "kept"),
    [(0, 0), (1, 1), (255, 1), (256, 1), (257, 2), (512, 2), (513, 3), (768, 3), (9999, 3)],
)
def test_blocks_past_the_committed_rows_are_dropped_with_them(
    catalog: Catalog, rows: int, kept: int
) -> None:
    catalog.add_set("whole-2", OTHER)
    for name in ("whole", "whole-2"):
        catalog.put_blocks(name, {0: b"a", 1: b"b", 2: b"c"})
        for row in (0, 255, 256, 512, 767):
            digest = f"{row}".encode()
            known = catalog.content(digest, name)
            content = known[0] if known else catalog.add_content(digest, BARE)
            catalog.put_row(name, row, content, CHECKSUM)
    catalog.set_committed_rows("whole", rows)
    assert catalog.blocks("whole") == [b"a", b"b", b"c"][:kept]
    assert list(catalog.rows_between("whole", 0, 999)) == [
        row for row in (0, 255, 256, 512, 767) if row < rows
    ]
    assert catalog.blocks("whole-2") == [b"a", b"b", b"c"]
    assert len(catalog.rows_between("whole-2", 0, 999)) == 5


def test_the_blocks_of_a_dropped_set_are_not_found_by_another_of_its_name(catalog: Catalog) -> None:
    catalog.add_set("whole-2", OTHER)
    catalog.put_blocks("whole-2", {0: b"a"})
    catalog.drop_others()
    catalog.add_set("whole-2", OTHER)
    assert catalog.blocks("whole-2") == []


def test_entries_are_all_that_is_known_of_every_file_by_row(catalog: Catalog) -> None:
    put(catalog, "/r", "b", b"same")
    put(catalog, "/r", "a", b"same")
    put(catalog, "/r", "gone", b"2")
    put(catalog, "/r", os.fsdecode(b"caf\xe9"), b"3")
    catalog.put_skip(catalog.roots()[0], "skipped", 1, 2, SkipReason.EMPTY, "")
    catalog.remove(catalog.roots()[0], ["gone"])
    assert list(catalog.entries("whole")) == [
        Entry("/r", "a", 10, 20, b"same", 0, BARE),
        Entry("/r", "b", 10, 20, b"same", 0, BARE),
        Entry("/r", os.fsdecode(b"caf\xe9"), 10, 20, b"3", 2, BARE),
    ]
    assert list(catalog.entries("none")) == []


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
    run_sql(tmp_path, "PRAGMA user_version=5")
    with pytest.raises(StoreError) as caught:
        Catalog(tmp_path, write=write)
    assert str(caught.value) == (
        f"the index has format 5, in {tmp_path}; this vsearch reads up to 4: update vsearch"
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
    assert str(caught.value).endswith("; save what can be saved with `vsearch check --repair`")


def test_a_database_with_other_tables_is_a_store_error(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    connection.executescript("CREATE TABLE songs(name); PRAGMA user_version=1")
    connection.close()
    with pytest.raises(IndexDamaged, match="not a vsearch catalog"):
        Catalog(tmp_path, write=False)


# Damage


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a catalog of many pages, closed."""
    folder = tmp_path_factory.mktemp("large")
    with closing(Catalog(folder, write=True)) as made:
        made.begin_writing()
        made.add_set("whole", MODEL)
        for number in range(300):
            put(made, "/r", f"{number}.jpg")
            made.put_skip(made.roots()[0], f"{number}.txt", 1, 2, SkipReason.NOT_AN_IMAGE, "no")
        made.commit()
    assert os.listdir(folder) == ["catalog.sqlite"]
    return (folder / "catalog.sqlite").read_bytes()


def read_all(folder: Path) -> list[object]:
    with closing(Catalog(folder, write=False)) as catalog:
        return [
            catalog.sets(), catalog.counts("whole"), catalog.skip_counts(), catalog.skipped(),
            catalog.known(catalog.roots()[0], "whole"), catalog.blocks("whole"),
            list(catalog.entries("whole")), catalog.rows_between("whole", 0, 999),
            [catalog.content(one.digest, "whole") for one in catalog.entries("whole")],
        ]  # fmt: skip


def test_no_flipped_bit_of_a_catalog_gives_another_answer(tmp_path: Path, large: bytes) -> None:
    """Each is told, but for those on a page that none of these questions needs."""
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(large)
    right = read_all(tmp_path)
    told = asked = 0
    randomly = random.Random(0)
    for page in range(len(large) // 4096):
        for place in randomly.sample(range(4096), 5):
            flip(path, 4096 * page + place, bit := randomly.randrange(8))
            asked += 1
            try:
                found = read_all(tmp_path)
            except IndexDamaged:
                told += 1
            else:
                assert found == right
            flip(path, 4096 * page + place, bit)
    assert path.read_bytes() == large
    assert told > asked / 2


@pytest.mark.parametrize("write", [False, True])
def test_no_flipped_bit_of_the_header_gets_through(
    tmp_path: Path, large: bytes, write: bool
) -> None:
    """Byte 20 is what tells that there are checksums at all."""
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(large)
    through = []
    for place, bit in itertools.product(range(100), range(8)):
        flip(path, place, bit)
        damaged = path.read_bytes()
        with suppress(IndexDamaged):
            Catalog(tmp_path, write=write).close()
            through.append((place, bit))
        assert path.read_bytes() == damaged
        flip(path, place, bit)
    assert through == []


def test_a_catalog_cut_short_is_told(tmp_path: Path, large: bytes) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(large)
    right = read_all(tmp_path)
    # Nothing at all is what a writer leaves that is killed before its first commit.
    for length in range(2, len(large), 331):
        path.write_bytes(large[:length])
        try:
            found = read_all(tmp_path)
        except IndexDamaged:
            continue
        assert found == right, length  # the last page may be one that was not needed
