"""Copies and links in a folder: under their own names, whole, never over another."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vsearch.errors import UsageError
from vsearch.files.place import How, Placed, place

BOTH = pytest.mark.parametrize("how", ["copy", "link"])


def made(path: Path, content: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return os.fspath(path)


def tree(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in sorted(os.listdir(folder))}


@BOTH
def test_files_keep_their_names_and_others_get_numbers(tmp_path: Path, how: How) -> None:
    sources = [made(tmp_path / f"{n}/IMG.tar.jpg", n) for n in ("a", "b", "c")]
    sources.append(made(tmp_path / "a/.hidden", "h"))
    folder = tmp_path / "new/folder"
    done = list(place(sources, folder, how))
    names = ["IMG.tar.jpg", "IMG.tar (2).jpg", "IMG.tar (3).jpg", ".hidden"]
    assert done == [
        Placed(source, os.fspath(folder / name), new=True)
        for source, name in zip(sources, names, strict=True)
    ]
    assert tree(folder) == dict(sorted(zip(names, ["a", "b", "c", "h"], strict=True)))
    assert all(os.path.islink(folder / name) == (how == "link") for name in names)


@BOTH
def test_what_is_there_already_is_not_put_there_twice(tmp_path: Path, how: How) -> None:
    sources = [made(tmp_path / f"{n}/IMG.jpg", n) for n in ("a", "b")]
    folder = tmp_path / "out"
    first = list(place(sources, folder, how))
    again = list(place(sources, folder, how))
    assert [(one.path, one.new) for one in again] == [(one.path, False) for one in first]
    assert tree(folder) == {"IMG (2).jpg": "b", "IMG.jpg": "a"}


@BOTH
def test_files_that_are_in_the_folder_stay_alone(tmp_path: Path, how: How) -> None:
    source = made(tmp_path / "IMG.jpg", "a")
    assert list(place([source], tmp_path, how)) == [Placed(source, source)]
    assert tree(tmp_path) == {"IMG.jpg": "a"}


@BOTH
def test_nothing_that_is_there_is_touched(tmp_path: Path, how: How) -> None:
    source = made(tmp_path / "a/IMG.jpg", "a")
    folder = tmp_path / "out"
    (folder / "IMG.jpg").mkdir(parents=True)
    (folder / "IMG (2).jpg").symlink_to("nowhere")
    os.mkfifo(folder / "IMG (3).jpg")
    made(folder / "IMG (4).jpg", "b")  # of the same length and time
    for path in (source, folder / "IMG (4).jpg"):
        os.utime(path, (1, 1))
    (done,) = place([source], folder, how)
    assert done == Placed(source, os.fspath(folder / "IMG (5).jpg"), new=True)
    assert sorted(os.listdir(folder)) == ["IMG (2).jpg", "IMG (3).jpg", "IMG (4).jpg",
                                          "IMG (5).jpg", "IMG.jpg"]  # fmt: skip
    assert (folder / "IMG (4).jpg").read_text() == "b"
    assert os.readlink(folder / "IMG (2).jpg") == "nowhere"


def test_a_copy_keeps_times_and_permissions(tmp_path: Path) -> None:
    source = made(tmp_path / "a/IMG.jpg", "a")
    os.utime(source, ns=(1_000_000_000, 1_234_567_890_000_000_000))
    os.chmod(source, 0o640)
    (done,) = place([source], tmp_path / "out", "copy")
    assert done.path
    copied = os.stat(done.path)
    assert copied.st_mtime_ns == 1_234_567_890_000_000_000
    assert stat.S_IMODE(copied.st_mode) == 0o640
    assert copied.st_nlink == 1


def test_a_link_leads_to_the_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "a/IMG.jpg", "a")
    monkeypatch.chdir(tmp_path)
    list(place(["a/IMG.jpg"], Path("out"), "link"))
    assert os.readlink("out/IMG.jpg") == os.fspath(tmp_path / "a/IMG.jpg")


@BOTH
def test_a_file_that_cannot_be_read_costs_itself_only(tmp_path: Path, how: How) -> None:
    good = made(tmp_path / "a/good.jpg", "a")
    os.mkfifo(tmp_path / "a/fifo.jpg")
    gone, fifo, folder = (os.fspath(tmp_path / f"a/{n}") for n in ("gone.jpg", "fifo.jpg", ""))
    done = list(place([gone, fifo, folder, good], tmp_path / "out", how))
    assert [(one.path is not None, one.fault) for one in done] == [
        (False, "No such file or directory"),
        (False, "not a regular file"),
        (False, "not a regular file"),
        (True, ""),
    ]
    assert tree(tmp_path / "out") == {"good.jpg": "a"}


@pytest.mark.parametrize(
    "name",
    [
        b"new\nline\x1b[31m.jpg",
        b"caf\xe9.jpg",
        b"-rf.jpg",
        b"a" * 251 + b".jpg",
        "é".encode() * 125,
    ],
    ids=["control", "no UTF-8", "dash", "longest", "longest, two bytes a letter"],
)
def test_any_name_can_be_placed_twice(tmp_path: Path, name: bytes) -> None:
    sources = [made(tmp_path / n / os.fsdecode(name), n) for n in ("a", "b")]
    done = list(place(sources, tmp_path / "out", "copy"))
    assert [one.new for one in done] == [True, True]
    first, second = (os.path.basename(os.fsencode(one.path or "")) for one in done)
    assert first == name
    assert b" (2)" in second
    assert os.path.splitext(second)[1] == os.path.splitext(name)[1]


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    file = Path(made(tmp_path / "file", "a"))
    for folder in (file, file / "below"):
        with pytest.raises(UsageError, match="it is no folder"):
            list(place([os.fspath(file)], folder, "copy"))


def test_no_part_of_a_copy_is_left_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (made(tmp_path / f"a/{n}.jpg", n * 100) for n in "12")

    def full(source: str, target: str) -> None:
        if source == second:
            Path(target).write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device", source)
        shutil.copyfile(source, target)

    monkeypatch.setattr("vsearch.files.place.shutil.copy2", full)
    with pytest.raises(OSError, match="No space left") as caught:
        list(place([first, second], tmp_path / "out", "copy"))
    assert caught.value.filename == os.fspath(tmp_path / "out")
    assert tree(tmp_path / "out") == {"1.jpg": "1" * 100}


def test_a_file_system_without_hard_links_is_copied_to_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(source: str, target: str) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", source)

    monkeypatch.setattr("vsearch.files.place.os.link", none)
    sources = [made(tmp_path / f"{n}/IMG.jpg", n) for n in ("a", "b")]
    assert all(one.new for one in place(sources, tmp_path / "out", "copy"))
    assert tree(tmp_path / "out") == {"IMG (2).jpg": "b", "IMG.jpg": "a"}


def test_without_hard_links_what_came_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"

    def none(source: str, target: str) -> None:
        if os.path.basename(target) == "IMG.jpg":
            Path(target).write_text("theirs")  # in the moment before it is renamed
        raise PermissionError(errno.EPERM, "Operation not permitted", source)

    monkeypatch.setattr("vsearch.files.place.os.link", none)
    (done,) = place([made(tmp_path / "a/IMG.jpg", "a")], folder, "copy")
    assert done.path == os.fspath(folder / "IMG (2).jpg")
    assert tree(folder) == {"IMG (2).jpg": "a", "IMG.jpg": "theirs"}


COPY = """
import sys
from pathlib import Path
from vsearch.files.place import place
for one in place(sys.argv[2:], Path(sys.argv[1]), "copy"):
    assert one.path, one.fault
"""


def test_two_at_a_time_lose_nothing(tmp_path: Path) -> None:
    sources = [
        [made(tmp_path / f"{n}{number}/IMG.jpg", f"{n}{number}" * 1000) for number in range(30)]
        for n in ("a", "b")
    ]
    running = [
        subprocess.Popen([sys.executable, "-c", COPY, tmp_path / "out", *some]) for some in sources
    ]
    assert [process.wait() for process in running] == [0, 0]
    expected = sorted(Path(path).read_text() for some in sources for path in some)
    assert sorted(tree(tmp_path / "out").values()) == expected
