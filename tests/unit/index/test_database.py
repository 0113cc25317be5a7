"""`Database`: damage is told, whatever bit it is; errors are ours; files have the right modes."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from unit.index.made_indexes import drop_privileges, flip, run

from vsearch.errors import IndexDamaged, IndexLocked, StoreError
from vsearch.index import database as database_module
from vsearch.index.database import Database

PAGE = 4096


@pytest.fixture
def umask() -> Iterator[None]:
    """Put back the process's umask."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def made(path: Path, count: int = 300) -> Path:
    """Make a database of some pages, every one of them in use."""
    with closing(Database(path, write=True)) as database:
        database.run("CREATE TABLE pets(name TEXT PRIMARY KEY, said TEXT)")
        database.run("CREATE INDEX by_said ON pets(said)")
        database.begin_writing()
        database.many(
            "INSERT INTO pets VALUES(?, ?)",
            [(f"pet {number}", f"{number} " * 20) for number in range(count)],
        )
        database.commit()
    return path


def read_all(path: Path) -> list[tuple[object, ...]]:
    """Read every page: the table, both of its indexes, and the list of tables."""
    with closing(Database(path, write=False)) as database:
        return [
            *database.all("SELECT name, said FROM pets NOT INDEXED"),
            *database.all("SELECT name FROM pets INDEXED BY sqlite_autoindex_pets_1 ORDER BY name"),
            *database.all("SELECT said FROM pets INDEXED BY by_said ORDER BY said"),
            *database.all("SELECT sql FROM sqlite_schema"),
        ]


def damage(path: Path) -> str:
    with pytest.raises(IndexDamaged) as caught:
        read_all(path)
    return str(caught.value)


# Checksums


def test_what_is_written_comes_back_and_every_page_has_a_checksum(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite")
    assert len(read_all(path)) == 3 * 300 + 3
    content = path.read_bytes()
    assert content[20] == 8
    assert len(content) // PAGE > 10
    for start in range(0, len(content), PAGE):
        assert content[start + PAGE - 8 : start + PAGE] != bytes(8)
    with closing(Database(path, write=False)) as database:
        assert database.is_checksummed


def test_no_flipped_bit_of_any_page_gets_through(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite")
    right = read_all(path)
    pages = path.stat().st_size // PAGE
    randomly = random.Random(0)
    for page in range(pages):
        places = [0, PAGE - 8, PAGE - 1, *randomly.sample(range(PAGE), 6)]
        for place in (PAGE * page + place for place in places):
            bit = randomly.randrange(8)
            flip(path, place, bit)
            said = damage(path)
            assert said.endswith(
                f"), in {path}; save what can be saved with `vsearch check --repair`"
            )
            if place > 100:
                assert said.startswith("the catalog is damaged (a checksum is wrong), in ")
            flip(path, place, bit)
    assert read_all(path) == right


def faults(path: Path) -> list[str]:
    with closing(Database(path, write=False)) as database:
        try:
            return database.faults()
        except IndexDamaged as error:
            return [str(error)]


def test_a_look_at_everything_finds_every_bad_page(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite")
    assert faults(path) == []
    for place in range(1000, path.stat().st_size, PAGE):
        flip(path, place)
        assert faults(path) != [], place
        flip(path, place)
    assert faults(path) == []


def test_a_look_at_everything_finds_pages_that_are_whole_and_in_the_wrong_place(
    tmp_path: Path,
) -> None:
    """A checksum is of a page by itself: a write that went astray leaves right ones."""
    path = made(tmp_path / "pets.sqlite")
    right = path.read_bytes()
    for start in range(PAGE, len(right) - PAGE, PAGE):
        wrong = bytearray(right)
        wrong[start : start + PAGE] = right[start + PAGE : start + 2 * PAGE]
        path.write_bytes(wrong)
        assert faults(path) != [], start


def test_what_is_trusted_is_read_whatever_its_checksum_says(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    flip(path, PAGE + PAGE - 12)  # in a letter of the first record
    damage(path)
    with closing(Database(path, write=False)) as database:
        database.trust()
        assert database.one("SELECT count(*) FROM pets NOT INDEXED") == (3,)


@pytest.mark.parametrize("bit", range(8))
def test_without_the_byte_that_says_there_are_checksums_there_are_none(
    tmp_path: Path, bit: int
) -> None:
    path = made(tmp_path / "pets.sqlite")
    flip(path, 20, bit)
    for write in (False, True):
        with closing(Database(path, write=write)) as database:
            database.one("PRAGMA user_version")
            assert not database.is_checksummed


@pytest.mark.parametrize("missing", [PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
def test_a_page_that_is_missing_is_told(tmp_path: Path, missing: int) -> None:
    path = made(tmp_path / "pets.sqlite")
    os.truncate(path, path.stat().st_size - missing)
    damage(path)


def test_a_bad_page_is_told_to_a_writer_and_nothing_is_written(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite")
    flip(path, 3 * PAGE + 1000)
    damaged = path.read_bytes()
    with closing(Database(path, write=True)) as database, pytest.raises(IndexDamaged):
        database.run("UPDATE pets SET said='nothing'")
    assert path.read_bytes() == damaged


def test_a_flipped_bit_in_the_log_loses_commits_and_gives_no_wrong_answer(
    tmp_path: Path,
) -> None:
    """SQLite ends the log at the first frame whose checksum is wrong."""
    path, copy = made(tmp_path / "pets.sqlite", 3), tmp_path / "copy.sqlite"
    states = [read_all(path)]
    with closing(Database(path, write=True)) as writer:
        for number in range(5):
            writer.run("INSERT INTO pets VALUES(?, 'new')", (f"new {number}",))
            states.append(read_all(path))
        kept = {ending: Path(f"{path}{ending}").read_bytes() for ending in ("", "-wal")}
    found = []
    for place in range(0, len(kept["-wal"]), 1999):
        (tmp_path / "copy.sqlite-shm").unlink(missing_ok=True)
        for ending, content in kept.items():
            Path(f"{copy}{ending}").write_bytes(content)
        flip(tmp_path / "copy.sqlite-wal", place, place % 8)
        found.append(states.index(read_all(copy)))
    assert found == sorted(found)
    assert (found[0], len(set(found))) == (0, 5)


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_without_checksums_gets_them_when_it_is_rewritten(
    tmp_path: Path, journal: str
) -> None:
    import sqlite3

    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute("CREATE TABLE pets(name TEXT)")
        connection.executemany("INSERT INTO pets VALUES(?)", [("pet" * 99,)] * 200)
        connection.commit()
    with closing(Database(path, write=False)) as reader:
        assert reader.one("SELECT count(*) FROM pets") == (200,)
        assert not reader.is_checksummed
    with closing(Database(path, write=True)) as writer:
        assert writer.one("SELECT count(*) FROM pets") == (200,)
        writer.vacuum()
        assert writer.is_checksummed
        with closing(Database(path, write=False)) as reader:
            assert reader.one("SELECT count(*) FROM pets") == (200,)
    size = path.stat().st_size
    for place in range(150, size, PAGE):
        flip(path, place)
        with closing(Database(path, write=False)) as reader, pytest.raises(IndexDamaged):
            reader.all("SELECT name FROM pets")
        flip(path, place)
    with closing(Database(path, write=False)) as reader:
        assert reader.one("SELECT count(*) FROM pets") == (200,)


# Transactions


def test_a_reader_stays_at_its_moment_and_a_writer_goes_on(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    with (
        closing(Database(path, write=False)) as reader,
        closing(Database(path, write=True)) as writer,
    ):
        reader.begin_reading()
        writer.begin_writing()
        writer.run("DELETE FROM pets")
        assert reader.one("SELECT count(*) FROM pets") == (3,)
        writer.commit()
        assert reader.one("SELECT count(*) FROM pets") == (3,)
        reader.commit()
        reader.commit()
        assert reader.one("SELECT count(*) FROM pets") == (0,)


def test_what_was_not_committed_is_gone_after_closing(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    database = Database(path, write=True)
    database.begin_writing()
    database.run("DELETE FROM pets")
    asked = database.each("SELECT name FROM pets")
    assert list(asked) == []
    database.close()
    assert len(read_all(path)) == 3 * 3 + 3


def test_closing_is_possible_in_the_middle_of_an_answer(tmp_path: Path) -> None:
    database = Database(made(tmp_path / "pets.sqlite"), write=False)
    answers = database.each("SELECT name FROM pets")
    next(answers)
    database.close()


def test_a_second_writer_waits_and_then_says_that_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_PATIENCE_MS", 1)
    path = made(tmp_path / "pets.sqlite", 3)
    with (
        closing(Database(path, write=True)) as first,
        closing(Database(path, write=True)) as second,
    ):
        first.begin_writing()
        with pytest.raises(IndexLocked) as caught:
            second.begin_writing()
        assert str(caught.value) == (f"the catalog is locked, in {tmp_path}; try again in a moment")
        assert len(read_all(path)) == 3 * 3 + 3
        first.commit()
        second.begin_writing()


def test_a_second_writer_has_its_turn_when_the_first_is_done(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    with (
        closing(Database(path, write=True)) as first,
        closing(Database(path, write=True)) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        first.begin_writing()
        waiting = pool.submit(second.run, "DELETE FROM pets")
        time.sleep(0.1)
        assert not waiting.done()
        first.commit()
        waiting.result()
        assert first.one("SELECT count(*) FROM pets") == (0,)


# Errors


def test_a_wrong_statement_is_a_store_error(tmp_path: Path) -> None:
    with closing(Database(made(tmp_path / "pets.sqlite", 3), write=True)) as database:
        with pytest.raises(StoreError, match=r"the catalog cannot be used \(no such table: cats"):
            database.all("SELECT * FROM cats")
        with pytest.raises(StoreError, match="UNIQUE constraint failed"):
            database.many("INSERT INTO pets VALUES(?, '')", [("a",), ("a",)])
        with pytest.raises(StoreError, match="no such column"):
            list(database.each("SELECT age FROM pets"))


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    with closing(Database(path, write=False)) as database, pytest.raises(StoreError):
        database.run("DELETE FROM pets")
    assert len(read_all(path)) == 3 * 3 + 3


@pytest.mark.parametrize("write", [False, True])
def test_a_folder_is_no_database(tmp_path: Path, write: bool) -> None:
    (tmp_path / "pets.sqlite").mkdir()
    with pytest.raises(StoreError):
        closing(Database(tmp_path / "pets.sqlite", write=write))


def test_no_more_than_a_disk_takes(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    with closing(Database(path, write=True)) as database:
        pages = path.stat().st_size // PAGE
        database.run(f"PRAGMA max_page_count={pages + 2}")
        database.begin_writing()
        with pytest.raises(StoreError) as caught:
            database.many(
                "INSERT INTO pets VALUES(?, ?)", [(f"new {n}", "x" * 999) for n in range(99)]
            )
    assert str(caught.value) == (f"the disk is full, at {tmp_path}; free some space and run again")
    assert len(read_all(path)) == 3 * 3 + 3


_SHORT_OF_SPACE = """
import resource, signal, sys
from contextlib import closing
from pathlib import Path
from vsearch.errors import IndexDamaged, StoreError
from vsearch.index.database import Database
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with closing(Database(Path(sys.argv[1]), write=True)) as database:
        for turn in range(100):
            database.begin_writing()
            made = [(f"{turn}-{number}", "x" * 99) for number in range(50)]
            database.many("INSERT INTO pets VALUES(?, ?)", made)
            database.commit()
            print(turn + 1)
except StoreError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("limit", [0, 100, 20_000, 40_000, 100_000, 300_000])
def test_a_disk_that_takes_no_more_leaves_the_last_commit(tmp_path: Path, limit: int) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    *commits, said = run(_SHORT_OF_SPACE, path, str(limit)).splitlines()
    assert said.startswith("StoreError the catalog cannot be used (disk I/O error), in ")
    with closing(Database(path, write=False)) as database:
        assert database.one("SELECT count(*) FROM pets") == (3 + 50 * len(commits),)
        assert database.faults() == []


# Files


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_every_file_has_the_mode_that_the_umask_says(
    tmp_path: Path, umask: None, mask: int, mode: int
) -> None:
    os.umask(mask)
    path = tmp_path / "pets.sqlite"
    with closing(Database(path, write=True)) as database:
        database.run("CREATE TABLE pets(name)")
        modes = {file.name: file.stat().st_mode & 0o7777 for file in tmp_path.iterdir()}
    assert modes == {"pets.sqlite": mode, "pets.sqlite-wal": mode, "pets.sqlite-shm": mode}


def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path, umask: None) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    path.chmod(0o640)
    os.umask(0o077)
    with closing(Database(path, write=True)) as database:
        database.run("DELETE FROM pets")
        modes = [file.stat().st_mode & 0o7777 for file in tmp_path.iterdir()]
    assert modes == [0o640] * 3


@pytest.mark.parametrize("name", ["a b", "50%20", "what?", "#1", "ü 🎉", os.fsdecode(b"\xff")])
def test_the_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = made(tmp_path / name, 3)
    assert os.listdir(tmp_path) == [name]
    assert len(read_all(path)) == 3 * 3 + 3


def test_a_closed_database_is_one_file(tmp_path: Path) -> None:
    made(tmp_path / "pets.sqlite")
    assert os.listdir(tmp_path) == ["pets.sqlite"]


_READ = """
import os, sys
from contextlib import closing
from pathlib import Path
from vsearch.errors import StoreError
from vsearch.index.database import Database
path = Path(sys.argv[1])
with closing(Database(path, write=False)) as database:
    print(*database.one("SELECT count(*) FROM pets"))
print(*sorted(os.listdir(path.parent)))
try:
    Database(path, write=True)
except StoreError as error:
    print(error)
"""


def without_rights(path: Path) -> list[str]:
    """Let a process read that may not write to the folder or its files, and then try to write."""
    files = list(path.parent.iterdir())
    for file in files:
        file.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        return run(_READ, path, drop=True).splitlines()
    finally:
        path.parent.chmod(0o755)
        for file in files:
            file.chmod(0o644)


def test_a_folder_that_cannot_be_written_to_can_be_read(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    count, files, error = without_rights(path)
    assert (count, files) == ("3", "pets.sqlite")
    assert error.startswith("the catalog cannot be ")
    assert error.endswith("the permissions of the folder")


def test_a_folder_that_cannot_be_written_to_shows_what_its_writer_commits(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    with closing(Database(path, write=True)) as writer:
        writer.run("SELECT count(*) FROM pets")
        assert without_rights(path)[0] == "3"
        writer.run("INSERT INTO pets VALUES('new', '')")
        assert without_rights(path)[0] == "4"
    assert without_rights(path)[0] == "4"


def test_what_a_reader_leaves_keeps_no_one_without_rights_from_reading(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    read_all(path)
    (tmp_path / "pets.sqlite-shm").touch()
    (tmp_path / "pets.sqlite-wal").touch()
    assert without_rights(path)[0] == "3"
    (tmp_path / "pets.sqlite-shm").unlink()
    assert without_rights(path)[0] == "3"


_READ_SLOWLY = """
import sys
from contextlib import closing
from pathlib import Path
from vsearch.index.database import Database
with closing(Database(Path(sys.argv[1]), write=False)) as database:
    database.begin_reading()
    print(*database.one("SELECT max(rowid) FROM pets"), flush=True)
    sys.stdin.readline()
    print(*database.one("SELECT count(*), sum(said='new') FROM pets NOT INDEXED"))
"""


def test_a_reader_without_rights_keeps_its_moment_while_a_writer_goes_on(tmp_path: Path) -> None:
    """The writer is there before it: with a log that is still empty."""
    path = made(tmp_path / "pets.sqlite", 3000)
    with closing(Database(path, write=True)) as writer:
        writer.one("SELECT count(*) FROM pets")
        assert (tmp_path / "pets.sqlite-wal").stat().st_size == 0
        tmp_path.chmod(0o555)
        reader = subprocess.Popen(
            [sys.executable, "-c", _READ_SLOWLY, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=drop_privileges,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert reader.stdout
        assert reader.stdout.readline() == "3000\n"
        tmp_path.chmod(0o755)
        writer.run("DELETE FROM pets WHERE name LIKE '%1'")
        writer.run("UPDATE pets SET said='new'")
    assert reader.communicate("\n")[0] == "3000 0\n"


def test_bad_pages_are_told_in_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    path = made(tmp_path / "pets.sqlite", 3)
    flip(path, 3 * PAGE + 50)
    flip(path, PAGE + 50)
    with pytest.raises(AssertionError, match="IndexDamaged: the catalog is damaged"):
        without_rights(path)
