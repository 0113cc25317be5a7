"""`vsearch index --watch` as a person and a service manager meet it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from end_to_end.command import PHOTOS, Run, environment
from end_to_end.pictures import write_pictures
from processes import descendants, wait_until_gone

TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ")
DURATION = re.compile(r" in \d+\.\d s")


class Watching:
    """A watch that runs, and the lines it prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> str:
        """Wait for the next line and return it without its time and duration."""
        assert self.process.stderr
        line = self.process.stderr.readline().rstrip("\n")
        assert TIME.match(line), line
        return DURATION.sub("", TIME.sub("", line))

    def end(self, number: int) -> tuple[int, str]:
        """Send it a signal; return its exit code and what else it said."""
        below = descendants(self.process.pid)
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=30)
        wait_until_gone(below)
        return self.process.returncode, rest


@contextmanager
def watching(home: Path, *arguments: str | Path) -> Iterator[Watching]:
    process = subprocess.Popen(
        [sys.executable, "-m", "vsearch", "index", "--watch", *arguments],
        cwd=home,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Watching(process)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with one photograph."""
    (tmp_path / "photos").mkdir()
    shutil.copy2(PHOTOS / "IMG_0001.jpg", tmp_path / "photos")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 0, id="a service manager", marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, -9, id="kill -9", marks=pytest.mark.slow),
    ],
)
def test_what_it_says_and_how_it_ends(
    vsearch: Run, photos: Path, tmp_path: Path, number: int, code: int
) -> None:
    index = photos / ".vsearch"
    with watching(tmp_path, photos, "--index", index) as watch:
        assert watch.line() == "1 embedded; 1 picture in the index"
        assert watch.line() == f"watching {photos}; Ctrl-C ends it"
        shutil.copy2(PHOTOS / "IMG_0010.jpg", photos / "new.jpg")
        assert watch.line() == "1 embedded; 2 pictures in the index"
        found = vsearch("search", "a dog", "--index", index, "--paths", cwd=photos)
        assert set(found.stdout.decode().split()) == {"IMG_0001.jpg", "new.jpg"}
        (photos / "new.jpg").rename(photos / "old.jpg")
        assert watch.line() == "0 embedded, 1 moved or copied, 1 gone; 2 pictures in the index"
        # Between its looks others may write.
        assert vsearch("compact", "--index", index).returncode == 0
        assert watch.end(number) == (code, "")
    checked = vsearch("check", "--index", index)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, id="SIGINT", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, id="SIGTERM", marks=pytest.mark.slow),
    ],
)
def test_in_the_middle_of_a_burst_what_is_done_stays(
    vsearch: Run, photos: Path, tmp_path: Path, number: int
) -> None:
    index = tmp_path / "index"
    with watching(tmp_path, photos, "--index", index) as watch:
        watch.line(), watch.line()
        write_pictures(tmp_path / "more", 1500)
        (tmp_path / "more").rename(photos / "more")
        status = ["status", "--json", "--index", index]
        deadline = time.monotonic() + 60
        while b'"images": 1,' in vsearch(*status).stdout:
            assert time.monotonic() < deadline
        code, said = watch.end(number)
        assert (code, said) == (130 if number == signal.SIGINT else 0, "")
    before = vsearch(*status).stdout
    assert b'"images": 1501' not in before
    done = vsearch("index", "--index", index)
    assert b"1,501 pictures in the index" in done.stderr
    assert not done.stderr.startswith(b"1,500 embedded")


def test_quiet_says_nothing(photos: Path, tmp_path: Path) -> None:
    with watching(tmp_path, photos, "--index", tmp_path / "index", "--quiet") as watch:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("index/sets/whole/graph.json")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert watch.end(signal.SIGTERM) == (0, "")


def test_one_wrong_file_is_named_once(photos: Path, tmp_path: Path) -> None:
    with watching(tmp_path, photos, "--index", tmp_path / "index") as watch:
        watch.line(), watch.line()
        (photos / "link.jpg").symlink_to("IMG_0001.jpg")
        assert watch.process.stderr
        line = watch.process.stderr.readline()
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  skipped: .*\n", line)
        assert line.endswith(f"  skipped: {photos}/link.jpg: link not followed\n")
        said = "0 embedded, 1 skipped (1 link not followed); 1 picture in the index"
        assert watch.line() == said
        (photos / "IMG_0001.jpg").rename(photos / "other.jpg")
        assert watch.line() == "0 embedded, 1 moved or copied, 1 gone; 1 picture in the index"


@pytest.mark.parametrize("option", ["--dry-run", "--strict"])
def test_what_needs_an_end_is_refused(vsearch: Run, photos: Path, option: str) -> None:
    done = vsearch("index", photos, "--watch", option)
    assert (done.returncode, done.stderr) == (
        2,
        f"vsearch: --watch goes on for ever, {option} is for one run; leave one out\n".encode(),
    )


def test_waiting_for_another_writer(vsearch: Run, photos: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    index = tmp_path / "index"
    vsearch("index", photos, "--index", index)
    with FileLock(index / "lock"):
        done = vsearch("index", "--index", index, "--wait", "0.5")
    assert done.returncode == 2
    first, second = done.stderr.decode().splitlines()
    assert first == "another process is writing to the index; waiting for it"
    assert second.startswith("vsearch: another process is writing to the index, in ")
    begun = time.monotonic()
    done = vsearch("index", "--index", index, "--wait", "1000")
    assert (done.returncode, time.monotonic() - begun < 500) == (0, True)
