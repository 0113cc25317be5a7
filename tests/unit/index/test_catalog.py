"""`Catalog`: what is put in comes out, and files it must not touch are refused."""

import itertools
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from vsearch.errors import IndexDamaged, IndexMissing, SkipReason, StoreError
from vsearch.index import catalog as catalog_module
from vsearch.index.catalog import Catalog, Counts, Known, VectorSet
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
    content = catalog.put_content(digest, BARE)
    known = catalog.content(digest, into)
    assert known is not None
    row = known[1]
    if row is None:
        row = next(one.rows for one in catalog.sets() if one.name == into)
        catalog.put_row(into, row, content)
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
    assert catalog.known(root, "whole") == {name: Known(10, 20, None, embedded=True)}
    assert catalog.images_of("whole", [row]) == {row: [ImageRecord(root.path, name, row, 10, BARE)]}
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
        content = catalog.put_content(name.encode(), facts)
        catalog.put_row("whole", row, content)
        catalog.put_image(root, name, 5, 6, content)
    assert catalog.images_of("whole", [1, 0]) == {
        0: [ImageRecord("/r", "full", 0, 5, FACTS)],
        1: [ImageRecord("/r", "bare", 1, 5, BARE)],
    }


def test_large_numbers_come_back_as_they_were(catalog: Catalog) -> None:
    root = catalog.add_root("/r", whole=True)
    catalog.put_skip(root, "f", 1 << 50, 1_700_000_000_123_456_789, SkipReason.TOO_LARGE, "")
    catalog.put_skip(root, "old", 0, -1, SkipReason.EMPTY, "")
    assert catalog.known(root, "whole") == {
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
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE sets SET state='active'")
    connection.close()


def test_sets_of_which_none_answers_are_damage(catalog: Catalog, tmp_path: Path) -> None:
    catalog.commit()
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    connection.execute("UPDATE sets SET state='kept'")
    connection.commit()
    connection.close()
    with pytest.raises(IndexDamaged, match=r"no vectors to answer with, in .*; move the index"):
        catalog.active()


def test_a_model_that_cannot_be_read_is_damage(catalog: Catalog, tmp_path: Path) -> None:
    catalog.commit()
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    connection.execute("""UPDATE sets SET model='{"name": "m"}'""")
    connection.commit()
    connection.close()
    with pytest.raises(IndexDamaged, match=r"no model that can be read, in .*; move the index"):
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


# The format before


def make_format_1(folder: Path, sets: int = 1) -> None:
    """Make a catalog as vsearch made it before sets had a state: two pictures, one skipped file."""
    connection = sqlite3.connect(folder / "catalog.sqlite")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(
        """
        BEGIN IMMEDIATE;
        CREATE TABLE roots(
            id INTEGER PRIMARY KEY, path BLOB NOT NULL, relative INTEGER NOT NULL,
            whole INTEGER NOT NULL, device INTEGER, UNIQUE(path, relative)
        );
        CREATE TABLE contents(
            id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, width INTEGER NOT NULL,
            height INTEGER NOT NULL, format TEXT NOT NULL, taken_at TEXT, camera TEXT
        );
        CREATE TABLE images(
            root INTEGER NOT NULL REFERENCES roots(id), path BLOB NOT NULL, size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL, content INTEGER REFERENCES contents(id), reason TEXT,
            detail TEXT, PRIMARY KEY(root, path), CHECK((content IS NULL) <> (reason IS NULL))
        ) WITHOUT ROWID;
        CREATE INDEX images_by_content ON images(content);
        CREATE TABLE sets(
            name TEXT PRIMARY KEY, model TEXT NOT NULL, rows INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE rows(
            vector_set TEXT NOT NULL REFERENCES sets(name), row INTEGER NOT NULL,
            content INTEGER NOT NULL REFERENCES contents(id), PRIMARY KEY(vector_set, row)
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX rows_by_content ON rows(vector_set, content);
        PRAGMA application_id=0x76737263;
        PRAGMA user_version=1;
        COMMIT;
        """
    )
    if sets:
        connection.execute("INSERT INTO sets VALUES('whole', ?, 2)", (json.dumps(asdict(MODEL)),))
        connection.executescript(
            """
            INSERT INTO roots VALUES(1, CAST('/r' AS BLOB), 0, 1, 7);
            INSERT INTO contents VALUES(1, CAST('one' AS BLOB), 1, 2, 'PNG', NULL, NULL);
            INSERT INTO contents VALUES(2, CAST('two' AS BLOB), 1, 2, 'PNG', NULL, NULL);
            INSERT INTO images VALUES(1, CAST('a' AS BLOB), 10, 20, 1, NULL, NULL);
            INSERT INTO images VALUES(1, CAST('b' AS BLOB), 10, 20, 2, NULL, NULL);
            INSERT INTO images VALUES(1, CAST('c' AS BLOB), 1, 2, NULL, 'empty file', '');
            INSERT INTO rows VALUES('whole', 0, 1);
            INSERT INTO rows VALUES('whole', 1, 2);
            """
        )
    connection.close()


def everything(catalog: Catalog) -> object:
    return (
        catalog.sets(), catalog.active(), paths(catalog), catalog.images_of("whole", range(9)),
        catalog.counts("whole"), catalog.skipped(), catalog.roots(),
    )  # fmt: skip


def test_a_catalog_of_format_1_is_read_as_it_is(tmp_path: Path) -> None:
    make_format_1(tmp_path)
    before = (tmp_path / "catalog.sqlite").read_bytes()
    reader = Catalog(tmp_path, write=False)
    reader.begin_reading()
    assert reader.active() == VectorSet("whole", MODEL, 2, "active")
    assert paths(reader) == {"/r": ["a", "b", "c"]}
    assert reader.counts("whole") == Counts(images=2, lacking=0, live_rows=2)
    reader.close()
    assert (tmp_path / "catalog.sqlite").read_bytes() == before


def test_a_writer_brings_format_1_up_to_date_and_nothing_is_lost(tmp_path: Path) -> None:
    make_format_1(tmp_path)
    reader = Catalog(tmp_path, write=False)
    reader.begin_reading()
    before = everything(reader)
    writer = Catalog(tmp_path, write=True)
    writer.begin_writing()
    assert everything(writer) == before
    writer.add_set("whole-2", OTHER)
    writer.activate("whole-2")
    writer.commit()
    # The one who was reading goes on with the old format; when it looks anew, it is the new one.
    assert everything(reader) == before
    reader.commit()
    assert reader.active() == VectorSet("whole-2", OTHER, 0, "active")
    reader.close()
    writer.close()
    Catalog(tmp_path, write=True).close()


def test_an_empty_catalog_of_format_1_has_no_set(tmp_path: Path) -> None:
    make_format_1(tmp_path, sets=0)
    for write in (False, True, False):
        opened = Catalog(tmp_path, write=write)
        assert (opened.sets(), opened.active()) == ([], None)
        opened.close()


def test_both_ways_lead_to_the_same_tables(tmp_path: Path) -> None:
    shapes = []
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        if name == "old":
            make_format_1(tmp_path / name)
        Catalog(tmp_path / name, write=True).close()
        connection = sqlite3.connect(tmp_path / name / "catalog.sqlite")
        tables = connection.execute(
            'SELECT m.name, t.name, t.type, t."notnull", t.dflt_value, t.pk'
            " FROM sqlite_master AS m, pragma_table_info(m.name) AS t"
        ).fetchall()
        indexes = connection.execute("SELECT name FROM sqlite_master WHERE type='index'").fetchall()
        version = connection.execute("PRAGMA user_version").fetchone()
        shapes.append((sorted(tables), sorted(indexes), version))
        connection.close()
    assert shapes[0] == shapes[1]
    assert shapes[0][2] == (2,)


def test_a_change_of_format_that_fails_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_format_1(tmp_path)
    broken = catalog_module.FROM_FORMAT_1 + "INSERT INTO sets VALUES('x', NULL, 0, 'kept');"
    with monkeypatch.context() as patch:
        patch.setattr(catalog_module, "FROM_FORMAT_1", broken)
        with pytest.raises(StoreError):
            Catalog(tmp_path, write=True)
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert len(connection.execute("SELECT * FROM sets").fetchone()) == 3
    connection.close()
    Catalog(tmp_path, write=True).close()


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
    connection.execute("PRAGMA user_version=3")
    connection.close()
    with pytest.raises(StoreError) as caught:
        Catalog(tmp_path, write=write)
    assert str(caught.value) == (
        f"the index has format 3, in {tmp_path}; this vsearch reads up to 2: update vsearch"
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
