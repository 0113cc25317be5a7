"""An open_clip tokenizer -> tokenizer.json and what model.json says beside it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from vsearch.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence


def to_tokenizer_json(tokenizer: Any) -> tuple[bytes, dict[str, Any]]:  # noqa: ANN401  # open_clip's
    """Return (content of tokenizer.json, text fields of model.json) of an open_clip tokenizer.

    Raises ModelError for one that cannot be written down so.
    """
    from open_clip.tokenizer import SimpleTokenizer

    if isinstance(tokenizer, SimpleTokenizer):
        return _clip_bpe(tokenizer)
    return _hugging_face(tokenizer)


# CLIP's own byte pair encoding -------------------------------------------------------------------


def _clip_bpe(tokenizer: Any) -> tuple[bytes, dict[str, Any]]:  # noqa: ANN401
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors

    if tokenizer.reduction_fn is not None:
        raise ModelError(
            "texts that are shortened at random cannot be searched with; name another model"
        )
    vocabulary, merges = dict(tokenizer.encoder), list(tokenizer.bpe_ranks)
    for id_ in tokenizer.all_special_ids:
        _join_special(tokenizer.decoder[id_], id_, vocabulary, merges, tokenizer.bpe_ranks)
    library = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>", fuse_unk=False)
    )
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            # "(?i)" as open_clip's IGNORECASE; what matches is kept, what lies between is dropped.
            pre_tokenizers.Split(
                Regex(f"(?i){tokenizer.pat.pattern}"), behavior="removed", invert=True
            ),
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


def _join_special(
    token: str,
    id_: int,
    vocabulary: dict[str, int],
    merges: list[tuple[str, str]],
    ranks: dict[tuple[str, str], int],
) -> None:
    """Let a special token that is typed as text become its id, where open_clip would make it so.

    open_clip's pattern takes "<end_of_text>" as one word wherever it comes to it, and that word is
    known by itself. An added token of `tokenizers` would be taken out before the pattern runs, and
    be found after punctuation too. So the parts into which the word falls get merges of their own,
    after all others. No other word holds "<" and letters together, so they join nothing else; the
    ids of what comes in between lie past the vocabulary and are never the end of a word.
    """
    parts = _merged([*token[:-1], f"{token[-1]}</w>"], ranks)
    del vocabulary[token]
    whole = parts[0]
    for number, part in enumerate(parts[1:], start=1):
        merges.append((whole, part))
        whole += part
        last = number == len(parts) - 1
        vocabulary[whole] = id_ if last else max(vocabulary.values()) + 1


def _merged(parts: Sequence[str], ranks: dict[tuple[str, str], int]) -> list[str]:
    """Return what byte pair encoding makes of `parts` (Sennrich et al., 2016)."""
    parts = list(parts)
    while len(parts) > 1:
        pairs = list(pairwise(parts))
        best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        place = pairs.index(best)
        parts[place : place + 2] = ["".join(best)]
    return parts


# transformers' -----------------------------------------------------------------------------------


def _hugging_face(tokenizer: Any) -> tuple[bytes, dict[str, Any]]:  # noqa: ANN401
    inner = tokenizer.tokenizer
    library = getattr(inner, "backend_tokenizer", None)
    if library is None:
        raise ModelError(
            f"a tokenizer that runs in Python only, {type(inner).__name__}; name another model"
        )
    if inner.padding_side != "right" or inner.truncation_side != "right":
        raise ModelError("texts are filled up or cut off on the left; name another model")
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
    return json.dumps(described, ensure_ascii=False).encode(), fields


def _around(first: int, last: int) -> dict[str, Any]:
    """Return the post-processor, in the form of tokenizer.json, that puts a text between two ids."""
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
