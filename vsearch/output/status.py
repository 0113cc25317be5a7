"""What an index holds: lines for a person, or one JSON object."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING

from vsearch.output.terminal import count_of, printable, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsearch.errors import SkipReason
    from vsearch.records import SetStatus, Status

SHOWN_LABELS = 5


def print_status(status: Status, *, as_json: bool) -> None:
    """Print `status` on stdout."""
    print(json.dumps(asdict(status)) if as_json else "\n".join(_lines(status)))


def print_skipped(skipped: Iterable[tuple[str, SkipReason, str]], *, as_json: bool) -> None:
    """Print a line for each file without an embedding: reason, detail and path, tab-separated."""
    for path, reason, detail in skipped:
        if as_json:
            print(json.dumps({"path": path, "reason": str(reason), "detail": detail}))
        else:
            print(f"{reason}\t{printable(detail)}\t{printable(path)}")


def _lines(status: Status) -> list[str]:
    lines = [
        f"index     {printable(status.folder)}",
        f"pictures  {status.images:,}{_shared(status)}",
    ]
    for root in status.roots:
        note = "" if root.whole else ", single files"
        note += "" if root.there else ", not there now"
        lines.append(f"  {root.images:>9,}  {printable(root.path)}{note}")
    if status.lacking:
        lines.append(f"waiting   {status.lacking:,} more without a vector yet; run `vsearch index`")
    if status.skipped:
        lines.append(f"skipped   {sum(status.skipped.values()):,}")
        lines += [f"  {count:>9,}  {reason}" for reason, count in sorted(status.skipped.items())]
    if status.labels:
        lines.append(f"labels    {_labels(status.labels)}")
    if status.model:
        model = status.model
        lines.append(f"model     {model.name}, {model.dim} dimensions, {model.weights[:12]}")
    lines += [
        f"vectors   {status.rows:,}{_unused(status)}",
        f"graph     {_graph(status)}",
        *(f"beside    {_other(one)}" for one in status.others),
        f"on disk   {size(status.bytes)}",
        f"changed   {_ago(time.time() - status.changed_at)}",
    ]
    return lines


def _shared(status: Status) -> str:
    copies = status.images - status.live_rows
    return f" ({count_of(copies, 'copy', 'copies')} of others among them)" if copies else ""


def _unused(status: Status) -> str:
    unused = status.rows - status.live_rows
    return f", {unused:,} of pictures that are gone" if unused else ""


def _graph(status: Status) -> str:
    if not status.graph_rows:
        return "none; every search scans all vectors"
    share = status.graph_rows / status.rows
    return f"covers {status.graph_rows:,} of {status.rows:,} vectors ({share:.0%})"


def _labels(labels: dict[str, int]) -> str:
    """Say how many labels there are, and the most frequent ones."""
    shown = [f"{printable(name)} {count:,}" for name, count in islice(labels.items(), SHOWN_LABELS)]
    more = ", ..." if len(labels) > len(shown) else ""
    return f"{len(labels):,}: {', '.join(shown)}{more}"


def _other(one: SetStatus) -> str:
    name = printable(one.model.name)
    if not one.kept:
        total = count_of(one.images + one.lacking, "picture")
        return f"being built: {name}, {one.images:,} of {total}"
    lacking = f" (of {one.lacking:,} pictures none)" if one.lacking else ""
    return (
        f"kept: {name}, {count_of(one.rows, 'vector')}{lacking}, {size(one.bytes)}; "
        "free it with `vsearch index --drop-old`"
    )


def _ago(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{count_of(int(seconds // length), unit)} ago"
    return "just now"
