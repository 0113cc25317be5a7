"""`update` with another model: built beside, interruptible, and switched to only when complete."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_encoder import BLUE, GREEN, RED, FakeEncoder, TurnedEncoder, paint
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.indexing.test_run import (
    CONTENTS,
    OPTIONS,
    Content,
    Tree,
    bring_up,
    bring_up_unprivileged,
    content,
    edits,
    settle,
    what,
)

from vsearch.errors import SkipReason
from vsearch.index import Index
from vsearch.indexing.events import (
    Committed,
    Done,
    Dropped,
    Embedded,
    Event,
    GraphStarted,
    Planned,
    Renamed,
    RootMissing,
    Skipped,
    Switched,
    Unswitched,
)
from vsearch.indexing.plan import Plan
from vsearch.indexing.run import Options, preview, update

PURPLE = pytest.approx((0.7071, 0, 0.7071), abs=1e-4)  # what (255, 0, 255) is to the first model


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder: red.png, a copy of it, green.bmp and deep/blue.png, all settled."""
    root = tmp_path / "photos"
    for name, colour in {"red.png": RED, "green.bmp": GREEN, "deep/blue.png": BLUE}.items():
        settle(paint(root / name, colour))
    shutil.copy2(root / "red.png", root / "red copy.png")
    return root


@pytest.fixture
def index(tmp_path: Path, root: Path) -> Path:
    """The index of that folder, made with the first model."""
    bring_up(tmp_path / "index", root)
    return tmp_path / "index"


def switch(index: Path, *paths: Path, name: str = "turned", drop: bool = False) -> list[Event]:
    named = [os.fspath(path) for path in paths]
    return list(update(index, TurnedEncoder(name), named, OPTIONS, drop_old=drop))


def model(index: Path) -> str:
    with Index(index) as opened:
        assert opened.model
        return opened.model.name


def sets(index: Path) -> list[str]:
    return sorted(os.listdir(index / "sets"))


def fresh(index: Path, root: Path) -> Content:
    """Return what an index made with the second model alone would hold."""
    place = index.with_name("fresh")
    list(update(place, TurnedEncoder(), [os.fspath(root)], OPTIONS))
    found = content(place)
    shutil.rmtree(place)
    return found


def test_a_switch_event_by_event(root: Path, index: Path) -> None:
    before = content(index)
    events = []
    for one in update(index, TurnedEncoder(), [], OPTIONS):
        events.append(one)
        switched = any(isinstance(done, Switched) for done in events)
        assert model(index) == ("turned" if switched else "colours")
        assert content(index) == (fresh(index, root) if switched else before)
    assert events == [
        Planned(str(root), 0, 0, reading=4, unchanged=0, unchanged_skipped={}, gone=0),
        Embedded(f"{root}/green.bmp"),
        Embedded(f"{root}/red copy.png"),
        Embedded(f"{root}/red.png"),
        Embedded(f"{root}/deep/blue.png"),
        Committed(),
        GraphStarted(),
        Switched("colours", "turned"),
        Done(4),
    ]
    with Index(index) as opened:
        assert (opened.rows, opened.graph().rows) == (3, 3)
    assert sets(index) == ["whole", "whole-2"]


def test_the_next_run_with_either_model_has_nothing_to_do(root: Path, index: Path) -> None:
    switch(index)
    unchanged = [Planned(str(root), 0, 0, 0, 4, {}, 0), Committed()]
    assert switch(index) == [*unchanged, Done(4)]
    encoder = FakeEncoder()
    back = bring_up(index, encoder=encoder)
    assert back == [*unchanged, Switched("turned", "colours"), Done(4)]
    assert encoder.pictures == 0
    assert switch(index) == [*unchanged, Switched("colours", "turned"), Done(4)]


def test_another_precision_of_the_same_weights_takes_over_what_is_there(
    root: Path, index: Path
) -> None:
    other = FakeEncoder()
    other.identity = replace(other.identity, name="colours@int8")
    events = list(update(index, other, [os.fspath(root)], OPTIONS))
    assert [event for event in events if isinstance(event, Renamed)] == [
        Renamed("colours", "colours@int8")
    ]
    assert not any(isinstance(event, Embedded | Switched) for event in events)
    assert other.pictures == 0
    with Index(index) as opened:
        assert opened.model == other.identity  # the next run goes on with this one
        assert opened.status().others == ()
    again = list(update(index, other, [], OPTIONS))
    assert not any(isinstance(event, Renamed) for event in again)


def test_a_set_being_built_goes_on_in_another_precision(root: Path, index: Path) -> None:
    switch(index, root / "red.png", name="turned@fp32")
    other = TurnedEncoder("turned@int8")
    other.identity = replace(other.identity, weights="weights of turned@fp32")
    events = list(update(index, other, [], OPTIONS))
    assert not any(isinstance(event, Renamed) for event in events)  # it did not answer yet
    assert Switched("colours", "turned@int8") in events
    assert other.pictures == 2  # of three contents one was embedded before


def test_switching_back_reads_only_what_came_since(root: Path, index: Path) -> None:
    before = content(index).vectors
    switch(index)
    (root / "green.bmp").rename(root / "grün.bmp")
    settle(paint(root / "new.png", (255, 0, 255)))
    switch(index)
    encoder = FakeEncoder()
    events = bring_up(index, encoder=encoder)
    assert what(events) == ["Embedded new.png"]
    assert events[-2:] == [Switched("turned", "colours"), Done(5)]
    assert encoder.pictures == 1
    after = content(index).vectors
    assert after.pop(f"{root}/new.png") == PURPLE
    before[f"{root}/grün.bmp"] = before.pop(f"{root}/green.bmp")
    assert after == before


@pytest.mark.parametrize("when", ["at the switch", "later", "with another one half built"])
def test_the_old_vectors_are_dropped_when_asked(root: Path, index: Path, when: str) -> None:
    size = sum(file.stat().st_size for file in (index / "sets" / "whole").iterdir())
    if when == "with another one half built":
        switch(index, root / "red.png", name="third")
        size += (index / "sets" / "whole-2" / "matrix.f32").stat().st_size
    events = switch(index, drop=when != "later")
    if when == "later":
        assert not [one for one in events if isinstance(one, Dropped)]
        events = switch(index, drop=True)
        assert events[-2:] == [Dropped(size), Done(4)]
    else:
        assert events[-3:] == [Switched("colours", "turned"), Dropped(size), Done(4)]
    assert len(sets(index)) == 1
    assert content(index) == fresh(index, root)
    with Index(index) as opened:
        assert opened.status().others == ()
    assert switch(index, drop=True)[-2:] == [Committed(), Done(4)]
    encoder = FakeEncoder()
    bring_up(index, encoder=encoder)
    assert (model(index), encoder.pictures >= 3) == ("colours", True)


def test_a_run_by_the_model_that_answers_drops_what_is_half_built(root: Path, index: Path) -> None:
    switch(index, root / "deep")
    assert sets(index) == ["whole", "whole-2"]
    events = list(update(index, FakeEncoder(), [], OPTIONS, drop_old=True))
    assert events[-2:] == [Dropped(16), Done(4)]
    assert (model(index), sets(index)) == ("colours", ["whole"])


def test_an_empty_index_switches_at_once(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    bring_up(tmp_path / "index", tmp_path / "photos")
    assert switch(tmp_path / "index")[-2:] == [Switched("colours", "turned"), Done(0)]


def test_a_new_version_of_a_model_is_another_model(root: Path, index: Path) -> None:
    assert switch(index, name="colours")[-2:] == [Switched("colours", "colours"), Done(4)]
    assert content(index) == fresh(index, root)


# Not complete


def test_a_part_of_the_pictures_is_not_enough(root: Path, index: Path) -> None:
    before = content(index)
    events = switch(index, root / "deep", drop=True)
    assert what(events) == ["Embedded deep/blue.png"]
    assert events[-2:] == [Unswitched("colours", "turned", lacking=3, pictures=4), Done(4)]
    assert content(index) == before
    assert sets(index) == ["whole", "whole-2"]
    events = switch(index, root / "red.png")
    # Its copy has the same content, so it is embedded as well.
    assert events[-2:] == [Unswitched("colours", "turned", lacking=1, pictures=4), Done(4)]
    events = switch(index, root / "green.bmp")
    assert events[-2:] == [Switched("colours", "turned"), Done(4)]
    assert content(index) == fresh(index, root)


def test_a_new_root_alone_is_not_enough(root: Path, index: Path, tmp_path: Path) -> None:
    before = content(index)
    settle(paint(tmp_path / "more" / "photos" / "new.png", (255, 0, 255)))
    events = switch(index, tmp_path / "more")
    assert events[-2:] == [Unswitched("colours", "turned", lacking=4, pictures=5), Done(4)]
    assert content(index, waiting=1) == before
    with Index(index) as opened:
        status = opened.status()
    assert (status.images, status.lacking) == (4, 1)
    assert [(one.images, one.lacking, one.kept) for one in status.others] == [(1, 4, False)]
    # A run by the model that answers takes the new root in; then the switch can be completed.
    assert what(bring_up(index)) == ["Embedded new.png"]
    assert len(content(index).vectors) == 5
    events = switch(index)
    assert len([one for one in events if isinstance(one, Embedded)]) == 4
    assert events[-2:] == [Switched("colours", "turned"), Done(5)]


def test_a_root_that_is_not_there_keeps_the_old_model(
    root: Path, index: Path, tmp_path: Path
) -> None:
    other = settle(paint(tmp_path / "usb" / "photos" / "new.png", (255, 0, 255))).parents[1]
    bring_up(index, other)
    before = content(index)
    other.rename(tmp_path / "unplugged")
    for embedded in (4, 0):
        events = switch(index, drop=True)
        assert len([one for one in events if isinstance(one, Embedded)]) == embedded
        assert RootMissing(str(other), 1) in events
        assert events[-2:] == [Unswitched("colours", "turned", lacking=1, pictures=5), Done(5)]
        assert content(index) == before
    (tmp_path / "unplugged").rename(other)
    events = switch(index)
    assert what(events) == ["Embedded new.png"]
    assert events[-2:] == [Switched("colours", "turned"), Done(5)]


def test_a_picture_that_cannot_be_read_now_keeps_the_old_model(root: Path, index: Path) -> None:
    before = content(index)
    (root / "green.bmp").chmod(0)
    said = bring_up_unprivileged(index, "TurnedEncoder")
    assert [one for one in said if one.startswith(("Skipped", "Unswitched", "Switched"))] == [
        (
            f"Skipped(path='{root}/green.bmp', reason=<SkipReason.UNREADABLE: 'unreadable'>, "
            "detail='Permission denied', opened=True)"
        ),
        "Unswitched(old='colours', new='turned', lacking=1, pictures=4)",
    ]
    assert content(index) == before
    (root / "green.bmp").chmod(0o644)
    assert what(switch(index)) == ["Embedded green.bmp"]
    assert model(index) == "turned"


def test_a_folder_that_cannot_be_read_now_keeps_the_old_model(root: Path, index: Path) -> None:
    before = content(index)
    (root / "deep").chmod(0)
    try:
        said = bring_up_unprivileged(index, "TurnedEncoder")
    finally:
        (root / "deep").chmod(0o755)
    assert said[-2] == "Unswitched(old='colours', new='turned', lacking=1, pictures=4)"
    assert content(index) == before
    assert what(switch(index)) == ["Embedded deep/blue.png"]


class WeakEncoder(TurnedEncoder):
    """The other model, which has no direction for anything green."""

    def encode_images(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        vectors = super().encode_images(pixels)
        return np.where(vectors[:, 2:3] > 0.5, np.float32("nan"), vectors)


def test_what_the_new_model_cannot_embed_answers_until_the_switch(root: Path, index: Path) -> None:
    before = content(index)
    bring_up(index, root / "green.bmp", encoder=WeakEncoder())
    assert content(index) == before
    steps = update(index, WeakEncoder(), [], OPTIONS)
    for one in steps:
        if isinstance(one, GraphStarted):
            assert content(index) == before
    after = content(index)
    green = f"{root}/green.bmp"
    assert model(index) == "turned"
    assert set(after.vectors) == set(before.vectors) - {green}
    why = "it answers with a vector without a direction (zero or not finite)"
    assert after.skipped == [(green, SkipReason.NO_EMBEDDING, why)]
    # The first model can; so can a third one.
    assert what(bring_up(index)) == ["Reused green.bmp"]
    assert content(index) == before
    bring_up(index, encoder=WeakEncoder())
    assert green not in content(index).vectors
    switch(index, name="third")
    assert content(index) == fresh(index, root)


def test_a_picture_that_was_damaged_since_is_left_out_by_both(root: Path, index: Path) -> None:
    good = (root / "green.bmp").read_bytes()
    (root / "green.bmp").write_bytes(good[:60])
    steps = update(index, TurnedEncoder(), [], OPTIONS)
    while not isinstance(next(steps), GraphStarted):
        pass
    steps.close()  # type: ignore[attr-defined]  # a generator
    assert [reason for _, reason, _ in content(index).skipped] == [SkipReason.DAMAGED]
    assert len(content(index).vectors) == 3
    assert isinstance(switch(index)[-2], Switched)
    assert content(index) == fresh(index, root)


# Meanwhile


def test_files_added_while_it_is_built_are_taken_up_by_both(root: Path, index: Path) -> None:
    switch(index, root / "deep")
    settle(paint(root / "new.png", (255, 0, 255)))
    (root / "red.png").unlink()
    assert what(bring_up(index)) == ["Embedded new.png", "Gone red.png"]
    assert model(index) == "colours"
    assert content(index).vectors[f"{root}/new.png"] == PURPLE
    events = switch(index)
    assert what(events) == ["Embedded green.bmp", "Embedded new.png", "Embedded red copy.png"]
    assert model(index) == "turned"
    assert content(index) == fresh(index, root)


def test_files_seen_first_by_the_new_model_wait_for_the_old_one(root: Path, index: Path) -> None:
    before = content(index)
    settle(paint(root / "deep" / "new.png", (255, 0, 255)))
    assert what(switch(index, root / "deep")) == ["Embedded deep/new.png", "Embedded deep/blue.png"]
    assert content(index, waiting=1) == before
    encoder = FakeEncoder()
    assert what(bring_up(index, encoder=encoder)) == ["Embedded deep/new.png"]
    assert encoder.pictures == 1
    assert len(content(index).vectors) == 5


def test_a_reader_from_before_answers_as_before(root: Path, index: Path) -> None:
    before = content(index)
    with Index(index) as opened:
        switch(index, drop=True)
        rows = opened.images_of(range(opened.rows))
        vectors = {
            os.path.join(record.root, record.path): tuple(
                opened.vectors(np.array([row]))[0].round(4).tolist()
            )
            for row, records in rows.items()
            for record in records
        }
        assert (vectors, opened.model) == (before.vectors, FakeEncoder().identity)
        assert opened.scores(np.array([1, 0, 0], np.float32)).tolist() == [0, 1, 0]
    assert content(index) == fresh(index, root)


def test_a_matrix_cut_short_while_it_is_built_is_embedded_again(root: Path, index: Path) -> None:
    switch(index, root / "deep")
    os.truncate(index / "sets" / "whole-2" / "matrix.f32", 7)
    assert [what([one])[0] for one in switch(index) if isinstance(one, Embedded)] == [
        "Embedded green.bmp", "Embedded red copy.png", "Embedded red.png", "Embedded deep/blue.png",
    ]  # fmt: skip
    assert content(index) == fresh(index, root)


def test_roots_merged_while_it_is_built_are_complete(
    root: Path, index: Path, tmp_path: Path
) -> None:
    switch(index, root / "deep")
    shutil.move(index, tmp_path / ".vsearch")
    events = switch(tmp_path / ".vsearch", tmp_path)
    assert what(events) == ["Embedded green.bmp", "Embedded red copy.png", "Embedded red.png"]
    assert events[-2:] == [Switched("colours", "turned"), Done(4)]
    with Index(tmp_path / ".vsearch") as opened:
        assert [one.path for one in opened.roots()] == [str(tmp_path)]


# Interrupted


def count(index: Path, root: Path) -> int:
    """Return how many events a switch has from beginning to end."""
    copied = index.with_name("copied")
    shutil.copytree(index, copied)
    events = list(update(copied, TurnedEncoder(), [], Options(1, 10_000), drop_old=True))
    shutil.rmtree(copied)
    return len(events)


def test_interrupted_after_any_event_it_answers_and_ends_as_if_it_had_not_been(
    root: Path, index: Path
) -> None:
    before, after = content(index), fresh(index, root)
    for stop in range(1, count(index, root) + 1):
        copied = index.with_name(f"stopped-{stop}")
        shutil.copytree(index, copied)
        steps = update(copied, TurnedEncoder(), [], Options(1, 10_000), drop_old=True)
        events = [next(steps) for _ in range(stop)]
        steps.close()  # type: ignore[attr-defined]  # a generator
        switched = any(isinstance(one, Switched) for one in events)
        assert content(copied) == (after if switched else before)
        assert model(copied) == ("turned" if switched else "colours")
        events += switch(copied, drop=True)
        # What was embedded was kept; so the second of two copies may need nothing.
        embedded = what([one for one in events if isinstance(one, Embedded)])
        assert sorted({*embedded, "Embedded red.png"}) == [
            "Embedded deep/blue.png", "Embedded green.bmp", "Embedded red copy.png",
            "Embedded red.png",
        ]  # fmt: skip
        assert len(embedded) == len(set(embedded))
        assert len([one for one in events if isinstance(one, Switched)]) == 1
        assert len([one for one in events if isinstance(one, Dropped)]) == 1
        assert content(copied) == after
        assert sets(copied) == ["whole-2"]
        with Index(copied) as opened:
            assert (opened.rows, opened.graph().rows) == (3, 3)


def test_interrupted_by_ctrl_c_it_goes_on(root: Path, index: Path) -> None:
    steps = update(index, TurnedEncoder(), [], OPTIONS)
    while next(steps) != Embedded(f"{root}/green.bmp"):
        pass
    with pytest.raises(KeyboardInterrupt):
        steps.throw(KeyboardInterrupt)  # type: ignore[attr-defined]  # a generator
    assert model(index) == "colours"
    assert what(switch(index)) == [
        "Embedded red copy.png", "Embedded red.png", "Embedded deep/blue.png",
    ]  # fmt: skip
    assert content(index) == fresh(index, root)


# What would be done


def test_a_preview_tells_what_another_model_would_read(root: Path, index: Path) -> None:
    def previewed(*paths: Path) -> Plan:
        ((_, todo),) = preview(
            index, [os.fspath(path) for path in paths], OPTIONS, TurnedEncoder().identity
        )
        assert todo is not None
        return todo

    ((_, todo),) = preview(index, [], OPTIONS)
    assert todo is not None
    assert (todo.unchanged, todo.again) == (4, [])
    paint(root / "new.png", RED)
    todo = previewed()
    assert [one.path for one in todo.new] == ["new.png"]
    assert [one.path for one in todo.again] == [
        "green.bmp", "red copy.png", "red.png", "deep/blue.png",
    ]  # fmt: skip
    assert [one.path for one in previewed(root / "deep").again] == ["deep/blue.png"]
    switch(index, root / "deep")
    assert (previewed().unchanged, len(previewed().again)) == (1, 3)
    assert sets(index) == ["whole", "whole-2"]


def test_a_preview_with_a_model_of_a_new_index_makes_none(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "none"
    ((_, todo),) = preview(place, [os.fspath(root)], OPTIONS, TurnedEncoder().identity)
    assert todo is not None
    assert len(todo.new) == 4
    assert not place.exists()


# Any edits at all, by two models in turn


@pytest.fixture(scope="module")
def playground() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(os.path.realpath(folder))


runs = st.tuples(
    st.just("run"),
    st.sampled_from(["", "", "d", "a.png"]),
    st.tuples(
        st.sampled_from([FakeEncoder, TurnedEncoder]),
        st.sampled_from([1, 2, 3, 5, 8, 100]),
        st.booleans(),
    ),
)


def after_any_edits_and_runs_each_model_ends_up_as_if_alone(
    playground: Path, steps: list[tuple[str, str, Any]]
) -> None:
    shutil.rmtree(playground)
    playground.mkdir()
    tree = Tree(playground / "photos")
    for number, name in enumerate(("a.png", "b.bmp", "d/a.png", "d/b.bmp", "d/e/a.png", "noname")):
        tree.apply("write", name, CONTENTS[number])
    grown = playground / "grown"
    bring_up(grown, tree.root)
    for kind, name, more in steps:
        if kind == "run" and (name == "" or (tree.root / name).exists()):
            encoder, stop, drop = more
            # Stopped after some events, or not at all.
            going = update(grown, encoder(), [os.fspath(tree.root / name)], OPTIONS, drop_old=drop)
            answering = model(grown)
            for _, one in zip(range(stop), going, strict=False):
                event(type(one).__name__)
                if isinstance(one, Switched):
                    assert one.old == answering
                    answering = one.new
                assert model(grown) == answering
            going.close()  # type: ignore[attr-defined]  # a generator
            assert model(grown) == answering
            assert all(len(vector) == 3 + (answering == "turned") for vector in vectors(grown))
        elif kind not in ("run", "update"):
            tree.apply(kind, name, more)
    for encoder in (TurnedEncoder, FakeEncoder):
        list(update(grown, encoder(), [os.fspath(tree.root)], OPTIONS))
        alone = playground / encoder.__name__
        list(update(alone, encoder(), [os.fspath(tree.root)], OPTIONS))
        assert content(grown) == content(alone)
        assert model(grown) == model(alone)
        for one in update(grown, encoder(), [os.fspath(tree.root)], OPTIONS, drop_old=False):
            assert not isinstance(one, Embedded | Switched | Unswitched | Dropped), one
    events = list(update(grown, FakeEncoder(), [], OPTIONS, drop_old=True))
    # Where no picture has an embedding, there are no bytes to give back.
    assert isinstance(events[-2], Dropped) or not content(grown).vectors
    assert len(sets(grown)) == 1
    assert content(grown) == content(playground / "FakeEncoder")


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.one_of(edits, runs), min_size=3, max_size=25))
def test_after_any_edits_and_runs_each_model_ends_up_as_if_alone(
    playground: Path, steps: list[tuple[str, str, Any]]
) -> None:
    after_any_edits_and_runs_each_model_ends_up_as_if_alone(playground, steps)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.one_of(edits, runs), min_size=3, max_size=25))
def test_after_any_edits_and_runs_each_model_ends_up_as_if_alone_again(
    playground: Path, steps: list[tuple[str, str, Any]]
) -> None:
    after_any_edits_and_runs_each_model_ends_up_as_if_alone(playground, steps)


def vectors(index: Path) -> list[tuple[float, ...]]:
    """Return the embeddings the index answers with."""
    with Index(index) as opened:
        return [
            tuple(opened.vectors(np.array([row]))[0].tolist())
            for row in opened.images_of(range(opened.rows))
        ]


def test_the_two_models_differ_in_every_embedding(root: Path, index: Path) -> None:
    assert [one for one in bring_up(index) if isinstance(one, Skipped)] == []
    first, second = content(index).vectors, fresh(index, root).vectors
    assert first.keys() == second.keys()
    for path, vector in first.items():
        assert second[path] == (vector[2], vector[0], vector[1], 0.0)
