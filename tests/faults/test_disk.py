"""The failing disk itself: what it is told to do to a call is what happens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults import disk

if why := disk.missing():
    pytest.skip(why, allow_module_level=True)

PROGRAM = """
import errno, os, signal, sys, time
from pathlib import Path
from faults import disk
from faults.disk import Fault
folder = Path(sys.argv[1])
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return disk.compiled(tmp_path_factory.mktemp("disk"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def run(library: Path, folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the library; `folder` is the one it watches."""
    environment = os.environ | {
        "LD_PRELOAD": os.fspath(library),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM + program, folder],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def said(library: Path, folder: Path, program: str) -> list[str]:
    done = run(library, folder, program)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_each_call_is_a_step_with_its_name(library: Path, folder: Path) -> None:
    assert said(
        library,
        folder,
        """
disk.arm(folder)
(folder / "a").write_bytes(b"12345")
(folder / "a").read_bytes()
(folder / "a").rename(folder / "b")
with (folder / "b").open("r+b", buffering=0) as file:
    file.truncate(2)
    os.pwritev(file.fileno(), [b"ab", b"c"], 0)
    os.fsync(file.fileno())
(folder / "deep").mkdir()
(folder / "b").unlink()
os.rmdir(folder / "deep")
for step in disk.steps():
    print(step.name, step.bytes)
""",
    ) == [
        "create a 0",
        "write a 5",
        "rename a -> b 0",
        "open b 0",
        "truncate b 0",
        "write b 3",
        "fsync b 0",
        "mkdir deep 0",
        "unlink b 0",
        "rmdir deep 0",
    ]


@pytest.mark.parametrize(
    ("action", "left"),
    [("kill before", "12"), ("kill after", "123456"), ("torn", "1234")],
)
def test_a_process_is_killed_around_its_step(
    library: Path, folder: Path, action: str, left: str
) -> None:
    done = run(
        library,
        folder,
        f"""
disk.arm(folder, Fault({action!r}, name="write a", occurrence=2))
with (folder / "a").open("wb", buffering=0) as file:
    file.write(b"12")
    file.write(b"3456")
    file.write(b"7")
""",
    )
    assert done.returncode == -9
    assert (folder / "a").read_text() == left


def test_calls_are_refused_once_or_for_good(library: Path, folder: Path) -> None:
    program = """
def attempt(name):
    try:
        (folder / name).write_bytes(b"1234")
    except OSError as error:
        return errno.errorcode[error.errno]
    return "written"

for lasting in (False, True):
    for action in ("ENOSPC", "EIO"):
        disk.arm(folder, Fault(action, step=2, lasting=lasting))
        disk.reset()
        found = [attempt("a"), attempt("b")]
        try:
            (folder / "a").unlink()
        except OSError as error:
            found.append(errno.errorcode[error.errno])
        print(*found, disk.struck())
"""
    assert said(library, folder, program) == [
        "ENOSPC written 1",
        "EIO written 1",
        "ENOSPC ENOSPC 2",  # a full disk still lets files go
        "EIO EIO EIO 3",
    ]


def test_a_short_write_says_how_short(library: Path, folder: Path) -> None:
    program = """
disk.arm(folder, Fault("short", step=2))
handle = os.open(folder / "a", os.O_WRONLY | os.O_CREAT)
print(os.write(handle, b"12345678"), os.write(handle, b"5678"))
"""
    assert said(library, folder, program) == ["4 4"]
    assert (folder / "a").read_text() == "12345678"


def test_what_is_changed_elsewhere_is_noted(library: Path, folder: Path) -> None:
    program = """
disk.arm(folder)
(folder.parent / "other").write_text("x")
os.rename(folder.parent / "other", folder / "in")
with open(os.devnull, "w") as nowhere:
    nowhere.write("x")
print(*disk.outside(), sep="\\n")
print(*(step.name for step in disk.steps()), sep="\\n")
"""
    other = folder.parent / "other"
    assert said(library, folder, program) == [
        f"create {other}",
        f"write {other}",
        f"rename {other} -> in",
    ]


def test_the_clock_shows_another_time(library: Path, folder: Path) -> None:
    program = """
before, steady = time.time(), time.monotonic()
disk.shift_clock(-86400)
print(round((time.time() - before) / 3600), time.monotonic() >= steady)
"""
    assert said(library, folder, program) == ["-24 True"]
