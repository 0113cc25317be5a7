"""Which picture has which label, and in which split it is; how the classes are balanced."""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from vsearch.analysis.results import ClassCount, Labelling
from vsearch.errors import UsageError
from vsearch.truth.values import Captions, Labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsearch.truth.values import Truth

ENOUGH = 5
"""Pictures from which on a keyword is preferred as a class: of fewer there is little to tell."""
_MISSING = 10  # pictures that are named


@dataclass(slots=True)
class Files:
    """What is kept of all files that are looked at, in the order of the index: lists (n,)."""

    paths: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    sides: list[tuple[int, int]] = field(default_factory=list)
    keywords: list[tuple[str, ...]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labels of files: lists (n,), None where there is none; see `results.Labelling`.

    `besides` are all keywords of a file that has several, by its place.
    """

    labels: list[str | None]
    splits: list[str | None]
    besides: Mapping[int, tuple[str, ...]]
    labelling: Labelling


def labelled(
    files: Files,
    truth: Truth | None,
    place: Path | None,
    source: Literal["keywords", "folders"] | None,
    *,
    filtered: bool = False,
) -> Labelled | None:
    """Return the labels that the `truth` read from `place` gives, else those of `source`.

    Where neither is given, keywords are taken if any file has some, else folders if there are
    several; None where that leaves none. Raises UsageError for a truth that has neither labels nor
    splits, or none of the files; these may be few since they were `filtered`.
    """
    if truth is not None:
        return _by_truth(files, truth, place, filtered=filtered)
    if source is None and any(files.keywords):
        source = "keywords"
    if source == "keywords":
        return _by_keywords(files)
    folders: list[str | None] = [os.path.dirname(path) for path in files.paths]
    if source == "folders" or len(set(folders)) > 1:
        return _labelled("folders", _short(folders), [None] * len(folders))
    return None


def _by_truth(files: Files, truth: Truth, place: Path | None, *, filtered: bool) -> Labelled:
    if not isinstance(truth, Labels) and (truth.splits is None or not isinstance(truth, Captions)):
        kind = "captions without splits" if isinstance(truth, Captions) else "queries"
        raise UsageError(
            f"no labels but {kind} in it, {place}; name class folders, or a CSV of path,label"
        )
    at = {path: number for number, path in enumerate(files.paths)}
    labels: list[str | None] = [None] * len(files.paths)
    splits: list[str | None] = [None] * len(files.paths)
    missing = []
    folders: dict[str, str] = {}
    for number, path in enumerate(truth.paths):
        found = at.get(path)
        if found is None:  # the same file by another path, as `Index.entry` looks for it
            folder, name = os.path.split(path)
            real = folders.get(folder)
            if real is None:
                real = folders[folder] = os.path.realpath(folder)
            found = at.get(os.path.join(real, name))
        if found is None:
            missing.append(path)
            continue
        if isinstance(truth, Labels):
            labels[found] = truth.labels[number] or None
        if truth.splits is not None:
            splits[found] = truth.splits[number] or None
    if files.paths and len(missing) == len(truth.paths):
        where = "what the filters leave of the index" if filtered else "the index"
        other = "other filters, " if filtered else ""
        raise UsageError(
            f"none of the {len(missing):,} labelled pictures is in {where}, as {missing[0]}; name "
            f"{other}the right index, or the folder they are below with --images"
        )
    return _labelled(
        "truth", labels, splits, place=place, missing=missing,
        order=list(dict.fromkeys(one for one in truth.splits or () if one)),
    )  # fmt: skip


def _by_keywords(files: Files) -> Labelled:
    """Take the rarest keyword of each file that ENOUGH have: the one that says the most.

    The most frequent one where all are rarer. Those that differ in case only are one.
    """
    spellings: dict[str, Counter[str]] = {}
    for keywords in files.keywords:
        for one in keywords:
            spellings.setdefault(one.casefold(), Counter())[one] += 1
    count = {folded: all_.total() for folded, all_ in spellings.items()}
    written = {
        folded: min(all_, key=lambda one: (-all_[one], one)) for folded, all_ in spellings.items()
    }
    labels: list[str | None] = []
    besides = {}
    for place, keywords in enumerate(files.keywords):
        own = sorted({one.casefold() for one in keywords})
        if len(own) > 1:
            besides[place] = tuple(written[one] for one in own)
        often = [one for one in own if count[one] >= ENOUGH]
        if often:
            labels.append(written[min(often, key=lambda one: (count[one], one))])
        elif own:
            labels.append(written[min(own, key=lambda one: (-count[one], one))])
        else:
            labels.append(None)
    return _labelled("keywords", labels, [None] * len(labels), besides=besides)


def _short(folders: Sequence[str | None]) -> list[str | None]:
    """Return folders without what all of them begin with, but the last name of that."""
    named = {one for one in folders if one is not None}
    if not named:
        return list(folders)
    top = os.path.dirname(os.path.commonpath(named))
    return [None if one is None else os.path.relpath(one, top) for one in folders]


def _labelled(
    source: Literal["truth", "keywords", "folders"],
    labels: list[str | None],
    splits: list[str | None],
    *,
    place: Path | None = None,
    missing: Sequence[str] = (),
    order: Sequence[str] = (),
    besides: Mapping[int, tuple[str, ...]] | None = None,
) -> Labelled:
    counts = Counter(one for one in labels if one is not None)
    in_splits: dict[str, Counter[str]] = {label: Counter() for label in counts}
    for label, split in zip(labels, splits, strict=True):
        if label is not None and split is not None:
            in_splits[label][split] += 1
    by_split = Counter(one for one in splits if one is not None)
    classes = tuple(
        ClassCount(
            label,
            count,
            {one: in_splits[label][one] for one in order if in_splits[label][one]},
        )
        for label, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    )
    imbalance, evenness, effective = balance([one.pictures for one in classes])
    labelling = Labelling(
        source=source,
        place=None if place is None else os.fspath(place),
        classes=classes,
        labelled=counts.total(),
        unlabelled=len(labels) - counts.total(),
        missing=len(missing),
        missing_paths=tuple(missing[:_MISSING]),
        several=len(besides or {}),
        splits={one: by_split[one] for one in order if by_split[one]},
        imbalance=imbalance,
        evenness=evenness,
        effective=effective,
    )
    return Labelled(labels, splits, besides or {}, labelling)


def balance(counts: Sequence[int]) -> tuple[float | None, float | None, float | None]:
    """Return imbalance, evenness and the effective number of classes of so many pictures each.

    None for fewer than two classes. See `results.Labelling`; Pielou, "The measurement of diversity
    in different types of biological collections" (1966); Hill, "Diversity and Evenness" (1973).
    """
    if len(counts) < 2:
        return None, None, None
    total = sum(counts)
    entropy = -sum(one / total * math.log(one / total) for one in counts)
    return max(counts) / min(counts), entropy / math.log(len(counts)), math.exp(entropy)
