"""`vsearch index` and files that crash or hang their decoder, in the real command."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from end_to_end.command import PHOTOS, Run, environment
from hostile import deed
from PIL import Image
from processes import descendants, wait_until_gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

# The command itself, whose decoders do what the content of a file says.
HOSTILE = """
import sys
from vsearch.images.isolation.decoders import Decoders
Decoders.__init__.__kwdefaults__["loader"] = "hostile:load"
sys.argv = ["vsearch", *sys.argv[1:]]
from vsearch.cli.main import main
main()
"""


def hostile(*arguments: str | Path, home: Path) -> subprocess.Popen[bytes]:
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", HOSTILE, *arguments],
        env=environment(home) | paths,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def slow_jpeg(side: int, scans: int) -> bytes:
    """Return a small progressive JPEG that takes long: a scan that changes nothing, many times."""
    buffer = io.BytesIO()
    Image.new("L", (side, side), 128).save(buffer, "JPEG", progressive=True)
    start, end = buffer.getvalue()[:-2], buffer.getvalue()[-2:]
    return start + start[start.rindex(b"\xff\xda") :] * scans + end


def test_hostile_files_are_named_with_their_reason(tmp_path: Path) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    photos.mkdir()
    shutil.copy(PHOTOS / "IMG_0001.jpg", photos / "castle.jpg")
    shutil.copy(PHOTOS / "IMG_0010.jpg", photos / "other.jpg")
    for name in ("segfault", "oom", "exit", "spin"):
        (photos / f"{name}.jpg").write_bytes(deed(name))
    process = hostile("index", photos, "--index", index, "--max-seconds", "0.5", home=tmp_path)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 0
    *skipped, last = stderr.decode().splitlines()
    assert sorted(skipped) == [
        f"skipped: {photos}/exit.jpg: crashes its decoder: exit code 0",
        f"skipped: {photos}/oom.jpg: too large: ended by the system, whose memory ran out",
        f"skipped: {photos}/segfault.jpg: crashes its decoder: SIGSEGV",
        (
            f"skipped: {photos}/spin.jpg: takes too long to decode: more than 0.5 s; "
            "see --max-seconds"
        ),
    ]
    assert last.startswith(
        "2 embedded, 4 skipped (2 crashes its decoder, 1 takes too long to decode, 1 too large) in "
    )


def test_a_real_file_that_takes_long_is_given_up(vsearch: Run, tmp_path: Path) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    photos.mkdir()
    shutil.copy(PHOTOS / "IMG_0001.jpg", photos / "castle.jpg")
    (photos / "slow.jpg").write_bytes(slow_jpeg(8000, 480))  # many seconds
    for path in photos.iterdir():
        os.utime(path, (1e9, 1e9))
    done = vsearch("index", photos, "--index", index, "--max-seconds", "1")
    assert done.returncode == 0
    assert f"skipped: {photos}/slow.jpg: takes too long to decode" in done.stderr.decode()
    found = vsearch("search", "a castle", "--index", index, "--paths")
    assert found.stdout.decode() == f"{photos}/castle.jpg\n"
    done = vsearch("index", "--index", index, "--max-seconds", "1")
    assert b"0 embedded, 2 unchanged, 1 skipped before (1 takes too long" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["spin", "sleep"])
def test_ended_while_a_decoder_hangs_no_process_is_left(
    tmp_path: Path, how: signal.Signals, name: str
) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    photos.mkdir()
    for number in range(8):
        (photos / f"{number}.jpg").write_bytes(deed(name, salt=number))
    process = hostile("index", photos, "--index", index, home=tmp_path)
    deadline = time.monotonic() + 60
    while len(below := descendants(process.pid)) < 2 or not _busy(below):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(how)
    _, stderr = process.communicate(timeout=60)
    wait_until_gone(below)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert b"Traceback" not in stderr
        assert b"interrupted after" in stderr
    else:
        assert process.returncode == -how


def _busy(pids: set[int]) -> bool:
    """Whether one of `pids` has been computing, or sleeps in native code for long."""
    for pid in pids:
        try:
            where = Path(f"/proc/{pid}/wchan").read_text()
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks = int(stat[11]) + int(stat[12])
        except OSError:
            continue
        if "nanosleep" in where or ticks > 20:
            return True
    return False
