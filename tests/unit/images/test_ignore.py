"""Ignore files, held against git itself."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vsearch.errors import SkipReason
from vsearch.images.find import FoundFile, PassedOver, find


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")


def found(root: Path, **options: bool) -> list[str]:
    return [item.path for item in find(str(root), "", "", **options) if isinstance(item, FoundFile)]


def kept_by_git(root: Path) -> list[str]:
    """Return the files that git would offer to add, as `find` orders none of them: sorted."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", "init", "-q"], cwd=root, check=True, env=environment)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        env=environment,
    ).stdout
    return sorted(p for p in os.fsdecode(listed).split("\0") if p and ".gitignore" not in p)


_FOLDERS = ["", "a/", "b/", "a/b/", "ab/", "a/b/ab/"]
_NAMES = ["a", "foo.jpg", "b.jpg", "x y.jpg", "c-d.jpg", "[z].jpg", "k .jpg", "!x.jpg", "#y.jpg"]

_PATTERNS = [
    "*", "!*/", "!*.jpg", "*.jpg", "a", "a/", "/a", "a/b", "a/b/", "/*", "a/*", "!a/b.jpg",
    "*/b.jpg", "b/**", "**/b.jpg", "a/**/b.jpg", "a/**/", "**", "**/", "!**/", "***", "a/***",
    "a**/foo.jpg", "?", "?/", "foo*", "[ab]", "[!a]", "[^b].jpg", "[a-c]*", "[c-a].jpg", "[]-]*",
    "[a-].jpg", "[", "[a", "\\[z].jpg", "[[]z[]].jpg", "[[:alpha:]].jpg", "[[:nonsense:]]",
    "[[:a]*", "[\\]z]*", "x y.jpg", "x\\ y.jpg", "*.jpg ", "k\\ .jpg", "foo.jpg  ", "foo.jpg\r",
    "# comment", "\\#y.jpg", "\\!x.jpg", "!\\!x.jpg", "c\\-d.jpg", "foo.jpg\\", "/", "!", "!/",
    "\\", "", " ", "//a", "a//",
]  # fmt: skip


@pytest.mark.parametrize("pattern", _PATTERNS)
@pytest.mark.parametrize("before", ["", "*.jpg\n", "a\nab/\n"], ids=["alone", "files", "folders"])
def test_a_pattern_means_what_it_means_to_git(tmp_path: Path, pattern: str, before: str) -> None:
    write(tmp_path, {folder + name: "" for folder in _FOLDERS for name in _NAMES if
                     folder + name + "/" not in _FOLDERS})  # fmt: skip
    write(tmp_path, {".gitignore": before + pattern + "\n"})
    assert sorted(found(tmp_path)) == kept_by_git(tmp_path)


_pieces = st.sampled_from(
    ["a", "b", "*", "?", "**", "/", "foo", ".jpg", "[ab]", "[!a]", "[a-c]", "\\", "[", "x y", " ",
     "[[:alpha:]]", "***", "]", "-", "**/", "/**", "/*"]
)  # fmt: skip
_lines = st.lists(
    st.builds(
        lambda sign, pieces: sign + "".join(pieces),
        st.sampled_from(["", "", "!"]),
        st.lists(_pieces, min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(top=_lines, nested=_lines, where=st.sampled_from(["a/", "b/", "a/b/"]))
def test_nested_ignore_files_mean_what_they_mean_to_git(
    top: list[str], nested: list[str], where: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write(root, {f + n: "" for f in _FOLDERS for n in _NAMES if f + n + "/" not in _FOLDERS})
        write(root, {".gitignore": "\n".join(top), where + ".gitignore": "\n".join(nested) + "\n"})
        assert sorted(found(root)) == kept_by_git(root)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({".gitignore": "a.jpg", ".ignore": "!a.jpg"}, ["a.jpg", "b.jpg", "sub/c.jpg"]),
        ({".ignore": "!a.jpg", ".vsearchignore": "a.jpg"}, ["b.jpg", "sub/c.jpg"]),
        ({".vsearchignore": "*.jpg", "sub/.gitignore": "!c.jpg"}, ["sub/c.jpg"]),
        ({".gitignore": "\ufeffa.jpg\r\n"}, ["b.jpg", "sub/c.jpg"]),
        ({".gitignore": "sub/", ".ignore": "!sub/c.jpg"}, ["a.jpg", "b.jpg"]),
        ({".gitignore": ""}, ["a.jpg", "b.jpg", "sub/c.jpg"]),
    ],
    ids=["ignore beats gitignore", "vsearchignore beats ignore", "deeper beats shallower",
         "byte order mark", "an ignored folder is not entered", "empty"],
)  # fmt: skip
def test_which_ignore_file_decides(
    tmp_path: Path, files: dict[str, str], expected: list[str]
) -> None:
    write(tmp_path, {"a.jpg": "", "b.jpg": "", "sub/c.jpg": "", **files})
    assert found(tmp_path) == expected
    assert found(tmp_path, ignore=False) == ["a.jpg", "b.jpg", "sub/c.jpg"]


def test_folders_above_count_up_to_the_top_of_the_work_tree(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".ignore": "*",  # outside the work tree: not ours
            "repo/.git/HEAD": "",
            "repo/.gitignore": "/photos/raw/*.jpg\nc.jpg\n",
            "repo/photos/.ignore": "!raw/b.jpg",
            "repo/photos/raw/a.jpg": "",
            "repo/photos/raw/b.jpg": "",
            "repo/photos/raw/c.jpg": "",
            "repo/photos/raw/sub/d.jpg": "",
        },
    )
    assert found(tmp_path / "repo/photos/raw") == ["b.jpg", "sub/d.jpg"]
    assert found(tmp_path / "repo/photos") == ["raw/b.jpg", "raw/sub/d.jpg"]


def test_a_folder_named_on_purpose_is_walked_though_it_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, {".git/HEAD": "", ".gitignore": "build/\n", "build/a.jpg": ""})
    assert found(tmp_path) == []
    assert found(tmp_path / "build") == ["a.jpg"]


def test_an_ignore_file_that_cannot_be_read_is_named_and_hangs_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a.jpg": ""})
    os.mkfifo(tmp_path / ".gitignore")
    first, second = find(str(tmp_path))
    assert first == PassedOver(".gitignore", SkipReason.SPECIAL, "fifo")
    assert second.path == "a.jpg"
