"""`parse` and `embed`: what was typed, and the direction it stands for."""

import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from fake_encoder import BLUE, GREEN, GREY, RED, FakeEncoder, paint
from numpy.typing import NDArray
from PIL import Image

from vsearch.errors import ModelError, UsageError
from vsearch.searching.query import (
    MINUS_SHARE,
    MOST_WEIGHT,
    Kind,
    Term,
    combined,
    embed,
    embed_each,
    is_keyword,
    parse,
)


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
    "a colon without a weight is words": (":x", (":x", "words", 1)),
    "no negative weights": ("-1:x", ("-1:x", "words", 1)),
    "no exponents": ("1e3:x", ("1e3:x", "words", 1)),
    "a bare point": (".5:x", ("x", "words", 0.5)),
    "a point at the end is words": ("5.:x", ("5.:x", "words", 1)),
    "a bare point before a kind": (".5:text:red.png", ("red.png", "words", 0.5)),
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
    "a weight and nothing": ("2:", "an empty search term; name what you look for, or a picture"),
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
        "image:folder.png",
        (
            "a folder and no picture, named 'folder.png'; name a picture, or put text: before words"
        ),
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
        pytest.param(["grey"], [], GREY, id="unknown words"),
        pytest.param([], ["3:red", "4:blue"], (-0.6, 0, -0.8), id="only what is unlike"),
    ],
)
def test_the_query_is_the_direction_of_the_weighted_sum(
    terms: list[str], minus: list[str], expected: tuple[float, ...]
) -> None:
    query = embed(parse(terms, minus), FakeEncoder(), 1000)
    assert query.dtype == np.float32
    assert query == pytest.approx(expected, abs=1e-6)


UNLIKE = {
    "half of what they share is taken": (["red"], ["grey"], (5, -1, -1)),
    "all of it": (["red"], ["2:grey"], (2, -1, -1)),
    "a quarter": (["red"], ["0.5:grey"], (11, -1, -1)),
    "whatever the query's own weight": (["5:red"], ["grey"], (5, -1, -1)),
    "more than all is all": (["red"], ["1000:grey"], (2, -1, -1)),
    "they share nothing": (["red"], ["9:blue"], (1, 0, 0)),
    "of a blend": (["3:red", "4:green"], ["green"], (0.6, 0.4, 0)),
    "by a picture": (["3:red", "4:green"], ["2:green.png"], (1, 0, 0)),
    "one after the other": (["3:red", "4:green"], ["red", "green"], (0.3, 0.4, 0)),
    "twice: half is left of half": (["3:red", "4:green"], ["green", "green"], (3, 1, 0)),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("terms", "minus", "expected"), UNLIKE.values(), ids=UNLIKE.keys())
def test_what_it_should_be_unlike_is_taken_away(
    terms: list[str], minus: list[str], expected: tuple[float, ...]
) -> None:
    query = embed(parse(terms, minus), FakeEncoder(), 1000)
    assert query == pytest.approx(np.array(expected) / np.linalg.norm(expected), abs=1e-6)


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("dog", True, id="a word"),
        pytest.param("golden retriever puppy", True, id="three"),
        pytest.param("a golden retriever puppy", True, id="an article is none of them"),
        pytest.param("The  red\tcar", True, id="in any writing"),
        pytest.param("a", True, id="an article alone is a word"),
        pytest.param("puppy on the grass", False, id="four"),
        pytest.param("a dog on grass and snow", False, id="a sentence"),
        pytest.param("another", True, id="begins like an article"),
        pytest.param("犬", True, id="no Latin letters"),
    ],
)
def test_keywords_are_few_words(text: str, expected: bool) -> None:
    assert is_keyword(text) is expected


class Prompted(FakeEncoder):
    """Remembers its texts; "x red" is red, "red y" is green."""

    def __init__(self, templates: Sequence[str]) -> None:
        super().__init__()
        self.templates = templates
        self.seen: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.seen += texts
        known = {"x red": "red", "red y": "green"}
        return super().encode_texts([known.get(text, text) for text in texts])


@pytest.mark.parametrize(
    ("templates", "terms", "seen", "expected"),
    [
        pytest.param([], ["a red"], ["a red"], [1, 1, 1], id="none: as it is"),
        pytest.param(["x {}"], ["red"], ["x red"], [1, 0, 0], id="one"),
        pytest.param(["x {}", "{} y"], ["a red"], ["x red", "red y"], [1, 1, 0], id="the mean"),
        pytest.param(["x {}"], ["{} {0}"], ["x {} {0}"], [1, 1, 1], id="braces are letters"),
        pytest.param(
            ["x {}"], ["red as a red rose"], ["red as a red rose"], [1, 1, 1], id="no sentence"
        ),
        pytest.param(
            ["x {}", "{} y"], ["red", "2:blue sky at noon"], ["x red", "red y", "blue sky at noon"],
            [2**-0.5 + 2 * 3**-0.5, 2**-0.5 + 2 * 3**-0.5, 2 * 3**-0.5], id="each term its own",
        ),
    ],
)  # fmt: skip
def test_keywords_are_embedded_by_templates(
    templates: list[str], terms: list[str], seen: list[str], expected: list[float]
) -> None:
    encoder = Prompted(templates)
    vector = embed(parse(terms), encoder, 1000)
    assert encoder.seen == seen
    assert vector == pytest.approx(np.array(expected) / np.linalg.norm(expected), abs=1e-6)


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


class Stdin:
    """What is on standard input; `reads` counts how often it was asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads = 0

    def __call__(self) -> bytes:
        self.reads += 1
        return self.data


def picture_bytes(here: Path) -> bytes:
    return (here / "green.png").read_bytes()


def test_standard_input_is_read_only_for_a_dash(here: Path) -> None:
    stdin = Stdin(b"x")
    assert parse(["a - b", "--", "./red.png"], stdin=stdin)
    assert stdin.reads == 0
    assert parse(["-"]) == [Term("-", "words", 1)]  # where there is none


@pytest.mark.parametrize(
    ("typed", "sign", "weight"),
    [("-", 1, 1), ("2:-", 1, 2), ("image:-", 1, 1), ("2:image:-", 1, 2), ("0.5:-", -1, -0.5)],
)
def test_a_picture_on_standard_input(here: Path, typed: str, sign: int, weight: float) -> None:
    data = picture_bytes(here)
    terms, minus = ([typed], []) if sign > 0 else ([], [typed])
    parsed = parse(terms, minus, stdin=Stdin(data))
    assert parsed == [Term("-", "stdin", weight, content=data)]
    assert embed(parsed, FakeEncoder(), 1000).tolist() == [0, sign, 0]
    assert data[:8] not in repr(parsed).encode()


@pytest.mark.parametrize("name", ["png", "jpg", "webp", "gif", "tiff", "bmp", "ppm", "heic"])
def test_any_kind_of_picture_on_standard_input(tmp_path: Path, name: str) -> None:
    pillow_heif.register_heif_opener()
    data = paint(tmp_path / f"x.{name}", BLUE, (16, 16)).read_bytes()
    vector = embed(parse(["-"], stdin=Stdin(data)), FakeEncoder(), 1000)
    assert vector == pytest.approx((0, 0, 1), abs=0.05)


@pytest.mark.usefixtures("here")
def test_lines_on_standard_input_are_terms() -> None:
    data = "\ufeff\n2:a dog\r\ntext:red.png\n\nred.png\n-\nGrüße".encode()
    found = parse(["3:-", "cat"], stdin=Stdin(data))
    assert found == [
        Term("a dog", "words", 6), Term("red.png", "words", 3), Term("red.png", "picture", 3),
        Term("-", "words", 3), Term("Grüße", "words", 3), Term("cat", "words", 1),
    ]  # fmt: skip
    assert parse(["cat"], ["-"], stdin=Stdin(b"2:a dog\nx")) == [
        Term("cat", "words", 1), Term("a dog", "words", -2), Term("x", "words", -1),
    ]  # fmt: skip


NEITHER = (
    "neither a picture nor lines of words, on standard input; look what it is, or convert it to a "
    "common format"
)


@pytest.mark.parametrize(
    ("data", "typed", "expected"),
    [
        (b"", "-", "nothing on standard input, for '-'; pipe a picture or lines of words in"),
        (b"\n \n", "-", "only empty lines on standard input, for '-'; pipe words in"),
        (
            b"dog\0cat", "-",
            NEITHER,
        ),
        (b"\n<!DOCTYPE html>\n<title>404", "-", NEITHER),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "-", NEITHER),
        (
            b"x\n" * 1001, "-",
            ("more than 1,000 lines on standard input, for '-'; "
            "have each answered by itself with --queries -"),
        ),
        (b"dog\n\xff\xfe", "-", "words that are no valid UTF-8, '\\udcff\\udcfe'; check the term"),
        (b"0:dog", "-", "a weight of zero says nothing, in '0:dog'; leave the term out"),
        (b"dog", "0:-", "a weight of zero says nothing, in '0:-'; leave the term out"),
    ],
    ids=[
        "empty", "blank", "binary", "a page", "SVG", "too many", "invalid", "a weight in it",
        "its weight",
    ],
)  # fmt: skip
def test_standard_input_that_is_no_term(data: bytes, typed: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse([typed], stdin=Stdin(data))
    assert str(caught.value) == expected


def test_standard_input_is_there_once() -> None:
    with pytest.raises(UsageError, match=r"^standard input is there only once, "):
        parse(["-"], ["-"], stdin=Stdin(b"dog"))


def test_a_picture_on_standard_input_that_nothing_here_opens() -> None:
    with pytest.raises(UsageError) as caught:
        embed(parse(["-"], stdin=Stdin(b"%!PS-Adobe-3.0\nshowpage")), FakeEncoder(), 1000)
    assert str(caught.value) == (
        "the query picture cannot be used (unsupported image: PostScript), at '-'; choose another"
    )


def test_text_on_standard_input_that_was_to_be_a_picture() -> None:
    with pytest.raises(UsageError) as caught:
        embed(parse(["image:-"], stdin=Stdin(b"dog")), FakeEncoder(), 1000)
    assert str(caught.value) == (
        "the query picture cannot be used (not an image), at '-'; choose another"
    )


@pytest.fixture
def flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand where flag.png is: its left half red, its right half blue."""
    image = Image.new("RGB", (40, 20), RED)
    image.paste(BLUE, (20, 0, 40, 20))
    image.save(tmp_path / "flag.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("flag")
@pytest.mark.parametrize(
    ("crop", "expected"),
    [("0,0,20,20", RED), ("20,5,20,10", BLUE), ("50%,0%,50%,100%", BLUE)],
)
def test_a_part_of_the_picture(crop: str, expected: tuple[int, int, int]) -> None:
    for term in ("flag.png", "image:flag.png", "2:flag.png"):
        vector = embed(parse([term], crop=crop), FakeEncoder(), 1000)
        assert vector == pytest.approx(np.array(expected) / 255)
    # What it should be unlike stays whole.
    (query, minus) = parse(["flag.png"], ["flag.png"], crop=crop)
    assert (query.crop is not None, minus.crop) == (True, None)


@pytest.mark.usefixtures("flag")
@pytest.mark.parametrize(
    ("terms", "crop", "expected"),
    [
        (
            ["flag.png"], "1,2,3",
            ("no part of a picture (not four numbers), in --crop '1,2,3'; write X,Y,W,H in pixels, "
            "or each in percent: 10%,10%,50%,50%"),
        ),
        (
            ["dog"], "1,2,3,4",
            ("--crop is of one picture, and the query has none; name one, and others with --minus "
            "or in a query of their own"),
        ),
        (
            ["flag.png", "./flag.png", "dog"], "1,2,3,4",
            ("--crop is of one picture, and the query has 2; name one, and others with --minus "
            "or in a query of their own"),
        ),
        (
            ["flag.png"], "30,0,11,20",
            ("the part 30,0,11,20 reaches beyond the picture of 40 x 20 pixels, at 'flag.png'; "
            "choose one inside it"),
        ),
    ],
    ids=["no part", "no picture", "two pictures", "beyond"],
)  # fmt: skip
def test_a_part_that_is_none(terms: list[str], crop: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        embed(parse(terms, crop=crop), FakeEncoder(), 1000)
    assert str(caught.value) == expected


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("red.png", ("red.png", 1)),
        ("2:red.png", ("red.png", 2)),
        ("2:odd.png", ("2:odd.png", 1)),
        ("0.5:2:odd.png", ("2:odd.png", 0.5)),
        ("gone/away.png", ("gone/away.png", 1)),
        ("text:dog", ("text:dog", 1)),
    ],
)
def test_a_picture_in_the_index(typed: str, expected: tuple[str, float]) -> None:
    text, weight = expected
    assert parse(["cat"], like=[typed]) == [Term("cat", "words", 1), Term(text, "indexed", weight)]


@pytest.mark.parametrize("typed", ["", "0:x.png"])
def test_a_picture_in_the_index_that_is_none(typed: str) -> None:
    with pytest.raises(UsageError):
        parse([], like=[typed])


@pytest.mark.usefixtures("here")
def test_many_queries_are_embedded_as_each_alone() -> None:
    class Calls(FakeEncoder):
        calls = 0

        def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
            self.calls += 1
            return super().encode_texts(texts)

    asked = [
        parse(["red"]), parse(["green.png", "red"]), parse(["note"], ["red.png"]),
        parse([], like=["a"]), parse(["green.png"]), parse(["3:red", "4:green"]),
    ] + 9 * [parse(["red.png", "green.png", "blue"])]  # fmt: skip
    indexed = {"a": (np.array([0.6, 0, 0.8], np.float32), False)}
    encoder = Calls()
    together = embed_each(asked, encoder, 1000, indexed.__getitem__)
    assert (encoder.calls, encoder.texts, encoder.pictures) == (1, 4, 21)
    for terms, found in zip(asked, together, strict=True):
        assert not isinstance(found, UsageError)
        assert np.array_equal(found.vector, embed(terms, FakeEncoder(), 1000, indexed.__getitem__))


def test_what_one_query_cannot_be_embedded_for_is_its_own(here: Path) -> None:
    (here / "bad.png").write_text("no picture")

    def indexed(path: str) -> tuple[NDArray[np.float32], bool]:
        raise UsageError(f"no {path}")

    asked = [
        parse(["red.png"]), parse(["bad.png", "red.png"]), parse(["red"], ["red"]),
        parse(["red"], like=["a"]), parse(["red.png", "bad.png"]), parse(["green.png"]),
    ]  # fmt: skip
    (here / "red.png").unlink()  # after it was found to be there
    found = embed_each(asked, FakeEncoder(), 1000, indexed)
    gone = "the query picture cannot be used (unreadable: No such file or directory), at 'red.png'"
    assert [str(one).partition(";")[0] for one in found[:5]] == [
        gone, "the query picture cannot be used (not an image), at 'bad.png'",
        "the terms cancel each other out", "no a", gone,
    ]  # fmt: skip
    assert found[5].vector.tolist() == [0, 1, 0]  # type: ignore[union-attr]  # or it fails


@pytest.mark.parametrize("minus", [[], [1.0], [0.5, 2.0]], ids=str)
def test_a_cosine_times_the_length_is_the_mean_of_the_terms_less_what_was_taken(
    minus: list[float],
) -> None:
    random = np.random.default_rng(3)
    for _ in range(100):
        vectors = random.normal(size=(3 + len(minus), 5))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        wanted = [1.0, 2.0, 0.3]
        other = random.normal(size=5)
        plain = np.average(vectors[:3], axis=0, weights=wanted)
        for weight, vector in zip(minus, vectors[3:], strict=True):
            plain = plain - MINUS_SHARE * weight * max(0, plain @ vector) * vector
        given = combined(vectors.astype(np.float32), [*wanted, *(-weight for weight in minus)])
        assert given.length * (given.vector @ other) == pytest.approx(plain @ other, abs=1e-5)
    assert combined(np.eye(3, dtype=np.float32)[:1], [7.0]).length == 1


def test_pictures_in_the_index_need_no_encoder() -> None:
    vector = np.array([0, 0.6, 0.8], np.float32)
    found = embed(parse([], like=["a"]), None, 1000, lambda _: (vector, False))
    assert found == pytest.approx(vector)
    with pytest.raises(ValueError, match="no encoder"):
        embed(parse(["red"]), None, 1000)


def test_decoders_end_whatever_happens(here: Path) -> None:
    class Failing(FakeEncoder):
        def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            raise ModelError("it broke")

    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text() if children.exists() else ""
    with pytest.raises(ModelError):
        embed(parse(["red.png", "green.png", "red.png"]), Failing(), 1000)
    assert (children.read_text() if children.exists() else "") == before


def test_a_fifo_named_by_a_path_is_what_comes_through_it(here: Path) -> None:
    os.mkfifo(here / "pipe")
    assert parse(["pipe"]) == [Term("pipe", "words", 1)]
    terms = parse(["./pipe", "2:./pipe", "image:pipe"], ["./pipe"])
    assert [(term.kind, term.weight) for term in terms] == [
        ("picture", 1), ("picture", 2), ("picture", 1), ("picture", -1),
    ]  # fmt: skip
    writer = threading.Thread(
        target=(here / "pipe").write_bytes, args=((here / "green.png").read_bytes(),)
    )
    writer.start()
    assert embed(terms[:1], FakeEncoder(), 10_000) == pytest.approx([0, 1, 0], abs=1e-6)
    writer.join()


@pytest.mark.parametrize(
    ("term", "what"),
    [
        ("./folder.png", "folder"), ("2:./folder.png", "folder"), ("image:folder.png", "folder"),
        ("./", "folder"), ("/dev/zero", "character device"), ("./socket", "socket"),
        ("image:/dev/zero", "character device"),
    ],
)  # fmt: skip
def test_what_is_named_by_a_path_and_no_file_is_refused(here: Path, term: str, what: str) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("socket")
        with pytest.raises(UsageError, match=f"a {what} and no picture, named") as caught:
            parse([term])
    assert "\n" not in str(caught.value)
    assert parse(["text:" + term])[0].kind == "words"


def test_the_largest_weights_together_give_a_direction(
    here: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """No sum of them leaves what numbers hold, which numpy would say on stderr."""
    most = f"{MOST_WEIGHT}:"
    terms = parse([most + "red", most + "green", most + "blue"], [most + "red.png"])
    assert np.isfinite(embed(terms, FakeEncoder(), 10_000)).all()
    assert not recwarn.list
    for weight in (str(MOST_WEIGHT + 1), "1" + "0" * 308):
        with pytest.raises(UsageError, match="a weight beyond 1,000,000, in "):
            parse([f"{weight}:red"])
        with pytest.raises(UsageError, match="a weight beyond 1,000,000, in "):
            parse((), like=[f"{weight}:no.png"])
