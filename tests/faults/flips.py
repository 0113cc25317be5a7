"""Damage to the files of a finished index: what is answered must be right, or it must be said."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from faults.answers import CLOSE, State, as_vector, queries, state_of
from faults.children import Ended, Progress, fork
from faults.scenarios import Make, Watch, bring_up
from numpy.typing import NDArray

from vsearch.errors import IndexMissing, StoreError
from vsearch.index import Index
from vsearch.indexing import checking
from vsearch.searching.search import search

SECTOR = 512
ANSWERS = 5
Repair = Callable[[Path], None]
Outcome = Literal["harmless", "detected", "earlier state", "wrong", "crash", "unseen by check"]
# After `repair` (where there is one) and an update: as undamaged, told that it cannot be, or not.
Mended = Literal["whole", "told", "wrong", "crash"]


@dataclass(frozen=True, slots=True)
class Said:
    """What the index said to one question: an answer, a line instead, or a warning with it."""

    value: Any = None
    told: str = ""


Looks = dict[str, Said]
Found = list[tuple[str, float]]


def look(folder: Path, asked: Sequence[NDArray[np.float32]]) -> Looks:
    """Ask the index everything: each picture, `asked` exactly and by graph, status, the skipped.

    Whatever is not a StoreError is raised.
    """
    said: Looks = {}
    try:
        index = Index(folder)
    except IndexMissing as error:
        return {"open": Said("no index", str(error))}
    except StoreError as error:
        return {"open": Said(told=str(error))}
    with index:
        if index.model is None:  # made, and nothing committed to it yet
            return {"open": Said("nothing")}
        said["open"] = Said(index.model)
        for place, query in enumerate(asked):
            said[f"exact {place}"] = _said(partial(_found, index, query, graph=False))
            said[f"graph {place}"] = _said(partial(_found, index, query, graph=True))
        said["files"] = _said(lambda: Said(_files(index)))
        for row in range(index.rows):
            said[f"row {row}"] = _said(partial(_row, index, row))
        said["known"] = _said(lambda: Said([(root, index.known(root)) for root in index.roots()]))
        said["skipped"] = _said(lambda: Said(index.skipped()))
        said["status"] = _said(lambda: Said(_status(index)))
    return said


def _said(ask: Callable[[], Said]) -> Said:
    try:
        return ask()
    except StoreError as error:
        return Said(told=str(error))


def _found(index: Index, query: NDArray[np.float32], *, graph: bool) -> Said:
    found = search(index, query, ANSWERS, forced="graph" if graph else "exact")
    answers = [(os.path.join(one.root, one.path), score) for one, score in found.records]
    return Said(answers, found.warning or "")


def _row(index: Index, row: int) -> Said:
    return Said(index.vectors(np.array([row])).tobytes())


def _files(index: Index) -> Any:
    return sorted(
        (os.path.join(one.root, one.path), one.row, one.size, one.facts)
        for records in index.images_of(range(index.rows)).values()
        for one in records
    )


def _status(index: Index) -> Any:
    status = index.status()
    return (
        status.model,
        status.roots,
        status.images,
        status.lacking,
        status.rows,
        status.live_rows,
        status.others,
        status.skipped,
    )


def compared(
    got: Looks,
    true: Looks,
    state: State,
    asked: Sequence[NDArray[np.float32]],
    *,
    whole: bool,
) -> tuple[bool, list[str]]:
    """Return whether anything was told, and the questions whose answers are not right.

    With a warning, a search may leave answers out; not where `whole` (only the graph is damaged).
    """
    if got["open"].told:
        return True, []
    told, wrong = False, []
    for question in true.keys() | got.keys():
        said, right = got.get(question), true.get(question)
        if said is None or right is None:
            wrong.append(question)
        elif said.value is None:
            told = True
        elif question.startswith(("exact", "graph")):
            told = told or bool(said.told and not right.told)
            query = asked[int(question.rpartition(" ")[2])]
            some = bool(said.told) and not whole
            if not (_true if some else _same)(said.value, right.value, state, query):
                wrong.append(question)
        elif said.value != right.value:
            wrong.append(question)
    return told, sorted(wrong)


def _true(got: Found, _: Found, state: State, query: NDArray[np.float32]) -> bool:
    """Whether each of a search's answers is true, and they are in order; some may be left out."""
    scores = [score for _, score in got]
    return scores == sorted(scores, reverse=True) and all(
        path in state.pictures
        and abs(float(as_vector(state.pictures[path]) @ query) - score) <= CLOSE
        for path, score in got
    )


def _same(got: Found, true: Found, _: State, __: NDArray[np.float32]) -> bool:
    return [path for path, _ in got] == [path for path, _ in true] and all(
        abs(a - b) <= CLOSE for (_, a), (_, b) in zip(got, true, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Whole:
    """An undamaged index, of which copies are damaged: all its committed states, the last one last.

    Only its write-ahead log may bring an earlier one back.
    """

    folder: Path
    photos: Path
    asked: list[NDArray[np.float32]]
    states: list[tuple[Looks, State]]
    files: list[str]


def finished_index(make: Make, place: Path, size: int) -> Whole:
    """Make an index whose writer closed it."""
    photos, folder = place / "photos", place / "index"
    scenario = make(photos, folder, size)
    fork(lambda: scenario.action(folder, Watch(Progress()))).result()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "lock"]
    return _whole(folder, photos, [folder], [os.fspath(file.relative_to(folder)) for file in files])


def killed_index(make: Make, place: Path, size: int) -> Whole:
    """Make an index whose writer was killed before the graph, so that its log is all there is."""
    photos, folder = place / "photos", place / "index"
    scenario = make(photos, folder, size)

    def copy() -> None:
        shutil.copytree(folder, place / f"copy-{len(list(place.glob('copy-*'))):05d}")

    fork(lambda: scenario.action(folder, Watch(Progress(), copy))).result()
    # A graph would tell by itself that rows are missing.
    copies = [copy for copy in sorted(place.glob("copy-*")) if not list(copy.rglob("graph.json"))]
    shutil.rmtree(folder)
    shutil.copytree(copies[-1], folder)
    return _whole(folder, photos, copies, ["catalog.sqlite-wal"])


def _whole(folder: Path, photos: Path, copies: Sequence[Path], files: list[str]) -> Whole:
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    state = fork(lambda: _state(folder)).result()
    asked = queries(state)
    states: list[tuple[Looks, State]] = []
    for one in copies:
        found = fork(partial(_looked_at, one, asked)).result()
        if not states or states[-1] != found:
            states.append(found)
    shutil.rmtree(folder)
    kept.rename(folder)
    return Whole(folder, photos, asked, states, files)


def _looked_at(folder: Path, asked: Sequence[NDArray[np.float32]]) -> tuple[Looks, State]:
    return look(folder, asked), _state(folder)


def _state(folder: Path) -> State:
    with Index(folder) as index:
        return state_of(index)


@dataclass(frozen=True, slots=True)
class Flip:
    """One damage and what came of it."""

    file: str
    damage: str
    outcome: Outcome
    detail: str = ""
    mended: Mended = "whole"
    mended_detail: str = ""


def flips(
    wholes: Sequence[Whole],
    place: Path,
    count: int,
    *,
    seed: int = 0,
    repair: Repair | None = None,
    only: str = "",
) -> Iterator[Flip]:
    """Damage so often, the files in turn, and yield what came of each.

    `repair` is run after each damage, then an update; without it, only the update.
    """
    chance = random.Random(seed)
    targets = [(whole, file) for whole in wholes for file in whole.files if only in file]
    for number in range(count):
        whole, file = targets[number % len(targets)]
        yield _flip(whole, file, place / "case", chance, repair)


def _flip(
    whole: Whole, file: str, folder: Path, chance: random.Random, repair: Repair | None
) -> Flip:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole.folder, folder)
    damage = damaged(folder / file, chance)
    outcome, detail = _judged(fork(lambda: look(folder, whole.asked)), whole, file)
    if outcome == "detected" and not fork(lambda: _faults(folder)).result():
        outcome = "unseen by check"
    return Flip(file, damage, outcome, detail, *_mended(whole, folder, repair))


def _judged(ended: Ended[Looks], whole: Whole, file: str) -> tuple[Outcome, str]:
    if ended.crash or ended.error:
        return "crash", ended.crash or ended.where
    got = ended.result()
    only_graph = "graph" in file
    last = len(whole.states) - 1
    earlier = range(last, -1, -1) if file.endswith("-wal") else (last,)
    if file.endswith("-wal") and got["open"].value == "nothing":
        return "earlier state", ""
    nearest: list[str] | None = None
    for place in earlier:
        told, wrong = compared(got, *whole.states[place], whole.asked, whole=only_graph)
        if not wrong:
            if told:
                return "detected", ""
            return ("harmless" if place == last else "earlier state"), ""
        nearest = wrong if nearest is None or len(wrong) < len(nearest) else nearest
    answers = {question: got[question] for question in (nearest or [])[:5] if question in got}
    return "wrong", f"{', '.join((nearest or [])[:5])}: {answers}"


def _mended(whole: Whole, folder: Path, repair: Repair | None) -> tuple[Mended, str]:
    """Repair, bring up to date, and compare what there is then; a check must find it good."""

    def mend() -> State:
        if repair:
            repair(folder)
        bring_up(folder, whole.photos)
        if repair and (faults := _faults(folder)):
            raise RuntimeError(f"not mended: {faults}")
        return _state(folder)

    ended = fork(mend)
    if isinstance(ended.error, StoreError):
        return "told", str(ended.error)
    if ended.crash or ended.error:
        return "crash", ended.crash or ended.where
    return ("whole" if ended.result() == whole.states[-1][1] else "wrong"), ""


def mended(folder: Path) -> None:
    """Run `vsearch check --repair`."""
    list(checking.repair(folder, 1, deep=False))


def _faults(folder: Path) -> list[str]:
    """Return what `vsearch check` finds."""
    try:
        return [
            fault.what for found in checking.check(folder, 1, deep=False) for fault in found.faults
        ]
    except IndexMissing as error:
        return [str(error)]


def damaged(path: Path, chance: random.Random) -> str:
    """Damage a file in one of the ways that disks and people have, and say how."""
    data = bytearray(path.read_bytes())
    kind = chance.choice(
        ["one bit", "some bits"] * 2 + ["cut short", "zeroed sector", "emptied", "removed"]
    )
    if kind in ("one bit", "some bits"):
        for _ in range(1 if kind == "one bit" else chance.randint(2, 20)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == "zeroed sector":
        start = chance.randrange(0, len(data), SECTOR)
        data[start : start + SECTOR] = bytes(len(data[start : start + SECTOR]))
    elif kind == "removed":
        path.unlink()
        return kind
    elif kind == "emptied":
        data.clear()
    else:
        del data[chance.randrange(len(data)) :]
    path.write_bytes(data)
    return kind


def table(found: Sequence[Flip]) -> str:
    """Return a line for each file and damage, with counts of what came of it."""
    rows: dict[tuple[str, str], Counter[str]] = {}
    for one in found:
        counts = rows.setdefault((one.file, one.damage), Counter())
        counts[one.outcome] += 1
        counts[f"then {one.mended}"] += 1
    columns = ["harmless", "detected", "earlier state", "unseen by check", "wrong", "crash"]
    columns += ["then whole", "then told", "then wrong", "then crash"]
    lines = ["| file | damage | " + " | ".join(columns) + " |", "|---" * (2 + len(columns)) + "|"]
    for (file, damage), counts in sorted(rows.items()):
        cells = [str(counts[column] or "") for column in columns]
        lines.append(f"| {file} | {damage} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
