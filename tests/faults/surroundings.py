"""What happens around an index: full disks, files that go or change meanwhile, clocks, formats.

Each is one function that is given an empty folder, runs in a child of its own, and raises Bad.
"""

from __future__ import annotations

import ctypes
import io
import itertools
import os
import resource
import shutil
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import numpy as np
from end_to_end.pictures import write_pictures
from fake_encoder import BLUE, GREEN, RED, FakeEncoder, PixelEncoder, paint
from faults import disk
from faults.answers import Bad, State, check_truth, examined, true_vector
from faults.children import Child, fork
from faults.outcome import good, told
from faults.scenarios import OPTIONS, bring_up, settle
from numpy.typing import NDArray
from PIL import Image

from vsearch.index import Index, schema
from vsearch.index.database import Database
from vsearch.indexing.run import update
from vsearch.output.status import print_status

_NEW_NAMES, _NEW_USER = 0x00020000, 0x10000000  # CLONE_NEWNS, CLONE_NEWUSER
_PRIVATE = 1 << 18 | 1 << 14  # MS_PRIVATE | MS_REC
_REMOUNT = 32  # MS_REMOUNT


class Unavailable(Exception):
    """This machine does not permit what a case needs."""


def full_disk(place: Path) -> None:
    """A disk of some kilobytes: said in one line, and gone on with once there is more room."""
    photos, folder = place / "photos", place / "small"
    write_pictures(photos, 400)
    settle(photos)
    _own_mounts()
    folder.mkdir()
    for kilobytes in (8, 40, 120, 400, 700, 900, 1100):
        _mount(folder, kilobytes)
        if not told(fork(lambda: bring_up(folder / "index", photos))) and kilobytes <= 700:
            raise Bad("untold", f"400 pictures in {kilobytes} kB")
        told(fork(lambda: examined(folder / "index")))  # it may say no more than that
        _mount(folder, 1 << 16, again=True)
        _ends_well(folder / "index", photos)
        _unmount(folder)


def file_size_limit(place: Path) -> None:
    """No file may grow past a limit: said in one line, and gone on with without it."""
    photos = place / "photos"
    write_pictures(photos, 100)
    settle(photos)
    for kilobytes in (0, 1, 5, 40, 60, 90, 150):
        folder = place / f"index-{kilobytes}"

        def limited(folder: Path = folder, kilobytes: int = kilobytes) -> None:
            limit = kilobytes << 10
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            bring_up(folder, photos)

        ended = fork(limited)
        if not told(ended) and kilobytes <= 60:  # the matrix alone has 77
            raise Bad("untold", f"files of at most {kilobytes} kB")
        good(fork(partial(examined, folder)))
        _ends_well(folder, photos)


class _Meanwhile(PixelEncoder):
    """A model that does something else when it is given its twentieth picture."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act = act
        self._given = itertools.count(1)

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if next(self._given) == 20:
            self._act()
        return super().encode_images(pixels)


def files_that_go(place: Path) -> None:
    """Pictures and whole folders that are removed while they are being indexed."""
    photos, folder = place / "photos", place / "index"
    write_pictures(photos, 300)
    settle(photos)

    def remove() -> None:
        shutil.rmtree(photos / "001")
        for path in sorted((photos / "000").glob("*.jpg"))[::2]:
            path.unlink()

    good(fork(lambda: bring_up(folder, photos, encoder=_Meanwhile(remove))))
    good(fork(lambda: examined(folder)))
    state = _ends_well(folder, photos)
    if len(state.pictures) != 150:
        raise Bad("lost", f"{len(state.pictures)} of 150")


def index_that_goes(place: Path) -> None:
    """The index itself is removed while it is written: said in one line, made anew by the next."""
    photos, folder = place / "photos", place / "index"
    write_pictures(photos, 100)
    settle(photos)

    meanwhile = _Meanwhile(lambda: shutil.rmtree(folder))
    told(fork(lambda: bring_up(folder, photos, encoder=meanwhile)))
    good(fork(lambda: examined(folder)))
    _ends_well(folder, photos)


def unmounted_root(place: Path) -> None:
    """A drive that is unplugged keeps its records; plugged in again, it needs nothing embedded."""
    photos, folder = place / "drive", place / "index"
    photos.mkdir()
    with suppress(Unavailable):
        _own_mounts()
        _mount(photos, 1 << 13)
    mounted = os.path.ismount(photos)
    write_pictures(photos, 20)
    settle(photos)
    bring_up(folder, photos)
    before = examined(folder, whole=True)
    away = place / "away"
    if mounted:
        shutil.copytree(photos, away)
        _unmount(photos)
    else:
        photos.rename(away)
    bring_up(folder, photos)
    if examined(folder) != before:
        raise Bad("lost", "records of a drive that is not there")
    if mounted:
        _mount(photos, 1 << 13)
    shutil.copytree(away, photos, dirs_exist_ok=True)
    encoder = PixelEncoder()
    bring_up(folder, photos, encoder=encoder)
    if examined(folder, whole=True) != before or encoder.pictures:
        raise Bad("lost", f"{encoder.pictures} pictures were embedded again")


def a_picture_that_changes(place: Path) -> None:
    """A picture that is replaced all the time: its vector is that of one of the two."""
    mixed = _rewritten(place, in_place=False)
    if mixed:
        raise Bad("wrong", f"{mixed} times the vector of no picture that was there")


def a_picture_that_is_written_to(place: Path) -> None:
    """The same, written in place: half of each may really be there, but not once it has settled."""
    print(f"{_rewritten(place, in_place=True)} times a vector of half one thing, half the other")


def _rewritten(place: Path, *, in_place: bool) -> int:
    """Index a picture that another process rewrites all the time; return how often it was mixed."""
    photos, folder = place / "photos", place / "index"
    picture = paint(photos / "a.bmp", RED, (900, 900))
    paint(photos / "b.bmp", GREEN, (4, 4))
    contents = [_bmp(RED), _bmp(BLUE)]
    true = {true_vector(content, FakeEncoder()) for content in contents}
    stop = place / "stop"

    def rewrite() -> None:
        # A file of one size: nothing but its content and its time changes.
        with picture.open("r+b", buffering=0) as file:
            for content in itertools.cycle(contents):
                if stop.exists():
                    return
                if in_place:
                    file.seek(0)
                    file.write(content)
                else:
                    (place / "next").write_bytes(content)
                    (place / "next").replace(picture)

    writer = Child(rewrite)
    mixed = 0
    until = time.monotonic() + 2
    while time.monotonic() < until:
        good(fork(lambda: bring_up(folder, photos, encoder=FakeEncoder())))
        found = good(fork(lambda: examined(folder))).pictures.get(os.fspath(picture))
        mixed += found is not None and found.vector not in true
    stop.touch()
    good(writer.end())
    picture.write_bytes(contents[0])
    _ends_well(folder, photos, FakeEncoder())
    return mixed


def _bmp(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (900, 900), colour).save(file, "BMP")
    return file.getvalue()


def a_clock_set_back(place: Path) -> None:
    """A clock that is set back, or ahead, between runs: an edit that keeps the size is noticed."""
    photos, folder = place / "photos", place / "index"
    picture = paint(photos / "a.bmp", RED)
    encoder = FakeEncoder()
    now = time.time()
    for number, days in enumerate((0, -400, 3, -1, 800)):
        colour = (RED, GREEN, BLUE)[number % 3]
        paint(picture, colour)
        shown = now + days * 86400
        os.utime(picture, (shown, shown))

        def run(days: int = days) -> State:
            disk.shift_clock(days * 86400)
            bring_up(folder, photos, encoder=encoder)
            with Index(folder) as index:
                print_status(index.status(), as_json=False)
            return examined(folder, whole=True)

        ended = fork(run)
        state = good(ended)
        check_truth(state, encoder)
        changed = next(line for line in ended.output.splitlines() if line.startswith("changed"))
        if "-" in changed:
            raise Bad("wrong", changed)


def a_newer_format(place: Path) -> None:
    """An index of a format to come is refused in one line, and not a byte of it changes."""
    photos, folder = place / "photos", place / "index"
    write_pictures(photos, 5)
    bring_up(folder, photos)
    with closing(Database(folder / "catalog.sqlite", write=True)) as catalog:
        catalog.run(f"PRAGMA user_version={schema.FORMAT + 1}")
    before = _bytes(folder)
    attempts: list[Callable[[], object]] = [
        lambda: Index(folder),
        lambda: list(update(folder, PixelEncoder(), [os.fspath(photos)], OPTIONS)),
        lambda: list(update(folder, PixelEncoder(), [], OPTIONS)),
        lambda: list(update(folder, FakeEncoder(), [], OPTIONS, drop_old=True)),
    ]
    for attempt in attempts:
        ended = fork(partial(_tried, attempt))
        if not told(ended) or "update vsearch" not in str(ended.error):
            raise Bad("untold", str(ended.error))
        if _bytes(folder) != before:
            raise Bad("wrong", f"changed: {sorted(_bytes(folder).items() ^ before.items())}")


def _tried(attempt: Callable[[], object]) -> None:
    attempt()  # what it returns may be no message between processes


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        os.fspath(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal", "lock"))
    }


def a_failing_command(place: Path) -> None:
    """The command on disks that fail: exit code 2, one line, no traceback, no photo touched."""
    photos, folder = place / "photos", place / "index"
    write_pictures(photos, 4)
    settle(photos)
    steps = _steps_of_the_command(folder, photos)
    for number in range(1, len(steps) + 1, 7):
        for action in ("ENOSPC", "EIO"):
            shutil.rmtree(folder, ignore_errors=True)
            fault = disk.Fault(action, step=number, lasting=True)
            disk.reset()
            ended = fork(partial(_command, folder, photos, fault))
            if not disk.struck():
                continue
            name = f"step {number} ({steps[number - 1].name}), {action}"
            code = good(ended)
            if code and (code != 2 or len(ended.output.splitlines()) != 1):
                raise Bad("untold", f"{name}: exit code {code}: {ended.output}")
            if "Traceback" in ended.output or disk.outside():
                raise Bad("crash", f"{name}: {ended.output} {disk.outside()}")


def _steps_of_the_command(folder: Path, photos: Path) -> list[disk.Step]:
    disk.reset()
    ended = fork(lambda: _command(folder, photos, None))
    if good(ended):
        raise Bad("crash", ended.output)
    return disk.steps()


def _command(folder: Path, photos: Path, fault: disk.Fault | None) -> int:
    """Run `vsearch index` in this process, with a fake model and a disk that fails."""
    import sys

    from vsearch.cli import encoders, main
    from vsearch.models import open as opening

    for module, name, fake in (
        (encoders, "model_for_index", lambda *_, **__: "fake"),
        (opening, "open_encoder", lambda *_: (PixelEncoder(), None)),
    ):
        setattr(module, name, fake)
    sys.argv = ["vsearch", "index", os.fspath(photos), "--index", os.fspath(folder), "--quiet"]
    disk.arm(folder, fault)
    return main.run()


SURROUNDINGS = [
    full_disk,
    file_size_limit,
    files_that_go,
    index_that_goes,
    unmounted_root,
    a_picture_that_changes,
    a_picture_that_is_written_to,
    a_clock_set_back,
    a_newer_format,
    a_failing_command,
]


def _ends_well(folder: Path, photos: Path, encoder: FakeEncoder | None = None) -> State:
    """Bring the index up to date without faults; raise Bad unless all of it is there and true."""
    encoder = encoder or PixelEncoder()
    good(fork(lambda: bring_up(folder, photos, encoder=encoder)))
    state = good(fork(lambda: examined(folder, whole=True)))
    check_truth(state, encoder)
    there = {os.fspath(path) for path in photos.rglob("*") if path.is_file()}
    if state.pictures.keys() != there:
        raise Bad("lost", f"{sorted(state.pictures.keys() ^ there)}")
    if left := list(folder.rglob("*.new")):
        raise Bad("left over", f"{left}")
    return state


# File systems of our own


def _own_mounts() -> None:
    """Let this process and its children have mounts that no other one sees."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_NAMES | _NEW_USER) == 0:
        with suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    elif libc.unshare(_NEW_NAMES):
        raise Unavailable("no mounts of our own")
    if libc.mount(b"none", b"/", None, _PRIVATE, None):
        raise Unavailable("no mounts of our own")


def _mount(place: Path, kilobytes: int, *, again: bool = False) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    size = f"size={kilobytes}k".encode()
    if libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", _REMOUNT if again else 0, size):
        raise Unavailable(f"no tmpfs: {os.strerror(ctypes.get_errno())}")


def _unmount(place: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount(os.fsencode(place)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), os.fspath(place))
