"""The command lines in `command_lines/`, with all they print; command_lines.py writes them anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from end_to_end.command_lines import CASES, Case, alike, prepare, read, run, written

SLOW = {"index", "interchange", "models"}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that every case gets a copy of."""
    folder = tmp_path_factory.mktemp("cases") / "prepared"
    prepare(folder)
    return folder


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=f"{path.stem}: {case.line}",
            marks=[pytest.mark.slow] if path.stem in SLOW else [],
        )
        for path in sorted(CASES.glob("*.txt"))
        for case in read(path)
    ],
)
def test_a_command_line(case: Case, prepared: Path, tmp_path: Path) -> None:
    seen = run(case.line, prepared, tmp_path)
    assert seen.exit == case.exit
    for part in ("stdout", "stderr", "terminal"):
        now, then = getattr(seen, part), getattr(case, part)
        assert alike(now, then) or now == then, part  # when not, both are shown


def test_there_are_sixty() -> None:
    assert sum(len(read(path)) for path in CASES.glob("*.txt")) >= 60


@pytest.mark.parametrize("path", sorted(CASES.glob("*.txt")), ids=lambda path: path.stem)
def test_a_file_says_all_that_is_compared(path: Path) -> None:
    assert written(read(path)) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1\t0.3249\t0.945\ta.jpg\n", "1\t0.3300\t0.950\ta.jpg\n", True),
        ("1   0.325   95%   a.jpg", "1   0.331   93%   a.jpg", True),
        ("1\t0.3249\t0.945\ta.jpg\n", "1\t0.4249\t0.945\ta.jpg\n", False),
        ("1   0.325   95%   a.jpg", "1   0.325   85%   a.jpg", False),
        ("1\t0.3249\t0.945\ta.jpg\n", "2\t0.3249\t0.945\ta.jpg\n", False),
        ("3 pictures", "4 pictures", False),
        ("1   ██████▍     71%   a.jpg", "1   ██████▎     70%   a.jpg", True),
        ("1   ██████▍     71%   a.jpg", "1   ███▍        41%   a.jpg", False),
        ("480 × 285", "480 × 286", False),
        ("a.jpg", "b.jpg", False),
        ("a\n", "a\n\n", False),
        ("a   b", "a    b", False),
        ("on disk   129 kB", "on disk   127 kB", True),
        ("on disk   129 kB", "on disk   109 kB", False),
        ("", "a", False),
    ],
)
def test_only_rounding_is_passed_over(one: str, other: str, same: bool) -> None:
    assert alike(one, other) == same
