"""`vsearch bench` as a person meets it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from end_to_end.command import Run, environment


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(
            ["--quick", "--large"],
            "--quick and --large exclude each other; choose one",
            id="both",
        ),
        pytest.param(
            ["--json", "--compare", "a.json"],
            "--compare prints a table, and --json none; choose one",
            id="table and none",
        ),
        pytest.param(
            ["--compare", "no\nsuch"],
            r"the figures cannot be read (No such file or directory), from 'no\nsuch'; name a file"
            " that `vsearch bench --json` has written",
            id="no file",
        ),
        pytest.param(
            ["--model", "ViT-B-32/openai"],
            "no such model on this machine, named 'ViT-B-32/openai'; get it with "
            "`vsearch models get ViT-B-32/openai`",
            id="no model",
        ),
        pytest.param(
            ["--quick", "model", "mini"],
            "options of `vsearch bench` alone, for `vsearch bench model`; give its own, after its "
            "name",
            id="options of the other",
        ),
        pytest.param(
            ["modle"],
            "no such command, 'modle' after `vsearch bench`; did you mean `vsearch bench model`?",
            id="misspelt",
        ),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_measured(
    vsearch: Run, arguments: list[str], line: str
) -> None:
    done = vsearch("bench", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"vsearch: {line}\n"


def test_a_temporary_folder_that_is_none(vsearch: Run, tmp_path: Path) -> None:
    done = vsearch("bench", "--quick", environ={"TMPDIR": str(tmp_path / "none")})
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"vsearch: no temporary folder (" in done.stderr
    assert done.stderr.endswith(b"set $TMPDIR to a folder that can be written to\n")


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "vsearch", "bench", "--quick"],
        env=environment(tmp_path) | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not list(temporary.iterdir()):
        time.sleep(0.05)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert said == b"interrupted; nothing is left behind\n"
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_a_disk_that_fills_is_told_and_nothing_stays(vsearch: Run, tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    done = vsearch("bench", "--quick", environ={"TMPDIR": str(tmp_path)}, preexec=small_files)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"vsearch: measuring failed (exit status 2), of growing; writing failed" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_quick_run_and_what_it_is_compared_with(vsearch: Run, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = vsearch("bench", "--quick", "--json", environ={"TMPDIR": str(temporary)})
    assert (done.returncode, done.stderr) == (0, b"")
    told = json.loads(done.stdout)
    assert (told["model"], told["quick"]) == ("mini", True)
    assert told["machine"]["cores"] == len(os.sched_getaffinity(0))
    figures = {one["name"]: one for one in told["figures"]}
    per_size = ("cold", "memory", "warm", "throughput", "exact", "graph", "recall")
    assert [name for name in figures if name.startswith("query.")] == [
        f"query.{rows}.{name}" for rows in (1000, 10_000) for name in per_size
    ]
    assert figures["query.1000.cold"]["n"] == 3
    assert all(one["p5"] <= one["median"] <= one["p95"] for one in figures.values())
    assert 60 < figures["query.1000.memory"]["median"] < 1000
    assert figures["query.10000.recall"]["median"] > 0.9
    assert list(temporary.iterdir()) == []

    (tmp_path / "a.json").write_bytes(done.stdout)
    done = vsearch("bench", "--quick", "--compare", str(tmp_path / "a.json"))
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert not any(line.startswith("not the same") for line in lines)
    assert sum(line.startswith("  ") for line in lines) == len(figures) + 1  # and the heading
    assert max(map(len, lines)) <= 100
