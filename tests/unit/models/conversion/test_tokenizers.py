"""Token ids of our tokenizers against open_clip's own, on strings made to tell them apart."""

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

STRINGS = hard_strings(2000)
Make = Callable[[Path], Any]


def ours(theirs: Any, **changed: Any) -> Tokenizer:
    content, fields = to_tokenizer_json(theirs)
    return Tokenizer(content, replace(TextInput.from_card(fields), **changed), Path("here"))


def require_same(theirs: Any, strings: list[str]) -> None:
    wanted = theirs(strings).tolist()
    found = ours(theirs, padding="context")(strings)[0].tolist()
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
            id="MetaCLIP 2",
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


def test_texts_come_without_padding_unless_the_model_reads_it() -> None:
    ids, mask = ours(open_clip.get_tokenizer("ViT-B-32"))(["a dog", "two dogs on a beach"])
    assert ids.shape == (2, 7)
    assert mask.tolist() == [[1, 1, 1, 1, 0, 0, 0], [1] * 7]
    assert ids[0, 4:].tolist() == [0, 0, 0]


def test_no_text_at_all_is_no_row() -> None:
    assert ours(SimpleTokenizer())([])[0].shape == (0, 0)


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        pytest.param(lambda: SimpleTokenizer(reduction_mask="random"), "at random", id="random"),
    ],
)
def test_what_cannot_be_written_down_is_refused(theirs: Callable[[], Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        to_tokenizer_json(theirs())


def test_padding_on_the_left_is_refused(tmp_path: Path) -> None:
    theirs = HFTokenizer(str(made_tokenizers.gemma(tmp_path / "tokenizer")))
    theirs.tokenizer.padding_side = "left"
    with pytest.raises(ModelError, match="on the left"):
        to_tokenizer_json(theirs)


def test_a_tokenizer_in_python_only_is_refused(tmp_path: Path) -> None:
    theirs = HFTokenizer(str(made_tokenizers.gemma(tmp_path / "tokenizer")))
    theirs.tokenizer = object()
    with pytest.raises(ModelError, match="in Python only"):
        to_tokenizer_json(theirs)
