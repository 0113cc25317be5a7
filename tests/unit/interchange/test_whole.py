"""A file or folder that is there whole or not at all."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vsearch.errors import UsageError
from vsearch.interchange.whole import whole_file, whole_folder

NAMES = ("a", "b")


def tree(folder: Path) -> dict[str, bytes]:
    return {
        os.path.relpath(file, folder): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def write_file(target: Path, text: bytes, *, replace: bool = False) -> None:
    with whole_file(target, replace=replace) as file:
        file.write(text)
        assert not target.exists() or target.read_bytes() != text


def write_folder(target: Path, text: bytes, *, replace: bool = False) -> None:
    with whole_folder(target, NAMES, replace=replace) as place:
        (place / "a").write_bytes(text)
        assert not (target / "a").exists() or (target / "a").read_bytes() != text


def test_a_file_and_a_folder_are_made_and_replaced(tmp_path: Path) -> None:
    write_file(tmp_path / "file", b"1")
    write_folder(tmp_path / "folder", b"1")
    assert tree(tmp_path) == {"file": b"1", "folder/a": b"1"}
    for text in (b"2", b"3"):
        write_file(tmp_path / "file", text, replace=True)
        write_folder(tmp_path / "folder", text, replace=True)
        assert tree(tmp_path) == {"file": text, "folder/a": text}
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    write_folder(tmp_path / "folder", b"1")
    assert tree(tmp_path) == {"folder/a": b"1"}


@pytest.mark.parametrize("replace", [False, True])
def test_what_is_no_export_is_never_replaced(tmp_path: Path, replace: bool) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a").write_text("mine")
    (tmp_path / "photos" / "holiday.jpg").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("photos")
    before = tree(tmp_path)
    for target, message in {
        "photos": "the folder holds other things than an export",
        "file": "there is a file already",
        "link": "there is a file already",
    }.items():
        with pytest.raises(UsageError, match=message):
            write_folder(tmp_path / target, b"1", replace=replace)
    with pytest.raises(UsageError, match="there is a folder already"):
        write_file(tmp_path / "photos", b"1", replace=replace)
    assert tree(tmp_path) == before


def test_an_earlier_export_is_replaced_only_when_asked_to(tmp_path: Path) -> None:
    write_file(tmp_path / "file", b"1")
    write_folder(tmp_path / "folder", b"1")
    with pytest.raises(
        UsageError, match=r"there is a file already, at .*; name another, or add --f"
    ):
        write_file(tmp_path / "file", b"2")
    with pytest.raises(
        UsageError, match=r"there is an export already, at .*; name another, or add"
    ):
        write_folder(tmp_path / "folder", b"2")
    assert tree(tmp_path) == {"file": b"1", "folder/a": b"1"}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("ours")])
def test_nothing_is_left_of_a_failure(tmp_path: Path, error: BaseException) -> None:
    def half_a_file() -> None:
        with whole_file(tmp_path / "file", replace=False) as file:
            file.write(b"half")
            raise error

    def half_a_folder() -> None:
        with whole_folder(tmp_path / "folder", NAMES, replace=False) as place:
            (place / "a").write_bytes(b"half")
            raise error

    for fail in (half_a_file, half_a_folder):
        with pytest.raises(type(error)):
            fail()
        assert os.listdir(tmp_path) == []


def test_what_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def file_of_theirs() -> None:
        with whole_file(tmp_path / "file", replace=False) as file:
            file.write(b"ours")
            (tmp_path / "file").write_bytes(b"theirs")

    def folder_of_theirs() -> None:
        with whole_folder(tmp_path / "folder", NAMES, replace=True):
            (tmp_path / "folder").mkdir()
            (tmp_path / "folder" / "other").write_bytes(b"theirs")

    with pytest.raises(UsageError, match="there is a file already"):
        file_of_theirs()
    with pytest.raises(UsageError, match="holds other things"):
        folder_of_theirs()
    assert tree(tmp_path) == {"file": b"theirs", "folder/other": b"theirs"}


def test_errors_name_what_was_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_file(tmp_path / "none" / "file", b"1")
    assert caught.value.filename == str(tmp_path / "none" / "file")
    with pytest.raises(FileNotFoundError) as caught:
        write_folder(tmp_path / "none" / "folder", b"1")
    assert caught.value.filename == str(tmp_path / "none" / "folder")


def test_killed_in_the_middle_there_is_nothing_under_the_name(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from vsearch.interchange.whole import whole_file, whole_folder
target = Path(sys.argv[1])
with whole_file(target / "file", replace=False) as file:
    file.write(b"half")
    file.flush()
    with whole_folder(target / "folder", ["a"], replace=False) as place:
        (place / "a").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert done.returncode == -signal.SIGKILL
    left = os.listdir(tmp_path)
    assert len(left) == 2
    assert all(name.startswith(".exporting-") for name in left)
    write_file(tmp_path / "file", b"1")
    write_folder(tmp_path / "folder", b"1")


def test_a_full_disk_names_the_target(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            write_file(tmp_path / "file", b"1" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "file")
    assert os.listdir(tmp_path) == []
