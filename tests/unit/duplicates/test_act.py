"""Linking and moving: what is done, what is refused, and that nothing is ever lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from photographs import LIMIT, dated, indexed, photograph

from vsearch.duplicates import act
from vsearch.duplicates.act import Action
from vsearch.duplicates.find import Group, find, path_of
from vsearch.errors import UsageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    photograph(root / "a.jpg", "IMG_0013.jpg", seconds=50)
    photograph(root / "sub" / "copy.jpg", "IMG_0013.jpg", seconds=10)
    photograph(root / "half.png", "IMG_0013.jpg", 0.5)
    return root


@pytest.fixture
def group(root: Path, tmp_path: Path) -> Group:
    """The group of a.jpg, with an exact copy and a near one."""
    index = indexed(root, tmp_path / "index")
    (only,) = find(index, "largest", workers=2, pixel_limit=LIMIT)
    assert isinstance(only, Group)
    return only


def everything(*folders: Path) -> dict[str, bytes]:
    """All files below some folders, their content by their path."""
    return {
        os.fspath(path): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_an_exact_copy_becomes_a_link(root: Path, group: Group) -> None:
    before = everything(root)
    length = (root / "a.jpg").stat().st_size
    expected = [Action("link", str(root / "sub/copy.jpg"), str(root / "a.jpg"), length, None)]
    assert list(act.link(group, really=False)) == expected
    assert not (root / "a.jpg").samefile(root / "sub/copy.jpg")
    assert list(act.link(group, really=True)) == expected
    assert (root / "a.jpg").samefile(root / "sub/copy.jpg")
    assert everything(root) == before
    # It is changed now, as far as the index knows.
    (again,) = act.link(group, really=True)
    assert again.why_not == f"changed since it was indexed: {root / 'sub/copy.jpg'}"


def test_what_is_not_kept_is_moved(root: Path, group: Group, tmp_path: Path) -> None:
    target = tmp_path / "out"
    contents = sorted(everything(root).values())
    expected = [
        Action("move", str(root / name), str(target / "pictures" / name))
        for name in ("sub/copy.jpg", "half.png")
    ]
    assert list(act.move(group, target, really=False)) == expected
    assert not target.exists()
    times = (root / "half.png").stat().st_mtime_ns
    assert list(act.move(group, target, really=True)) == expected
    assert set(everything(root, target)) == {
        str(root / "a.jpg"), str(target / "pictures/sub/copy.jpg"),
        str(target / "pictures/half.png"),
    }  # fmt: skip
    assert sorted(everything(root, target).values()) == contents
    assert (target / "pictures/half.png").stat().st_mtime_ns == times


Change = Callable[[Path], object]

CHANGES: list[tuple[str, Change, str]] = [
    ("other content", lambda root: (root / "sub/copy.jpg").write_bytes(b"mine"), "changed since"),
    ("touched", lambda root: dated(root / "sub/copy.jpg", 11), "changed since"),
    ("gone", lambda root: (root / "sub/copy.jpg").unlink(), "changed since"),
    ("kept is gone", lambda root: (root / "a.jpg").unlink(), "changed since"),
    ("kept is changed", lambda root: (root / "a.jpg").write_bytes(b"mine"), "changed since"),
    ("same time and size", lambda root: _same_stamp(root / "sub/copy.jpg"), "changed since"),
    ("kept, same time and size", lambda root: _same_stamp(root / "a.jpg"), "changed since"),
    ("a link in its place", lambda root: _by_link(root / "sub/copy.jpg"), "a symbolic link"),
]


def _same_stamp(path: Path) -> None:
    """Change a byte, and neither size nor time."""
    data, found = bytearray(path.read_bytes()), path.stat()
    data[-3] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def _by_link(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


@pytest.mark.parametrize("way", ["link", "move"])
@pytest.mark.parametrize(
    ("change", "why"), [pytest.param(change, why, id=name) for name, change, why in CHANGES]
)
def test_what_has_changed_is_left_alone(
    root: Path, group: Group, tmp_path: Path, way: str, change: Change, why: str
) -> None:
    change(root)
    before = everything(root)
    target = tmp_path / "out"
    actions = list(
        act.link(group, really=True) if way == "link" else act.move(group, target, really=True)
    )
    refused = next(one for one in actions if one.path.endswith("copy.jpg"))
    assert why in (refused.why_not or "")
    kept_is_whole = "a.jpg" not in (refused.why_not or "")
    moved = {str(target / "pictures/half.png")} if way == "move" and kept_is_whole else set()
    after = everything(root, *([target] if target.exists() else []))
    assert set(after) == (set(before) - ({str(root / "half.png")} if moved else set())) | moved
    assert {path: after[path] for path in before if path in after}.items() <= before.items()


def test_equal_hashes_prove_nothing(
    root: Path, group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes two files of one hash must not get one of them moved away."""
    monkeypatch.setattr(act, "content_hash", lambda _: group.kept.digest)
    _same_stamp(root / "sub/copy.jpg")
    for actions in (
        list(act.move(group, tmp_path / "out", really=True)),
        list(act.link(group, really=True)),
    ):
        assert actions[0].path.endswith("copy.jpg")
        assert actions[0].why_not == "its content differs from the kept file's"
    assert (root / "sub/copy.jpg").exists()


def test_the_kept_file_is_looked_at_before_each_that_goes(
    root: Path, group: Group, tmp_path: Path
) -> None:
    actions = act.move(group, tmp_path / "out", really=True)
    assert next(actions).why_not is None
    (root / "a.jpg").unlink()
    assert (next(actions).why_not or "").startswith("the file to keep: changed since")
    assert (root / "half.png").exists()


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError])
def test_a_move_that_is_interrupted_is_undone(
    root: Path,
    group: Group,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: type[BaseException],
) -> None:
    before = everything(root)
    link = os.link

    def interrupted(source: str, target: str, *, follow_symlinks: bool) -> None:
        link(source, target, follow_symlinks=follow_symlinks)
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", interrupted)
        if fault is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                list(act.move(group, tmp_path / "out", really=True))
        else:
            assert all(one.why_not for one in act.move(group, tmp_path / "out", really=True))
    assert everything(root) == before
    assert everything(tmp_path / "out") == {}


def test_a_move_that_was_killed_in_between_goes_on(
    root: Path, group: Group, tmp_path: Path
) -> None:
    there = tmp_path / "out/pictures/sub/copy.jpg"
    there.parent.mkdir(parents=True)
    os.link(root / "sub/copy.jpg", there)
    assert [one.why_not for one in act.move(group, tmp_path / "out", really=True)] == [None, None]
    assert there.exists()
    assert not (root / "sub/copy.jpg").exists()


def test_a_name_that_was_there_stays_when_a_move_cannot_go_on(
    root: Path, group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "out/pictures/sub/copy.jpg"
    there.parent.mkdir(parents=True)
    os.link(root / "sub/copy.jpg", there)
    before = everything(root, tmp_path / "out")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refuse)
        assert next(act.move(group, tmp_path / "out", really=True)).why_not == "Permission denied"
    assert everything(root, tmp_path / "out") == before


@pytest.mark.parametrize(("number", "done"), [(22, True), (5, False)])
def test_a_copy_whose_name_may_not_last_takes_nothing_away(
    root: Path,
    group: Group,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    done: bool,
) -> None:
    """Across file systems. EIO is a fault; EINVAL says that a share knows no such thing."""
    link = os.link

    def across(source: str, target: str, *, follow_symlinks: bool) -> None:
        if os.fspath(source).startswith(os.fspath(root)):
            raise OSError(18, "Invalid cross-device link")
        link(source, target, follow_symlinks=follow_symlinks)

    def refuse(_: Path) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "link", across)
    monkeypatch.setattr(act, "sync_folder", refuse)
    before = everything(root)
    actions = list(act.move(group, tmp_path / "out", really=True))
    assert [one.why_not for one in actions] == [None if done else "no"] * 2
    assert (everything(root) == before) is not done
    assert len(everything(tmp_path / "out")) == (2 if done else 0)


def test_nothing_is_ever_replaced(root: Path, group: Group, tmp_path: Path) -> None:
    there = tmp_path / "out" / "pictures" / "half.png"
    there.parent.mkdir(parents=True)
    there.symlink_to("nowhere")
    for really in (False, True):
        first, second = act.move(group, tmp_path / "out", really=really)
        assert (first.why_not, second.why_not) == (None, "there is something of that name")
    assert (root / "half.png").exists()
    assert there.is_symlink()


@pytest.mark.parametrize("way", ["link", "move"])
def test_without_hard_links(
    root: Path, group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A file system that knows none, or another one: linking is refused, moving copies."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    contents = sorted(everything(root).values())
    if way == "link":
        (action,) = act.link(group, really=True)
        assert action.why_not == "Operation not permitted"
        assert sorted(everything(root).values()) == contents
        return
    target = tmp_path / "out"
    time = (root / "half.png").stat().st_mtime_ns
    assert [one.why_not for one in act.move(group, target, really=True)] == [None, None]
    assert sorted(everything(root, target).values()) == contents
    assert len(everything(root)) == 1
    assert (target / "pictures/half.png").stat().st_mtime_ns == time


def test_a_full_disk_leaves_the_file_where_it_is(
    root: Path, group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(shutil, "copyfileobj", refuse)
    before = everything(root)
    actions = list(act.move(group, tmp_path / "out", really=True))
    assert [one.why_not for one in actions] == ["No space left on device"] * 2
    assert everything(root) == before
    assert everything(tmp_path / "out") == {}


def test_other_permissions_are_not_lost(root: Path, group: Group) -> None:
    (root / "sub/copy.jpg").chmod(0o600)
    (action,) = act.link(group, really=True)
    assert action.why_not == "owner or permissions differ from the kept file's"
    assert not (root / "a.jpg").samefile(root / "sub/copy.jpg")


def test_a_change_in_the_last_moment_is_seen(
    root: Path, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def changing(source: str, target: str, *, follow_symlinks: bool) -> None:
        link(source, target, follow_symlinks=follow_symlinks)
        (root / "sub/copy.jpg").write_bytes(b"mine")

    monkeypatch.setattr(os, "link", changing)
    (action,) = act.link(group, really=True)
    assert "changed since" in (action.why_not or "")
    assert (root / "sub/copy.jpg").read_bytes() == b"mine"
    assert sorted(path.name for path in (root / "sub").iterdir()) == ["copy.jpg"]


@pytest.mark.parametrize("place", ["pictures", "pictures/sub", "pictures/new/deep", "link/new"])
def test_no_place_that_is_indexed_is_moved_to(
    root: Path, group: Group, tmp_path: Path, place: str
) -> None:
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(UsageError, match="lies in a folder that is indexed"):
        act.check_target(tmp_path / "index", tmp_path / place)
    act.check_target(tmp_path / "index", tmp_path / "pictures-2")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="it is no folder, "):
        act.check_target(tmp_path / "index", tmp_path / "file")
    with pytest.raises(UsageError, match="it is no folder, "):
        act.check_target(tmp_path / "index", tmp_path / "file" / "new")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(UsageError, match="it is no folder, "):
        act.check_target(tmp_path / "index", tmp_path / "dangling")
    for inside in ("index", "index/sets", "index/sets/whole-2", "index/new/deep"):
        with pytest.raises(UsageError, match="lies in an index, "):
            act.check_target(tmp_path / "index", tmp_path / inside)


@pytest.mark.parametrize("name", ["pictures", "pictures/sub"])
def test_a_file_where_a_folder_is_to_be_is_seen_before(
    root: Path, group: Group, tmp_path: Path, name: str
) -> None:
    place = tmp_path / "out" / name
    place.parent.mkdir(parents=True)
    place.touch()
    before = everything(root)
    refused = [one for one in act.move(group, tmp_path / "out", really=False) if one.why_not]
    assert {one.why_not for one in refused} == {f"it is no folder: {place}"}
    told = [one.why_not for one in act.move(group, tmp_path / "out", really=True)]
    assert sum(one is not None for one in told) == len(refused)
    assert len(everything(root)) == len(before) - told.count(None)


@pytest.mark.parametrize("place", ["", "links"])
def test_no_folder_of_a_roots_name_that_is_indexed_is_moved_to(
    root: Path, group: Group, tmp_path: Path, place: str
) -> None:
    """What is moved from `pictures` comes to lie in DIR/pictures: that one counts as well."""
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "pictures").symlink_to(root / "sub")
    with pytest.raises(UsageError, match="would lie in a folder that is indexed"):
        act.check_target(tmp_path / "index", tmp_path / place)


def test_a_folder_that_may_not_be_written_is_told_before_anything_is_done(
    root: Path, group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = os.access

    def refuse(path: str, mode: int) -> bool:  # as for anyone but root
        return path != str(root / "sub") and access(path, mode)

    monkeypatch.setattr(os, "access", refuse)
    first, second = act.move(group, tmp_path / "out", really=False)
    assert (first.why_not, second.why_not) == ("its folder may not be written to", None)
    (linked,) = act.link(group, really=False)
    assert (linked.freed, linked.why_not) == (0, "its folder may not be written to")


def test_a_file_that_cannot_go_leaves_no_second_one(
    root: Path, group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a folder that may not be written; the next time it can be moved."""
    unlink = os.unlink

    def refuse(path: str, **more: int) -> None:
        if os.fspath(path).startswith(os.fspath(root)):
            raise PermissionError(13, "Permission denied")
        unlink(path, **more)

    before = everything(root)
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refuse)
        actions = list(act.move(group, tmp_path / "out", really=True))
        assert [one.why_not for one in actions] == ["Permission denied"] * 2
    assert everything(root) == before
    assert everything(tmp_path / "out") == {}
    assert [one.why_not for one in act.move(group, tmp_path / "out", really=True)] == [None, None]


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="a system without extended attributes")
def test_what_has_other_attributes_is_not_linked(root: Path, group: Group) -> None:
    (other,) = (one for one in group.others if one.why == "exact")
    try:
        os.setxattr(path_of(other.entry), "user.tags", b"family")
    except OSError:
        pytest.skip("a file system without extended attributes")
    (action,) = act.link(group, really=True)
    assert action.why_not == "extended attributes differ from the kept file's"
    os.setxattr(path_of(group.kept), "user.tags", b"family")
    (action,) = act.link(group, really=True)
    assert action.why_not is None


@pytest.mark.parametrize("really", [False, True])
def test_two_files_that_would_get_one_name(tmp_path: Path, really: bool) -> None:
    """As from two roots of one name; what is only said is what would be done."""
    roots = [tmp_path / one / "pictures" for one in ("first", "second")]
    for name in ("IMG_0013.jpg", "IMG_0010.jpg"):
        photograph(tmp_path / "kept" / name, name)
    photograph(roots[0] / "a.jpg", "IMG_0013.jpg")
    photograph(roots[1] / "a.jpg", "IMG_0010.jpg")
    index = tmp_path / "index"
    for place in (tmp_path / "kept", *roots):
        indexed(place, index)
    promised: set[str] = set()
    told: list[Action] = []
    for group in find(index, "largest", workers=2, pixel_limit=LIMIT):
        assert isinstance(group, Group)
        assert path_of(group.kept).startswith(str(tmp_path / "kept"))
        told += act.move(group, tmp_path / "out", really=really, promised=promised)

    place = tmp_path / "out" / "pictures" / "a.jpg"
    told_of = (
        "there is something of that name"
        if really
        else f"another file would be moved there: {place}"
    )
    assert [one.why_not for one in told] == [None, told_of]
    assert len(everything(*roots)) == (1 if really else 2)


@pytest.mark.parametrize("really", [False, True])
@pytest.mark.parametrize("first", ["file", "folder"])
def test_a_file_that_would_lie_where_a_folder_would(
    tmp_path: Path, first: str, really: bool
) -> None:
    """ "p.jpg" is a file in one root, and a folder in another of its name."""
    photograph(tmp_path / "kept" / "a.jpg", "IMG_0013.jpg")
    photograph(tmp_path / "kept" / "b.jpg", "IMG_0010.jpg")
    # Groups come in the order of their kept files.
    one, other = ("13", "10") if first == "file" else ("10", "13")
    photograph(tmp_path / "1" / "pictures" / "p.jpg", f"IMG_00{one}.jpg")
    photograph(tmp_path / "2" / "pictures" / "p.jpg" / "q.jpg", f"IMG_00{other}.jpg")
    for place in ("kept", "1/pictures", "2/pictures"):
        indexed(tmp_path / place, tmp_path / "index")
    promised: set[str] = set()
    told: list[Action] = []
    for group in find(tmp_path / "index", "largest", workers=2, pixel_limit=LIMIT):
        assert isinstance(group, Group)
        told += act.move(group, tmp_path / "out", really=really, promised=promised)
    assert [one.why_not is None for one in told] == [True, False]


@pytest.mark.parametrize("really", [False, True])
def test_names_of_one_file_are_counted_once(tmp_path: Path, really: bool) -> None:
    """Of a copy with two names, the second one that goes frees its bytes."""
    root = tmp_path / "pictures"
    photograph(root / "a.jpg", "IMG_0013.jpg")
    photograph(root / "copy.jpg", "IMG_0013.jpg")
    os.link(root / "copy.jpg", root / "copy2.jpg")
    (group,) = find(indexed(root, tmp_path / "index"), "largest", workers=2, pixel_limit=LIMIT)
    assert isinstance(group, Group)
    length = (root / "a.jpg").stat().st_size
    assert [one.freed for one in act.link(group, really=really)] == [0, length]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files to others"
)
def test_what_is_moved_to_another_disk_keeps_its_owner(
    root: Path, group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    os.chown(root / "half.png", 1234, 5678)
    (root / "half.png").chmod(0o4751)
    monkeypatch.setattr(os, "link", refuse)
    assert [one.why_not for one in act.move(group, tmp_path / "out", really=True)] == [None, None]
    found = (tmp_path / "out" / "pictures" / "half.png").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (1234, 5678, 0o4751)
