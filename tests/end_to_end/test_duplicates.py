"""`vsearch duplicates`: whole outputs in every form, actions, and what is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.command import PHOTOS, Run, environment
from photographs import photograph
from PIL import Image


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The photographs a.jpg (640 x 480) and b.jpg, with copies, and one without."""
    root = tmp_path / "pictures"
    photograph(root / "a.jpg", "IMG_0013.jpg")
    photograph(root / "sub" / "copy.jpg", "IMG_0013.jpg")
    photograph(root / "half.png", "IMG_0013.jpg", 0.5)
    photograph(root / "b.jpg", "IMG_0010.jpg")
    photograph(root / "b small.png", "IMG_0010.jpg", 0.6)
    photograph(root / "alone.jpg", "IMG_0021.jpg")
    os.link(root / "a.jpg", root / "hard link.jpg")
    return root


@pytest.fixture
def index(vsearch: Run, root: Path, tmp_path: Path) -> Path:
    assert vsearch("index", root, "--index", tmp_path / "index").returncode == 0
    return tmp_path / "index"


def files(*folders: Path) -> dict[str, bytes]:
    return {
        os.fspath(path): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_forms_agree(vsearch: Run, root: Path, index: Path) -> None:
    query = ["duplicates", "--index", index]
    tab = vsearch(*query, cwd=root)
    assert (tab.returncode, tab.stderr.count(b"\n")) == (0, 1)
    assert tab.stderr.startswith(b"2 groups; 4 files not kept (1 exact, 1 linked, 2 near), ")
    assert re.sub(r"0\.9\d+\t\d+", "#\t#", tab.stdout.decode()) == (
        "1\tkept\t\t\ta.jpg\n"
        "1\texact\t\t\tsub/copy.jpg\n"
        "1\tlinked\t\t\thard link.jpg\n"
        "1\tnear\t#\t#\thalf.png\n"
        "2\tkept\t\t\tb.jpg\n"
        "2\tnear\t#\t#\tb small.png\n"
    )
    not_kept = ["sub/copy.jpg", "half.png", "b small.png"]  # a link is the kept file itself
    assert vsearch(*query, "--paths", cwd=root).stdout.decode().splitlines() == not_kept
    nul = vsearch(*query, "-0", cwd=root).stdout
    assert nul == b"".join(name.encode() + b"\0" for name in not_kept)
    groups = [json.loads(line) for line in vsearch(*query, "--json").stdout.splitlines()]
    assert [set(group) for group in groups] == [{"kept", "others"}] * 2
    first = groups[0]["others"][2]
    assert first == {
        "path": str(root / "half.png"), "bytes": (root / "half.png").stat().st_size,
        "width": 320, "height": 240, "taken_at": None, "date": "2017-07-14T02:40:00",
        "why": "near", "cosine": first["cosine"], "bits": first["bits"],
    }  # fmt: skip
    assert [(one["why"], one["cosine"], one["bits"]) for one in groups[0]["others"][:2]] == [
        ("exact", None, None), ("linked", None, None),
    ]  # fmt: skip


def test_filters_and_none_at_all(vsearch: Run, root: Path, index: Path) -> None:
    done = vsearch("duplicates", "--index", index, "--in", root / "sub")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"vsearch: no duplicates found\n"
    done = vsearch("duplicates", "--index", index, "--type", "jpeg", "--paths", cwd=root)
    assert (done.returncode, done.stdout) == (0, b"sub/copy.jpg\n")
    done = vsearch("duplicates", "--index", index, "--keep", "newest", "--paths", cwd=root)
    assert done.returncode == 0


def test_linking_only_says_what_it_would_do_without_yes(
    vsearch: Run, root: Path, index: Path
) -> None:
    before = files(root)
    query = ["duplicates", "--index", index, "--link"]
    done = vsearch(*query, cwd=root)
    assert (done.returncode, done.stdout) == (0, b"link\tsub/copy.jpg\ta.jpg\n")
    said = r"1 file would be linked, \d+ kB freed; {}nothing is done without --yes\n"
    assert re.fullmatch(said.format(""), done.stderr.decode())
    done = vsearch(*query, "--find", "near", cwd=root)
    assert done.stdout == b"link\tsub/copy.jpg\ta.jpg\n"
    assert re.fullmatch(said.format("2 near ones never linked; "), done.stderr.decode())
    assert not (root / "a.jpg").samefile(root / "sub/copy.jpg")
    done = vsearch(*query, "--yes", "--json")
    assert json.loads(done.stdout) == {
        "action": "link", "path": str(root / "sub/copy.jpg"), "to": str(root / "a.jpg"),
        "done": True, "why_not": None,
    }  # fmt: skip
    assert (root / "a.jpg").samefile(root / "sub/copy.jpg")
    assert files(root) == before
    assert vsearch("index", "--index", index).returncode == 0
    done = vsearch(*query, "--yes")
    assert (done.returncode, done.stdout) == (0, b"")


def test_only_exact_copies_are_moved_unless_near_ones_are_asked_for(
    vsearch: Run, root: Path, index: Path, tmp_path: Path
) -> None:
    query = ["duplicates", "--index", index, "--move-to", tmp_path / "out"]
    exact = b"move\tpictures/sub/copy.jpg\tout/pictures/sub/copy.jpg\n"
    done = vsearch(*query, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, exact)
    assert done.stderr == (
        b"1 file would be moved; near ones stay without --find near; nothing is done without "
        b"--yes\n"
    )
    assert vsearch(*query, "--yes", cwd=tmp_path).stdout == exact
    assert vsearch("index", "--index", index).returncode == 0
    done = vsearch("duplicates", "--index", index, "--find", "exact", "--paths", cwd=root)
    assert (done.returncode, done.stdout) == (0, b"")  # a hard link is left
    (root / "hard link.jpg").unlink()
    assert vsearch("index", "--index", index).returncode == 0
    done = vsearch(*query, "--yes")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"vsearch: no exact duplicates found\n"
    assert (root / "half.png").exists()


def test_moving_then_indexing_leaves_no_duplicates(
    vsearch: Run, root: Path, index: Path, tmp_path: Path
) -> None:
    query = ["duplicates", "--index", index, "--find", "near", "--move-to", tmp_path / "out"]
    contents = sorted(files(root).values())
    (root / "alone.jpg").touch()  # is in no group, and of no concern
    assert vsearch(*query).returncode == 0
    assert not (tmp_path / "out").exists()
    done = vsearch(*query, "--yes", cwd=tmp_path)
    assert done.stdout == (
        b"move\tpictures/sub/copy.jpg\tout/pictures/sub/copy.jpg\n"
        b"move\tpictures/half.png\tout/pictures/half.png\n"
        b"move\tpictures/b small.png\tout/pictures/b small.png\n"
    )
    assert done.returncode == 0
    assert done.stderr.decode().splitlines()[-1] == (
        "3 files moved; `vsearch index` brings the index up to date"
    )
    assert sorted(files(root, tmp_path / "out").values()) == contents
    assert vsearch("index", "--index", index).returncode == 0
    done = vsearch("duplicates", "--index", index)
    assert done.stdout.decode().splitlines() == ["1\tkept\t\t\t" + str(root / "a.jpg"),
        "1\tlinked\t\t\t" + str(root / "hard link.jpg")]  # fmt: skip


def test_what_cannot_be_done_is_told_with_exit_3(
    vsearch: Run, root: Path, index: Path, tmp_path: Path
) -> None:
    there = tmp_path / "out" / "pictures" / "half.png"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"mine")
    query = ["duplicates", "--index", index, "--move-to", tmp_path / "out", "--yes"]
    done = vsearch(*query, "--find", "near", cwd=root)
    assert done.returncode == 3
    assert b"left alone: half.png: there is something of that name\n" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(b"2 files moved; 1 left alone; ")
    assert there.read_bytes() == b"mine"
    assert (root / "half.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--link", "--move-to", "x"], "--link and --move-to exclude", id="both"),
        pytest.param(["--yes"], "nothing to say --yes to;", id="yes to nothing"),
        pytest.param(["--link", "--paths"], "--paths and -0 only list;", id="paths of an action"),
        pytest.param(["--json", "-0"], "--json cannot go with", id="json nul"),
        pytest.param(["--move-to", "pictures/new"], "'pictures/new' lies in a folder", id="inside"),
        pytest.param(["--move-to", "file"], "it is no folder, ", id="no folder"),
        pytest.param(["--after", "soon"], "no date that is understood, 'soon';", id="no date"),
        pytest.param(["--index", "none"], "there is no index, in ", id="no index"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    vsearch: Run, index: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "file").touch()
    done = vsearch("duplicates", *arguments, cwd=tmp_path, environ={"VSEARCH_INDEX": str(index)})
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"vsearch: {message}")
    assert done.stderr.count(b"\n") == 1


def test_crops_are_found_when_asked_for_and_never_linked(vsearch: Run, tmp_path: Path) -> None:
    root, index = tmp_path / "pictures", tmp_path / "index"
    path = photograph(root / "whole.jpg", "IMG_0013.jpg")
    photograph(root / "other.jpg", "IMG_0021.jpg")
    with Image.open(path) as image:
        image.crop((0, 0, image.width * 7 // 8, image.height * 7 // 8)).save(root / "crop.png")
    assert vsearch("index", root, "--index", index).returncode == 0
    query = ["duplicates", "--index", index]
    assert vsearch(*query).returncode == 1
    done = vsearch(*query, "--find", "crops", cwd=root)
    assert re.sub(rb"0\.9\d+\t\d+", b"#\t#", done.stdout) == (
        b"1\tkept\t\t\twhole.jpg\n1\tcrop\t#\t#\tcrop.png\n"
    )
    assert done.stderr.startswith(b"1 group; 1 file not kept (1 crop), ")
    (group,) = vsearch(*query, "--find", "crops", "--json").stdout.splitlines()
    (other,) = json.loads(group)["others"]
    assert (other["why"], other["path"]) == ("crop", str(root / "crop.png"))
    assert other["cosine"] >= 0.8
    assert other["bits"] <= 16
    before = files(root)
    done = vsearch(*query, "--find", "crops", "--link", "--yes")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"; 1 near one never linked" in done.stderr
    assert files(root) == before
    done = vsearch(*query, "--find", "crops", "--move-to", tmp_path / "out", "--yes", cwd=tmp_path)
    assert done.stdout == b"move\tpictures/crop.png\tout/pictures/crop.png\n"


def test_any_name_survives(vsearch: Run, tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    names = [
        b"new\nline.jpg",
        b"\xff\xfe.jpg",
        "\u202egpj.exe.jpg".encode(),
        b"-0.jpg",
        b"\x1b[31m.jpg",
    ]
    for name in names:
        photograph(root / os.fsdecode(name), "IMG_0013.jpg")
    index = tmp_path / "index"
    assert vsearch("index", root, "--index", index).returncode == 0
    listed = vsearch("duplicates", "--index", index, "-0").stdout.split(b"\0")[:-1]
    (group,) = vsearch("duplicates", "--index", index, "--json").stdout.splitlines()
    kept = os.fsencode(json.loads(group)["kept"]["path"])
    assert {os.path.basename(path) for path in (*listed, kept)} == set(names)
    lines = vsearch("duplicates", "--index", index).stdout.splitlines()
    assert len(lines) == len(names)
    done = vsearch("duplicates", "--index", index, "--move-to", tmp_path / "out", "--yes")
    assert done.returncode == 0
    moved = {os.path.basename(os.fsencode(path)) for path in files(tmp_path / "out")}
    assert len(moved) == len(names) - 1


def test_a_pipe_that_closes_early_ends_it_quietly(index: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m vsearch duplicates --index "$0" | head -n 1', index],
        capture_output=True, env=environment(tmp_path), check=False,
    )  # fmt: skip
    assert done.stdout.endswith(b"a.jpg\n")
    assert b"Traceback" not in done.stderr


def test_a_search_folds_duplicates(vsearch: Run, root: Path, index: Path) -> None:
    query = ["search", "a dog", "--index", index, "-k", "2"]
    plain = [json.loads(line) for line in vsearch(*query, "--json").stdout.splitlines()]
    assert [one["duplicates"] for one in plain] == [None, None]
    done = vsearch(*query, "--collapse", "--json")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert {first["path"], *first["duplicates"]} == {
        str(root / name) for name in ("a.jpg", "sub/copy.jpg", "half.png", "hard link.jpg")
    }
    assert {first["rank"], second["rank"]} == {1, 2}
    assert second["path"] not in first["duplicates"]
    assert vsearch(*query, "--collapse", "--paths").stdout.count(b"\n") == 2


def test_photographs(vsearch: Run, photos_index: Path) -> None:
    done = vsearch("duplicates", "--index", photos_index, "--paths", cwd=PHOTOS)
    assert done.stdout == b"IMG_0036_small.jpg\nIMG_0010_q30.jpg\n"
