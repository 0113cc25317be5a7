"""What a split came to: on stderr for a person, as JSON for a program; and its CSV on stdout."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from vsearch.output.terminal import count_of, printable, say
from vsearch.truth.write import as_csv

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vsearch.splitting.split import Part, Plan, Splitting

_NAMED = 10  # classes, or pictures, in a line; --json has them all


def print_csv(rows: Iterable[Sequence[str]]) -> None:
    """Print rows of cells as CSV on stdout; a terminal gets what it would obey written out."""
    if sys.stdout.isatty():
        rows = ([printable(cell) for cell in row] for row in rows)
    sys.stdout.buffer.write(as_csv(rows))
    sys.stdout.buffer.flush()


def print_summary_json(found: Splitting, plan: Plan) -> None:
    """Print the summary on stdout as one JSON object."""
    worst = _worst(found)
    parts = {
        part.name: {
            "pictures": part.pictures,
            "share": round(part.pictures / len(found.splits), 6),
            "wanted": round(part.share, 6),
            "groups": part.groups,
            "labels": dict(part.labels),
        }
        for part in found.parts
    }
    summary: dict[str, Any] = {
        "pictures": len(found.splits),
        "groups": found.groups,
        "groups_of_near_duplicates": found.groups_of_near,
        "largest_group": found.largest,
        "seed": plan.seed,
        "alike": plan.alike,
        "together": list(plan.together),
        "splits": parts,
        "largest_deviation": worst
        and {"label": worst[0], "split": worst[1].name, "share": round(worst[2], 6)},
        "labels_in_too_few_groups": list(found.few),
        "near_duplicates_across_splits": 0,
        "pairs_looked_at": found.pairs,
        "too_flat_to_compare": found.flat,
        "unmarked": {one.name: one.pictures for one in found.unmarked},
        "left_out": list(found.left_out),
    }
    print(json.dumps(summary, indent=2))


def say_summary(found: Splitting) -> None:
    """Say on stderr what came of it, and what was proved."""
    total = len(found.splits)
    near = f"{count_of(found.groups_of_near, 'group')} of what is near or alike, kept together"
    say(f"{count_of(total, 'picture')} in {count_of(found.groups, 'group')}; {near}")
    width = max(len(printable(part.name)) for part in found.parts)
    for part in found.parts:
        say(
            f"  {part.name:<{width}}  {part.pictures:>7,}  {part.pictures / total:>5.1%}"
            f"  wanted {part.share:.1%}"
        )
    worst = _worst(found)
    if worst and abs(worst[2] - worst[1].share) >= 0.001:
        label, part, share = worst
        say(
            f"largest deviation of a class: {label}, {share:.1%} of it in {part.name}, not "
            f"{part.share:.1%}"
        )
    for part in found.parts:
        if found.largest > part.share * total:
            say(
                f"the largest group has {count_of(found.largest, 'picture')}, more than "
                f"{part.name} should have ({part.share * total:.1f})"
            )
    if found.few:
        say(f"in fewer groups than there are splits: {_listed(found.few)}")
    labels = sorted({label for part in found.parts for label in part.labels})
    for part in found.parts:
        if lacking := [label for label in labels if label not in part.labels]:
            say(f"not in {part.name}: {_listed(lacking)}")
    for one in found.unmarked:
        lacks = f"are blank in `{one.name}`" if one.column else "have no day from a camera"
        say(f"{one.pictures:,} of {count_of(total, 'picture')} {lacks}: not kept together by it")
    if found.left_out:
        count = count_of(len(found.left_out), "picture")
        why = "not there, of no class, or without an embedding"
        say(f"left out, {why}: {count}: {_listed(found.left_out)}")
    if found.flat:
        flat = count_of(found.flat, "picture")
        say(f"too flat to be compared (a clear sky, a blank page), unless equal: {flat}")
    say(f"no near-duplicate across splits: 0 of {count_of(found.pairs, 'pair')} looked at")


def _worst(found: Splitting) -> tuple[str, Part, float] | None:
    """Return the class whose share in a split is furthest from the wanted one; it, and the share.

    Of equal ones that of the most pictures. None where there are no classes.
    """
    totals = sum((Counter(part.labels) for part in found.parts), Counter[str]())
    shares = [
        (label, part, part.labels.get(label, 0) / count)
        for label, count in totals.items()
        for part in found.parts
    ]
    return max(shares, key=lambda one: (abs(one[2] - one[1].share), totals[one[0]]), default=None)


def _listed(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
