"""What is said of what became of the matches."""

from pathlib import Path

import pytest

from vsearch.files.place import Placed
from vsearch.output.delivery import DeliveryOutput, title_of
from vsearch.searching.query import Term

DONE = [
    Placed("/a/1.jpg", "/out/1.jpg", new=True),
    Placed("/a/2.jpg", "/out/2.jpg"),
    Placed("/a/\x1b.jpg", None, fault="Permission denied"),
]


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (DONE[:1], "1 picture copied to out\n"),
        (DONE[1:2], "0 pictures copied to out, 1 there already\n"),
        (
            DONE,
            (
                "not copied: /a/\\x1b.jpg: Permission denied\n"
                "1 picture copied to out, 1 there already, 1 not\n"
            ),
        ),
    ],
    ids=["one", "known", "all"],
)
def test_copies_are_counted(
    done: list[Placed], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with DeliveryOutput() as output:
        faults = output.placed(done, Path("out"), "copy", len(done))
    assert faults == len([one for one in done if one.fault])
    assert capsys.readouterr() == ("", expected)


def test_who_is_quiet_hears_of_faults_only(capsys: pytest.CaptureFixture[str]) -> None:
    with DeliveryOutput(quiet=True) as output:
        output.placed(DONE, Path("out"), "link", 3)
        output.written(Path("page.html"), 3)
    assert capsys.readouterr() == ("", "not linked: /a/\\x1b.jpg: Permission denied\n")


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([Term("a dog", "words", 1.0)], "a dog"),
        ([Term("/photos/a.jpg", "picture", 1.0)], "a.jpg"),
        ([Term("https://me:secret@h.example/a", "url", 2.0)], "2:https://h.example/a"),
        (
            [Term("dog", "words", 2.0), Term("cat", "words", 1.0), Term("snow", "words", -1.0)],
            "2:dog + cat − snow",
        ),
        ([Term("snow", "words", -0.5)], "− 0.5:snow"),
    ],
)
def test_a_query_is_a_title(terms: list[Term], expected: str) -> None:
    assert title_of(terms) == expected
