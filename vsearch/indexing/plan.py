"""What is there and what is known -> what to read and what is gone. Pure: it touches no file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.errors import SkipReason
from vsearch.images.find import FoundFile, PassedOver
from vsearch.index import is_unsettled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vsearch.index import Known


# These depend on more than the file: permissions, a disk at fault, the memory or limit of that day,
# the model. So does what takes too long, in part; but to find that out anew would take as long each
# time.
_MAY_CHANGE = {SkipReason.UNREADABLE, SkipReason.TOO_LARGE, SkipReason.NO_EMBEDDING}
# Told of a file without a suffix only where a person named it.
_BY_NAME = {SkipReason.NOT_AN_IMAGE, SkipReason.EMPTY}


@dataclass(frozen=True, slots=True)
class Plan:
    """What bringing one scope up to date takes.

    `new`, `changed` and `again` are to be read, in walking order: never seen; another size or time
    of change; unreadable, without its embedding, too freshly written last time, or recorded by a
    vsearch that did not look for labels and perceptual hash. `unchanged`
    counts files that need nothing, `unchanged_skipped` those among them without an embedding, by
    reason. `gone` are recorded files that are no longer found. `passed_over` was not looked at.
    `unsettled` counts files that may still be being written: they stay as they are for now.
    """

    new: list[FoundFile]
    changed: list[FoundFile]
    again: list[FoundFile]
    unchanged: int
    unchanged_skipped: dict[SkipReason, int]
    gone: list[str]
    passed_over: list[PassedOver]
    unsettled: int = 0


def plan(
    found: Iterable[FoundFile | PassedOver],
    known: Mapping[str, Known],
    *,
    settle_ns: int = 0,
    now_ns: int = 0,
) -> Plan:
    """Compare what a walk found with what the index knows of the same place.

    What is new or changed is left alone where it was changed within `settle_ns` of `now_ns`
    (nanoseconds since 1970): who writes it may not be done.

    A record whose file was not found is gone, unless it lies in a folder (or is a file) that could
    not be read: then nobody knows, and it is kept.
    """
    new: list[FoundFile] = []
    changed: list[FoundFile] = []
    again: list[FoundFile] = []
    passed_over: list[PassedOver] = []
    skipped: dict[SkipReason, int] = {}
    unchanged = unsettled = 0
    left = dict(known)
    for item in found:
        if isinstance(item, PassedOver):
            passed_over.append(item)
            continue
        before = left.pop(item.path, None)
        # In either direction: the clock of a share may be a little ahead.
        if abs(now_ns - item.mtime_ns) < settle_ns and (
            before is None or (before.size, before.mtime_ns) != (item.size, item.mtime_ns)
        ):
            unsettled += 1
        elif before is None:
            new.append(item)
        elif before.size == item.size and is_unsettled(before.mtime_ns, item.mtime_ns):
            again.append(item)
        elif (before.size, before.mtime_ns) != (item.size, item.mtime_ns):
            changed.append(item)
        elif before.reason is None and before.embedded and before.described:
            unchanged += 1
        elif before.reason is None or before.reason in _MAY_CHANGE:
            again.append(item)
        elif before.reason in _BY_NAME and not item.named_image:
            again.append(item)  # it was named on purpose then; found by walking, it is ignored
        else:
            unchanged += 1
            skipped[before.reason] = skipped.get(before.reason, 0) + 1
    unread = [item.path for item in passed_over if item.reason is SkipReason.UNREADABLE]
    gone = [path for path in left if not any(_covers(place, path) for place in unread)]
    return Plan(new, changed, again, unchanged, skipped, gone, passed_over, unsettled)


def _covers(place: str, path: str) -> bool:
    return place in (".", path) or path.startswith(place + "/")
