"""Addresses of files."""

import os
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

from vsearch.output.links import file_url, relative_url

NAMES = [
    b"plain.jpg", b"50% of it?#.jpg", b"a b.jpg", b"caf\xe9.jpg", "é写真🎉".encode(), b"c:d.jpg",
    b"//x.jpg", b"new\nline\x1b\\.jpg", b"\"<&>'.jpg",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_address_gives_the_bytes_back(name: bytes) -> None:
    path = os.fsdecode(b"/photos/" + name)
    for url in (file_url(path), file_url(path, "my host"), relative_url(path, "/photos")):
        assert url.isascii()
        assert url.isprintable()
        assert not set(url) & set(" \"'<>\\?#")
    assert unquote_to_bytes(urlsplit(file_url(path, "h")).path) == b"/photos/" + name
    assert unquote_to_bytes(relative_url(path, "/photos")) == b"./" + name


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("/a/b/c.jpg", "/a", "./b/c.jpg"),
        ("/a/b/c.jpg", "/a/b", "./c.jpg"),
        ("/a/b/c.jpg", "/", "./a/b/c.jpg"),
        ("/a/b/c.jpg", "/a/bb", "file:///a/b/c.jpg"),
        ("/a/bb/c.jpg", "/a/b", "file:///a/bb/c.jpg"),
    ],
)
def test_only_what_is_below_the_page_is_relative(path: str, folder: str, expected: str) -> None:
    assert relative_url(path, folder) == expected


def test_the_host_is_named() -> None:
    assert file_url("/a b", "host.example") == "file://host.example/a%20b"
