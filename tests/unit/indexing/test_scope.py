"""`scopes`: which roots, folders and files are meant by the names a person typed."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from vsearch.errors import UsageError
from vsearch.index import within
from vsearch.indexing.scope import Scope, scopes


@dataclass(frozen=True)
class FakeRoot:
    path: str
    whole: bool = True


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder to stand in, with some files, link -> a, link.png -> c/4.png and a broken link."""
    for name in ("a/1.png", "a/2.png", "a/b/3.png", "c/4.png", "ab/5.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "link.png").symlink_to("c/4.png")
    (tmp_path / "broken.png").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


CASES = {
    "a new folder is a root": (["a"], {}, [("a", True, "", None)]),
    "a folder may be named in any way": (["./a/b/.."], {}, [("a", True, "", None)]),
    "a link to a folder is that folder": (["link/b"], {}, [("a/b", True, "", None)]),
    "twice the same is once": (["a", "link", "a/"], {}, [("a", True, "", None)]),
    "folders come by name": (["c", "a"], {}, [("a", True, "", None), ("c", True, "", None)]),
    "a folder in another is part of it": (["a/b", "a"], {}, [("a", True, "", None)]),
    "a name that begins like another's": (
        ["ab", "a"], {}, [("a", True, "", None), ("ab", True, "", None)],
    ),
    "a folder below a root": (["a/b"], {"a": True}, [("a", True, "b", None)]),
    "the root itself": (["a"], {"a": True}, [("a", True, "", None)]),
    "a folder above a root": (["."], {"a": True}, [("", True, "", None)]),
    "a folder below single files": (["a/b"], {"a": False}, [("a/b", True, "", None)]),
    "a folder of single files becomes whole": (["a"], {"a": False}, [("a", True, "", None)]),
    "a file makes a root of single files": (["a/1.png"], {}, [("a", False, "", ("1.png",))]),
    "files of one folder go together": (
        ["a/2.png", "c/4.png", "a/1.png"], {},
        [("a", False, "", ("1.png", "2.png")), ("c", False, "", ("4.png",))],
    ),
    "a link to a file is that file": (["link.png"], {}, [("c", False, "", ("4.png",))]),
    "a file below a root": (["a/b/3.png"], {"a": True}, [("a", True, "", ("b/3.png",))]),
    "a file in a named folder is part of it": (["a/1.png", "a"], {}, [("a", True, "", None)]),
    "a folder and a file elsewhere": (
        ["c/4.png", "a"], {}, [("a", True, "", None), ("c", False, "", ("4.png",))],
    ),
    "a folder that has gone from a root": (["a/gone"], {"a": True}, [("a", True, "gone", None)]),
    "a root that has gone": (["gone"], {"gone": True}, [("gone", True, "", None)]),
    "a root of single files that has gone": (
        ["gone"], {"gone": False}, [("gone", True, "", None)],
    ),
    "no names: all roots as they are": (
        [], {"c": False, "a": True}, [("c", False, "", None), ("a", True, "", None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("paths", "roots", "expected"), CASES.values(), ids=CASES.keys())
def test_what_is_meant(
    here: str,
    paths: list[str],
    roots: dict[str, bool],
    expected: list[tuple[str, bool, str, tuple[str, ...] | None]],
) -> None:
    known = [FakeRoot(f"{here}/{name}", whole) for name, whole in roots.items()]
    assert scopes(paths, known) == [
        Scope(f"{here}/{root}".rstrip("/"), whole, folder, files)
        for root, whole, folder, files in expected
    ]


def test_the_root_of_the_disk_covers_everything(here: str) -> None:
    assert scopes([f"{here}/a"], [FakeRoot("/")]) == [Scope("/", True, f"{here}/a"[1:])]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["gone", "gone/1.png", "broken.png"])
def test_a_name_that_means_nothing_is_told(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        scopes(["a", name], [])
    assert str(caught.value) == f"no such file or folder, named {name!r}; check the name"


def test_no_names_and_no_roots_is_told() -> None:
    with pytest.raises(UsageError) as caught:
        scopes([], [])
    assert str(caught.value) == ("nothing to index, no folder named; run `vsearch index FOLDER`")


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("/a", "/a", True),
        ("/a/b", "/a", True),
        ("/ab", "/a", False),
        ("/a", "/a/b", False),
        ("/a", "/", True),
        ("/", "/", True),
    ],
)
def test_within(path: str, folder: str, expected: bool) -> None:
    assert within(path, folder) is expected
