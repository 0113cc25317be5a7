"""`records`: travelling values do not change."""

import os
from dataclasses import FrozenInstanceError, replace
from datetime import datetime

import pytest

from vsearch.records import UNSETTLED, Entry, ImageFacts, changed_ns, date_of


def test_a_record_cannot_be_changed() -> None:
    facts = ImageFacts(1, 2, "PNG")
    with pytest.raises(FrozenInstanceError):
        facts.width = 3  # type: ignore[misc]  # what is tested


def entry(taken_at: str | None, mtime_ns: int) -> Entry:
    return Entry("/r", "a", 1, mtime_ns, b"", 0, ImageFacts(1, 2, "PNG", taken_at))


@pytest.mark.parametrize(
    "moment",
    [datetime(2021, 5, 4, 12, 33, 10), datetime(1955, 6, 1), datetime(1969, 12, 31, 23, 59, 59)],
    ids=str,
)
def test_a_date_is_when_it_was_taken_else_changed(moment: datetime) -> None:
    changed = entry(None, int(moment.timestamp()) * 10**9 + 999_999_998)
    assert date_of(changed) == moment.isoformat()
    taken = replace(changed, facts=ImageFacts(1, 2, "PNG", "2022-01-02T03:04:05+02:00"))
    assert date_of(taken) == "2022-01-02T03:04:05"
    assert date_of(replace(changed, mtime_ns=UNSETTLED)) is None


def test_a_clock_beyond_what_64_bits_hold() -> None:
    times = dict.fromkeys(range(10), 0) | {7: 0, 8: 15_023_000_000, 9: 0}
    status = os.stat_result(
        tuple(times.values()), {"st_mtime_ns": 15_023_000_000 * 10**9, "st_mtime": 15_023_000_000.0}
    )
    assert changed_ns(status) == (1 << 63) - 1
    assert date_of(entry(None, changed_ns(status))) is not None
