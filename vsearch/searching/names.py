"""What names say of a query, of files, folders and labels: evidence beside the picture.

A name is taken apart into words: at whatever is no letter, and where small letters turn to capitals
("redPanda_02" has "red" and "panda"). Plurals count as singulars, by the S stemmer (Harman, "How
effective is suffixing?", 1991), which is for English, and what it leaves out: those in -es of words
on -ch, -sh, -x, -ss, -us and -o, and those in -ves of words on -f. What a picture's names have of
the words of a query, each word weighted by how few names have it (the inverse document frequency of
Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009), is its
evidence in [0, 1].

It is fused with the cosine by a weighted mean of both, the cosines of a query scaled to what they
range over (convex combination, which does better than by ranks, by Bruch, Gai and Ingber, "An
Analysis of Fusion Functions for Hybrid Retrieval", 2023; measured in README.md).
"""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.index import Index
    from vsearch.searching.query import Term

_ASCII = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# They are in no name, or tell nothing where they are.
_STOP_WORDS = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "in", "into", "is",
        "it", "my", "of", "off", "on", "or", "our", "over", "some", "that", "the", "their", "them",
        "these", "this", "those", "to", "under", "up", "with", "without",
    }
)  # fmt: skip

_E = ("che", "she", "xe", "sse", "use", "oe")
_ES = tuple(f"{end}s" for end in _E)
# All common ones: "gloves", "waves" and "olives" have no "f".
_OF_FE = ("knives", "lives", "wives")
_VES = re.compile(r"(?:cal|dwar|el|hal|hoo|lea|loa|scar|shea|thie|whar|wol|kni|wi|^li)ves$")
_CHANGED = re.compile(r"(?:y|fe?)$")


@dataclass(frozen=True, slots=True)
class Names:
    """What names say of a query: the evidence in (0, 1] of each row that has any, and its weight.

    A `weight` in [0, 1]: 0, only the picture counts; 1, only the name.
    """

    weight: float
    evidence: Mapping[int, float]

    def fused(
        self, scores: NDArray[np.float32], rows: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        """Return what cosines (n,) are ranked by, (n,): those of these ascending `rows`, or of all.

        (1 - weight) * (cosine - median) / (best - median) + weight * evidence: the best picture and
        the best name come to 1, an ordinary picture and no name to 0. Where only names count, the
        picture still decides among equal ones. Damaged rows keep -inf.
        """
        import numpy as np

        sound = scores[np.isfinite(scores)]
        if not len(sound):
            return scores
        middle = np.median(sound)
        spread = max(float(sound.max() - middle), 1e-9)
        fused = max(1 - self.weight, 1e-3) * (scores.astype(np.float64) - middle) / spread
        known = np.fromiter(self.evidence, np.int64, len(self.evidence))
        values = np.fromiter(self.evidence.values(), np.float64, len(known))
        if rows is not None:
            places = np.searchsorted(rows, known)
            there = places < len(rows)
            there[there] = rows[places[there]] == known[there]
            known, values = places[there], values[there]
        fused[known] += self.weight * values
        return np.asarray(fused, dtype=np.float32)


def names_for(index: Index, terms: Sequence[Term], weight: float) -> Names | None:
    """Return what the names in the index say of the words among `terms`; None where none are."""
    counting = [term for term in terms if term.kind == "words" and term.weight > 0]
    asked = [(term.weight, _content_words(term.text)) for term in counting]
    asked = [(share, words) for share, words in asked if words]
    if not asked:
        return None
    sought = {word for _, words in asked for word in words}
    parts = sorted(set().union(*map(_parts, sought)))
    named: dict[int, set[str]] = {}
    for row, words in chain(
        ((row, words_of_path(path)) for row, path in index.named(parts)),
        ((row, words_of(label)) for row, label in index.labelled(parts)),
    ):
        if found := sought & words:
            named.setdefault(row, set()).update(found)
    counts = Counter(word for found in named.values() for word in found)
    total = index.rows
    rare = {
        word: math.log(1 + (total - counts[word] + 0.5) / (counts[word] + 0.5)) for word in sought
    }
    whole = sum(share for share, _ in asked)
    evidence = {
        row: sum(
            share / whole * sum(rare[word] for word in words & found) / sum(rare[w] for w in words)
            for share, words in asked
        )
        for row, found in named.items()
    }
    return Names(weight, evidence)


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text or a name, folded: small letters, singular."""
    if text.isascii():
        return frozenset(_singular(word.lower()) for word in _ASCII.findall(text))
    words, word = set[str](), ""
    for letter in unicodedata.normalize("NFC", text) + " ":
        begins = letter.isupper() and word[-1:].islower()
        is_part = letter.isalpha() or (word and unicodedata.category(letter).startswith("M"))
        if word and (begins or not is_part):
            words.add(_singular(word.lower()))
            word = ""
        if is_part:
            word += letter
    return frozenset(words)


def words_of_path(path: str) -> frozenset[str]:
    """Return the words of all folders and of the name in a path, without its suffix."""
    folder, name = os.path.split(path)
    return _words_of_folder(folder) | words_of(os.path.splitext(name)[0])


@lru_cache(maxsize=4096)
def _words_of_folder(folder: str) -> frozenset[str]:
    return words_of(folder)


def _content_words(text: str) -> frozenset[str]:
    return words_of(text) - _STOP_WORDS


@lru_cache(maxsize=1 << 14)
def _singular(word: str) -> str:
    """Return what a word and its plural have in common; not always a word ("hous", "sho").

    "-ches" may be of a word on "-ch" or "-che" ("beaches", "headaches"): both lose their "e".
    """
    if found := _VES.search(word):
        return word[:-3] + ("fe" if found[0] in _OF_FE else "f")
    if word.endswith("ies") and not word.endswith(("eies", "aies")) and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(_ES) and len(word) > 4:
        return word[:-2]
    if word.endswith(_E) and len(word) > 3:
        return word[:-1]
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and len(word) > 2:
        return word[:-1]
    return word


def _parts(word: str) -> set[str]:
    """Return what a name that has the word has one of in it, but for ASCII capitals.

    Of a word in other letters: as small ones, as capitals and as a name begins, composed or not.
    """
    # "berries" has no "berry", "wolves" no "wolf".
    stem = word[: -len(found[0])] if (found := _CHANGED.search(word)) else word
    if word.isascii():
        return {stem}
    cases = {stem, stem.upper(), stem[:1].upper() + stem[1:]}
    return {unicodedata.normalize(form, case) for form in ("NFC", "NFD") for case in cases}
