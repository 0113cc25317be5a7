"""`kill -9` at random times, several in a row on the same index, and what a kill costs."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from fake_encoder import PixelEncoder
from faults.answers import Bad
from faults.children import Child, Progress
from faults.outcome import Prepared, check_left, finished, told
from faults.scenarios import OPTIONS, Watch, bring_up
from numpy.typing import NDArray

IN_A_ROW = 5  # kills of the same index, at most


@dataclass(frozen=True, slots=True)
class Chain:
    """Some kills of one index and the run that finished it.

    `redone` pictures were embedded again all in all, `worst` of them on account of one kill.
    """

    scenario: str
    kills: int
    redone: int
    worst: int
    bad: str = ""
    detail: str = ""


def chains(
    scenarios: Sequence[Prepared], place: Path, kills: int, *, seed: int = 0
) -> Iterator[Chain]:
    """Kill so often, over the scenarios in turn."""
    when = random.Random(seed)
    number = 0
    while kills > 0:
        chain = _chain(scenarios[number % len(scenarios)], place / "case", when, kills)
        number += 1
        kills -= chain.kills
        yield chain


def _chain(prepared: Prepared, folder: Path, when: random.Random, most: int) -> Chain:
    prepared.fresh(folder)
    kills = embedded = safe = worst = 0
    wanted = when.randint(1, min(most, IN_A_ROW))
    try:
        while kills < wanted:
            progress = Progress()
            child = Child(partial(prepared.scenario.action, folder, Watch(progress)))
            ended = child.end(kill_after=when.uniform(0, prepared.seconds))
            kills += ended.killed
            embedded += progress.get(Watch.EMBEDDED)
            safe += progress.get(Watch.SAFE)
            worst = max(worst, progress.get(Watch.EMBEDDED) - progress.get(Watch.SAFE))
            if not ended.killed and told(ended):
                raise Bad("crash", str(ended.error))
            check_left(prepared, folder, exactly=False)
            if not ended.killed:
                break
        end = finished(prepared, folder, safe)
        return Chain(prepared.name, kills, embedded + end.embedded - prepared.needed, worst)
    except Bad as bad:
        return Chain(prepared.name, kills, 0, worst, bad.kind, bad.detail)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a kill at the worst moment of a run would have cost: `seconds` of a person's waiting.

    A picture that is slow by itself, and was not done yet, does not count.
    """

    pictures: int
    seconds: float


class SlowEncoder(PixelEncoder):
    """A model that takes `each` seconds for a picture, and `first` for the first of all."""

    def __init__(self, each: float, first: float) -> None:
        super().__init__()
        self.seconds = itertools.chain([first], itertools.repeat(each))

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        with self._counting:
            seconds = next(self.seconds)
        time.sleep(seconds)
        return super().encode_images(pixels)


def cost(photos: Path, folder: Path, *, each: float, first: float | None = None) -> Cost:
    """Index `photos` with such a model, and look all the time at what is not yet committed."""
    progress = Progress()
    encoder = SlowEncoder(each, each if first is None else first)
    child = Child(lambda: bring_up(folder, photos, Watch(progress), encoder))
    most = 0
    while os.waitid(os.P_PID, child.id, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        most = max(most, progress.get(Watch.EMBEDDED) - progress.get(Watch.SAFE))
        time.sleep(0.005)
    child.end().result()
    counted = most - (first is not None)
    return Cost(counted, counted * each / OPTIONS.workers)
