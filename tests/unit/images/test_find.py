"""`find`: which files come out of a folder, in which order, and what is passed over for what."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vsearch.errors import SkipReason
from vsearch.images.find import FoundFile, PassedOver, find, find_one, may_matter


def make(root: Path, *names: str) -> None:
    """Create files of three bytes; a name that ends with a slash is a folder."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"abc")


def found(root: Path, **options: bool) -> list[str]:
    return [item.path for item in find(str(root), "", "", **options) if isinstance(item, FoundFile)]


def passed(root: Path, **options: bool) -> list[tuple[str, SkipReason, str]]:
    return [
        (item.path, item.reason, item.detail)
        for item in find(str(root), "", "", **options)
        if isinstance(item, PassedOver)
    ]


def test_a_found_file_carries_what_the_folder_knows_about_it(tmp_path: Path) -> None:
    make(tmp_path, "sub/b.jpg")
    status = (tmp_path / "sub/b.jpg").stat()
    assert list(find(str(tmp_path))) == [FoundFile("sub/b.jpg", 3, status.st_mtime_ns, True)]


def test_each_folders_files_come_before_its_folders_both_by_name(tmp_path: Path) -> None:
    make(tmp_path, "z.jpg", "b/1.jpg", "B/2.jpg", "a/c/3.jpg", "a/4.jpg", "A.jpg", "é.jpg")
    assert found(tmp_path) == [
        "A.jpg",
        "z.jpg",
        "é.jpg",
        "B/2.jpg",
        "a/4.jpg",
        "a/c/3.jpg",
        "b/1.jpg",
    ]


@pytest.mark.parametrize(
    ("name", "named_image"),
    [
        ("photo.jpg", True), ("photo.JPG", True), ("photo.HeiC", True), ("raw.NEF", True),
        ("a.b.webp", True), ("noname", False), ("notes.txt", None), ("photo.jpg.part", None),
        ("ends.", None), ("film.mpg", None), ("drawing.eps", None), ("page.pdf", None),
        ("picture.jxl", None),
    ],
)  # fmt: skip
def test_a_suffix_names_a_picture_and_none_leaves_it_to_the_content(
    tmp_path: Path, name: str, named_image: bool | None
) -> None:
    make(tmp_path, name)
    assert [item.named_image for item in find(str(tmp_path)) if isinstance(item, FoundFile)] == (
        [] if named_image is None else [named_image]
    )


@pytest.mark.parametrize(
    "name",
    [b"new\nline.jpg", b"tab\t.jpg", b"escape\x1b[31m.jpg", b"not utf-8 \xff\xfe.jpg", b"-rf.jpg",
     b" .jpg", b"quote\"'.jpg", "ＷＩＤＥ é.jpg".encode()],
)  # fmt: skip
def test_any_name_the_disk_takes_comes_through_unharmed(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    Path(os.fsdecode(path)).write_bytes(b"abc")
    (item,) = find(str(tmp_path))
    assert os.fsencode(item.path) == name
    assert isinstance(find_one(str(tmp_path), item.path), FoundFile)


def test_hidden_files_and_folders_stay_out_until_asked_for(tmp_path: Path) -> None:
    make(tmp_path, ".a.jpg", ".b/c.jpg", "d.jpg", ".git/e.jpg", ".vsearch/f.jpg", ".noname")
    assert found(tmp_path) == ["d.jpg"]
    assert found(tmp_path, hidden=True) == [".a.jpg", ".noname", "d.jpg", ".b/c.jpg"]


def test_the_root_may_be_hidden_itself(tmp_path: Path) -> None:
    make(tmp_path, ".photos/a.jpg")
    assert found(tmp_path / ".photos") == ["a.jpg"]


def test_a_tree_may_be_deeper_than_python_recurses(tmp_path: Path) -> None:
    depth = 1500  # short names: the whole path must stay below PATH_MAX
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=folder)
        folder, above = os.open("d", os.O_RDONLY, dir_fd=folder), folder
        os.close(above)
    os.close(os.open("deep.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    try:
        assert found(tmp_path) == ["d/" * depth + "deep.jpg"]
    finally:  # Python's own rmtree recurses
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_a_folder_that_is_not_there_is_unreadable(tmp_path: Path) -> None:
    assert passed(tmp_path / "gone") == [(".", SkipReason.UNREADABLE, "No such file or directory")]


# ------------------------------------------------------------------------------ special files


def test_fifos_sockets_and_devices_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # a socket's path may have 108 bytes only
        try:
            server.bind("b.jpg")
        finally:
            os.chdir(here)
    os.mkfifo(tmp_path / "c.txt")
    assert passed(tmp_path) == [
        ("a.jpg", SkipReason.SPECIAL, "fifo"),
        ("b.jpg", SkipReason.SPECIAL, "socket"),
    ]
    assert find_one(str(tmp_path), "a.jpg") == PassedOver("a.jpg", SkipReason.SPECIAL, "fifo")


def test_a_device_is_passed_over_as_what_it_is() -> None:
    found_device = find_one("/dev", "null")
    assert found_device == PassedOver("null", SkipReason.SPECIAL, "character device")


def test_one_named_file_is_a_picture_whatever_its_name(tmp_path: Path) -> None:
    make(tmp_path, ".hidden.txt", "folder/")
    (tmp_path / "link").symlink_to(".hidden.txt")
    (tmp_path / "dangling").symlink_to("gone")
    root = str(tmp_path)
    mtime = (tmp_path / ".hidden.txt").stat().st_mtime_ns
    assert find_one(root, ".hidden.txt") == FoundFile(".hidden.txt", 3, mtime, True)
    assert find_one(root, "link") == FoundFile("link", 3, mtime, True)
    assert find_one(root, "folder") == PassedOver("folder", SkipReason.SPECIAL, "folder")
    gone = PassedOver("dangling", SkipReason.UNREADABLE, "No such file or directory")
    assert find_one(root, "dangling") == gone


_UNPRIVILEGED = """
import ctypes, os, sys
from vsearch.images.find import find
from vsearch.images.read import read
from vsearch.errors import ImageError
for item in find(sys.argv[1]):
    print(item.path, getattr(item, "reason", "found"), getattr(item, "detail", ""), sep="|")
try:
    read(os.path.join(sys.argv[1], "locked.jpg"), 100)
except ImageError as error:
    print(error)
"""


def _drop_privileges() -> None:
    """Give up root's way around permissions (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH) for good."""
    import ctypes

    pr_capbset_drop = 24
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(pr_capbset_drop, capability, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_what_may_not_be_read_is_named_and_the_walk_goes_on(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg", "locked.jpg", "d/.gitignore", "d/4.jpg")
    (tmp_path / "b").chmod(0)
    (tmp_path / "locked.jpg").chmod(0)
    (tmp_path / "d/.gitignore").chmod(0)
    ran = subprocess.run(
        [sys.executable, "-c", _UNPRIVILEGED, str(tmp_path)],
        preexec_fn=_drop_privileges,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    (tmp_path / "b").chmod(stat.S_IRWXU)
    assert ran.stdout.splitlines() == [
        "locked.jpg|found|",
        "a/1.jpg|found|",
        "b|unreadable|Permission denied",
        "c/3.jpg|found|",
        "d/.gitignore|unreadable|Permission denied",
        "d/4.jpg|found|",
        "unreadable: Permission denied",
    ]


# -------------------------------------------------------------------------------------- links


def test_links_are_passed_over_unless_followed(tmp_path: Path) -> None:
    make(tmp_path, "real/a.jpg", "b.jpg", "notes.txt")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "link.jpg").symlink_to("b.jpg")
    (tmp_path / "notes").symlink_to("notes.txt")
    (tmp_path / "dangling.jpg").symlink_to("gone")
    assert found(tmp_path) == ["b.jpg", "real/a.jpg"]
    assert passed(tmp_path) == [
        ("dangling.jpg", SkipReason.LINK, ""),
        ("folder", SkipReason.LINK, ""),
        ("link.jpg", SkipReason.LINK, ""),
    ]


def _loop(root: Path) -> None:
    make(root, "a/1.jpg")
    (root / "a/up").symlink_to("..")
    (root / "a/self").symlink_to(".")


def _link_before_the_true_place(root: Path) -> None:
    make(root, "z/1.jpg", "z/y/2.jpg")
    (root / "a").symlink_to("z")
    (root / "b").symlink_to("z/y")


def _outside_twice(root: Path) -> None:
    make(root.parent / "outside", "1.jpg", "sub/2.jpg")
    make(root, "0.jpg")
    (root / "a").symlink_to("../outside")
    (root / "b").symlink_to("../outside/sub")
    (root / "c.jpg").symlink_to("../outside/1.jpg")


def _file_then_its_folder(root: Path) -> None:
    make(root.parent / "elsewhere", "1.jpg", "2.jpg")
    make(root, "sub/")
    (root / "a.jpg").symlink_to("../elsewhere/1.jpg")
    (root / "sub/b").symlink_to("../../elsewhere")


def _broken(root: Path) -> None:
    make(root, "a.jpg")
    (root / "b.jpg").symlink_to("gone")
    (root / "c.jpg").symlink_to("c.jpg")
    (root / "d.txt").symlink_to("gone")
    os.mkfifo(root / "fifo")
    (root / "e.jpg").symlink_to("fifo")


@pytest.mark.parametrize(
    ("build", "files", "others"),
    [
        (_loop, ["a/1.jpg"], [("a/self", "visited"), ("a/up", "visited")]),
        (
            _link_before_the_true_place,
            ["z/1.jpg", "z/y/2.jpg"],
            [("a", "visited"), ("b", "visited")],
        ),
        (
            _outside_twice,
            ["0.jpg", "a/1.jpg", "a/sub/2.jpg"],
            [("b", "visited"), ("c.jpg", "visited")],
        ),
        (_file_then_its_folder, ["a.jpg", "sub/b/2.jpg"], [("sub/b/1.jpg", "visited")]),
        (
            _broken,
            ["a.jpg"],
            [("b.jpg", "unreadable"), ("c.jpg", "unreadable"), ("e.jpg", "special")],
        ),
    ],
    ids=["loop", "link before place", "outside twice", "file then folder", "broken"],
)
def test_followed_links_give_every_file_once(
    tmp_path: Path, build: Callable[[Path], None], files: list[str], others: list[tuple[str, str]]
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    build(root)
    assert found(root, follow_links=True) == files
    reasons = [(path, reason.name.lower()) for path, reason, _ in passed(root, follow_links=True)]
    assert reasons == others


def test_two_hard_links_are_two_files(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    os.link(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert found(tmp_path) == found(tmp_path, follow_links=True) == ["a.jpg", "b.jpg"]


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    make(tmp_path, "real/a.jpg")
    (tmp_path / "root").symlink_to("real")
    assert found(tmp_path / "root") == ["a.jpg"]


def test_one_folder_may_be_left_out(tmp_path: Path) -> None:
    for name in ("a/b/1.jpg", "a/c/2.jpg", "b/3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [one.path for one in find(str(tmp_path), "", "a/b")]
    assert found == ["a/c/2.jpg", "b/3.jpg"]


def test_below_walks_one_folder_under_the_rules_on_the_way(tmp_path: Path) -> None:
    make(tmp_path, "a/b/1.jpg", "a/b/2.png", "a/b/c/3.jpg", "a/4.jpg", "5.jpg", "a/b/6.gif")
    (tmp_path / ".vsearchignore").write_text("*.png\n")
    (tmp_path / "a/.ignore").write_text("/b/*.gif\n!*.png\n")
    (tmp_path / "a/b/.ignore").write_text("c\n")
    whole = found(tmp_path)
    assert whole == ["5.jpg", "a/4.jpg", "a/b/1.jpg", "a/b/2.png"]
    below = [item.path for item in find(str(tmp_path), "a/b") if isinstance(item, FoundFile)]
    assert below == ["a/b/1.jpg", "a/b/2.png"]


MATTERS = {
    "a picture": ("a.jpg", {}, True),
    "a picture, in capitals": ("sub/A.JPG", {}, True),
    "no suffix": ("sub/a", {}, True),
    "an ignore file": ("sub/.vsearchignore", {}, True),
    "a text": ("a.txt", {}, False),
    "a text or folder that is gone": ("a.txt", {"gone": True}, True),
    "a folder with a dot": ("2024.05", {}, True),
    "a hidden picture": ("sub/.a.jpg", {}, False),
    "a hidden picture, wanted": ("sub/.a.jpg", {"hidden": True}, True),
    "below a hidden folder": (".thumbs/a.jpg", {}, False),
    "below a hidden folder, wanted": (".thumbs/a.jpg", {"hidden": True}, True),
    "an ignore file below a hidden folder": (".thumbs/.ignore", {}, False),
    "of a repository": (".git/objects/ab", {"hidden": True}, False),
    "of an index": ("sub/.vsearch/lock", {"hidden": True, "gone": True}, False),
    "an index": (".vsearch", {"hidden": True}, False),
}


@pytest.mark.parametrize(("path", "options", "matters"), MATTERS.values(), ids=MATTERS.keys())
def test_which_changes_may_matter(
    tmp_path: Path, path: str, options: dict[str, bool], matters: bool
) -> None:
    make(tmp_path, "2024.05/")
    answer = may_matter(str(tmp_path), path, **{"hidden": False, "gone": False} | options)
    assert answer is matters
