"""What is typed -> a condition, or one line that says what is wrong with it."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from made_indexes import entry, make_index

from vsearch.conditions import AllOf, AnyOf, Below, Compared, Matching, Named, Not
from vsearch.errors import UsageError
from vsearch.index import Index
from vsearch.searching.filters import Filters, day, expression

TODAY = date(2024, 3, 31)  # a Sunday
WIDE = Compared("width", ">", Named("height"))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2023", "2023"),
        (" 2023-05 ", "2023-05"),
        ("2023-05-04", "2023-05-04"),
        ("2023-05-04 12:30", "2023-05-04T12:30"),
        ("2023-05-04t12:30:59", "2023-05-04T12:30:59"),
        ("today", "2024-03-31"),
        ("Yesterday", "2024-03-30"),
        ("this week", "2024-03-25"),
        ("last week", "2024-03-18"),
        ("this  month", "2024-03-01"),
        ("last month", "2024-02-01"),
        ("this year", "2024-01-01"),
        ("last year", "2023-01-01"),
        ("1 day ago", "2024-03-30"),
        ("2 weeks ago", "2024-03-17"),
        ("1 month ago", "2024-02-29"),
        ("13 months ago", "2023-02-28"),
        ("3 years ago", "2021-03-31"),
    ],
)
def test_a_day(typed: str, expected: str) -> None:
    assert day(typed, TODAY) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", "no date that is understood, ''"),
        ("next month", "no date that is understood, 'next month'"),
        ("9999 years ago", "no date that is understood, '9999 years ago'"),
        ("05/04/2023", "no date that is understood, '05/04/2023'"),
        ("2023-02-30", "no such day, '2023-02-30'"),
        ("２０２３", "no date that is understood, '２０２３'"),  # would be compared as text
        ("٣ days ago", "no date that is understood, '٣ days ago'"),
        ("2023-13", "no such day, '2023-13'"),
        ("2023-01-01 24:00", "no such time of day, '2023-01-01 24:00'"),
    ],
)
def test_no_day(typed: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        day(typed, TODAY)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("width > height", WIDE),
        ("4000 <= width", Compared("width", ">=", 4000)),
        ("1000 < width <= 2e3", AllOf((
            Compared("width", ">", 1000), Compared("width", "<=", 2000.0),
        ))),
        ("'canon' in camera", Compared("camera", "contains", "canon")),
        ("'x' not in path", Not(Compared("path", "contains", "x"))),
        ("type in ('jpg', \"PNG\")", AnyOf((
            Compared("type", "==", "jpeg"), Compared("type", "==", "png"),
        ))),
        ("bytes in [1]", AnyOf((Compared("bytes", "==", 1),))),
        ("width > -1", Compared("width", ">", -1)),
        ("+1.5 < width", Compared("width", ">", 1.5)),
        ("width in (-1, 2)", AnyOf((
            Compared("width", "==", -1), Compared("width", "==", 2),
        ))),
        ("width > 1or height > 2", AnyOf((
            Compared("width", ">", 1), Compared("height", ">", 2),
        ))),
        ("'\\d' in name", Compared("name", "contains", "\\d")),
        ("name == 'caf\udce9'", Compared("name", "==", "caf\udce9")),  # the byte itself
        ("path != 'caf\\udce9'", Compared("path", "!=", "caf\udce9")),
        ("date == '2023-05'", Compared("date", "==", "2023-05")),
        ("'2023' < date", Compared("date", ">", "2023")),
        ("date >= 'last month'", Compared("date", ">=", "2024-02-01")),
        ("date == 'last month'", AllOf((
            Compared("date", ">=", "2024-02-01"), Compared("date", "<", "2024-03-01"),
        ))),
        ("'this year' != date", AnyOf((
            Compared("date", "<", "2024-01-01"), Compared("date", ">=", "2025-01-01"),
        ))),
        ("date <= 'This  Week'", Compared("date", "<", "2024-04-01")),
        ("date > 'last year'", Compared("date", ">=", "2024-01-01")),
        ("date in ('yesterday', '2021')", AnyOf((
            Compared("date", "==", "2024-03-30"), Compared("date", "==", "2021"),
        ))),
        ("not (width > height) and name == 'a' or pixels != 5", AnyOf((
            AllOf((Not(WIDE), Compared("name", "==", "a"))), Compared("pixels", "!=", 5),
        ))),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")  # they would be Python's own words on stderr
def test_an_expression(typed: str, expected: object) -> None:
    assert expression(typed, TODAY) == expected


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "invalid syntax"),
        ("width", "it compares nothing"),
        ("width = 3", "write == for equal"),
        ("size > 3", "there is no 'size', but width, height"),
        ("width > '3'", "width is a number"),
        ("camera == 3", "camera is a text"),
        ("camera < 'a'", "camera is equal or not, or contains a text"),
        ("width == camera", "width and camera cannot be compared"),
        ("'a' in width", "width contains no 'a'"),
        ("type in ('jpg')", "what a field is in is a list, with a comma in it"),
        ("width is 3", "'is' compares no values; write =="),
        ("3 == 3", "one side of each comparison is a field"),
        ("width == True", "a value is a number or a text in quotes"),
        ("width == 1e999", "a number is too large"),
        ("width == 9**9", "a value is a number or a text in quotes"),
        ("__import__('os').system('x') == 1", "one side of each comparison is a field"),
        ("(lambda: 1)()", "it compares nothing"),
        ("not " * 60 + "width > 3", "it is nested too deeply"),
        ("(" * 5000 + "width > 3" + ")" * 5000, ""),
        ("width > \0", ""),
        ("width > 99999999999999999999", "a number is too large"),
        ("width > -1e300", "a number is too large"),
        ("width > " + "9" * 5000, "a number is too large"),
        ("width > - -1", "a value is a number or a text in quotes"),
        ("camera == -'a'", "a text has no sign"),
        ("name == '\\ud800'", "'\\ud800' is no valid text for name"),
        ("'\\ud800' in path", "'\\ud800' is no valid text for path"),
        ("label == '\udcff'", "'\\udcff' is no valid text for label"),
        ("'\udcff' not in camera", "'\\udcff' is no valid text for camera"),
        ("camera in ('a', '\\ud800')", "'\\ud800' is no valid text for camera"),
    ],
    ids=range(30),
)
def test_an_expression_that_is_refused(typed: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        expression(typed, TODAY)
    assert str(caught.value).startswith(f"--where is not understood ({why}")
    assert len(str(caught.value)) < 500


def test_no_date_of_an_expression_is_told_in_its_own_words() -> None:
    with pytest.raises(UsageError, match="no date that is understood, 'soon'"):
        expression("date > 'soon'", TODAY)


def test_nothing_asked_for_is_no_condition() -> None:
    assert Filters().condition() is None


def test_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    here = os.path.realpath(tmp_path)
    found = Filters(
        folders=["link", "/other/"],
        globs=["*.jpg", "sub/*.png", "/abs/*"],
        after="last month",
        before="2024-03-05",
        cameras=["Canon"],
        types=["JPG", ".webp"],
        min_size="300x200",
        orientation="portrait",
        where="bytes > 5",
    ).condition(TODAY)
    assert found == AllOf((
        AnyOf((Below(f"{here}/real"), Below("/other"))),
        AnyOf((
            Matching("name", "*.jpg"), Matching("path", f"{tmp_path}/sub/*.png"),
            Matching("path", "/abs/*"),
        )),
        Compared("date", ">=", "2024-02-01"),
        Compared("date", "<", "2024-03-05"),
        Compared("camera", "contains", "Canon"),
        AnyOf((Compared("type", "==", "jpeg"), Compared("type", "==", "webp"))),
        Compared("width", ">=", 300),
        Compared("height", ">=", 200),
        Compared("width", "<", Named("height")),
        Compared("bytes", ">", 5),
    ))  # fmt: skip
    assert Filters(min_size="2000").condition() == AllOf(
        (Compared("width", ">=", 2000), Compared("height", ">=", 2000))
    )


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(folders=[""]), "an empty name for a folder"),
        (Filters(globs=[""]), "an empty name for a pattern"),
        (Filters(globs=["{a,b,c,d}" * 6]), "more than 1,000 patterns, in '{a,b,c,d}{a,"),
        (Filters(cameras=[""]), "an empty name for a camera"),
        (Filters(types=[""]), "an empty name for a type"),
        (Filters(types=["jpge"]), "no such type of picture, 'jpge'; did you mean 'jpeg'?"),
        (Filters(types=[".NEF"]), "no such type of picture, '.NEF'; did you mean 'raw'?"),
        (Filters(types=["foo"]), "no such type of picture, 'foo'; there are avif, blp, bmp, "),
        (
            Filters(where="type in ('jpeg', 'pgn')"),
            "no such type of picture, 'pgn'; did you mean 'png'?",
        ),
        (Filters(labels=["\udcff"]), "a label that is no valid UTF-8, '\\udcff'; check it"),
        (Filters(cameras=["\udcff"]), "a camera that is no valid UTF-8, '\\udcff'; check it"),
        (Filters(min_size="big"), "no size in pixels, 'big'"),
        (Filters(min_size="-3"), "no size in pixels, '-3'"),
        (Filters(min_size="２０"), "no size in pixels, '２０'"),
        (Filters(min_size="9" * 30), "no size in pixels, '999"),
    ],
)
def test_what_is_refused(filters: Filters, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        filters.condition()
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("*.{jpg,png}", ["*.jpg", "*.png", "*.{jpg,png}"]),
        (
            "{a,b{1,2}}*.{jpg,}",
            ["a*.jpg", "b1*.jpg", "b2*.jpg", "a*.", "b1*.", "b2*.", "{a,b{1,2}}*.{jpg,}"],
        ),
        ("{x}.jpg", ["{x}.jpg"]),
        ("}a,b{", ["}a,b{"]),
        ("caf\u00e9*", ["caf\u00e9*"]),
        ("**/a", ["/here/a", "/here/*/a"]),
        ("x/**/**/y*", ["/here/x/y*", "/here/x/*/y*"]),
        ("x/**", ["/here/x/**"]),
        ("**a", ["**a"]),
        ("../up/*", ["/up/*"]),
        ("/abs/./x/../*", ["/abs/*"]),
        ("/", ["/"]),
        ("~/a*/b", ["/home/[[]me]/a*/b"]),
        ("~", ["~"]),
        ("~nobody-of-that-name/x", ["/here/~nobody-of-that-name/x"]),
        ("\udcff*", ["\udcff*"]),
    ],
)
def test_patterns(monkeypatch: pytest.MonkeyPatch, typed: str, expected: list[str]) -> None:
    monkeypatch.setenv("HOME", "/home/[me]")
    monkeypatch.setattr(os, "getcwd", lambda: "/here")
    found = Filters(globs=[typed]).condition()
    parts = found.conditions if isinstance(found, AnyOf) else (found,)
    assert sorted(expected) == sorted(one.pattern for one in parts if isinstance(one, Matching))


def test_folders_of_a_pattern_are_those_that_links_lead_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "disk" / "a[b]").mkdir(parents=True)
    (tmp_path / "disk" / "a[b]" / "x.jpg").symlink_to("elsewhere.jpg")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "Pictures").symlink_to(tmp_path / "disk" / "a[b]")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "home")
    real = os.path.realpath(tmp_path / "disk")
    expected = Matching("path", f"{real}/a[[]b]/*.jpg")
    for typed in ("~/Pictures/*.jpg", "Pictures/*.jpg", f"{tmp_path}/home/Pictures/*.jpg"):
        assert Filters(globs=[typed]).condition() == expected
    # The picture itself may be a link, and is in the index by its own name.
    file = Matching("path", f"{real}/a[[]b]/x.jpg")
    assert Filters(globs=["Pictures/x.jpg"]).condition() == file


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (Filters(globs=["[\u00e9]*"]), ["e\u0301-nfd.jpg", "\u00e9-nfc.jpg"]),
        (
            Filters(globs=["[!\u00e9]*"]),
            ["e-plain.jpg", "z.jpg", "\u00e9te\u0301/z\udcff.jpg"],
        ),
        (Filters(globs=["?-n*"]), ["e\u0301-nfd.jpg", "\u00e9-nfc.jpg"]),
        (Filters(globs=["e\u0301*"]), ["e\u0301-nfd.jpg", "\u00e9-nfc.jpg"]),
        (Filters(globs=["e*"]), ["e-plain.jpg", "e\u0301-nfd.jpg"]),
        (Filters(globs=["**/\u00e9t\u00e9/*.jpg"]), ["\u00e9te\u0301/z\udcff.jpg"]),
        (Filters(globs=["**/?t?/z?.jpg"]), ["\u00e9te\u0301/z\udcff.jpg"]),
        (Filters(where="name == '\u00e9-NFD.jpg'"), ["e\u0301-nfd.jpg"]),
        (Filters(where="'\u00e9t\u00e9/' in path"), ["\u00e9te\u0301/z\udcff.jpg"]),
        (Filters(where="'e\u0301-n' in name"), ["e\u0301-nfd.jpg", "\u00e9-nfc.jpg"]),
    ],
)
def test_letters_in_one_piece_and_in_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: Filters, expected: list[str]
) -> None:
    """As of files that were copied from a Mac."""
    names = [
        "e-plain.jpg", "e\u0301-nfd.jpg", "z.jpg", "\u00e9-nfc.jpg", "\u00e9te\u0301/z\udcff.jpg",
    ]  # fmt: skip
    index = make_index(tmp_path / "index", *(entry(str(tmp_path), name) for name in names))
    monkeypatch.chdir(tmp_path)
    with Index(index) as opened:
        assert [one.path for one in opened.entries(typed.condition())] == expected


@pytest.mark.parametrize("name", ["[2023] trip", "what?", "a*b", "[!x]", "]["])
def test_the_current_folder_of_a_pattern_means_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    condition = Filters(globs=["sub/[ab]*"]).condition()
    paths = [f"{folder}/sub/a.png", f"{folder}/sub/c.png", f"{tmp_path}/2 trip/sub/a.png"]
    index = make_index(tmp_path / "index", *(entry("/", path[1:]) for path in paths))
    with Index(index) as opened:
        found = [f"/{one.path}" for one in opened.entries(condition)]
    assert found == paths[:1]
