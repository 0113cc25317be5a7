"""Token ids of our tokenizers against open_clip's own, on strings made to tell them apart."""

import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_tokenizers
import open_clip
import pytest
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from strings import hard_strings

from vsearch.errors import ModelError
from vsearch.models.conversion.tokenizers import to_tokenizer_json
from vsearch.models.folder import TextInput
from vsearch.models.tokenizer import Tokenizer

STRINGS = hard_strings(500)  # benchmarks/models.py tries 2,000
Make = Callable[[Path], Any]


def ours(theirs: Any, **changed: Any) -> Tokenizer:
    content, fields = to_tokenizer_json(theirs)
    return Tokenizer(content, replace(TextInput.from_card(fields), **changed), Path("here"))


def require_same(theirs: Any, strings: list[str]) -> None:
    tokenizer = ours(theirs, padding="context")  # first: transformers remember their last call
    wanted = theirs(strings).tolist()
    found = tokenizer(strings)[0].tolist()
    for text, want, got in zip(strings, wanted, found, strict=True):
        assert got == want, text[:100]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda _: SimpleTokenizer(), id="CLIP"),
        pytest.param(lambda _: SimpleTokenizer(clean="whitespace"), id="CLIP, case kept"),
        pytest.param(lambda _: SimpleTokenizer(clean="canonicalize"), id="CLIP, canonical"),
        pytest.param(lambda _: SimpleTokenizer(context_length=5), id="CLIP, short context"),
        pytest.param(
            lambda _: SimpleTokenizer(additional_special_tokens=["<box>"]), id="CLIP, one more"
        ),
        pytest.param(
            lambda folder: HFTokenizer(
                str(made_tokenizers.gemma(folder)), context_length=64, clean="canonicalize"
            ),
            id="SigLIP 2",
        ),
        pytest.param(
            lambda folder: HFTokenizer(
                str(made_tokenizers.t5(folder)), context_length=64, clean="canonicalize"
            ),
            id="SigLIP",
        ),
        pytest.param(
            lambda folder: HFTokenizer(str(made_tokenizers.xlm_roberta(folder))), id="XLM-R"
        ),
        pytest.param(lambda folder: HFTokenizer(str(made_tokenizers.nllb(folder))), id="NLLB"),
        pytest.param(
            lambda folder: HFTokenizer(str(made_tokenizers.nllb(folder)), language="fra_Latn"),
            id="NLLB, a language named",
        ),
        pytest.param(
            lambda folder: HFTokenizer(
                str(made_tokenizers.bert(folder)), context_length=32, strip_sep_token=True
            ),
            id="CLIPA",
        ),
        pytest.param(
            lambda folder: HFTokenizer(
                str(made_tokenizers.bert(folder)), context_length=32, tokenizer_mode="clips"
            ),
            id="CLIPS",
        ),
    ],
)
def test_tokens_are_those_of_open_clip(make: Make, tmp_path: Path) -> None:
    require_same(make(tmp_path / "tokenizer"), [*STRINGS, "a <box> b", "!<box>"])


def test_a_special_token_typed_as_text_counts_where_open_clip_finds_it() -> None:
    theirs = SimpleTokenizer()
    tokenizer = ours(theirs)
    assert tokenizer(["a <end_of_text> b"])[0].tolist()[0].count(theirs.eot_token_id) == 2
    assert tokenizer(["a !<end_of_text> b"])[0].tolist()[0].count(theirs.eot_token_id) == 1


@pytest.mark.parametrize("kind", ["lower", "whitespace"])
def test_a_special_token_in_any_other_case_is_a_word_like_others(kind: str) -> None:
    choose = random.Random(1)
    strings = [
        "".join(choose.choice([letter, letter.upper()]) for letter in token)
        for token in ("<start_of_text>", "<end_of_text>")
        for _ in range(100)
    ]
    # U+FB06 is "st" to an engine that takes one character for two; ftfy would mend it, were it
    # not written as an entity. U+017F is an s.
    require_same(
        SimpleTokenizer(clean=kind),
        [*strings, "<start_OF_text>", "<end_of_TEXT>", "<&#xFB06;art_of_text>", "<ſtart_of_text>"],
    )


def test_every_character_is_of_the_class_that_open_clip_gives_it() -> None:
    characters = (chr(code) for code in range(32, 0x3000))
    require_same(
        SimpleTokenizer(),
        [
            text
            for character in characters
            if unicodedata.category(character) != "Cn"
            for text in (f"a{character}1", f"!{character}!")
        ],
    )


def test_texts_come_without_padding_unless_the_model_reads_it() -> None:
    ids, mask = ours(open_clip.get_tokenizer("ViT-B-32"))(["a dog", "two dogs on a beach"])
    assert ids.shape == (2, 7)
    assert mask.tolist() == [[1, 1, 1, 1, 0, 0, 0], [1] * 7]
    assert ids[0, 4:].tolist() == [0, 0, 0]


def test_no_text_at_all_is_no_row() -> None:
    assert ours(SimpleTokenizer())([])[0].shape == (0, 0)


def test_shortening_at_random_is_refused() -> None:
    with pytest.raises(ModelError, match="at random"):
        to_tokenizer_json(SimpleTokenizer(reduction_mask="random"))


@pytest.mark.parametrize("tokens", [["dog"], ["<>"], ["[X]"], ["<box1>", "<box2>"]], ids=str)
def test_a_special_token_that_could_be_mistaken_is_refused(tokens: list[str]) -> None:
    with pytest.raises(ModelError, match="special token that cannot be kept"):
        to_tokenizer_json(SimpleTokenizer(additional_special_tokens=tokens))


def test_words_split_otherwise_are_refused() -> None:
    theirs = SimpleTokenizer()
    theirs.pat = re.compile("[a-z]+")
    with pytest.raises(ModelError, match="unknown way"):
        to_tokenizer_json(theirs)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        pytest.param("split_special_tokens", True, "are split", id="special tokens split"),
        pytest.param("pad_token", None, "fill up", id="no padding"),
    ],
)
def test_a_setting_tokenizer_json_cannot_say_is_refused(
    setting: str, value: object, message: str, tmp_path: Path
) -> None:
    theirs = HFTokenizer(str(made_tokenizers.xlm_roberta(tmp_path / "tokenizer")))
    setattr(theirs.tokenizer, setting, value)
    with pytest.raises(ModelError, match=message):
        to_tokenizer_json(theirs)


def test_padding_on_the_left_is_kept(tmp_path: Path) -> None:
    # Gemma's own configuration; SigLIP 2's names the right.
    theirs = HFTokenizer(str(made_tokenizers.gemma(tmp_path / "tokenizer")), context_length=16)
    theirs.tokenizer.padding_side = "left"
    require_same(theirs, ["", "a dog", "two dogs on a beach", "dog " * 40])


def test_cutting_off_on_the_left_is_refused(tmp_path: Path) -> None:
    theirs = HFTokenizer(str(made_tokenizers.gemma(tmp_path / "tokenizer")))
    theirs.tokenizer.truncation_side = "left"
    with pytest.raises(ModelError, match="on the left"):
        to_tokenizer_json(theirs)


def test_a_tokenizer_in_python_only_is_refused(tmp_path: Path) -> None:
    theirs = HFTokenizer(str(made_tokenizers.gemma(tmp_path / "tokenizer")))
    theirs.tokenizer = object()
    with pytest.raises(ModelError, match="in Python only"):
        to_tokenizer_json(theirs)
