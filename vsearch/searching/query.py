"""What a person typed -> terms -> the query vector."""

from __future__ import annotations

import math
import os
import re
import stat
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal, TypeAlias

from vsearch.errors import ImageError, UsageError
from vsearch.images.formats import SUFFIXES, is_signed, known_by_others
from vsearch.images.limits import byte_limit
from vsearch.images.read import head, kind, read, read_fifo
from vsearch.searching.fetch import Address, fetch, is_url, shown
from vsearch.vectors import blend, without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.images.crop import Crop
    from vsearch.images.isolation.once import Decoding
    from vsearch.models.encoder import Encoder
    from vsearch.records import Preprocessing

    Vector: TypeAlias = NDArray[np.float32]
    # The embedding (dim,) of a term, and whether it is a picture of one colour.
    Found: TypeAlias = tuple[Vector, bool]

Kind = Literal["words", "picture", "url", "stdin", "indexed"]

DECODING_SECONDS = 60.0  # as where folders are indexed
# Words share much with any words, whatever they mean. Measured (README.md, "Unlike a term"): with
# less than half of it taken away more stays of what was not wanted, with all of it more is lost of
# what was; subtracting the term as it is does worse than doing nothing.
MINUS_SHARE = 0.5
MOST_WEIGHT = 1_000_000  # so that no sum of weights, nor a product, leaves what numbers hold
NOISE = 40  # levels between the darkest and the brightest that a camera sees with its cap on
MANY = 4  # pictures, for which this process gets ready
FORKED_AHEAD = 16  # pictures; more would run into the bound on open files
MOST_LINES = 1000  # of terms on standard input: each is embedded, and their sum means little
_OTHER_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.I)
KEYWORD_WORDS = 3
_ARTICLE = re.compile(r"(?:an?|the)\s+(?=\S)", re.IGNORECASE)
_WEIGHT = r"(?P<weight>\d+(?:\.\d+)?|\.\d+):"
_WEIGHTED = re.compile(rf"{_WEIGHT}(?P<rest>.*)", re.DOTALL)
_STDIN = re.compile(rf"(?:{_WEIGHT})?(?P<kind>image:)?-")
_MARKUP = re.compile(rb"\s*(<(\?xml|!doctype|html|svg|!--)|%PDF-)", re.I)
_PREFIXED = re.compile(rf"(?:{_WEIGHT})?(?P<kind>text|image):(?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query and how much it counts.

    `text` is words, the path of a picture, the address of one or "-", as `kind` says; an address
    may hold a password (see `shown`). `weight` is 1 unless said otherwise, negative for what the
    answer should be unlike. Of a picture, only its part within `crop` counts. `content` is what
    came on standard input; an "indexed" picture is one by its embedding in the index.
    """

    text: str
    kind: Kind
    weight: float
    crop: Crop | None = None
    content: bytes = field(default=b"", repr=False)

    @property
    def shown(self) -> str:
        """The text as it may be shown."""
        return shown(self.text) if self.kind == "url" else self.text


def parse(
    terms: Sequence[str],
    minus: Sequence[str] = (),
    like: Sequence[str] = (),
    *,
    crop: str | None = None,
    offline: bool = False,
    stdin: Callable[[], bytes] | None = None,
) -> list[Term]:
    """Return the terms of a query.

    `2:term` counts twice; "10:30" and "16:9" are words, since a weight is not followed by a digit.
    A term that begins with http:// or https:// is the address of a picture. One that names an
    existing file is a picture, any other is words; a file without a suffix, named without a folder,
    is one only if it begins like a picture. A FIFO that is named by a path (`/dev/fd/63`, which
    shells put in place of `<(...)`) is what comes through it. `text:term` is words and `image:term`
    a picture, whatever there is of that name; both may have a weight before them.

    "-" is what `stdin` returns: a picture, by its content, else a term a line. Without a `stdin`
    it is a word. `like` are paths of pictures in the index. `crop` is a part of the one picture
    among `terms` (see `Crop.parsed`).

    Raises UsageError for an empty term, a weight of zero or beyond MOST_WEIGHT, what is named like
    a picture but does not exist, a folder, a device or a socket that is named by a path, what
    begins like an address and is none, or is one while `offline`, and a crop that is none or not of
    one picture.
    """
    given = _once(stdin) if stdin else None
    parsed = [one for term in terms for one in _terms(term, 1.0, given)]
    if crop is not None:
        parsed = _cropped(parsed, crop)
    parsed += [one for term in minus for one in _terms(term, -1.0, given)]
    parsed += [_indexed(path) for path in like]
    for term in parsed:
        if term.kind == "url" and offline:
            raise UsageError(
                f"the network is not to be used, for {term.shown!r}; leave out --offline and unset "
                "VSEARCH_OFFLINE, or name a file"
            )
    return parsed


def _once(stdin: Callable[[], bytes]) -> Callable[[], bytes]:
    """Return `stdin` as one that refuses to be called again: nothing would be left there."""
    left = [stdin]

    def read_once() -> bytes:
        if not left:
            raise UsageError("standard input is there only once, for '-'; name it in one term")
        return left.pop()()

    return read_once


def _terms(typed: str, sign: float, stdin: Callable[[], bytes] | None) -> list[Term]:
    match = _STDIN.fullmatch(typed)
    if not match or not stdin:
        return [_term(typed, sign)]
    weight = sign * _weight(match["weight"] or "1", typed)
    data = stdin()
    if not data:
        raise UsageError("nothing on standard input, for '-'; pipe a picture or lines of words in")
    if match["kind"] or is_signed(data[:64]) or known_by_others(data):
        return [Term("-", "stdin", weight, content=data)]
    if b"\0" in data or _MARKUP.match(data):
        raise UsageError(
            "neither a picture nor lines of words, on standard input; look what it is, or convert "
            "it to a common format"
        )
    lines = [line for part in data.split(b"\n") if (line := line_of(part)).strip()]
    if not lines:
        raise UsageError("only empty lines on standard input, for '-'; pipe words in")
    if len(lines) > MOST_LINES:
        raise UsageError(
            f"more than {MOST_LINES:,} lines on standard input, for '-'; "
            "have each answered by itself with --queries -"
        )
    found = [_term(line, 1.0) for line in lines]
    return [replace(term, weight=weight * term.weight) for term in found]


def line_of(data: bytes) -> str:
    """Return a line of terms as one would have typed it; bytes of names stay as they are."""
    return os.fsdecode(data.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\r"))


def _cropped(terms: Sequence[Term], typed: str) -> list[Term]:
    from vsearch.images.crop import Crop

    try:
        crop = Crop.parsed(typed)
    except ValueError as error:
        raise UsageError(
            f"no part of a picture ({error}), in --crop {typed!r}; "
            "write X,Y,W,H in pixels, or each in percent: 10%,10%,50%,50%"
        ) from None
    pictures = sum(term.kind != "words" for term in terms)
    if pictures != 1:
        raise UsageError(
            f"--crop is of one picture, and the query has {pictures or 'none'}; "
            "name one, and others with --minus or in a query of their own"
        )
    return [term if term.kind == "words" else replace(term, crop=crop) for term in terms]


def _indexed(typed: str) -> Term:
    weight, path = 1.0, typed
    if not os.path.lexists(typed) and (match := _WEIGHTED.fullmatch(typed)):
        weight, path = _weight(match["weight"], typed), match["rest"]
    if not path:
        raise UsageError("an empty name for a picture, after --like; name one in the index")
    return Term(path, "indexed", weight)


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
        if _is_picture(rest) or not rest[:1].isdigit():
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
    if weight > MOST_WEIGHT:
        raise UsageError(f"a weight beyond {MOST_WEIGHT:,}, in {shown(typed)!r}; choose less")
    if weight == 0:
        raise UsageError(f"a weight of zero says nothing, in {shown(typed)!r}; leave the term out")
    return weight


def _words(text: str) -> str:
    words = text.strip()
    try:
        words.encode()
    except UnicodeEncodeError:
        raise UsageError(f"words that are no valid UTF-8, {words[:80]!r}; check the term") from None
    if not words:
        raise UsageError("an empty search term; name what you look for, or a picture")
    return words


def _picture(text: str, weight: float) -> Term:
    """Return the term of a picture: what is there is looked at when it is decoded."""
    if is_url(text):
        return _address(text, weight)
    if _OTHER_ADDRESS.match(text):
        raise _other_address(text)
    if not (mode := _mode(text)):
        raise UsageError(f"no such picture, named {text!r}; check the path")
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        raise _no_file(text, mode)
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
    """Whether a term means a file: a folder named `dog` or a note of that name is no picture.

    Raises UsageError for what is there, is named by a path as no words are, and is no file.
    """
    mode = _mode(text)
    if mode and not stat.S_ISREG(mode) and os.sep in text:
        if stat.S_ISFIFO(mode):
            return True
        raise _no_file(text, mode)
    if not stat.S_ISREG(mode):
        return False
    if os.sep in text or os.path.splitext(text)[1]:
        return True
    try:
        return is_signed(head(text))
    except ImageError:
        return False


def _mode(path: str) -> int:
    """Return the `st_mode` of what a path leads to; 0 for nothing, or what cannot be looked at."""
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):  # of a name too long, or with a NUL
        return 0


def _no_file(text: str, mode: int) -> UsageError:
    return UsageError(
        f"a {kind(mode)} and no picture, named {text!r}; name a picture, or put text: before words"
    )


def is_keyword(text: str) -> bool:
    """Whether words name something and are no sentence: three at most, besides an article."""
    return len(_bare(text).split()) <= KEYWORD_WORDS


def _bare(text: str) -> str:
    return text[found.end() :] if (found := _ARTICLE.match(text)) else text


@dataclass(frozen=True, slots=True)
class Embedded:
    """A query's unit vector (dim,), and how long it was before it was scaled to that.

    A cosine with `vector` times `length` is the weighted mean of the cosines of the terms that
    count for the query, less what the others took away: the scale of a single term's cosine, for
    which the length is 1. `blank` is a term among them that is a picture of one colour; None: there
    is none.
    """

    vector: Vector
    length: float
    blank: Term | None = None


def embed(
    terms: Sequence[Term],
    encoder: Encoder | None,
    pixel_limit: int,
    indexed: Callable[[str], Found] | None = None,
) -> Vector:
    """Return the query vector (dim,) of the terms: see `combined`.

    `indexed` tells the embedding (dim,) of the picture at a path, and whether it is of one colour;
    it is called for "indexed" terms only, `encoder` run for all others only. Raises UsageError when
    a picture cannot be had or used, or the terms cancel each other out.
    """
    (found,) = embed_each([terms], encoder, pixel_limit, indexed)
    if isinstance(found, UsageError):
        raise found
    return found.vector


def embed_each(
    queries: Sequence[Sequence[Term]],
    encoder: Encoder | None,
    pixel_limit: int,
    indexed: Callable[[str], Found] | None = None,
) -> list[Embedded | UsageError]:
    """Do what `embed` does for many queries, with one call for the words of all.

    What one cannot be embedded for stands in its place.
    """
    import numpy as np

    terms = [term for query in queries for term in query]
    of_pictures = [term for term in terms if term.kind in ("picture", "url", "stdin")]
    texts = list(dict.fromkeys(term.text for term in terms if term.kind == "words"))
    words: dict[str, Vector] = {}
    pictures: Iterator[Found | UsageError] = iter(())
    if of_pictures or texts:
        if encoder is None:
            raise ValueError("terms to be embedded, and no encoder")
        # Before the model starts threads: pictures are decoded in forks of this process.
        pictures = iter(list(_pictures(of_pictures, encoder, pixel_limit)))
        words = dict(zip(texts, _embedded(texts, encoder), strict=True))

    def found_of(term: Term) -> Found | UsageError:
        if term.kind == "words":
            return words[term.text], False
        if term.kind != "indexed":
            return next(pictures)
        if indexed is None:
            raise ValueError("terms to be looked up, and no index")
        try:
            return indexed(term.text)
        except UsageError as error:
            return error

    def blended(query: Sequence[Term]) -> Embedded | UsageError:
        found = [found_of(term) for term in query]  # all, so that the next query has its own
        usable = [one for one in found if not isinstance(one, UsageError)]
        for one in found:
            if isinstance(one, UsageError):
                return one
        blank = next(
            (term for term, (_, blank) in zip(query, usable, strict=True)
             if blank and term.weight > 0),
            None,
        )  # fmt: skip
        vectors = np.stack([vector for vector, _ in usable])
        try:
            return replace(combined(vectors, [term.weight for term in query]), blank=blank)
        except ValueError:
            return UsageError("the terms cancel each other out; change a weight")

    return [blended(query) for query in queries]


def _embedded(texts: Sequence[str], encoder: Encoder) -> Iterator[NDArray[np.float32]]:
    """Yield the embedding (dim,) of each text: of a keyword, the mean of the model's templates.

    Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021.
    """
    import numpy as np

    prompts = [
        [template.replace("{}", _bare(text)) for template in encoder.templates]
        if encoder.templates and is_keyword(text)
        else [text]
        for text in texts
    ]
    every = [prompt for one in prompts for prompt in one]
    embedded = iter(encoder.encode_texts(every) if every else ())
    for one in prompts:
        if len(one) == 1:
            yield next(embedded)
        else:
            yield blend(np.stack([next(embedded) for _ in one]), [1.0] * len(one))


def combined(vectors: NDArray[np.float32], weights: Sequence[float]) -> Embedded:
    """Return the query vector of terms' embeddings (n, dim).

    The direction of the weighted sum of those that count for it; then each term of a weight -w
    takes w * MINUS_SHARE of what the query still has of it, in their order, and at most all of it:
    beyond, the query would become like the opposite of the term. With nothing that
    counts for it, the opposite of what counts against it. Raises ValueError when they cancel out.
    """
    import numpy as np

    wanted = [place for place, weight in enumerate(weights) if weight > 0]
    if not wanted:
        return Embedded(-blend(vectors, [-weight for weight in weights]), 1.0)
    counting = [weights[place] for place in wanted]
    query = blend(vectors[wanted], counting)
    length = float(np.linalg.norm(np.array(counting) / sum(counting) @ vectors[wanted]))
    for vector, weight in zip(vectors, weights, strict=True):
        if weight < 0:
            share, common = min(1.0, -weight * MINUS_SHARE), max(0.0, float(query @ vector))
            query = without(query, vector, share)
            # |q - s c v|^2 = 1 - 2 s c^2 + s^2 c^2, where q and v have length one and q . v = c
            length *= math.sqrt(max(0.0, 1 - share * (2 - share) * common**2))
    return Embedded(query, length)


def _pictures(
    terms: Sequence[Term], encoder: Encoder, pixel_limit: int
) -> Iterator[Found | UsageError]:
    """Yield the embeddings of pictures, in order; in place of one that cannot be used, why.

    Each is decoded while the one before it is embedded. Not more at once: together they might take
    more memory than there is.
    """
    if len(terms) >= MANY:
        from vsearch.images.isolation.once import ready_for_many

        ready_for_many()
    coming = iter(terms)
    waiting = deque[_Picture]()

    def begin_next() -> None:
        for term in islice(coming, FORKED_AHEAD - len(waiting)):
            waiting.append(_Picture(term, encoder.preprocessing, pixel_limit))
        if waiting:
            waiting[0].begin()

    try:
        begin_next()
        if waiting:
            encoder.load_images()
        while waiting:
            found: NDArray[np.uint8] | UsageError
            try:
                found = waiting.popleft().pixels()
            except UsageError as error:
                found = error
            begin_next()
            if isinstance(found, UsageError):
                yield found
            else:
                yield encoder.encode_images(found[None])[0], is_blank(found)
    finally:
        for picture in waiting:
            picture.close()


def is_blank(pixels: NDArray[np.uint8]) -> bool:
    """Whether a picture (H, W, 3) is of one colour but for noise."""
    levels = pixels.reshape(-1)
    channels = [levels[channel::3] for channel in range(3)]  # 20 times as quick as by an axis
    return all(int(one.max()) - int(one.min()) <= NOISE for one in channels)


class _Picture:
    """A term's picture on its way to its pixels; what is wrong with it is told at the end."""

    def __init__(self, term: Term, spec: Preprocessing, pixel_limit: int) -> None:
        """Read and fork. Raises DecoderError."""
        self._term = term
        self._fault: UsageError | None = None
        self._decoding: Decoding | None = None
        with self._kept():
            self._decoding = _decoding(term, spec, pixel_limit)

    def begin(self) -> None:
        """Let it be decoded, and do not wait for it."""
        if self._decoding:
            with self._kept():
                self._decoding.begin()

    def pixels(self) -> NDArray[np.uint8]:
        """Return the model input (size, size, 3), and end the decoder. Raises UsageError."""
        try:
            if self._fault or not self._decoding:
                raise self._fault or ValueError("not forked")
            with _named(self._term):
                prepared = self._decoding.prepared()
        finally:
            self.close()
        crop, facts = self._term.crop, prepared.facts
        if crop and not crop.box(facts.width, facts.height):
            raise UsageError(
                f"the part {crop} reaches beyond the picture of {facts.width} x {facts.height} "
                f"pixels, at {self._term.shown!r}; choose one inside it"
            )
        return prepared.pixels

    def close(self) -> None:
        """End the decoder."""
        if self._decoding:
            self._decoding.__exit__()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            with _named(self._term):
                yield
        except UsageError as error:
            self._fault = error


def _decoding(term: Term, spec: Preprocessing, pixel_limit: int) -> Decoding:
    from vsearch.images.isolation.once import Decoding  # 9 ms that words need not wait for

    limit = byte_limit(pixel_limit)
    match term.kind:
        case "url":
            data, path = fetch(term.text, limit), Address.of(term.text).path
        case "stdin":
            data, path = term.content, ""
        case _:
            take = read_fifo if stat.S_ISFIFO(_mode(term.text)) else read
            data, path = take(term.text, limit), term.text
    return Decoding(
        data, spec, pixel_limit=pixel_limit, path=path, seconds=DECODING_SECONDS, crop=term.crop
    )


@contextmanager
def _named(term: Term) -> Iterator[None]:
    """Say of which term it was that a picture cannot be used."""
    try:
        yield
    except ImageError as error:
        raise UsageError(
            f"the query picture cannot be used ({error}), at {term.shown!r}; choose another"
        ) from error
