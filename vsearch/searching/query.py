"""What a person typed -> terms -> the query vector."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.errors import ImageError, UsageError
from vsearch.images.formats import SUFFIXES, is_signed
from vsearch.images.limits import byte_limit
from vsearch.images.load import prepare
from vsearch.images.read import head, read
from vsearch.vectors import blend

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.models.encoder import Encoder

_WEIGHTED = re.compile(r"(?P<weight>\d+(?:\.\d+)?):(?P<rest>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query: words, or the path of a picture, and how much it counts.

    `weight` is 1 unless said otherwise, negative for what the answer should be unlike.
    """

    text: str
    is_image: bool
    weight: float


def parse(terms: Sequence[str], minus: Sequence[str] = ()) -> list[Term]:
    """Return the terms of a query.

    `2:term` counts twice; "10:30" and "16:9" are words, since a weight is not followed by a digit.
    A term that names an existing file is a picture, any other is words; a file without a suffix,
    named without a folder, is one only if it begins like a picture.

    Raises UsageError for an empty term, a weight of zero, and what is named like a picture but does
    not exist.
    """
    return [_term(term, 1.0) for term in terms] + [_term(term, -1.0) for term in minus]


def _term(typed: str, sign: float) -> Term:
    if _is_picture(typed):
        return Term(typed, True, sign)
    weight, text = 1.0, typed
    if match := _WEIGHTED.fullmatch(typed):
        rest = match["rest"]
        if _is_picture(rest) or not rest[0].isdigit():
            weight, text = float(match["weight"]), rest
    if weight == 0:
        raise UsageError(f"a weight of zero says nothing, in {typed!r}; leave the term out")
    if _is_picture(text):
        return Term(text, True, sign * weight)
    if not math.isfinite(weight):
        raise UsageError(f"a weight beyond all bounds, in {typed!r}; choose a smaller one")
    text = text.strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"words that are no valid UTF-8, {text!r}; check the term") from None
    if not text:
        raise UsageError("an empty search term; name what you look for, or a picture")
    if os.path.splitext(text)[1].lower() in SUFFIXES:
        raise UsageError(
            f"no such picture, named {text!r}; check the path, or leave the suffix out of words"
        )
    return Term(text, False, sign * weight)


def _is_picture(text: str) -> bool:
    """Whether a term means a file: a folder named `dog` or a note of that name is no picture."""
    if not os.path.isfile(text):
        return False
    if os.sep in text or os.path.splitext(text)[1]:
        return True
    try:
        return is_signed(head(text))
    except ImageError:
        return False


def embed(terms: Sequence[Term], encoder: Encoder, pixel_limit: int) -> NDArray[np.float32]:
    """Return the query vector (dim,): the direction of the weighted sum of the terms' embeddings.

    Raises UsageError when a picture cannot be used or the terms cancel each other out.
    """
    import numpy as np

    texts = [term.text for term in terms if not term.is_image]
    words = iter(encoder.encode_texts(texts) if texts else ())
    vectors = [
        embed_image(term.text, encoder, pixel_limit) if term.is_image else next(words)
        for term in terms
    ]
    try:
        return blend(np.stack(vectors), [term.weight for term in terms])
    except ValueError:
        raise UsageError("the terms cancel each other out; change a weight") from None


def embed_image(path: str, encoder: Encoder, pixel_limit: int) -> NDArray[np.float32]:
    """Return the embedding (dim,) of the picture at `path`; UsageError when it cannot be used."""
    try:
        data = read(path, byte_limit(pixel_limit))
        prepared = prepare(data, encoder.preprocessing, pixel_limit=pixel_limit, path=path)
    except ImageError as error:
        raise UsageError(
            f"the query picture cannot be used ({error}), at {path!r}; choose another"
        ) from error
    vector: NDArray[np.float32] = encoder.encode_images(prepared.pixels[None])[0]
    return vector
