"""The line: what it asks for."""

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
    pytest.param("- snow", ["- snow"], [], id="sign at the beginning"),
    pytest.param("a\t-\tb", ["a"], ["b"], id="tabs"),
]


@pytest.mark.parametrize(("line", "terms", "minus"), LINES)
def test_terms_of(line: str, terms: list[str], minus: list[str]) -> None:
    assert terms_of(line) == (terms, minus)


@pytest.mark.parametrize(
    ("terms", "minus"),
    [([], []), (["a dog"], []), (["2:a", "b c"], ["d"]), (["a"], ["b", "c"])],
    ids=str,
)
def test_what_was_asked_for_on_the_command_line_is_a_line(
    terms: list[str], minus: list[str]
) -> None:
    assert terms_of(line_of(terms, minus)) == (terms, minus)
