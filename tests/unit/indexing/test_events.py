"""`Tally`: every event counts once, in its own place."""

import pytest

from vsearch.errors import SkipReason
from vsearch.indexing.events import (
    Committed,
    Confirmed,
    Done,
    Dropped,
    Embedded,
    Event,
    Gone,
    GraphStarted,
    Ignored,
    Planned,
    Reused,
    RootMissing,
    Skipped,
    Switched,
    Tally,
    Unswitched,
)

DAMAGED, LINK, EMPTY = SkipReason.DAMAGED, SkipReason.LINK, SkipReason.EMPTY


def tally(*events: Event) -> Tally:
    made = Tally()
    for event in events:
        made.add(event)
    return made


def counts(made: Tally) -> dict[str, object]:
    """Return what is not zero."""
    values = {name: getattr(made, name) for name in Tally.__slots__}
    return {name: dict(value) if hasattr(value, "items") else value
            for name, value in values.items() if value}  # fmt: skip


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Embedded("/a"), {"read": 1, "embedded": 1}),
        (Reused("/a"), {"read": 1, "reused": 1}),
        (Confirmed("/a"), {"read": 1, "unchanged": 1}),
        (Ignored("/a"), {"read": 1, "ignored": 1}),
        (Skipped("/a", DAMAGED, "", opened=True), {"read": 1, "skipped": {DAMAGED: 1}}),
        (Skipped("/a", LINK, "", opened=False), {"skipped": {LINK: 1}}),
        (Gone("/a"), {"gone": 1}),
        (RootMissing("/a", 7), {"missing_roots": 1}),
        (Committed(), {}),
        (GraphStarted(), {}),
        (Unswitched("old", "new", 3, 12), {"lacking": 3}),
        (Switched("old", "new"), {}),
        (Dropped(4_096), {}),
        (Done(12), {"images": 12}),
        (
            Planned("/a", 1, 2, 4, 5, {EMPTY: 3}, 6),
            {"new": 1, "changed": 2, "reading": 4, "unchanged": 5, "skipped_before": {EMPTY: 3}},
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, dict) else "",
)
def test_an_event_counts_in_its_own_place(event: Event, expected: dict[str, object]) -> None:
    assert counts(tally(event)) == expected


def test_roots_add_up() -> None:
    made = tally(
        Planned("/a", 1, 1, 3, 10, {EMPTY: 1}, 1),
        Confirmed("/a/1"),
        Gone("/a/2"),
        Planned("/b", 2, 0, 2, 5, {EMPTY: 2, DAMAGED: 1}, 0),
        Skipped("/b/1", DAMAGED, "", opened=True),
        Skipped("/b/2", DAMAGED, "", opened=True),
        Done(17),
    )
    assert counts(made) == {
        "new": 3, "changed": 1, "reading": 5, "read": 3, "unchanged": 16, "gone": 1, "images": 17,
        "skipped": {DAMAGED: 2}, "skipped_before": {EMPTY: 3, DAMAGED: 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], True, id="nothing happened"),
        pytest.param([Embedded("/a"), Gone("/b"), Ignored("/c")], True, id="all went well"),
        pytest.param([Skipped("/a", LINK, "", False)], True, id="a link left alone"),
        pytest.param([Skipped("/a", SkipReason.VISITED, "", False)], True, id="a place visited"),
        pytest.param([Skipped("/a", DAMAGED, "", True)], False, id="a damaged picture"),
        pytest.param([Planned("/a", 0, 0, 0, 1, {DAMAGED: 1}, 0)], False, id="damaged as before"),
        pytest.param([RootMissing("/a", 0)], False, id="a root that is not there"),
        pytest.param([Unswitched("old", "new", 1, 9)], False, id="not switched yet"),
        pytest.param([Switched("old", "new"), Dropped(1)], True, id="switched"),
    ],
)
def test_complete_is_when_every_picture_and_root_could_be_used(
    events: list[Event], expected: bool
) -> None:
    assert tally(*events).complete is expected
