"""`terminal`: names made safe to show, and numbers made easy to read."""

import io
import os
import unicodedata

import pytest

from vsearch.output.terminal import console, count_of, is_terminal, printable, say, shown_path, size

WRITTEN_OUT = {
    "newline": ("a\nb", r"a\nb"),
    "carriage return": ("a\rb", r"a\rb"),
    "tab": ("a\tb", r"a\tb"),
    "NUL": ("a\0b", r"a\x00b"),
    "bell": ("\a", r"\x07"),
    "escape sequence": ("\x1b[31mred", r"\x1b[31mred"),
    "DEL": ("\x7f", r"\x7f"),
    "C1, the escape sequence in one byte": ("\x9b31m", r"\x9b31m"),
    "NEL": ("\x85", r"\x85"),
    "a byte that is no UTF-8": (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
    "a lone high surrogate": ("\ud83d", r"\ud83d"),
    "right-to-left override": ("photo\u202egpj.exe", r"photo\u202egpj.exe"),
    "direction isolates": ("\u2066a\u2069", r"\u2066a\u2069"),
    "direction marks": ("\u200e\u200f\u061c", r"\u200e\u200f\u061c"),
    "soft hyphen": ("a\u00adb", r"a\xadb"),
    "tags": ("a\U000e0041", r"a\U000e0041"),
    "zero-width space": ("a\u200bb", r"a\u200bb"),
    "line and paragraph separators": ("\u2028\u2029", r"\u2028\u2029"),
    "byte order mark": ("\ufeffa", r"\ufeffa"),
}
AS_IT_IS = {
    "plain": "IMG_0001 (2).jpg",
    "accents": "Grüße à Œuvre",
    "decomposed accents": "e\u0301",
    "other scripts": "写真 фото صورة תמונה ภาพ",
    "emoji": "🎉🏖️👍🏽",
    "a flag": "🇨🇭",
    "no-break space": "a\u00a0b",
    "backslash": r"C:\new\table",
    "markup": "[bold]x[/bold] :smile:",
    "nothing": "",
}


@pytest.mark.parametrize(("text", "expected"), WRITTEN_OUT.values(), ids=WRITTEN_OUT.keys())
def test_what_a_terminal_would_obey_is_written_out(text: str, expected: str) -> None:
    assert printable(text) == expected


@pytest.mark.parametrize("text", AS_IT_IS.values(), ids=AS_IT_IS.keys())
def test_what_a_terminal_shows_is_left_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_no_control_and_no_surrogate_of_all_unicode_gets_through() -> None:
    for code in range(0x110000):
        character = chr(code)
        if character in "\u200c\u200d":  # joiners
            assert printable(character) == character
        elif unicodedata.category(character) in (
            "Cc",
            "Cf",
            "Cs",
            "Zl",
            "Zp",
        ) or unicodedata.bidirectional(character) in (
            "LRE",
            "RLE",
            "PDF",
            "LRO",
            "RLO",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        ):
            assert printable(character).isascii(), hex(code)
            assert printable(character).isprintable(), hex(code)
        elif unicodedata.category(character)[0] in "LMNS":
            assert printable(character) == character, hex(code)


class Stream(io.StringIO):
    def __init__(self, tty: bool) -> None:
        super().__init__()
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


@pytest.mark.parametrize(
    ("tty", "term", "expected"),
    [
        (True, "xterm-256color", True),
        (True, None, False),
        (True, "", False),
        (True, "dumb", False),
        (False, "xterm-256color", False),
    ],
)
def test_a_terminal_is_one_that_understands_more_than_lines(
    monkeypatch: pytest.MonkeyPatch, tty: bool, term: str | None, expected: bool
) -> None:
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    assert is_terminal(Stream(tty)) is expected


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("[bold]a[/bold] :smile: 12", soft_wrap=True)
    assert capsys.readouterr().out == "[bold]a[/bold] :smile: 12\n"


def test_messages_go_to_stderr_and_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("skipped: \x1b[2Jphoto\n.png: 🎉")
    assert capsys.readouterr() == ("", "skipped: \\x1b[2Jphoto\\n.png: 🎉\n")


@pytest.mark.parametrize(
    ("path", "here", "expected"),
    [
        ("/a/b/c.png", "/a", "b/c.png"),
        ("/a/b/c.png", "/a/b", "c.png"),
        ("/a/b/c.png", "/a/bb", "/a/b/c.png"),
        ("/a/bb/c.png", "/a/b", "/a/bb/c.png"),
        ("/a/c.png", "/", "a/c.png"),
        ("/a", "/a", "/a"),
        ("/ä\n/c.png", "/ä\n", "c.png"),
    ],
)
def test_a_path_is_shown_as_one_would_type_it(path: str, here: str, expected: str) -> None:
    assert shown_path(path, here) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 bytes"), (7, "7 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (9_940, "9.9 kB"),
        (12_345, "12 kB"), (154_000_000, "154 MB"), (2_500_000_000, "2.5 GB"),
        (7_000_000_000_000, "7.0 TB"), (12_345_000_000_000_000, "12345.0 TB"),
    ],
)  # fmt: skip
def test_sizes(count: int, expected: str) -> None:
    assert size(count) == expected


@pytest.mark.parametrize(
    ("number", "nouns", "expected"),
    [
        (0, ("picture",), "0 pictures"),
        (1, ("picture",), "1 picture"),
        (2, ("picture",), "2 pictures"),
        (12_345, ("picture",), "12,345 pictures"),
        (1, ("copy", "copies"), "1 copy"),
        (2, ("copy", "copies"), "2 copies"),
    ],
)
def test_counts(number: int, nouns: tuple[str, ...], expected: str) -> None:
    assert count_of(number, *nouns) == expected
