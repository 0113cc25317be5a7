"""What a person typed -> terms -> the query vector."""

from __future__ import annotations

import math
import os
import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vsearch.errors import ImageError, UsageError
from vsearch.images.formats import SUFFIXES, is_signed
from vsearch.images.limits import byte_limit
from vsearch.images.read import head, read
from vsearch.searching.fetch import Address, fetch, is_url, shown
from vsearch.vectors import blend

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.images.isolation.once import Decoding
    from vsearch.models.encoder import Encoder
    from vsearch.records import Preprocessing

Kind = Literal["words", "picture", "url"]

DECODING_SECONDS = 60.0  # as where folders are indexed
_OTHER_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.I)
_WEIGHTED = re.compile(r"(?P<weight>\d+(?:\.\d+)?):(?P<rest>.+)", re.DOTALL)
_PREFIXED = re.compile(
    r"(?:(?P<weight>\d+(?:\.\d+)?):)?(?P<kind>text|image):(?P<rest>.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query and how much it counts.

    `text` is words, the path of a picture or the address of one, as `kind` says; an address may
    hold a password (see `shown`). `weight` is 1 unless said otherwise, negative for what the answer
    should be unlike.
    """

    text: str
    kind: Kind
    weight: float

    @property
    def shown(self) -> str:
        """The text as it may be shown."""
        return shown(self.text) if self.kind == "url" else self.text


def parse(terms: Sequence[str], minus: Sequence[str] = (), *, offline: bool = False) -> list[Term]:
    """Return the terms of a query.

    `2:term` counts twice; "10:30" and "16:9" are words, since a weight is not followed by a digit.
    A term that begins with http:// or https:// is the address of a picture. One that names an
    existing file is a picture, any other is words; a file without a suffix, named without a folder,
    is one only if it begins like a picture. `text:term` is words and `image:term` a picture,
    whatever there is of that name; both may have a weight before them.

    Raises UsageError for an empty term, a weight of zero, what is named like a picture but does
    not exist, and what begins like an address and is none, or is one while `offline`.
    """
    parsed = [_term(term, 1.0) for term in terms] + [_term(term, -1.0) for term in minus]
    for term in parsed:
        if term.kind == "url" and offline:
            raise UsageError(
                f"the network is not to be used, for {term.shown!r}; leave out --offline and unset "
                "VSEARCH_OFFLINE, or name a file"
            )
    return parsed


def _term(typed: str, sign: float) -> Term:
    if match := _PREFIXED.fullmatch(typed):
        weight = _weight(match["weight"] or "1", typed)
        if match["kind"] == "text":
            return Term(_words(match["rest"]), "words", sign * weight)
        return _picture(match["rest"], sign * weight)
    if is_url(typed):
        return _address(typed, sign)
    if _is_picture(typed):
        return Term(typed, "picture", sign)
    weight, text = 1.0, typed
    if match := _WEIGHTED.fullmatch(typed):
        rest = match["rest"]
        if _is_picture(rest) or not rest[0].isdigit():
            weight, text = _weight(match["weight"], typed), rest
    if is_url(text) or _is_picture(text):
        return _picture(text, sign * weight)
    if _OTHER_ADDRESS.match(text):
        raise _other_address(text)
    words = _words(text)
    if os.path.splitext(words)[1].lower() in SUFFIXES:
        raise UsageError(
            f"no such picture, named {words!r}; check the path, or put text: before words"
        )
    return Term(words, "words", sign * weight)


def _weight(digits: str, typed: str) -> float:
    weight = float(digits)
    if not math.isfinite(weight):
        raise UsageError(f"a weight beyond all bounds, in {shown(typed)!r}; choose a smaller one")
    if weight == 0:
        raise UsageError(f"a weight of zero says nothing, in {shown(typed)!r}; leave the term out")
    return weight


def _words(text: str) -> str:
    words = text.strip()
    try:
        words.encode()
    except UnicodeEncodeError:
        raise UsageError(f"words that are no valid UTF-8, {words!r}; check the term") from None
    if not words:
        raise UsageError("an empty search term; name what you look for, or a picture")
    return words


def _picture(text: str, weight: float) -> Term:
    """Return the term of a picture: what is there is looked at when it is decoded."""
    if is_url(text):
        return _address(text, weight)
    if _OTHER_ADDRESS.match(text):
        raise _other_address(text)
    if not os.path.isfile(text):
        raise UsageError(f"no such picture, named {text!r}; check the path")
    return Term(text, "picture", weight)


def _other_address(text: str) -> UsageError:
    return UsageError(
        f"pictures are fetched by http and https only, not from {shown(text)!r}; "
        "name the file itself"
    )


def _address(text: str, weight: float) -> Term:
    Address.of(text)  # or it is none, which is told before anything else is done
    return Term(text, "url", weight)


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

    Raises UsageError when a picture cannot be had or used, or the terms cancel each other out.
    """
    import numpy as np

    squares = iter(_pixels([term for term in terms if term.kind != "words"], encoder, pixel_limit))
    texts = [term.text for term in terms if term.kind == "words"]
    words = iter(encoder.encode_texts(texts) if texts else ())
    vectors = [
        next(words) if term.kind == "words" else encoder.encode_images(next(squares)[None])[0]
        for term in terms
    ]
    try:
        return blend(np.stack(vectors), [term.weight for term in terms])
    except ValueError:
        raise UsageError("the terms cancel each other out; change a weight") from None


def _pixels(terms: Sequence[Term], encoder: Encoder, pixel_limit: int) -> list[NDArray[np.uint8]]:
    """Return the terms' pictures as model input (size, size, 3), decoded in other processes.

    Raises UsageError when one cannot be had or used.
    """
    with ExitStack() as running:
        # All are forked before the model starts threads; it is loaded while the first is decoded.
        # Not all at once: together they might take more memory than there is.
        decodings = []
        for term in terms:
            with _named(term):
                decoding = _decoding(term, encoder.preprocessing, pixel_limit)
                decodings.append(running.enter_context(decoding))
        if decodings:
            with _named(terms[0]):
                decodings[0].begin()
            encoder.load_images()
        pictures = []
        for term, decoding in zip(terms, decodings, strict=True):
            with _named(term):
                pictures.append(decoding.prepared().pixels)
        return pictures


def _decoding(term: Term, spec: Preprocessing, pixel_limit: int) -> Decoding:
    from vsearch.images.isolation.once import Decoding  # 9 ms that words need not wait for

    limit = byte_limit(pixel_limit)
    if term.kind == "url":
        data, path = fetch(term.text, limit), Address.of(term.text).path
    else:
        data, path = read(term.text, limit), term.text
    return Decoding(data, spec, pixel_limit=pixel_limit, path=path, seconds=DECODING_SECONDS)


@contextmanager
def _named(term: Term) -> Iterator[None]:
    """Say of which term it was that a picture cannot be used."""
    try:
        yield
    except ImageError as error:
        raise UsageError(
            f"the query picture cannot be used ({error}), at {term.shown!r}; choose another"
        ) from error
