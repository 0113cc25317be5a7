"""Names and patterns -> what is forgotten: exactly that, and nothing because of a sign in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_encoder import RED, FakeEncoder, paint

from vsearch.errors import UsageError
from vsearch.index import Index
from vsearch.indexing.forgetting import choose, forget
from vsearch.indexing.run import Options, update

HOW = Options(workers=1, pixel_limit=1_000_000)
NAMES = [
    "a.png", "b.png", "[ab].png", "sub/a.png", "sub/deep/*.png", "sub/deep/x.png", "subway/y.png",
    "new\nline.png", os.fsdecode(b"\xff.png"), "'; DROP TABLE images; --.png", "%.png",
]  # fmt: skip


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of a root with odd names, the current folder, and a root of a single file."""
    for number, name in enumerate(NAMES):
        paint(tmp_path / "photos" / name, (number + 1, 0, 0))
    paint(tmp_path / "single" / "one.png", RED)
    paint(tmp_path / "single" / "not.png", RED)
    wanted = [os.fspath(tmp_path / "photos"), os.fspath(tmp_path / "single" / "one.png")]
    list(update(tmp_path / "index", FakeEncoder(), wanted, HOW))
    monkeypatch.chdir(tmp_path / "photos")
    return tmp_path / "index"


def chosen(index: Path, *names: str) -> set[str]:
    top = os.path.dirname(index)
    return {os.path.relpath(path, f"{top}/photos") for path in choose(index, names).paths()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", {"a.png"}),
        ("[ab].png", {"[ab].png"}),  # a file of that name, not a pattern
        ("[a].png", {"a.png"}),
        ("sub", {"sub/a.png", "sub/deep/*.png", "sub/deep/x.png"}),
        ("sub/deep/*.png", {"sub/deep/*.png"}),
        ("sub/deep/?.png", {"sub/deep/*.png", "sub/deep/x.png"}),
        ("sub*", {"sub/a.png", "sub/deep/*.png", "sub/deep/x.png", "subway/y.png"}),
        ("*/a.png", {"sub/a.png"}),
        ("./sub/../b.png", {"b.png"}),
        ("new\nline.png", {"new\nline.png"}),
        (os.fsdecode(b"\xff.png"), {os.fsdecode(b"\xff.png")}),
        (os.fsdecode(b"\xff*"), {os.fsdecode(b"\xff.png")}),
        ("'; DROP TABLE images; --.png", {"'; DROP TABLE images; --.png"}),
        ("%.png", {"%.png"}),
        ("*", set(NAMES)),
        ("..", {*NAMES, "../single/one.png"}),
        ("../*", {*NAMES, "../single/one.png"}),
        ("../single/one.png", {"../single/one.png"}),
    ],
    ids=lambda one: ascii(one) if isinstance(one, str) else "",
)
def test_a_name_means_what_it_says(index: Path, name: str, expected: set[str]) -> None:
    assert chosen(index, name) == expected


@pytest.mark.parametrize("name", ["c.png", "A.png", "su", "sub/deep/y?.png", "../single/not.png"])
def test_a_name_that_means_nothing_stops_all(index: Path, name: str) -> None:
    with pytest.raises(UsageError, match="nothing in the index is called"):
        choose(index, ["a.png", name])


def test_an_empty_name_is_refused(index: Path) -> None:
    with pytest.raises(UsageError, match="an empty name"):
        choose(index, [""])


def test_what_is_no_longer_there_can_be_forgotten(index: Path) -> None:
    os.unlink("b.png")
    assert chosen(index, "b.png") == {"b.png"}


def test_roots_go_only_when_they_are_named(index: Path, tmp_path: Path) -> None:
    photos, single = os.fspath(tmp_path / "photos"), os.fspath(tmp_path / "single")
    for names, roots, returning in (
        ([photos], [photos], []),
        ([os.fspath(tmp_path)], [photos, single], []),
        (["*"], [], [photos]),
        (["sub"], [], [photos]),
        (["../single/one.png"], [], []),
    ):
        found = choose(index, names)
        assert [root.path for root in found.roots] == roots
        assert found.returning == returning


def test_what_was_chosen_is_forgotten_and_nothing_else(index: Path, tmp_path: Path) -> None:
    forget(index, choose(index, ["sub", "../single/one.png"]))
    with Index(index) as opened:
        assert [root.path for root in opened.roots()] == [os.fspath(tmp_path / "photos")]
        left = {entry.path for entry in opened.entries()}
    assert left == {name for name in NAMES if not name.startswith("sub/")}
    assert all((tmp_path / "photos" / name).exists() for name in NAMES)


def test_a_link_to_a_root_names_it(index: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    assert chosen(index, os.fspath(tmp_path / "link" / "sub")) == chosen(index, "sub")
    assert chosen(index, os.fspath(tmp_path / "link" / "s*")) == chosen(index, "s*")


def test_what_has_become_a_link_is_forgotten_by_its_own_name(tmp_path: Path) -> None:
    root, folder = tmp_path / "photos", tmp_path / "index"
    alias = paint(root / "alias.png", RED)
    paint(root / "real.png", RED)
    list(update(folder, FakeEncoder(), [os.fspath(root)], HOW))
    alias.unlink()
    alias.symlink_to("real.png")
    assert choose(folder, [os.fspath(alias)]).paths() == [os.fspath(alias)]
    forget(folder, choose(folder, [os.fspath(alias)]))
    assert choose(folder, [os.fspath(root)]).paths() == [f"{root}/real.png"]
