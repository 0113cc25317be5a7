"""README.md cannot lie: its commands are run, and every command and option is documented."""

from __future__ import annotations

import re

import pytest
from end_to_end.readme import README, REFERENCE, reference, run_all

DURATION = re.compile(r" in \d+\.\d s")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
TOLERANCE = 0.03  # other processors round otherwise; also a share of sizes and percentages


def test_commands_print_what_readme_says() -> None:
    shown = run_all(README.read_text(encoding="utf-8"))
    assert len(shown) >= 6
    for command, written, seen in shown:
        written, seen = DURATION.sub("", written), DURATION.sub("", seen)
        assert words(seen) == words(written), (command, seen)
        for said, saw in zip(NUMBER.findall(written), NUMBER.findall(seen), strict=True):
            assert float(saw) == pytest.approx(float(said), rel=0.1, abs=TOLERANCE), (command, seen)


def words(output: str) -> str:
    """Return the output with its numbers taken out, and one space for several."""
    return NUMBER.sub("#", re.sub(r"[ ─]+", " ", output))


def test_the_reference_says_what_the_commands_take() -> None:
    (told,) = REFERENCE.findall(README.read_text(encoding="utf-8"))
    assert told == f"\n{reference()}\n"


def test_every_command_is_told_of_outside_of_the_reference() -> None:
    prose = REFERENCE.sub("", README.read_text(encoding="utf-8"))
    commands = re.findall(r"^### `(vsearch(?: \w+)+) \[OPTIONS\]", reference(), re.MULTILINE)
    assert len(commands) > 15
    assert [command for command in commands if command not in prose] == []


def test_every_test_that_readme_names_is_there() -> None:
    named = re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", README.read_text(encoding="utf-8"))
    assert len(named) > 20
    tests = README.parent / "tests"
    for file, function in named:
        found = [path.read_text(encoding="utf-8") for path in tests.rglob(file)]
        assert found, file
        assert not function or any(f"def {function}(" in text for text in found), function
