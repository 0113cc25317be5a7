"""The line: what it asks for."""

import itertools

import pytest

from vsearch.browser.prompt import line_of, terms_of

LINES = [
    pytest.param("", [], [], id="nothing"),
    pytest.param("   ", [], [], id="blanks"),
    pytest.param("a dog", ["a dog"], [], id="words"),
    pytest.param("  a dog ", ["a dog"], [], id="blanks around"),
    pytest.param("castle + by the sea", ["castle", "by the sea"], [], id="two"),
    pytest.param("castle - snow", ["castle"], ["snow"], id="unlike"),
    pytest.param("2:a + b - c + d - 3:e", ["2:a", "b", "d"], ["c", "3:e"], id="all"),
    pytest.param("black-and-white", ["black-and-white"], [], id="hyphens"),
    pytest.param("c++ -x +y", ["c++ -x +y"], [], id="signs without spaces"),
    pytest.param("castle -", ["castle"], [], id="sign at the end"),
    pytest.param("castle - ", ["castle"], [], id="unfinished"),
    pytest.param("castle + - ", ["castle"], [], id="unfinished twice"),
    pytest.param("- snow", [], ["snow"], id="sign at the beginning"),
    pytest.param("+ snow", ["snow"], [], id="needless sign"),
    pytest.param("-", ["-"], [], id="nothing but a sign"),
    pytest.param("a\t-\tb", ["a"], ["b"], id="tabs"),
    pytest.param('"a - b" - "c + d" + e', ["a - b", "e"], ["c + d"], id="quoted"),
    pytest.param(r'"\" \\ \n \u00e9 \udcff"', ['" \\ \n \u00e9 \udcff'], [], id="escapes of JSON"),
    pytest.param(r'"C:\pictures - b"', [r"C:\pictures - b"], [], id="escapes JSON does not have"),
    pytest.param('"2023 - Holi', ["2023 - Holi"], [], id="closing quote not typed yet"),
    pytest.param('"', ['"'], [], id="nothing but a quote"),
    pytest.param('a "b" - c "d"', ['a "b"'], ['c "d"'], id="quotes within"),
    pytest.param('"a" b - c', ['"a" b'], ["c"], id="quotes around a part"),
    pytest.param('""', [""], [], id="nothing, quoted"),
]


@pytest.mark.parametrize(("line", "terms", "minus"), LINES)
def test_terms_of(line: str, terms: list[str], minus: list[str]) -> None:
    assert terms_of(line) == (terms, minus)


@pytest.mark.parametrize(
    ("terms", "minus", "line"),
    [
        pytest.param([], [], "", id="nothing"),
        pytest.param(["a dog"], [], "a dog", id="words"),
        pytest.param(["2:a", "b c"], ["d", "e"], "2:a + b c - d - e", id="all"),
        pytest.param([], ["a"], "- a", id="unlike only"),
        pytest.param(["a - b"], ["c + d"], '"a - b" - "c + d"', id="signs"),
        pytest.param(["black-and-white"], ["c++"], "black-and-white - c++", id="no signs"),
        pytest.param(['a "b"'], ['"c"'], r'a "b" - "\"c\""', id="quotes"),
        pytest.param([" a.png", ""], [], '" a.png" + ""', id="blanks and nothing"),
        pytest.param(["new\nline.png"], [], r'"new\nline.png"', id="newline"),
        pytest.param(["a\x1b\x7f\x85.png"], [], r'"a\u001b\u007f\u0085.png"', id="control"),
        pytest.param(["bad\udcff.png"], [], r'"bad\udcff.png"', id="no UTF-8"),
        pytest.param(["\u202egnp.exe"], [], r'"\u202egnp.exe"', id="direction"),
        pytest.param(["é - 日本"], [], '"é - 日本"', id="what is to be seen stays"),
    ],
)
def test_what_was_asked_for_on_the_command_line_is_a_line(
    terms: list[str], minus: list[str], line: str
) -> None:
    assert line_of(terms, minus) == line
    assert terms_of(line) == (terms, minus)


def test_no_term_becomes_another_in_a_line() -> None:
    for length in range(5):
        for characters in itertools.product('a-+"\\ \n', repeat=length):
            term = "".join(characters)
            for terms, minus in (([term], []), ([], [term]), (["x", term], [term, "y"])):
                assert terms_of(line_of(terms, minus)) == (terms, minus)
            asked, unlike = terms_of(term)
            assert bool(asked or unlike) == bool(term.strip())
