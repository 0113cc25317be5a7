"""`plan`: against a plain rule for each file by itself, on random trees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsearch.errors import SkipReason
from vsearch.images.find import FoundFile, PassedOver
from vsearch.index import Known, unsettled
from vsearch.indexing.plan import Plan, plan
from vsearch.records import UNSETTLED

PATHS = ["a", "b", "d", "d/a", "d/b", "d/e/a", "dd", "d!", "d.png", "d/e"]


def file(path: str = "a", size: int = 10, mtime_ns: int = 20) -> FoundFile:
    return FoundFile(path, size, mtime_ns, named_image=True)


def seen(
    size: int = 10,
    mtime_ns: int = 20,
    reason: SkipReason | None = None,
    embedded: bool = True,
    described: bool = True,
) -> Known:
    return Known(size, mtime_ns, reason, embedded and reason is None, described)


CASES = {
    "never seen": (None, "new"),
    "the same": (seen(), "unchanged"),
    "another size": (seen(size=11), "changed"),
    "another time": (seen(mtime_ns=22), "changed"),
    "an earlier time": (seen(mtime_ns=30), "changed"),
    "another size, skipped before": (seen(size=11, reason=SkipReason.DAMAGED), "changed"),
    "damaged and the same": (seen(reason=SkipReason.DAMAGED), "skipped"),
    "too large and the same": (seen(reason=SkipReason.TOO_LARGE), "again"),
    "another model had no embedding": (seen(reason=SkipReason.NO_EMBEDDING), "again"),
    "unreadable and the same": (seen(reason=SkipReason.UNREADABLE), "again"),
    "without its embedding": (seen(embedded=False), "again"),
    "by an older vsearch": (seen(described=False), "again"),
    "damaged, by an older vsearch": (seen(reason=SkipReason.DAMAGED, described=False), "skipped"),
    "read too soon": (seen(mtime_ns=unsettled(seen().mtime_ns)), "again"),
    "read too soon, at a time not known": (seen(mtime_ns=UNSETTLED), "again"),
    "read too soon, changed since": (seen(mtime_ns=unsettled(seen().mtime_ns + 2)), "changed"),
    "empty and the same": (seen(reason=SkipReason.EMPTY), "skipped"),
    "read too soon, another size": (seen(size=11, mtime_ns=UNSETTLED), "changed"),
    "read too soon and damaged": (seen(mtime_ns=UNSETTLED, reason=SkipReason.DAMAGED), "again"),
}


@pytest.mark.parametrize(("known", "expected"), CASES.values(), ids=CASES.keys())
def test_one_file(known: Known | None, expected: str) -> None:
    todo = plan([file()], {} if known is None else {"a": known})
    skipped = {known.reason: 1} if known and known.reason and expected == "skipped" else {}
    assert todo == Plan(
        new=[file()] if expected == "new" else [],
        changed=[file()] if expected == "changed" else [],
        again=[file()] if expected == "again" else [],
        unchanged=expected in ("unchanged", "skipped"),
        unchanged_skipped=skipped,
        gone=[],
        passed_over=[],
    )


UNSETTLED_CASES = {
    "new, changed just now": (None, 995, True),
    "new, by a clock a little ahead": (None, 1_005, True),
    "new, changed long ago": (None, 990, False),
    "new, from the future": (None, 1_010, False),
    "changed just now": (seen(mtime_ns=20), 995, True),
    "read too soon": (seen(mtime_ns=UNSETTLED), 995, True),
    "as it was read": (seen(mtime_ns=995), 995, False),
}


@pytest.mark.parametrize(
    ("known", "mtime_ns", "left"), UNSETTLED_CASES.values(), ids=UNSETTLED_CASES.keys()
)
def test_what_may_still_be_being_written_is_left(
    known: Known | None, mtime_ns: int, left: bool
) -> None:
    found = [file(mtime_ns=mtime_ns)]
    records = {} if known is None else {"a": known}
    todo = plan(found, records, settle_ns=10, now_ns=1_000)
    whatever_its_time = plan(found, records)
    nothing = Plan([], [], [], 0, {}, [], [], unsettled=1)
    assert todo == (nothing if left else whatever_its_time)


@pytest.mark.parametrize(
    ("passed_over", "gone"),
    [
        pytest.param(None, ["a", "d", "d/a", "d/e/b", "dd/a"], id="nothing was passed over"),
        pytest.param("d", ["a", "dd/a"], id="an unreadable folder keeps what is below it"),
        pytest.param("d/e", ["a", "d", "d/a", "dd/a"], id="a folder in a folder"),
        pytest.param("a", ["d", "d/a", "d/e/b", "dd/a"], id="an unreadable file keeps itself"),
        pytest.param(".", [], id="the unreadable root keeps everything"),
        pytest.param("x", ["a", "d", "d/a", "d/e/b", "dd/a"], id="a folder of unknown files"),
    ],
)
def test_what_could_not_be_looked_at_is_kept(passed_over: str | None, gone: list[str]) -> None:
    known = {path: seen() for path in ("a", "d", "d/a", "d/e/b", "dd/a")}
    found = [] if passed_over is None else [PassedOver(passed_over, SkipReason.UNREADABLE, "no")]
    todo = plan(found, known)
    assert (todo.gone, todo.passed_over) == (gone, found)
    assert set(known) == {"a", "d", "d/a", "d/e/b", "dd/a"}


@pytest.mark.parametrize("reason", [SkipReason.LINK, SkipReason.VISITED, SkipReason.SPECIAL])
def test_what_is_passed_over_by_choice_keeps_nothing(reason: SkipReason) -> None:
    assert plan([PassedOver("d", reason)], {"d/a": seen(), "d": seen()}).gone == ["d/a", "d"]


reasons = st.sampled_from([None, *SkipReason])
knowns = st.builds(
    lambda size, mtime, reason, embedded: seen(size, mtime, reason, embedded),
    st.integers(1, 2), st.sampled_from([UNSETTLED, 0, 1, 2, 3]), reasons, st.booleans(),
)  # fmt: skip
items = st.one_of(
    st.builds(
        FoundFile, st.sampled_from(PATHS), st.integers(1, 2), st.integers(1, 2), st.just(True)
    ),
    st.builds(PassedOver, st.sampled_from([*PATHS, "."]), st.sampled_from(list(SkipReason))),
)


@given(
    st.lists(items, unique_by=lambda item: item.path),
    st.dictionaries(st.sampled_from(PATHS), knowns),
)
def test_it_is_a_plain_rule_for_each_file(
    found: list[FoundFile | PassedOver], known: dict[str, Known]
) -> None:
    expected: dict[str, list[FoundFile]] = {"new": [], "changed": [], "again": [], "fine": []}
    for item in found:
        if isinstance(item, FoundFile):
            before = known.get(item.path)
            if before is None:
                kind = "new"
            elif before.size != item.size:
                kind = "changed"
            elif before.mtime_ns in (UNSETTLED, {1: 0, 2: 3}[item.mtime_ns]):
                kind = "again"
            elif before.mtime_ns != item.mtime_ns:
                kind = "changed"
            elif before.reason in (
                SkipReason.UNREADABLE,
                SkipReason.TOO_LARGE,
                SkipReason.NO_EMBEDDING,
            ) or (before.reason is None and not before.embedded):
                kind = "again"
            else:
                kind = "fine"
            expected[kind].append(item)
    todo = plan(iter(found), known)
    assert todo.new == expected["new"]
    assert todo.changed == expected["changed"]
    assert todo.again == expected["again"]
    assert todo.unchanged == len(expected["fine"])
    assert todo.passed_over == [item for item in found if isinstance(item, PassedOver)]
    skipped = [known[item.path].reason for item in expected["fine"]]
    assert todo.unchanged_skipped == {
        reason: skipped.count(reason) for reason in set(skipped) - {None}
    }
    there = {item.path for item in found if isinstance(item, FoundFile)}
    unknowable = [
        item.path
        for item in found
        if isinstance(item, PassedOver) and item.reason is SkipReason.UNREADABLE
    ]
    assert todo.gone == [
        path
        for path in known
        if path not in there
        and not any(place == "." or f"{path}/".startswith(f"{place}/") for place in unknowable)
    ]
