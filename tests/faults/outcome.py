"""The judgement of a case: a scenario, a fault in it, and how the index came out of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from faults import disk
from faults.answers import Bad, State, check_truth, examined
from faults.children import Ended, Progress, fork
from faults.scenarios import Make, Scenario, Watch

from vsearch.errors import StoreError

T = TypeVar("T")


def files(folder: Path) -> set[str]:
    """Return the names of all there is in an index, but what SQLite makes while it is at work."""
    passing = {"catalog.sqlite-wal", "catalog.sqlite-shm"}
    found = {os.fspath(path.relative_to(folder)) for path in folder.rglob("*")} - passing
    # Which number a set has does not matter, how many there are does.
    names = sorted({path.split("/")[1] for path in found if path.startswith("sets/")})
    places = {name: f"set {number}" for number, name in enumerate(names)}
    return {"/".join(places.get(part, part) for part in path.split("/")) for path in found}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scenario ready to be run again and again, and what an uninterrupted run of it comes to.

    `start` is the index before (it may not exist), `states` all that it answers with on the way,
    from first to last. `needed` pictures are embedded, in `seconds` all in all.
    """

    name: str
    start: Path
    scenario: Scenario
    states: list[State]
    steps: list[disk.Step]
    files: set[str]
    needed: int
    seconds: float

    def fresh(self, folder: Path) -> None:
        """Make `folder` a copy of the start."""
        shutil.rmtree(folder, ignore_errors=True)
        if self.start.exists():
            shutil.copytree(self.start, folder)


def prepared(make: Make, place: Path, size: int) -> Prepared:
    """Prepare a scenario of about `size` pictures below `place`, and run it once without faults."""
    name = make.__name__
    start, whole = place / name / "index", place / name / "whole"
    (place / name).mkdir(parents=True)
    scenario = make(place / name / "photos", start, size)
    if start.exists():
        shutil.copytree(start, whole)
    damaged = scenario.damaged
    states = [] if damaged else [fork(lambda: examined(start)).result()]

    def recorded() -> list[State]:
        found: list[State] = []
        watch = Watch(Progress(), lambda: None if damaged else found.append(examined(whole)))
        scenario.action(whole, watch)
        return found

    def bare(progress: Progress) -> Callable[[], None]:
        def run() -> None:
            disk.arm(bare_folder, sync=True)
            scenario.action(bare_folder, Watch(progress))

        return run

    states += fork(recorded).result() or []  # another program tells nothing on its way
    end = fork(lambda: examined(whole, whole=True)).result()
    states.append(end)
    if scenario.encoder:
        check_truth(end, scenario.encoder)
    bare_folder = place / name / "bare"
    if start.exists():
        shutil.copytree(start, bare_folder)
    progress = Progress()
    disk.reset()
    ended = fork(bare(progress))
    ended.result()
    kept = [one for number, one in enumerate(states) if number == 0 or one != states[number - 1]]
    return Prepared(
        name,
        start,
        scenario,
        kept,
        disk.steps(),
        files(whole),
        progress.get(Watch.EMBEDDED),
        ended.seconds,
    )


def check_left(prepared: Prepared, folder: Path, *, exactly: bool) -> None:
    """Judge what a fault left of the index; raise Bad unless that is a committed state.

    Not `exactly`: it was committed in another place than in the run without faults.
    """
    ended = fork(lambda: examined(folder))
    if prepared.scenario.damaged:
        if ended.crash or not isinstance(ended.error, StoreError | Bad | None):
            raise Bad("crash", ended.crash or ended.where)
        return
    state = good(ended)
    check_between(prepared, state)
    if exactly and state not in prepared.states:
        raise Bad("wrong", "a state that was never committed")


def check_between(prepared: Prepared, state: State) -> None:
    """Raise Bad unless `state` lies between start and end: each file as before or as after."""
    start, end = prepared.states[0], prepared.states[-1]
    if state in (start, end):
        return
    if start.model and start.model != end.model:
        raise Bad("wrong", "neither all of the old model nor all of the new one")
    if state.model not in (start.model, end.model):
        raise Bad("wrong", f"the model {state.model!r}")
    for path, picture in state.pictures.items():
        if picture not in (start.pictures.get(path), end.pictures.get(path)):
            raise Bad("wrong", f"{path} is neither as it was nor as it is to be")
    kept = start.pictures.keys() & end.pictures.keys() - state.pictures.keys()
    if kept:
        raise Bad("lost", f"{sorted(kept)}")
    vectors = [{one.vector for one in each.pictures.values()} for each in (start, end, state)]
    if (vectors[0] & vectors[1]) - vectors[2]:
        raise Bad("lost", "the embedding of a file that was moved")


@dataclass(frozen=True, slots=True)
class Finished:
    """What running a scenario again to its end took: pictures `embedded`."""

    embedded: int


def finished(prepared: Prepared, folder: Path, safe: int) -> Finished:
    """Run the action to its end on what a fault left, and judge the end.

    `safe` pictures were said to be committed before. Raises Bad.
    """
    progress = Progress()

    def run() -> None:
        disk.arm(folder)
        prepared.scenario.action(folder, Watch(progress))

    disk.reset()
    good(fork(run))
    end = good(fork(lambda: examined(folder, whole=True)))
    if end != prepared.states[-1]:
        raise Bad("wrong", _difference(end, prepared.states[-1]))
    if left := files(folder) ^ prepared.files:
        raise Bad("left over", f"{sorted(left)}")
    if changed := disk.outside():
        raise Bad("elsewhere", f"{changed}")
    embedded = progress.get(Watch.EMBEDDED)
    if embedded + safe > prepared.needed:
        raise Bad("lost", f"{embedded + safe - prepared.needed} embeddings that were committed")
    return Finished(embedded)


def good(ended: Ended[T]) -> T:
    """Return what a child came to; raise Bad where it came to an error or an end of its own."""
    if ended.crash:
        raise Bad("crash", ended.crash)
    if isinstance(ended.error, Bad):
        raise ended.error
    if ended.error is not None:
        raise Bad("crash", ended.where)
    return ended.result()


def told(ended: Ended[T]) -> bool:
    """Whether a run ended with one line for the person; raise Bad where it crashed."""
    if ended.crash:
        raise Bad("crash", ended.crash)
    if ended.error is None:
        return False
    if isinstance(ended.error, Bad):
        raise ended.error
    if not isinstance(ended.error, StoreError):
        raise Bad("crash", ended.where)
    if "\n" in str(ended.error) or not str(ended.error).strip():
        raise Bad("untold", f"not one line: {ended.error}")
    return True


def _difference(got: State, wanted: State) -> str:
    paths = got.pictures.keys() ^ wanted.pictures.keys()
    other = [
        path
        for path in got.pictures.keys() & wanted.pictures.keys()
        if got.pictures[path] != wanted.pictures[path]
    ]
    return (
        f"not as without faults: model {got.model!r}, in one only {sorted(paths)}, "
        f"different {sorted(other)}, skipped {got.skipped}"
    )
