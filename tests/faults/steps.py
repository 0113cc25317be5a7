"""Every step of every scenario, struck by every kind of fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from faults import disk
from faults.answers import Bad
from faults.children import Progress, fork
from faults.disk import Fault
from faults.outcome import Prepared, check_left, finished, told
from faults.scenarios import Watch


@dataclass(frozen=True, slots=True)
class Case:
    """One step struck, and what came of it: `outcome` is "killed", "told" or "went on".

    Or else it is the kind of what is bad, with `detail`. `redone` pictures were embedded again.
    """

    scenario: str
    step: str
    number: int
    fault: Fault
    outcome: str
    bad: str = ""
    detail: str = ""
    redone: int = 0


def faults_of(step: disk.Step) -> list[Fault]:
    """Return the kinds of faults that can strike a step."""
    return [
        fault for fault in disk.KINDS if step.bytes > 1 or fault.action not in ("torn", "short")
    ]


def every(
    prepared: Prepared, place: Path, *, part: int = 1, kinds: Sequence[Fault] = disk.KINDS
) -> Iterator[Case]:
    """Strike each step in turn, of which only every `part`th; yield what came of each."""
    number = 0
    for position, step in enumerate(prepared.steps, start=1):
        for fault in faults_of(step):
            if fault not in kinds:
                continue
            number += 1
            if number % part == 0:
                case = _case(prepared, place / "case", step, replace(fault, step=position))
                if case:
                    yield case


def _case(prepared: Prepared, folder: Path, step: disk.Step, fault: Fault) -> Case | None:
    """Strike one step; None where the fault does not apply to it (a full disk, to a removal)."""
    prepared.fresh(folder)
    progress = Progress()

    def run() -> None:
        disk.arm(folder, fault)
        prepared.scenario.action(folder, Watch(progress))

    disk.reset()
    ended = fork(run)
    if not disk.struck() and not ended.crash and not ended.error:
        return None
    outcome = "killed" if ended.killed else "crash"
    try:
        if not (fault.kills and ended.killed):
            outcome = "told" if told(ended) else "went on"
            if fault.kills:
                raise Bad("crash", "not killed")
        if changed := disk.outside():
            raise Bad("elsewhere", f"{changed}")
        redone = _judged(prepared, folder, progress)
        return Case(prepared.name, step.name, fault.step, fault, outcome, redone=redone)
    except Bad as bad:
        return Case(prepared.name, step.name, fault.step, fault, outcome, bad.kind, bad.detail)


def _judged(prepared: Prepared, folder: Path, progress: Progress) -> int:
    """Judge what a fault left, and what running on makes of it; return how much was redone."""
    check_left(prepared, folder, exactly=True)
    end = finished(prepared, folder, progress.get(Watch.SAFE))
    return progress.get(Watch.EMBEDDED) + end.embedded - prepared.needed


def table(cases: Sequence[Case]) -> str:
    """Return a line for each step and a column for each kind of fault, with counts."""
    rows: dict[tuple[str, str], dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for case in cases:
        outcome = f"BAD {case.bad}" if case.bad else case.outcome
        rows[case.scenario, case.step][case.fault.kind][outcome] += 1
    kinds = [fault.kind for fault in disk.KINDS]
    lines = ["| scenario | step | " + " | ".join(kinds) + " |", "|---" * (2 + len(kinds)) + "|"]
    for (scenario, step), found in rows.items():
        cells = [
            ", ".join(f"{count} {outcome}" for outcome, count in sorted(found[kind].items()))
            for kind in kinds
        ]
        lines.append(f"| {scenario} | {step} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
