"""What `vsearch bench` prints: a table with the spread, JSON, and two machines side by side."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from vsearch.benchmark.figures import Benchmark, Figure
from vsearch.output.benchmark import print_benchmark, print_benchmark_json, print_comparison

MACHINE: dict[str, str | int | float] = {
    "cpu": "Swift 9000", "cores": 2, "cpu_quota": 1.5, "memory_gb": 25.3, "os": "Linux 6.1 x86_64",
    "python": "CPython 3.11.7", "vsearch": "1.0", "numpy": "2.4.6",
}  # fmt: skip
FIGURES = (
    Figure("decode.jpeg", "decode, one core", "JPEG", "pictures/s", 1234.5, 1100.4, 1300, 7),
    Figure("index.files", "index", "photographs", "files/s", 45.67, 45.67, 45.67, 1),
    Figure("query.1000.warm", "1,000 vectors", "warm query", "ms", 2.345, 2.1, 9.99, 300),
    Figure("query.1000.recall", "1,000 vectors", "recall@10", "", 0.9876, 0.9, 1.0, 10),
)
BENCHMARK = Benchmark("2026-01-02T03:04:05+01:00", False, "mini", "cpu", MACHINE, FIGURES)

TABLE = """\
Swift 9000, 2 cores, the time of 1.5 cores, 25.3 GB, Linux 6.1 x86_64
CPython 3.11.7, vsearch 1.0, numpy 2.4.6
model mini on cpu

                                                 median       5 % to 95 %    n
decode, one core
  JPEG                                 1,234 pictures/s    1,100 to 1,300    7
index
  photographs                              45.7 files/s                 -    1
1,000 vectors
  warm query                                    2.35 ms      2.10 to 9.99  300
  recall@10                                       0.988     0.900 to 1.00   10

warm: model and index open; cold: a process of its own. All files are in the page cache.
"""
COMPARISON = """\
A: 2026-01-02T03:04:05+01:00, vsearch 1.0, Swift 9000
B: 2026-01-02T03:04:05+01:00, vsearch 1.1, \\x1b[2J
not the same, cpu: A Swift 9000, B \\x1b[2J
not the same, vsearch: A 1.0, B 1.1
not the same, runs: A all, B fewer (--quick)

                                                     A                 B    B/A
decode, one core
  JPEG                                1,234 pictures/s  2,469 pictures/s  2.00
index
  photographs                             45.7 files/s      91.3 files/s  2.00~
1,000 vectors
  warm query                                         -           4.69 ms     -
  recall@10                                      0.000              1.98     -

~: equal as shown, or the spreads overlap, or there was one run only: may be noise.
Spreads are those within one process: a line without ~ may be noise, too;
repeat it before you believe it.
"""


def test_the_table_has_the_spread(capsys: pytest.CaptureFixture[str]) -> None:
    print_benchmark(BENCHMARK)
    assert capsys.readouterr() == (TABLE, "")


def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_benchmark_json(BENCHMARK)
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(asdict(BENCHMARK)))


def test_two_are_shown_beside_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    twice = [replace(one, median=2 * one.median, p5=2 * one.p5, p95=2 * one.p95) for one in FIGURES]
    machine = MACHINE | {"vsearch": "1.1", "cpu": "\x1b[2J"}
    now = replace(BENCHMARK, quick=True, machine=machine, figures=tuple(twice))
    other_unit = replace(FIGURES[2], unit="s")
    nothing = replace(FIGURES[3], median=0.0)
    print_comparison(replace(BENCHMARK, figures=(*FIGURES[:2], other_unit, nothing)), now)
    assert capsys.readouterr() == (COMPARISON, "")


def test_what_is_equal_as_shown_is_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    memory = Figure("query.memory", "query", "peak memory", "MB", 146.9, 146.9, 146.9, 7)
    more = replace(memory, median=147.2, p5=147.2, p95=147.2)
    print_comparison(replace(BENCHMARK, figures=(memory,)), replace(BENCHMARK, figures=(more,)))
    (line,) = (one for one in capsys.readouterr().out.splitlines() if "peak memory" in one)
    assert line.split() == ["peak", "memory", "147", "MB", "147", "MB", "1.00~"]
