"""README.md cannot lie: its commands are run, and every command is documented."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from end_to_end.readme import README, run_all

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


def test_every_command_is_in_readme() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "vsearch", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = re.findall(r"^  (\w+)  ", help_text.partition("Commands:")[2], re.MULTILINE)
    assert commands == [
        "index", "search", "duplicates", "status", "forget", "check", "compact", "export", "import",
        "models", "bench",
    ]  # fmt: skip
    readme = README.read_text(encoding="utf-8")
    below = {"models": ["list", "info", "get", "remove", "export", "import"], "bench": ["model"]}
    for command in [
        *commands,
        *(f"{group} {name}" for group, names in below.items() for name in names),
    ]:
        assert f"vsearch {command}" in readme
        options = subprocess.run(
            [sys.executable, "-m", "vsearch", *command.split(), "--help"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        for option in re.findall(r"^  (?:-\w, )?(--[\w-]+)", options, re.MULTILINE):
            assert option == "--help" or f"`{option}" in readme, (command, option)


def test_every_test_that_readme_names_is_there() -> None:
    named = re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", README.read_text(encoding="utf-8"))
    assert len(named) > 20
    tests = README.parent / "tests"
    for file, function in named:
        found = [path.read_text(encoding="utf-8") for path in tests.rglob(file)]
        assert found, file
        assert not function or any(f"def {function}(" in text for text in found), function
