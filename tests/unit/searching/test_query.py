"""`parse` and `embed`: what was typed, and the direction it stands for."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fake_encoder import BLUE, GREEN, GREY, RED, FakeEncoder, paint
from numpy.typing import NDArray

from vsearch.errors import UsageError
from vsearch.searching.query import Kind, Term, embed, parse


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with some oddly named files."""
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "red.png", RED)
    paint(tmp_path / "green.png", GREEN)
    for name in (
        "2:odd.png",
        " spaced .png",
        "dog",
        "Grüße.png",
        "3:",
        "text:odd.png",
        os.fsdecode(b"caf\xe9"),
    ):
        (tmp_path / name).write_bytes((tmp_path / "red.png").read_bytes())
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "note").write_text("buy milk\n")
    return tmp_path


PARSED = {
    "words": ("a dog on a beach", ("a dog on a beach", "words", 1)),
    "spaces around words": ("  a dog\t", ("a dog", "words", 1)),
    "unicode": ("Grüße 写真 🎉", ("Grüße 写真 🎉", "words", 1)),
    "a weight": ("2:a cat", ("a cat", "words", 2)),
    "a fraction": ("0.5:a cat", ("a cat", "words", 0.5)),
    "spaces after a weight": ("2: a cat ", ("a cat", "words", 2)),
    "lines after a weight": ("2:a\ncat", ("a\ncat", "words", 2)),
    "a colon in words": ("warning: wet paint", ("warning: wet paint", "words", 1)),
    "a weight and a colon": ("2:warning: wet", ("warning: wet", "words", 2)),
    "a weight twice is words": ("2:3:x", ("2:3:x", "words", 1)),
    "a weight without a term is words": ("2:", ("2:", "words", 1)),
    "a colon without a weight is words": (":x", (":x", "words", 1)),
    "no negative weights": ("-1:x", ("-1:x", "words", 1)),
    "no exponents": ("1e3:x", ("1e3:x", "words", 1)),
    "no bare point": (".5:x", (".5:x", "words", 1)),
    "a time of day is words": ("10:30 clock", ("10:30 clock", "words", 1)),
    "an aspect ratio is words": ("16:9 screen", ("16:9 screen", "words", 1)),
    "a picture": ("red.png", ("red.png", "picture", 1)),
    "a picture by another path": ("./red.png", ("./red.png", "picture", 1)),
    "a weighted picture": ("2:red.png", ("red.png", "picture", 2)),
    "a picture named like a weight": ("2:odd.png", ("2:odd.png", "picture", 1)),
    "that picture weighted": ("0.5:2:odd.png", ("2:odd.png", "picture", 0.5)),
    "a file that is only a weight": ("3:", ("3:", "picture", 1)),
    "spaces in a picture's name": (" spaced .png", (" spaced .png", "picture", 1)),
    "those weighted": ("2: spaced .png", (" spaced .png", "picture", 2)),
    "an accent in a picture's name": ("Grüße.png", ("Grüße.png", "picture", 1)),
    "a name that is no UTF-8": (os.fsdecode(b"caf\xe9"), (os.fsdecode(b"caf\xe9"), "picture", 1)),
    "a picture without a suffix": ("dog", ("dog", "picture", 1)),
    "a note without a suffix is words": ("note", ("note", "words", 1)),
    "named as a file it is one": ("./note", ("./note", "picture", 1)),
    "a suffix in the middle": ("the red.png file", ("the red.png file", "words", 1)),
    "words that are a file, too": ("text:red.png", ("red.png", "words", 1)),
    "weighted words that are a file, too": ("2:text:red.png", ("red.png", "words", 2)),
    "words that begin like a weight": ("text:2:odd", ("2:odd", "words", 1)),
    "words that begin like an address": ("text:http://x/", ("http://x/", "words", 1)),
    "spaces around words after a prefix": ("text: dog ", ("dog", "words", 1)),
    "words even where a file has that name": ("text:odd.png", ("odd.png", "words", 1)),
    "that file": ("./text:odd.png", ("./text:odd.png", "picture", 1)),
    "that file by its prefix": ("image:text:odd.png", ("text:odd.png", "picture", 1)),
    "a file that does not look like a picture": ("image:note", ("note", "picture", 1)),
    "that weighted": ("0.5:image:note", ("note", "picture", 0.5)),
    "a picture whose name is like a weight": ("image:2:odd.png", ("2:odd.png", "picture", 1)),
    "an address after a prefix": ("image:http://x/a", ("http://x/a", "url", 1)),
    "no prefix in capitals": ("Text:x", ("Text:x", "words", 1)),
    "no prefix after a space": (" text:x", ("text:x", "words", 1)),
    "no prefix further on": ("a text:x", ("a text:x", "words", 1)),
    "a suffix of no picture": ("notes.txt", ("notes.txt", "words", 1)),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("typed", "expected"), PARSED.values(), ids=PARSED.keys())
def test_a_term(typed: str, expected: tuple[str, Kind, float]) -> None:
    text, kind, weight = expected
    assert parse([typed]) == [Term(text, kind, weight)]
    assert parse([], [typed]) == [Term(text, kind, -weight)]


def by_http_only(name: str) -> str:
    return f"pictures are fetched by http and https only, not from {name}; name the file itself"


def no_such(name: str) -> str:
    return f"no such picture, named {name}; check the path, or put text: before words"


REFUSED = {
    "nothing": ("", "an empty search term; name what you look for, or a picture"),
    "only spaces": (" \t\n", "an empty search term; name what you look for, or a picture"),
    "a weight and spaces": ("2:  ", "an empty search term; name what you look for, or a picture"),
    "a weight of zero": (
        "0:dog", "a weight of zero says nothing, in '0:dog'; leave the term out",
    ),
    "zero in decimals": (
        "0.00:dog", "a weight of zero says nothing, in '0.00:dog'; leave the term out",
    ),
    "a picture that is not there": (
        "none.jpg", no_such("'none.jpg'"),
    ),
    "in capitals": ("NONE.JPG", no_such("'NONE.JPG'")),
    "weighted": ("2:none.heic", no_such("'none.heic'")),
    "another address": (
        "file:///etc/a.jpg",
        by_http_only("'file:///etc/a.jpg'"),
    ),
    "another weighted address": (
        "2:FTP://me:secret@host/a",
        by_http_only("'FTP://host/a'"),
    ),
    "a prefix and nothing": (
        "text: ", "an empty search term; name what you look for, or a picture",
    ),
    "a prefix and a weight of zero": (
        "0:text:dog", "a weight of zero says nothing, in '0:text:dog'; leave the term out",
    ),
    "a prefix and no file": (
        "image:dogs", "no such picture, named 'dogs'; check the path",
    ),
    "a prefix and no name": ("image:", "no such picture, named ''; check the path"),
    "a prefix and a folder": (
        "image:folder.png", "no such picture, named 'folder.png'; check the path",
    ),
    "a prefix and another address": ("image:ftp://h/a", by_http_only("'ftp://h/a'")),
    "a folder named like a picture": (
        "folder.png", no_such("'folder.png'"),
    ),
}  # fmt: skip


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("typed", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_a_term_that_is_refused(typed: str, expected: str) -> None:
    for arguments in (([typed], []), (["fine"], [typed])):
        with pytest.raises(UsageError) as caught:
            parse(*arguments)
        assert str(caught.value) == expected


@pytest.mark.usefixtures("here")
def test_terms_keep_their_order() -> None:
    assert parse(["b", "2:red.png", "a"], ["d", "3:c"]) == [
        Term("b", "words", 1), Term("red.png", "picture", 2), Term("a", "words", 1),
        Term("d", "words", -1), Term("c", "words", -3),
    ]  # fmt: skip


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("terms", "minus", "expected"),
    [
        pytest.param(["red"], [], (1, 0, 0), id="words"),
        pytest.param(["green.png"], [], (0, 1, 0), id="a picture"),
        pytest.param(["3:red", "4:green"], [], (0.6, 0.8, 0), id="weights"),
        pytest.param(["4:blue", "3:green.png"], [], (0, 0.6, 0.8), id="words and a picture"),
        pytest.param(["4:green.png", "3:blue"], [], (0, 0.8, 0.6), id="a picture and words"),
        pytest.param(["4:blue"], ["3:red"], (-0.6, 0, 0.8), id="pushed away"),
        pytest.param(["grey"], [], GREY, id="unknown words"),
        pytest.param(["red", "blue"], ["2:blue", "red.png"], (0, 0, -1), id="only what is unlike"),
    ],
)
def test_the_query_is_the_direction_of_the_weighted_sum(
    terms: list[str], minus: list[str], expected: tuple[float, ...]
) -> None:
    query = embed(parse(terms, minus), FakeEncoder(), 1000)
    assert query.dtype == np.float32
    assert query == pytest.approx(expected, abs=1e-6)


@pytest.mark.usefixtures("here")
def test_all_words_are_embedded_in_one_call_and_none_without() -> None:
    class Calls(FakeEncoder):
        calls = 0

        def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
            self.calls += 1
            return super().encode_texts(texts)

    encoder = Calls()
    embed(parse(["red", "green.png", "blue"]), encoder, 1000)
    assert (encoder.calls, encoder.texts, encoder.pictures) == (1, 2, 1)
    embed(parse(["green.png"]), encoder, 1000)
    assert encoder.calls == 1


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("terms", "minus"),
    [(["red"], ["red"]), (["red.png"], ["red"]), (["0.1:red", "0.2:red"], ["0.3:red"])],
    ids=["words", "a picture and words", "up to rounding"],
)
def test_terms_that_cancel_out_are_told(terms: list[str], minus: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        embed(parse(terms, minus), FakeEncoder(), 1000)
    assert str(caught.value) == "the terms cancel each other out; change a weight"


def test_a_picture_that_cannot_be_used_is_told(here: Path) -> None:
    (here / "bad.png").write_text("no picture")
    with pytest.raises(UsageError) as caught:
        embed(parse(["bad.png"]), FakeEncoder(), 1000)
    assert str(caught.value).startswith("the query picture cannot be used (")
    assert str(caught.value).endswith("), at 'bad.png'; choose another")


def test_a_picture_above_the_limit_is_told(here: Path) -> None:
    paint(here / "large.png", BLUE, (50, 50))
    with pytest.raises(UsageError, match=r"cannot be used \(too large"):
        embed([Term("large.png", "picture", 1)], FakeEncoder(), 2499)
    assert embed([Term("large.png", "picture", 1)], FakeEncoder(), 2500).tolist() == [0, 0, 1]
