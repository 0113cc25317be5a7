"""Cleaning words as open_clip does, without importing what is not needed."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_clip.tokenizer import get_clean_fn
from strings import hard_strings

from vsearch.models.tokenizer import clean

KINDS = ["lower", "whitespace", "canonicalize"]
PRINTABLE = "".join(chr(code) for code in range(32, 127))


@pytest.mark.parametrize("kind", KINDS)
def test_hard_strings_are_cleaned_as_open_clip_does(kind: str) -> None:
    theirs = get_clean_fn(kind)
    for text in hard_strings(2000, seed=1):
        assert clean(text, kind) == theirs(text), text[:100]


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(PRINTABLE))
def test_printable_ascii_is_cleaned_as_open_clip_does(kind: str, text: str) -> None:
    assert clean(text, kind) == get_clean_fn(kind)(text)


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_cleaned_as_open_clip_does(kind: str, text: str) -> None:
    assert clean(text, kind) == get_clean_fn(kind)(text)


def test_none_leaves_a_text_as_it_is() -> None:
    assert clean("  A &amp;  B ", "none") == "  A &amp;  B "


def test_plain_words_need_no_ftfy() -> None:
    script = (
        "import sys; from vsearch.models.tokenizer import clean;"
        "clean('A red car, 2 dogs', 'lower');"
        "print('ftfy' in sys.modules); clean('caf\\xe9', 'lower'); print('ftfy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


def test_half_a_surrogate_pair_is_no_text_and_becomes_the_replacement_character() -> None:
    assert clean("caf\udce9 \ud83d\udc15 \ud83d", "none") == "caf\ufffd \U0001f415 \ufffd"
