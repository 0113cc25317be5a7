"""A file or folder that is there whole or not at all."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vsearch.errors import UsageError
from vsearch.files.whole import whole

THEIRS = b"theirs"


def is_export(path: Path) -> bool:
    """Whether it is not somebody else's, as these tests have it."""
    files = list(path.rglob("*")) if path.is_dir() else [path]
    return all(file.read_bytes() != THEIRS for file in files)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        os.path.relpath(file, folder): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def write_file(target: Path, text: bytes, *, replace: bool = False) -> None:
    with whole(target, is_export, folder=False, replace=replace) as place:
        place.write_bytes(text)
        assert not target.exists() or target.read_bytes() != text


def write_folder(target: Path, text: bytes, *, replace: bool = False) -> None:
    with whole(target, is_export, folder=True, replace=replace) as place:
        (place / "a").write_bytes(text)
        assert not (target / "a").exists() or (target / "a").read_bytes() != text


Write = Callable[..., None]
BOTH = pytest.mark.parametrize("write", [write_file, write_folder])


def test_a_file_and_a_folder_are_made_and_replaced(tmp_path: Path) -> None:
    write_file(tmp_path / "file", b"1")
    write_folder(tmp_path / "folder", b"1")
    assert tree(tmp_path) == {"file": b"1", "folder/a": b"1"}
    for text in (b"2", b"3"):
        write_file(tmp_path / "file", text, replace=True)
        write_folder(tmp_path / "folder", text, replace=True)
        assert tree(tmp_path) == {"file": text, "folder/a": text}
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_what_is_made_has_the_permissions_that_are_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "file", b"1")
        write_folder(tmp_path / "folder", b"1")
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("file", "folder", "folder/a")]
    assert modes == [0o640, 0o750, 0o640]


def test_an_empty_folder_is_filled_by_a_folder_only(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    lent = whole(tmp_path / "folder", Path.is_file, folder=False, replace=True)
    with pytest.raises(UsageError, match="no export of that format"):
        lent.__enter__()
    write_folder(tmp_path / "folder", b"1")
    assert tree(tmp_path) == {"folder/a": b"1"}


@pytest.mark.parametrize("replace", [False, True])
def test_an_empty_file_is_filled_by_a_file_only(tmp_path: Path, replace: bool) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="there is an export already"):
        write_folder(tmp_path / "file", b"1")
    write_file(tmp_path / "file", b"1", replace=replace)
    assert tree(tmp_path) == {"file": b"1"}


@BOTH
def test_a_device_or_a_pipe_is_no_place(tmp_path: Path, write: Write) -> None:
    os.mkfifo(tmp_path / "pipe")
    read, _write = os.pipe()
    for place in (Path("/dev/null"), tmp_path / "pipe", Path(f"/dev/fd/{read}")):
        with pytest.raises(UsageError, match=f"it is a device or a pipe, {place}; name a file"):
            write(place, b"1", replace=True)
    os.close(read)
    os.close(_write)
    assert os.listdir(tmp_path) == ["pipe"]


def test_the_file_that_stdout_goes_to_is_no_place(tmp_path: Path) -> None:
    """It is empty still; what is printed would be lost."""
    script = f"{SCRIPT}\nprint('lost')\ntry:\n    write(b'2')\nexcept UsageError as error:\n"
    script += "    print(error, file=sys.stderr)"
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", script, "file", "", tmp_path / "out"],
            stdout=out, stderr=subprocess.PIPE, check=True,
        )  # fmt: skip
    said = f"what is printed goes there, {tmp_path / 'out'}; name another file\n"
    assert (done.stderr.decode(), (tmp_path / "out").read_bytes()) == (said, b"lost\n")


@BOTH
@pytest.mark.parametrize("replace", [False, True])
def test_what_is_no_export_is_never_replaced(tmp_path: Path, write: Write, replace: bool) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(THEIRS)
    (tmp_path / "file").write_bytes(THEIRS)
    (tmp_path / "link").symlink_to("photos")
    before = tree(tmp_path)
    for name in ("photos", "file", "link"):
        with pytest.raises(UsageError) as caught:
            write(tmp_path / name, b"1", replace=replace)
        assert str(caught.value) == (
            f"what is there already is no export of that format, at {tmp_path / name}; "
            "name another place"
        )
    assert tree(tmp_path) == before
    assert sorted(os.listdir(tmp_path)) == ["file", "link", "photos"]


@BOTH
def test_an_earlier_export_is_replaced_only_when_asked_to(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "out", b"1")
    before = tree(tmp_path)
    with pytest.raises(
        UsageError, match=r"there is an export already, at .*; name another, or add --f"
    ):
        write(tmp_path / "out", b"2")
    assert tree(tmp_path) == before


@BOTH
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("ours")])
def test_nothing_is_left_of_a_failure(tmp_path: Path, write: Write, error: BaseException) -> None:
    def fail() -> None:
        with whole(
            tmp_path / "out", is_export, folder=write is write_folder, replace=True
        ) as place:
            (place / "a" if place.is_dir() else place).write_bytes(b"half")
            raise error

    for there in (False, True):
        if there:
            write(tmp_path / "out", b"1")
        before = tree(tmp_path)
        with pytest.raises(type(error)):
            fail()
        assert tree(tmp_path) == before
        assert os.listdir(tmp_path) == (["out"] if there else [])


def test_what_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def file_of_theirs() -> None:
        with whole(tmp_path / "file", is_export, folder=False, replace=False) as place:
            place.write_bytes(b"ours")
            (tmp_path / "file").write_bytes(b"another")

    def folder_of_theirs() -> None:
        with whole(tmp_path / "folder", is_export, folder=True, replace=True):
            (tmp_path / "folder").mkdir()
            (tmp_path / "folder" / "other").write_bytes(THEIRS)

    with pytest.raises(UsageError, match="there is an export already"):
        file_of_theirs()
    with pytest.raises(UsageError, match="no export of that format"):
        folder_of_theirs()
    assert tree(tmp_path) == {"file": b"another", "folder/other": THEIRS}


def test_errors_name_what_was_to_be_made(tmp_path: Path) -> None:
    for write in (write_file, write_folder):
        with pytest.raises(FileNotFoundError) as caught:
            write(tmp_path / "none" / "out", b"1")
        assert caught.value.filename == str(tmp_path / "none" / "out")


# Two at once, and one that is stopped at any point

SCRIPT = """
import os, signal, sys
from pathlib import Path
from vsearch.errors import UsageError
from vsearch.files.whole import whole

folder, what, target = sys.argv[1] == "folder", sys.argv[2], Path(sys.argv[3])

def write(text, replace=True):
    with whole(target, lambda _: True, folder=folder, replace=replace) as place:
        for name in ("a", "b") if folder else ("",):
            (place / name).write_bytes(text * 1000)

def stopped_at(number, stop):
    # Write, but call `stop` just before the call of that number to the file system.
    left = number
    # Python says of each such call that it will be made.
    def hook(event, arguments):
        nonlocal left
        if event.split(".")[0] in ("os", "open", "shutil", "fcntl"):
            left -= 1
            if left == 0:
                stop()
    sys.addaudithook(hook)
    write(b"2")
"""
STOPPED = f"""{SCRIPT}
import json, shutil

def look():
    files = [file for file in target.parent.rglob("*") if file.is_file() and file.name != "lock"]
    return {{os.path.relpath(file, target.parent): file.read_bytes().decode()[0] for file in files}}

def stop():
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise KeyboardInterrupt

found = []
number, done = 0, False
while not done:
    number += 1
    write(b"1")
    if not (pid := os.fork()):
        try:
            stopped_at(number, stop)
        except KeyboardInterrupt:
            os._exit(1)
        os._exit(0)
    done = os.waitpid(pid, 0)[1] == 0
    after = look()
    try:
        write(b"3", replace=False)
    except UsageError:
        pass
    kept = look()
    write(b"4")
    found.append([after, kept, look(), os.listdir(target.parent)])
print(json.dumps(found))
"""


@pytest.mark.parametrize("what", ["kill", "interrupt"])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_stopped_at_any_point_one_whole_export_is_kept(
    tmp_path: Path, kind: str, what: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, kind, what, tmp_path / "out"],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    names = ["out/a", "out/b"] if kind == "folder" else ["out"]
    found = json.loads(done.stdout)
    assert len(found) > 15
    moved = 0
    for after, kept, finally_, left in found:
        at_place = {name: after[name] for name in names if name in after}
        moved += not at_place
        whole_ones = [dict.fromkeys(names, text) for text in "12"]
        if what == "interrupt":
            assert at_place in whole_ones
        assert {name: kept[name] for name in names} in whole_ones  # a killed one's is put back
        assert finally_ == dict.fromkeys(names, "4")
        assert left == ["out"]
    assert (moved > 0) == (kind == "folder" and what == "kill")  # a file is never missing
    assert found[0][0] == dict.fromkeys(names, "1")
    assert found[-1][0] == dict.fromkeys(names, "2")


ENDED = f"""{SCRIPT}
import json

found, number, code = [], 0, None
while code != 0:
    number += 1
    write(b"1")
    if not (pid := os.fork()):
        try:
            stopped_at(number, lambda: signal.raise_signal(signal.Signals[what]))
        except KeyboardInterrupt:
            os._exit(130)
        except SystemExit as ended:
            os._exit(ended.code)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    files = [target / "a", target / "b"] if folder else [target]
    found.append([code, [one.read_text()[0] for one in files], os.listdir(target.parent)])
print(json.dumps(found))
"""


@pytest.mark.parametrize(("what", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_ended_by_a_signal_at_any_point_nothing_is_left(
    tmp_path: Path, kind: str, what: str, code: int
) -> None:
    """Also between the folder that it is written in and its lock, and while both are removed."""
    done = subprocess.run(
        [sys.executable, "-c", ENDED, kind, what, tmp_path / "out"],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert len(found) > 15
    assert [one for one, _, _ in found] == [code] * (len(found) - 1) + [0]
    for _, texts, left in found:
        assert "".join(texts) in ("1", "2", "11", "22")
        assert left == ["out"]


@BOTH
def test_of_two_at_once_the_second_is_refused(tmp_path: Path, write: Write) -> None:
    folder = write is write_folder
    with whole(tmp_path / "out", is_export, folder=folder, replace=False) as place:
        (place / "a" if folder else place).write_bytes(b"1")
        with pytest.raises(UsageError) as caught:
            write(tmp_path / "out", b"2", replace=True)
        assert str(caught.value) == (
            f"another export is being written, to {tmp_path / 'out'}; wait until it is done"
        )
        write(tmp_path / "other", b"3")
    assert sorted(tree(tmp_path).values()) == [b"1", b"3"]
    assert sorted(os.listdir(tmp_path)) == ["other", "out"]


CROWD = f"""{SCRIPT}
wrote = 0
while wrote < 20:
    try:
        write(what.encode())
        wrote += 1
    except UsageError as error:
        assert "another export is being written" in str(error), error
    if target.exists():
        files = target.iterdir() if folder else [target]
        try:
            assert all(len(set(file.read_bytes())) == 1 for file in files)
        except FileNotFoundError:  # another was just put in its place
            pass
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_of_many_at_once_each_is_whole_or_refused(tmp_path: Path, kind: str) -> None:
    crowd = [
        subprocess.Popen([sys.executable, "-c", CROWD, kind, name, tmp_path / "out"])
        for name in "1234"
    ]
    assert [one.wait(60) for one in crowd] == [0] * 4
    assert os.listdir(tmp_path) == ["out"]
    contents = list(tree(tmp_path).values())
    assert len(contents) == (2 if kind == "folder" else 1)
    assert len(set(b"".join(contents))) == 1


def test_a_full_disk_names_the_target_and_keeps_the_earlier(tmp_path: Path) -> None:
    write_file(tmp_path / "file", b"1")
    write_folder(tmp_path / "folder", b"1")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        for write, name in ((write_file, "file"), (write_folder, "folder")):
            with pytest.raises(OSError, match="File too large") as caught:
                write(tmp_path / name, b"2" * 5000, replace=True)
            assert caught.value.filename == str(tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert tree(tmp_path) == {"file": b"1", "folder/a": b"1"}
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@BOTH
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path, write: Write) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep" / "out", b"1")
    (tmp_path / "link").symlink_to("deep/out")
    write(tmp_path / "link", b"2", replace=True)
    assert (tmp_path / "link").is_symlink()
    assert set(tree(tmp_path / "deep").values()) == {b"2"}
    assert os.listdir(tmp_path / "deep") == ["out"]


@BOTH
def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path, write: Write) -> None:
    for name in ("a" * 255, "ä" * 127, "b" * 244):
        write(tmp_path / name, b"1")
        write(tmp_path / name, b"2", replace=True)
    assert set(tree(tmp_path).values()) == {b"2"}
    assert len(os.listdir(tmp_path)) == 3


def test_who_comes_second_is_told_what_is_being_written(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with whole(target, is_export, folder=False, replace=True) as place:
        place.touch()
        second = whole(
            target, is_export, folder=False, replace=True, noun="gallery", kind="vsearch"
        )
        with pytest.raises(UsageError) as caught:
            second.__enter__()
    assert str(caught.value) == (
        f"another gallery is being written, to {target}; wait until it is done"
    )
