"""`vsearch analyze`: its forms, its labels, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from end_to_end.command import PHOTOS, Run
from photographs import photograph


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two class folders of 6 photographs, a copy of one in the other, and a small one."""
    root = tmp_path_factory.mktemp("pictures")
    names = sorted(one.name for one in PHOTOS.glob("IMG_*.jpg") if "_" not in one.stem[4:])
    for number, name in enumerate(names[:12]):
        photograph(root / "ab"[number % 2] / name, name)
    photograph(root / "b" / "copy.jpg", names[0])
    photograph(root / "a" / "small.png", names[2], 0.5)
    return root


@pytest.fixture(scope="module")
def index(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from photographs import indexed

    return indexed(root, tmp_path_factory.mktemp("index") / "index")


def kinds(stdout: bytes) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for line in stdout.decode().splitlines():
        kind, *cells = line.split("\t")
        found.setdefault(kind, []).append(cells)
    return found


def test_forms_agree(vsearch: Run, root: Path, index: Path, tmp_path: Path) -> None:
    names = sorted(os.listdir(root / "a"))
    truth = tmp_path / "truth.csv"
    truth.write_text(
        "path,label,split\n"
        + "".join(f"a/{name},one,train\n" for name in names)
        + "".join(f"b/{name},two,test\n" for name in sorted(os.listdir(root / "b")))
        + "b/gone.jpg,two,test\n"
    )
    asked = ["analyze", "--index", index, "--labels", truth, "--images", root]
    done = vsearch(*asked, cwd=root)
    assert done.returncode == 0
    said = done.stderr.decode()
    assert said.startswith("14 pictures; 2 in another split, too; 1 group of ")
    assert "1 labelled picture not among these (not indexed, or filtered out)" in said
    lines = kinds(done.stdout)
    assert lines["pictures"] == [["14"]]
    assert lines["contents"] == [["13"]]
    assert lines["class"] == [["one", "7"], ["two", "7"]]
    assert lines["split"] == [["train", "7"], ["test", "7"]]
    (leak,) = lines["leak"]
    assert leak == ["exact", "1.0000", "train", "test", "one", "two", f"a/{names[0]}", "b/copy.jpg"]
    assert {cells[2] for cells in lines["conflict"]} == {f"a/{names[0]}", "b/copy.jpg"}
    assert len(lines["duplicate"]) == 4
    told = json.loads(vsearch(*asked, "--json", cwd=root).stdout)
    assert told["pictures"] == 14
    assert told["labelling"]["missing"] == 1
    assert [one["why"] for one in told["duplicates"]["pairs"]] == ["exact"]
    assert len(told["map"]["points"]) == 13
    assert [one["picture"]["path"] for one in told["outliers"]["listed"]] == [
        os.fspath(root / cells[3]) for cells in lines["outlier"]
    ]
    first = [f"{one['score']:.3f}" for one in told["outliers"]["listed"]]
    assert first == [cells[1] for cells in lines["outlier"]]


def test_labels_from_class_folders_and_from_folders_are_the_same(
    vsearch: Run, root: Path, index: Path
) -> None:
    asked = ["analyze", "--index", index, "--json", "--top", "3"]
    by_truth = json.loads(vsearch(*asked, "--labels", root).stdout)
    by_folder = json.loads(vsearch(*asked, "--label-from", "folders").stdout)
    assert by_truth["labelling"]["source"] == "truth"
    assert by_folder["labelling"]["source"] == "folders"
    for told in (by_truth, by_folder):
        assert [one["pictures"] for one in told["labelling"]["classes"]] == [7, 7]
        assert len(told["suspects"]["listed"]) == 3
        assert len(told["outliers"]["listed"]) == 3


def test_a_report_is_written(vsearch: Run, index: Path, tmp_path: Path) -> None:
    done = vsearch("analyze", "--index", index, "--report", tmp_path / "a.html")
    assert done.returncode == 0, done.stderr
    assert b"<svg" in (tmp_path / "a.html").read_bytes()
    assert done.stderr.decode().splitlines()[-1] == f"report: {tmp_path / 'a.html'}"


REFUSED = {
    "both": (["--labels", "t.csv", "--label-from", "folders"], "exclude each other"),
    "images alone": (["--images", "."], "--images says where pictures of --labels are"),
    "no truth": (["--labels", "none.csv"], "it is not there, none.csv"),
    "queries": (["--labels", "queries.csv"], "no labels but queries in it, queries.csv"),
    "no page": (["--report", "report.txt"], ".html"),
    "below nothing": (["--in", "/nowhere"], "not indexed, '/nowhere'"),
}


@pytest.mark.parametrize(("options", "said"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(
    vsearch: Run, index: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    (tmp_path / "queries.csv").write_text("query,path\na dog,a.jpg\n")
    done = vsearch("analyze", "--index", index, *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("vsearch: ")
    assert said in line


def test_labels_of_other_pictures_only_are_an_error(
    vsearch: Run, index: Path, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("path,label\nx.jpg,a\ny.jpg,b\n")
    done = vsearch("analyze", "--index", index, "--labels", "t.csv", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(
        f"vsearch: none of the 2 labelled pictures is in the index, as {tmp_path}/x.jpg; name the"
    )


def test_filters_that_leave_no_labelled_picture_are_named(
    vsearch: Run, root: Path, index: Path, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("path,label\na/small.png,a\nb/copy.jpg,b\n")
    asked = ("analyze", "--index", index, "--labels", "t.csv", "--images", root)
    assert vsearch(*asked, cwd=tmp_path).returncode == 0
    done = vsearch(*asked, "--glob", "IMG_*", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert "is in what the filters leave of the index" in line
    assert "name other filters" in line


def test_nothing_meets_the_filters(vsearch: Run, index: Path) -> None:
    done = vsearch("analyze", "--index", index, "--min-size", "100000")
    assert done.returncode == 0
    said = done.stderr.decode().splitlines()
    assert said == ["0 pictures; 0 outliers", "no picture meets the filters"]


def test_hostile_names_come_whole_and_break_no_line(vsearch: Run, tmp_path: Path) -> None:
    name = os.fsdecode(b"a\n\x1b[31m\xff\xe2\x80\xae.jpg")
    photograph(tmp_path / "p" / name, "IMG_0013.jpg")
    photograph(tmp_path / "p" / "b.jpg", "IMG_0013.jpg")
    assert vsearch("index", tmp_path / "p", "--index", tmp_path / "i").returncode == 0
    lines = vsearch("analyze", "--index", tmp_path / "i", cwd=tmp_path / "p").stdout.splitlines()
    assert b"duplicate\t1\texact\ta\\n\\x1b[31m\xff\xe2\x80\xae.jpg" in lines
    told = json.loads(vsearch("analyze", "--index", tmp_path / "i", "--json").stdout)
    (group,) = told["duplicates"]["listed"]
    assert {one["path"] for one in group["pictures"]} == {
        os.fspath(tmp_path / "p" / one) for one in (name, "b.jpg")
    }
