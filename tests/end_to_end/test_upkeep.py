"""`vsearch check`, `compact` and `forget`: exit codes, stdout and stderr, whole."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from end_to_end.command import Run
from end_to_end.pictures import write_pictures
from unit.index.made_indexes import set_format

from vsearch.index.schema import FORMAT

FAULT = """\
catalog   40 files, 40 contents
vectors   40 of 384 dimensions
  fault   40 in blocks that are missing or damaged
  mend    vsearch check --repair
graph     cannot be used
  fault   vectors that the graph covers cannot be read; searches scan all vectors
  mend    vsearch check --repair
files     {photos}: 40 as recorded
"""
GOOD = """\
catalog   40 files, 40 contents
vectors   40 of 384 dimensions
graph     covers 40 of 40 vectors; recall@10 1.000 of 100 queries
files     {photos}: 40 as recorded
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 pictures, long unchanged, not indexed yet."""
    folder = tmp_path_factory.mktemp("pictures") / "photos"
    write_pictures(folder, 40)
    for number, path in enumerate(sorted(folder.rglob("*.jpg"))):
        os.utime(path, (1_600_000_000 + number,) * 2)
    return folder


@pytest.fixture
def photos(made: Path, tmp_path: Path, vsearch: Run) -> Path:
    folder = tmp_path / "photos"
    shutil.copytree(made, folder)
    done = vsearch("index", folder, "--index", tmp_path / "index", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return folder


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x20
    path.write_bytes(data)


def test_damage_is_told_mended_and_gone(photos: Path, tmp_path: Path, vsearch: Run) -> None:
    index = tmp_path / "index"

    def check(*options: str) -> tuple[int, str, str]:
        done = vsearch("check", "--index", index, *options)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    assert check() == (0, GOOD.format(photos=photos), "all is well\n")
    flip(index / "sets" / "whole" / "matrix.f32", 1234)
    said = "vsearch: 2 faults found; see above for what mends them\n"
    assert check() == (1, FAULT.format(photos=photos), said)
    code, out, err = check("--json")
    parts = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (1, said)
    assert [part["part"] for part in parts] == ["catalog", "vectors", "graph", "files"]
    assert parts[1]["faults"] == [
        {"what": "40 in blocks that are missing or damaged", "repair": "vsearch check --repair"}
    ]
    assert check("--repair") == (
        0,
        GOOD.format(photos=photos),
        "vectors brought back from the graph: 1\nall is well\n",
    )
    assert check("--deep")[1].endswith("contents  40 pictures read and compared\n")


@pytest.mark.parametrize("name", ["matrix.f32", "graph.json", "graph.hnsw"])
def test_a_fifo_in_place_of_a_file_is_a_fault_and_mended(
    photos: Path, tmp_path: Path, vsearch: Run, name: str
) -> None:
    index = tmp_path / "index"

    def run(*words: str) -> int:
        return vsearch(*words, "--index", index).returncode

    before = vsearch("search", "red", "--graph", "--index", index).stdout
    (index / "sets" / "whole" / name).unlink()
    os.mkfifo(index / "sets" / "whole" / name)
    assert run("search", "red") == (2 if name == "matrix.f32" else 0)
    assert (run("check"), run("check", "--repair"), run("check")) == (1, 0, 0)
    assert vsearch("search", "red", "--graph", "--index", index).stdout == before


def test_vectors_that_are_gone_are_told_and_made_anew(
    photos: Path, tmp_path: Path, vsearch: Run
) -> None:
    index = tmp_path / "index"
    before = vsearch("search", "red", "--index", index).stdout
    shutil.rmtree(index / "sets")
    done = vsearch("check", "--index", index)
    assert (done.returncode, done.stdout.decode().splitlines()[1:4]) == (1, FAULT.splitlines()[1:4])
    done = vsearch("check", "--repair", "--index", index)
    assert (done.returncode, done.stderr.decode()) == (
        0,
        ("vectors given up: 40; the next `vsearch index` makes them anew\nall is well\n"),
    )
    assert vsearch("index", "--index", index).stderr.startswith(b"40 embedded in ")
    assert vsearch("search", "red", "--index", index).stdout == before


@pytest.mark.parametrize("command", ["check", "check --repair", "search red"])
def test_a_newer_format_is_one_line(
    photos: Path, tmp_path: Path, vsearch: Run, command: str
) -> None:
    set_format(tmp_path / "index", FORMAT + 1)
    done = vsearch(*command.split(), "--index", tmp_path / "index")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        f"vsearch: the index has format {FORMAT + 1}, in {tmp_path}/index; this vsearch reads up "
        f"to {FORMAT}: update vsearch\n"
    )


def test_a_damaged_catalog_is_saved(photos: Path, tmp_path: Path, vsearch: Run) -> None:
    index = tmp_path / "index"
    before = vsearch("search", "a red field", "--index", index).stdout
    catalog = index / "catalog.sqlite"
    for found in re.finditer(rb"img00001\.jpg", catalog.read_bytes()):  # in tables and indexes
        flip(catalog, found.start())
    done = vsearch("search", "a red field", "--index", index)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        "vsearch: the catalog is damaged (a checksum is wrong), in "
        f"{index}/catalog.sqlite; save what can be saved with `vsearch check --repair`\n"
    )
    done = vsearch("check", "--index", index)
    assert done.returncode == 1
    assert done.stdout.startswith(b"catalog   cannot be read\n  fault   the catalog is damaged (a")
    done = vsearch("check", "--repair", "--index", index)
    assert done.returncode == 0, done.stdout
    assert vsearch("index", "--index", index).returncode == 0
    assert vsearch("search", "a red field", "--index", index).stdout == before


def test_forgetting_and_compacting(photos: Path, tmp_path: Path, vsearch: Run) -> None:
    index = tmp_path / "index"

    def run(*words: str) -> tuple[int, str, str]:
        done = vsearch(*words, "--index", index, cwd=photos)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    listed = f"{photos}/000/img00001.jpg\n{photos}/000/img00011.jpg\n"
    assert run("forget", "*/img000?1.jpg", "000/img0002?.jpg", "--dry-run")[1].startswith(listed)
    assert run("forget", "*/img0000[12].jpg", "--dry-run", "-0") == (
        0, f"{photos}/000/img00001.jpg\0{photos}/000/img00002.jpg\0", ""
    )  # fmt: skip
    assert run("forget", "nothing.jpg") == (
        2,
        "",
        (
            "vsearch: nothing in the index is called 'nothing.jpg'; check the name, "
            "`vsearch status` lists the folders\n"
        ),
    )
    (photos / "000" / "img00003.jpg").unlink()
    assert run("forget", "000/img00003.jpg", "*/img0001?.jpg") == (
        0,
        "",
        (
            "forgot 11 files; `vsearch compact` frees their vectors\n"
            f"those that are still below {photos} are found again by the next `vsearch index`, "
            "unless .vsearchignore names them\n"
        ),
    )
    code, out, err = run("compact")
    assert (code, out) == (0, "")
    assert err.startswith("dropped 11 vectors without a picture; ")
    assert err.endswith(" freed\n")
    assert run("compact") == (0, "", "dropped 0 vectors without a picture; 0 bytes freed\n")
    status = json.loads(run("status", "--json")[1])
    assert (status["images"], status["rows"], status["graph_rows"]) == (29, 29, 29)
    assert run("index")[2].startswith("10 embedded, 29 unchanged in ")
    assert run("forget", str(photos)) == (
        0, "", "forgot 39 files; `vsearch compact` frees their vectors\n"
    )  # fmt: skip
    assert json.loads(run("status", "--json")[1])["roots"] == []


@pytest.mark.parametrize("command", ["check", "compact", "forget x", "check --repair"])
def test_without_an_index_there_is_one_line(tmp_path: Path, vsearch: Run, command: str) -> None:
    done = vsearch(*command.split(), "--index", tmp_path / "none")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        f"vsearch: there is no index, in {tmp_path}/none; make one with `vsearch index FOLDER`\n"
    )
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o077, 0o600, 0o700), (0o002, 0o664, 0o775)]
)
def test_what_an_index_is_made_of_follows_the_umask(
    photos: Path, tmp_path: Path, vsearch: Run, umask: int, file: int, folder: int
) -> None:
    index = tmp_path / "fresh"

    def run(*words: str | Path) -> None:
        done = vsearch(*words, "--index", index, preexec=lambda: os.umask(umask) and None)
        assert done.returncode == 0, done.stderr

    run("index", photos)
    run("search", "red")
    run("forget", photos / "000" / "img00003.jpg")
    run("compact")
    run("check", "--repair")
    found = {path: path.stat().st_mode & 0o777 for path in (index, *index.rglob("*"))}
    assert {mode for path, mode in found.items() if path.is_dir()} == {folder}
    assert {path.name: mode for path, mode in found.items() if path.is_file()} == dict.fromkeys(
        (path.name for path in found if path.is_file()), file
    )
