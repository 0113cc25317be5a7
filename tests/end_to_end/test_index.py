"""`vsearch index` and `vsearch status` as a person meets them."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from end_to_end.command import PHOTOS, Run, environment
from end_to_end.pictures import png_header, write_pictures
from fake_encoder import paint

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


def obey_permissions() -> None:
    """Make a process of root's obey permissions as anyone else's does."""
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def closing(stderr: bytes) -> str:
    line = stderr.decode().splitlines()[-1]
    work, _, rest = line.partition(" s; ")
    return f"{work.rpartition(' in ')[0]}; {rest}"


def status(vsearch: Run, index: Path) -> dict[str, object]:
    done = vsearch("status", "--json", "--index", index)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_life_of_a_folder(vsearch: Run, tmp_path: Path) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    shutil.copytree(PHOTOS, photos)
    old = time.time() - 3600
    for path in photos.iterdir():
        os.utime(path, (old, old))

    def run(*arguments: str | Path) -> str:
        done = vsearch("index", "--index", index, *arguments)
        assert (done.returncode, done.stdout) == (0, b""), done.stderr
        return closing(done.stderr)

    assert run(photos) == "48 embedded; 48 pictures in the index"
    assert run(photos) == "0 embedded, 48 unchanged; 48 pictures in the index"
    assert run() == "0 embedded, 48 unchanged; 48 pictures in the index"

    (photos / "2024").mkdir()
    (photos / "IMG_0001.jpg").rename(photos / "2024" / "castle.jpg")
    shutil.copy(photos / "IMG_0002.jpg", photos / "copy.jpg")
    (photos / "IMG_0003.heic").unlink()
    os.utime(photos / "IMG_0004.jpg")
    shutil.copy(photos / "IMG_0006.jpg", photos / "IMG_0005.jpg")
    shutil.copy(photos / "IMG_0007.jpg", photos / "new.jpg")
    (photos / "new.jpg").write_bytes((photos / "new.jpg").read_bytes() + b"\0")
    assert run() == (
        "1 embedded, 3 moved or copied, 45 unchanged, 2 gone; 49 pictures in the index"
    )
    found = vsearch("search", "a castle", "--index", index, "--paths", "-k", "2", cwd=photos)
    assert found.stdout.decode().splitlines() == ["2024/castle.jpg", "IMG_0001_crop.jpg"]


def test_one_folder_of_a_root_and_single_files(vsearch: Run, tmp_path: Path) -> None:
    index = tmp_path / "index"
    for folder in ("a", "b"):
        (tmp_path / "root" / folder).mkdir(parents=True)
        shutil.copy(PHOTOS / "IMG_0001.jpg", tmp_path / "root" / folder / "one.jpg")
    vsearch("index", tmp_path / "root", "--index", index)
    (tmp_path / "root" / "a" / "one.jpg").unlink()
    (tmp_path / "root" / "b" / "one.jpg").unlink()
    done = vsearch("index", tmp_path / "root" / "a", "--index", index)
    assert closing(done.stderr) == "0 embedded, 1 gone; 1 picture in the index"
    done = vsearch("index", PHOTOS / "IMG_0002.jpg", PHOTOS / "IMG_0004.jpg", "--index", index)
    assert closing(done.stderr) == "2 embedded; 3 pictures in the index"
    done = vsearch("index", "--index", index)
    assert closing(done.stderr) == "0 embedded, 2 unchanged, 1 gone; 2 pictures in the index"
    roots = json.loads(vsearch("status", "--json", "--index", index).stdout)["roots"]
    assert {(Path(root["path"]).name, root["whole"], root["images"]) for root in roots} == {
        ("root", True, 0),
        ("photos", False, 2),
    }


def test_a_missing_root_keeps_its_records(vsearch: Run, tmp_path: Path) -> None:
    photos, index = tmp_path / "drive", tmp_path / "index"
    photos.mkdir()
    shutil.copy(PHOTOS / "IMG_0001.jpg", photos)
    vsearch("index", photos, "--index", index)
    photos.rename(tmp_path / "unplugged")
    done = vsearch("index", "--index", index)
    assert done.returncode == 0
    assert f"not there: {photos}: 1 record kept" in done.stderr.decode()
    assert vsearch("index", "--index", index, "--strict").returncode == 3
    assert status(vsearch, index)["images"] == 1
    assert "not there now" in vsearch("status", "--index", index).stdout.decode()


def test_an_index_beside_the_photos_moves_with_them(vsearch: Run, tmp_path: Path) -> None:
    photos = tmp_path / "before"
    (photos / "sub").mkdir(parents=True)
    shutil.copy(PHOTOS / "IMG_0001.jpg", photos / "sub")
    done = vsearch("index", ".", "--index", ".vsearch", cwd=photos)
    assert done.returncode == 0, done.stderr
    photos.rename(tmp_path / "after")
    done = vsearch("search", "a castle", "--paths", cwd=tmp_path / "after" / "sub")
    assert done.stdout == b"IMG_0001.jpg\n"
    done = vsearch("index", cwd=tmp_path / "after" / "sub")
    assert closing(done.stderr) == "0 embedded, 1 unchanged; 1 picture in the index"


def test_where_the_index_is(vsearch: Run, tmp_path: Path) -> None:
    (tmp_path / "project" / ".vsearch").mkdir(parents=True)
    (tmp_path / "project" / "below").mkdir()
    named, variable = tmp_path / "named", {"VSEARCH_INDEX": str(tmp_path / "variable")}
    below = tmp_path / "project" / "below"

    def place(*arguments: str | Path, environ: dict[str, str], cwd: Path) -> str:
        done = vsearch("index", PHOTOS / "IMG_0001.jpg", *arguments, environ=environ, cwd=cwd)
        assert done.returncode == 0, done.stderr
        answer = vsearch("status", "--json", *arguments, environ=environ, cwd=cwd).stdout
        return str(json.loads(answer)["folder"])

    assert place("--index", named, environ=variable, cwd=below) == str(named)
    assert place(environ=variable, cwd=below) == variable["VSEARCH_INDEX"]
    assert place(environ={}, cwd=below) == str(tmp_path / "project" / ".vsearch")
    home = {"XDG_DATA_HOME": str(tmp_path / "data")}
    assert place(environ=home, cwd=tmp_path) == str(tmp_path / "data" / "vsearch" / "default")


def test_dry_run_changes_nothing(vsearch: Run, tmp_path: Path) -> None:
    index = tmp_path / "index"
    done = vsearch("index", PHOTOS, "--index", index, "--dry-run")
    assert done.returncode == 0
    assert done.stderr.decode() == f"{PHOTOS}: 48 new, 0 changed, 0 gone, 0 unchanged\n"
    assert not index.exists()
    vsearch("index", PHOTOS / "IMG_0001.jpg", "--index", index)
    done = vsearch("index", PHOTOS, "--index", index, "--dry-run")
    assert done.stderr.decode() == f"{PHOTOS}: 47 new, 0 changed, 0 gone, 1 unchanged\n"
    assert status(vsearch, index)["images"] == 1


def hostile_folder(folder: Path) -> dict[bytes, str]:
    """Make a folder of everything that can be wrong; return name -> reason as it must be said."""
    folder.mkdir()
    picture = (PHOTOS / "IMG_0001.jpg").read_bytes()
    for name in (b"new\nline.jpg", b"tab\t.jpg", b"esc\x1b[31m.jpg", b"\xff\xfe.jpg", b"ok.jpg"):
        (folder / os.fsdecode(name)).write_bytes(picture + name)
    (folder / "truncated.jpg").write_bytes(picture[: len(picture) // 2])
    (folder / "zero.png").write_bytes(b"")
    (folder / "text.jpg").write_text("this is no picture\n")
    (folder / "huge.png").write_bytes(png_header(60_000, 60_000))
    (folder / "unreadable.jpg").write_bytes(picture)
    (folder / "unreadable.jpg").chmod(0)
    (folder / "loop").symlink_to(folder)
    (folder / "link.jpg").symlink_to(folder / "ok.jpg")
    os.mkfifo(folder / "fifo.jpg")
    (folder / "notes").write_text("not a picture, and not named like one\n")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket.jpg"))
    return {
        b"truncated.jpg": "damaged image: ",
        b"zero.png": "empty file",
        b"text.jpg": "not an image",
        b"huge.png": "too large: 60000x60000",
        b"unreadable.jpg": "unreadable: Permission denied",
        b"loop": "link not followed",
        b"link.jpg": "link not followed",
        b"fifo.jpg": "not a regular file: fifo",
        b"socket.jpg": "not a regular file: socket",
    }


def test_hostile_folder(vsearch: Run, tmp_path: Path) -> None:
    folder, index = tmp_path / "hostile", tmp_path / "index"
    reasons = hostile_folder(folder)
    done = vsearch("index", folder, "--index", index, preexec=obey_permissions)
    assert done.returncode == 0
    lines = done.stderr.decode().splitlines()
    said = {line.removeprefix("skipped: ") for line in lines[:-1]}
    for name, reason in reasons.items():
        start = f"{folder}/{os.fsdecode(name)}: {reason}"
        assert [line for line in said if line.startswith(start)], (start, said)
    assert len(said) == len(reasons)
    assert closing(done.stderr).startswith("5 embedded, 9 skipped (")
    assert b"\x1b" not in done.stderr
    strict = vsearch("index", folder, "--index", index, "--strict", preexec=obey_permissions)
    assert strict.returncode == 3

    found = vsearch("search", "a castle", "--index", index, "-0", cwd=folder)
    names = {b"new\nline.jpg", b"tab\t.jpg", b"esc\x1b[31m.jpg", b"\xff\xfe.jpg", b"ok.jpg"}
    assert set(found.stdout.split(b"\0")[:-1]) == names
    tab = vsearch("search", "a castle", "--index", index, cwd=folder).stdout
    assert b"\x1b" not in tab
    assert [line.count(b"\t") for line in tab.splitlines()] == [3] * 5
    lines_json = vsearch("search", "a castle", "--index", index, "--json").stdout.splitlines()
    assert {os.fsencode(json.loads(line)["path"]) for line in lines_json} == {
        os.fsencode(folder) + b"/" + name for name in names
    }
    skipped = vsearch("status", "--skipped", "--index", index).stdout.decode()
    assert len(skipped.splitlines()) == 5
    assert status(vsearch, index)["skipped"] == {
        "damaged image": 1, "empty file": 1, "not an image": 1, "too large": 1, "unreadable": 1,
    }  # fmt: skip
    (folder / "unreadable.jpg").chmod(0o644)
    done = vsearch("index", folder, "--index", index, preexec=obey_permissions)
    assert closing(done.stderr).startswith("1 embedded, ")


def test_links_are_followed_when_asked_and_never_twice(vsearch: Run, tmp_path: Path) -> None:
    folder, outside, index = tmp_path / "in", tmp_path / "out", tmp_path / "index"
    folder.mkdir()
    outside.mkdir()
    shutil.copy(PHOTOS / "IMG_0001.jpg", outside / "castle.jpg")
    for name in ("once", "again"):
        (folder / name).symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    done = vsearch("index", folder, "--index", index, "--follow", "--strict")
    assert done.returncode == 0
    assert closing(done.stderr).startswith("1 embedded, 2 skipped (2 link to a place already")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "nothing to index, no folder named;", id="nothing"),
        pytest.param(["nowhere"], "no such file or folder, named 'nowhere';", id="no folder"),
        pytest.param(
            ["photos", "--index", "photos"], "the folder holds other things", id="index in use"
        ),
        pytest.param(["photos", "--index", "file/x"], "the index cannot be made", id="no place"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    vsearch: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "photos").mkdir()
    shutil.copy(PHOTOS / "IMG_0001.jpg", tmp_path / "photos")
    (tmp_path / "file").touch()
    done = vsearch("index", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"vsearch: {message}")
    assert done.stderr.count(b"\n") == 1


def started(index: Path, photos: Path, home: Path) -> subprocess.Popen[bytes]:
    """Start indexing and return the process once its first pictures are on their way."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vsearch", "index", photos, "--index", index],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not (index / "catalog.sqlite").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(vsearch: Run, tmp_path: Path) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    write_pictures(photos, 1500)
    process = started(index, photos, tmp_path)
    deadline = time.monotonic() + 60
    while status(vsearch, index)["images"] == 0:
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in stderr
    assert stderr.startswith(b"interrupted after ")
    done = status(vsearch, index)["images"]
    assert isinstance(done, int)
    assert 0 < done < 1500
    final = vsearch("index", photos, "--index", index)
    assert f"{1500 - done:,} embedded" in closing(final.stderr)
    assert closing(final.stderr).endswith("1,500 pictures in the index")


def test_one_writer_and_readers_meanwhile(vsearch: Run, tmp_path: Path) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    shutil.copytree(PHOTOS, photos)
    vsearch("index", photos, "--index", index)
    write_pictures(photos / "more", 6000)
    process = started(index, photos, tmp_path)
    try:
        deadline = time.monotonic() + 60
        while status(vsearch, index)["images"] == 48:
            assert time.monotonic() < deadline
        done = vsearch("index", photos, "--index", index)
        assert done.returncode == 2
        assert done.stderr.startswith(b"vsearch: another process is writing to the index, in ")
        found = vsearch("search", "a castle", "--index", index, "--paths", "-k", "1", cwd=photos)
        assert found.stdout == b"IMG_0001.jpg\n"
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_a_new_catalog_forgets_the_graph_of_the_old(vsearch: Run, tmp_path: Path) -> None:
    index = tmp_path / "index"
    vsearch("index", PHOTOS / "IMG_0001.jpg", PHOTOS / "IMG_0010.jpg", "--index", index)
    for path in index.glob("catalog.sqlite*"):
        path.unlink()
    vsearch("index", PHOTOS, "--index", index)
    query = ["search", "a castle", "--index", index, "-k", "48"]
    assert vsearch(*query, "--graph").stdout == vsearch(*query, "--exact").stdout


def test_too_large_is_tried_again_with_another_limit(vsearch: Run, tmp_path: Path) -> None:
    index, photo = tmp_path / "index", tmp_path / "photo.png"
    shutil.copy(PHOTOS / "IMG_0034.png", photo)
    done = vsearch("index", tmp_path, "--index", index, "--max-megapixels", "0.05")
    assert "too large: 480x285 is 0" in done.stderr.decode()
    done = vsearch("index", "--index", index)
    assert closing(done.stderr) == "1 embedded; 1 picture in the index"


def test_a_picture_reached_through_a_link_is_no_answer_to_itself(
    vsearch: Run, tmp_path: Path
) -> None:
    index, folder, real = tmp_path / "index", tmp_path / "in", tmp_path / "real"
    folder.mkdir()
    real.mkdir()
    shutil.copy(PHOTOS / "IMG_0001.jpg", real)
    shutil.copy(PHOTOS / "IMG_0002.jpg", real)
    (folder / "album").symlink_to(real)
    vsearch("index", folder, "--index", index, "--follow")
    for query in (folder / "album" / "IMG_0001.jpg", real / "IMG_0001.jpg"):
        found = vsearch("search", query, "--index", index, "--paths", cwd=folder)
        assert found.stdout == b"album/IMG_0002.jpg\n"


@pytest.mark.parametrize("moment", ["2446-05-10", "1902-01-01"])
def test_a_clock_that_is_far_off_costs_nothing(vsearch: Run, tmp_path: Path, moment: str) -> None:
    """Beyond 2262 nanoseconds do not fit into what SQLite holds."""
    root, index = tmp_path / "photos", tmp_path / "index"
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        paint(root / name, (100 + number, 0, 0))
    seconds = int(datetime.fromisoformat(moment).timestamp())
    os.utime(root / "b.png", (seconds, seconds))
    if int((root / "b.png").stat().st_mtime) != seconds:
        pytest.skip("a file system that holds no such time")
    for said in (b"3 embedded", b"0 embedded, 3 unchanged"):
        done = vsearch("index", root, "--index", index)
        assert (done.returncode, done.stderr.startswith(said)) == (0, True), done.stderr
    done = vsearch("search", "red", "--json", "--sort", "date", "--index", index)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 3
    assert found[0 if moment > "2" else 2]["path"] == str(root / "b.png")
    if moment < "2":
        done = vsearch("search", "red", "--before", "1950", "--paths", "--index", index)
        assert done.stdout.decode() == f"{root / 'b.png'}\n"


def test_a_folder_that_became_a_file(vsearch: Run, tmp_path: Path) -> None:
    index, place = tmp_path / "index", tmp_path / "root" / "b.jpg"
    place.mkdir(parents=True)
    shutil.copy(PHOTOS / "IMG_0001.jpg", place)
    vsearch("index", tmp_path / "root", "--index", index)
    shutil.rmtree(place)
    shutil.copy(PHOTOS / "IMG_0002.jpg", place)
    done = vsearch("index", place, "--index", index)
    assert closing(done.stderr) == "1 embedded, 1 gone; 1 picture in the index"


def test_a_name_that_never_was_below_a_root_is_refused(vsearch: Run, tmp_path: Path) -> None:
    index = tmp_path / "index"
    vsearch("index", PHOTOS, "--index", index)
    for arguments in (["index", PHOTOS / "nowhere"], ["index", PHOTOS / "nowhere", "--dry-run"]):
        done = vsearch(*arguments, "--index", index)
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
        assert done.stderr.startswith(b"vsearch: no such file or folder, named ")


def test_dry_run_of_a_missing_root(vsearch: Run, tmp_path: Path) -> None:
    index, photos = tmp_path / "index", tmp_path / "photos"
    photos.mkdir()
    shutil.copy(PHOTOS / "IMG_0001.jpg", photos)
    vsearch("index", photos, "--index", index)
    photos.rename(tmp_path / "away")
    done = vsearch("index", "--index", index, "--dry-run")
    assert done.stderr.decode().startswith(f"not there: {photos}: its records would be kept")


def test_an_ignore_file_takes_out_what_is_indexed_and_gives_it_back(
    vsearch: Run, tmp_path: Path
) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    (photos / "drafts").mkdir(parents=True)
    for number, place in enumerate(("a.jpg", "b.jpg", "drafts/c.jpg", "drafts/keep.jpg"), 1):
        shutil.copy2(PHOTOS / f"IMG_000{number * 2 - number % 2}.jpg", photos / place)
    vsearch("index", photos, "--index", index)

    def after(rules: str) -> set[str]:
        (photos / ".vsearchignore").write_text(rules)
        assert vsearch("index", "--index", index).returncode == 0
        found = vsearch("search", "a castle", "--paths", "--index", index, cwd=photos)
        return set(found.stdout.decode().splitlines())

    everything = {"a.jpg", "b.jpg", "drafts/c.jpg", "drafts/keep.jpg"}
    assert after("") == everything
    assert after("drafts/\n") == {"a.jpg", "b.jpg"}
    assert after("/drafts/*\n!keep.jpg\n") == {"a.jpg", "b.jpg", "drafts/keep.jpg"}
    assert after("[ab].jpg\n") == {"drafts/c.jpg", "drafts/keep.jpg"}
    (photos / ".vsearchignore").unlink()
    done = vsearch("index", "--index", index)
    assert closing(done.stderr).startswith("0 embedded, 2 moved or copied, 2 unchanged")


def test_a_quiet_run_in_cron_says_nothing_but_errors(vsearch: Run, tmp_path: Path) -> None:
    photos, index = tmp_path / "photos", tmp_path / "index"
    photos.mkdir()
    shutil.copy2(PHOTOS / "IMG_0001.jpg", photos)
    (photos / "bad.jpg").write_text("no picture")
    done = vsearch("index", photos, "--index", index, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    photos.rename(tmp_path / "away")
    done = vsearch("index", "--index", index, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = vsearch("index", tmp_path / "nowhere", "--index", index, "--quiet")
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--max-seconds", "inf"], "inf for --max-seconds; give a number from 0.001 to 86400"),
        (["--max-seconds", "nan"], "nan for --max-seconds; give a number from 0.001 to 86400"),
        (["--wait", "nan"], "nan for --wait; give a number, 0 or more"),
        (["--max-megapixels", "nan"], "nan for --max-megapixels; give a number from 0.001 to "),
        (["--max-megapixels", "inf"], "inf for --max-megapixels; give a number from 0.001 to "),
    ],
)  # fmt: skip
def test_what_is_no_number_is_out_of_range(
    vsearch: Run, tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = vsearch("index", ".", *arguments, "--index", "index", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"vsearch: out of range, {told}")
    assert done.stderr.count(b"\n") == 1
    assert not (tmp_path / "index").exists()
