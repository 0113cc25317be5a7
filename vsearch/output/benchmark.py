"""Measurements of this machine: tables, and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

from vsearch.output.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsearch.benchmark.figures import Benchmark, Figure
    from vsearch.benchmark.model import Measured

_TITLE = 36  # columns
_NOISE = """\
~: equal as shown, or the spreads overlap, or there was one run only: may be noise.
Spreads are those within one process: a line without ~ may be noise, too;
repeat it before you believe it."""


def print_json(row: Measured) -> None:
    """Print one row as a line of JSON."""
    print(json.dumps(asdict(row)), flush=True)


def print_table(rows: Sequence[Measured]) -> None:
    """Print a column for each precision: so it fits any terminal."""
    lines: dict[str, list[str]] = {
        "device": [row.device for row in rows],
        "pictures/s, one at a time": [f"{row.probe.pictures_per_s['1']:.1f}" for row in rows],
        "pictures/s, 8 at a time": [f"{row.probe.pictures_per_s['8']:.1f}" for row in rows],
        "pictures/s, 32 at a time": [f"{row.probe.pictures_per_s['32']:.1f}" for row in rows],
        "pictures/s, at best": [f"{max(row.probe.pictures_per_s.values()):.1f}" for row in rows],
        "share of matrix products": [_percent(row.probe.of_peak) for row in rows],
        "files/s, disk to index": [f"{row.probe.files_per_s:.1f}" for row in rows],
        "one text": [f"{row.probe.text_ms:.1f} ms" for row in rows],
        "loading": [f"{row.probe.load_ms:.0f} ms" for row in rows],
        "peak memory": [f"{row.probe.peak_mb:.0f} MB" for row in rows],
        "on disk": [f"{row.disk_mb:.0f} MB" for row in rows],
        "least cosine to fp32": [
            f"{row.cosine:.4f}" if row.cosine is not None else "-" for row in rows
        ],
        "ten best as in fp32": [_percent(row.overlap) for row in rows],
    }
    print(f"{'':<26}" + "".join(f"{row.precision:>12}" for row in rows))
    for title, values in lines.items():
        print(f"{title:<26}" + "".join(f"{value:>12}" for value in values), flush=True)


def _percent(share: float | None) -> str:
    return f"{share:.1%}" if share is not None else "-"


def print_benchmark_json(benchmark: Benchmark) -> None:
    """Print it all as one JSON object."""
    print(json.dumps(asdict(benchmark), indent=2), flush=True)


def print_benchmark(benchmark: Benchmark) -> None:
    """Print what was measured, a line a figure, and what it holds for."""
    print(_conditions(benchmark))
    print(f"\n{'':<{_TITLE}}{'median':>19}{'5 % to 95 %':>18}{'n':>5}")
    for group, figures in groupby(benchmark.figures, lambda one: one.group):
        print(group)
        for one in figures:
            spread = f"{_number(one.p5)} to {_number(one.p95)}" if one.n > 1 else "-"
            print(f"  {one.title:<{_TITLE - 2}}{_median(one):>19}{spread:>18}{one.n:>5}")
    print(
        "\nwarm: model and index open; cold: a process of its own. All files are in the page cache."
    )


def print_comparison(before: Benchmark, now: Benchmark) -> None:
    """Print two columns and their ratio, what is not the same, and what may be noise."""
    print(f"A: {_told(before)}\nB: {_told(now)}")
    for name, here, there in before.differences(now):
        print(printable(f"not the same, {name}: A {here}, B {there}"))
    others = {one.name: one for one in before.figures}
    print(f"\n{'':<{_TITLE}}{'A':>18}{'B':>18}{'B/A':>7}")
    for group, figures in groupby(now.figures, lambda one: one.group):
        print(group)
        for one in figures:
            other = others.get(one.name)
            told, ratio = "-", "- "
            if other is not None and other.unit == one.unit:
                told = _median(other)
                if other.median:
                    noise = " " if one.apart(other) and told != _median(one) else "~"
                    ratio = f"{one.median / other.median:.2f}{noise}"
            print(f"  {one.title:<{_TITLE - 2}}{told:>18}{_median(one):>18}{ratio:>7}".rstrip())
    print("\n" + _NOISE)


def _conditions(benchmark: Benchmark) -> str:
    """Return what the figures hold for, in three lines."""
    facts = {name: str(value) for name, value in benchmark.machine.items()}
    words = {"cores": "{} cores", "memory_gb": "{} GB", "cpu_quota": "the time of {} cores"}
    system = [
        words.get(name, "{}").format(facts.pop(name))
        for name in ("cpu", "cores", "cpu_quota", "memory_gb", "gpu", "os")
        if name in facts
    ]
    programs = [value if name == "python" else f"{name} {value}" for name, value in facts.items()]
    model = f"model {benchmark.model} on {benchmark.device}"
    return "\n".join(map(printable, [", ".join(system), ", ".join(programs), model]))


def _told(benchmark: Benchmark) -> str:
    version = benchmark.machine.get("vsearch", "?")
    return printable(f"{benchmark.created}, vsearch {version}, {benchmark.machine.get('cpu', '?')}")


def _median(figure: Figure) -> str:
    return printable(f"{_number(figure.median)} {figure.unit}".rstrip())


def _number(value: float) -> str:
    """Return a number with three digits that count, or all before the point."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"
