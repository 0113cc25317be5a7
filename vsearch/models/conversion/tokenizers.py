"""An open_clip tokenizer -> tokenizer.json and what model.json says beside it."""

from __future__ import annotations

import json
import re
from typing import Any

from vsearch.errors import ModelError


def to_tokenizer_json(tokenizer: Any) -> tuple[bytes, dict[str, Any]]:  # noqa: ANN401  # open_clip's
    """Return (content of tokenizer.json, text fields of model.json) of an open_clip tokenizer.

    Raises ModelError for one that cannot be written down so.
    """
    from open_clip.tokenizer import SimpleTokenizer

    if isinstance(tokenizer, SimpleTokenizer):
        return _clip_bpe(tokenizer)
    return _hugging_face(tokenizer)


# CLIP's own byte pair encoding -------------------------------------------------------------------

_CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
_CLASSES = (r"[\p{L}]+", r"[\p{N}]", r"[^\s\p{L}\p{N}]+")
# A mark whose lower case is a letter: open_clip's pattern, which minds no case, takes it for
# neither and drops it.
_YPOGEGRAMMENI = "\u0345"
_ANY_CASE = {"s": "sS\u017f", "k": "kK\u212a"}  # long s, Kelvin sign


def _clip_bpe(tokenizer: Any) -> tuple[bytes, dict[str, Any]]:  # noqa: ANN401
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors

    if tokenizer.reduction_fn is not None:
        raise ModelError(
            "texts that are shortened at random cannot be searched with; name another model"
        )
    vocabulary, merges = dict(tokenizer.encoder), list(tokenizer.bpe_ranks)
    special = {tokenizer.decoder[id_]: id_ for id_ in tokenizer.all_special_ids}
    if tokenizer.pat.pattern != "|".join([*special, *_CONTRACTIONS, *_CLASSES]):
        raise ModelError("words are split in an unknown way; update vsearch")
    for token, id_ in special.items():
        _join_special(token, id_, vocabulary, merges)
    library = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>", fuse_unk=False)
    )
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            # What matches is kept, what lies between is dropped.
            pre_tokenizers.Split(Regex(_words(list(special))), behavior="removed", invert=True),
            pre_tokenizers.Split(Regex(_rests(list(special))), behavior="removed"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    library.decoder = decoders.ByteLevel()
    start, end = (tokenizer.decoder[id_] for id_ in tokenizer.all_special_ids[:2])
    library.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(start, tokenizer.sot_token_id), (end, tokenizer.eot_token_id)],
    )
    fields = {
        "context_length": tokenizer.context_length,
        "pad_id": 0,
        "clean": _kind_of_cleaning(tokenizer),
    }
    return library.to_str().encode(), fields


def _words(special: list[str]) -> str:
    """Return open_clip's pattern of a word for the engine of `tokenizers`.

    Every case is spelled out: with "(?i)" that engine would also take one character for two ("ﬆ"
    for "st"), and the classes would hold other characters than open_clip's.
    """
    literal = ["".join(_any_case(letter) for letter in word) for word in (*special, *_CONTRACTIONS)]
    letters, digit, others = _CLASSES
    return "|".join([*literal, letters, digit, others.replace("]", _YPOGEGRAMMENI + "]")])


def _any_case(character: str) -> str:
    lower = character.lower()
    return f"[{_ANY_CASE.get(lower, lower + lower.upper())}]" if lower.isalpha() else character


def _rests(special: list[str]) -> str:
    """Return the pattern of what follows the first two characters of a special token."""
    return "|".join(rf"(?<=\A{token[:2]}){token[2:]}\z" for token in special)


def _join_special(
    token: str, id_: int, vocabulary: dict[str, int], merges: list[tuple[str, str]]
) -> None:
    """Let a special token that is typed as text become its id, where open_clip would make it so.

    open_clip's pattern takes "<end_of_text>" as one word wherever it comes to it, and that word, in
    this very case, is known by itself. An added token of `tokenizers` would be taken out before the
    pattern runs, and be found after punctuation too. So of such a word its first two characters are
    kept, "<e": punctuation and a letter, which are never a word otherwise. A merge of their own,
    after all others, makes them the id.
    """
    pair, ending = (token[0], f"{token[1:2]}</w>"), token[:2]
    if (
        not re.fullmatch("[^a-zA-Z0-9 ][a-zA-Z].+", token)
        or not token.isascii()
        or re.escape(token) != token  # open_clip would read it as a pattern
        or pair in merges
    ):
        raise ModelError(f"a special token that cannot be kept, {token!r}; name another model")
    del vocabulary[token]
    vocabulary[f"{ending}</w>"] = id_
    merges.append(pair)


# transformers' -----------------------------------------------------------------------------------


def _hugging_face(tokenizer: Any) -> tuple[bytes, dict[str, Any]]:  # noqa: ANN401
    inner = tokenizer.tokenizer
    library = getattr(inner, "backend_tokenizer", None)
    if library is None:
        raise ModelError(
            f"a tokenizer that runs in Python only, {type(inner).__name__}; name another model"
        )
    if inner.truncation_side != "right":
        raise ModelError("texts are cut off on the left; name another model")
    if inner.split_special_tokens:  # a setting beside tokenizer.json, which cannot say it
        raise ModelError("special tokens are split like other words; name another model")
    if inner.pad_token_id is None:
        raise ModelError("the tokenizer has nothing to fill up texts with; name another model")
    tokenizer([""])  # some put the prefix of their language in order only when called (NLLB)
    described = json.loads(library.to_str())
    described["padding"] = described["truncation"] = None
    fields: dict[str, Any] = {
        "context_length": tokenizer.context_length,
        "pad_id": inner.pad_token_id,
        "clean": _kind_of_cleaning(tokenizer),
    }
    mode = getattr(tokenizer, "tokenizer_mode", "")
    if mode == "clips":
        described["post_processor"] = _around(inner.bos_token_id, inner.eos_token_id)
        fields["last_id"] = inner.cls_token_id
    elif mode:
        raise ModelError(f"an unknown kind of tokens, {mode!r}; update vsearch")
    elif getattr(tokenizer, "strip_sep_token", False):
        fields["dropped_ids"] = [inner.sep_token_id]
    if not mode:  # the other mode fills up by itself, on the right
        fields["side"] = inner.padding_side
    return json.dumps(described, ensure_ascii=False).encode(), fields


def _around(first: int, last: int) -> dict[str, Any]:
    """Return the post-processor, as in tokenizer.json, that puts a text between two ids."""
    return {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "first", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "last", "type_id": 0}},
        ],
        "pair": [],
        "special_tokens": {
            name: {"id": name, "ids": [id_], "tokens": [name]}
            for name, id_ in (("first", first), ("last", last))
        },
    }


def _kind_of_cleaning(tokenizer: Any) -> str:  # noqa: ANN401
    from open_clip import tokenizer as open_clip_tokenizer

    for kind in ("lower", "whitespace", "canonicalize"):
        if tokenizer.clean_fn is open_clip_tokenizer.get_clean_fn(kind):
            return kind
    raise ModelError(f"texts cleaned in an unknown way, {tokenizer.clean_fn}; update vsearch")
