"""Words -> token ids, as the text tower of a folder reads them. Knows `tokenizers` and ftfy."""

from __future__ import annotations

import html
import string
from typing import TYPE_CHECKING

from vsearch.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.models.folder import TextInput

_PUNCTUATION = str.maketrans("", "", string.punctuation)


class Tokenizer:
    """The tokenizer of a model. Safe to call from several threads at once."""

    def __init__(self, content: bytes, spec: TextInput, place: Path) -> None:
        """Read tokenizer.json, which lies in the folder `place`. Raises ModelError."""
        from tokenizers import Tokenizer as Library

        self._spec = spec
        try:
            self._library = Library.from_buffer(content)
        except ValueError as error:
            raise ModelError(
                f"the tokenizer cannot be used ({error}), at {place}; get the model again"
            ) from error
        self._library.no_padding()  # padding is done here, and only where the model reads it
        self._library.enable_truncation(spec.context_length - (spec.last_id is not None))

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and mask, each (n, length) int64: 1 where the mask speaks of a token.

        `length` is the context length, or that of the longest of `texts`, as the model wants it.
        What exceeds the context length is cut off; the tokens that open and close a text stay.
        """
        import numpy as np

        spec = self._spec
        rows = self._library.encode_batch([clean(text, spec.clean) for text in texts])
        length = max((len(row.ids) for row in rows), default=0)
        if spec.padding == "context":
            length = spec.context_length
        ids = np.full((len(rows), length), spec.pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            first = length - len(row.ids) if spec.side == "left" else 0
            ids[place, first : first + len(row.ids)] = row.ids
            mask[place, first : first + len(row.ids)] = 1
        for dropped in spec.dropped_ids:
            ids[ids == dropped] = 0
        if spec.last_id is not None:
            ids[:, -1], mask[:, -1] = spec.last_id, 1
        return ids, mask


def clean(text: str, kind: str) -> str:
    """Return `text` as open_clip cleans it before tokenizing (open_clip/tokenizer.py).

    "none": as it is, but half of a surrogate pair, which is no text (it stands for a byte that is
    not UTF-8), becomes U+FFFD, as ftfy has it; "lower" and "whitespace": mojibake mended, HTML
    entities resolved, white space made single spaces, and lower case or not; "canonicalize": the
    same in lower case and without ASCII punctuation (after big_vision's prompt_engineering.py).
    """
    if kind == "none":
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    mended = _mended(text).strip()
    if kind == "canonicalize":
        mended = mended.replace("_", " ").translate(_PUNCTUATION).lower()
    joined = " ".join(mended.split())
    return joined.lower() if kind == "lower" else joined


def _mended(text: str) -> str:
    """Return `text` with broken encodings and HTML entities mended.

    Printable ASCII without an ampersand has neither; ftfy, which takes a while to import, would
    return it as it is.
    """
    if text.isascii() and text.isprintable() and "&" not in text:
        return text
    import ftfy

    return html.unescape(html.unescape(ftfy.fix_text(text)))
