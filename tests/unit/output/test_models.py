"""Models as a table, as lines for a program, and as JSON."""

import copy
import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vsearch.models.folder import built_in
from vsearch.models.listing import ModelLine, line_of
from vsearch.output.models import print_info, print_models

LINE = ModelLine(
    name="ViT-B-32/openai", aliases=("fast",), why="it is", dim=512, size=224,
    parameters=151_300_000, download_bytes=605_000_000, licence="MIT", imagenet=0.6332,
    origin="hf-hub:org/name", here=False, precision=None, bytes=0,
)  # fmt: skip
UNKNOWN = ModelLine("x/y", (), None, None, None, None, None, None, None, None, True, "int8", 5)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_every_field_separated_by_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    print_models([LINE, UNKNOWN], as_json=False)
    assert capsys.readouterr().out == (
        "ViT-B-32/openai\tfast\t512\t224\t151 M\t605 MB\tMIT\t63.3\t-\n"
        "x/y\t-\t-\t-\t-\t-\t-\t-\t5 bytes\n"
    )


def test_json_has_numbers_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_models([LINE], as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["parameters"], told["imagenet"], told["here"]) == (
        "ViT-B-32/openai", 151_300_000, 0.6332, False,
    )  # fmt: skip


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_a_table_fits_the_terminal_and_breaks_no_line(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    print_models([LINE, replace(LINE, name="a-name-of-some-length/and-its-weights")], as_json=False)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()
    assert len(lines) == 4
    assert "a-name-of-some-length/and-its-weights" in lines[3]
    assert max(len(line) for line in lines) <= columns
    assert ("licence" in lines[0]) == (columns > 60)


def test_info_tells_of_a_model_that_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    print_info(line_of("mini", built_in()), built_in(), as_json=False)
    told = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert told["model"] == "mini"
    assert told["embedding"] == "384 dimensions"
    assert told["here"] == str(built_in().path)


def test_info_tells_how_to_get_one_that_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    print_info(line_of("ViT-B-32/openai", None), None, as_json=False)
    assert "get it with `vsearch models get ViT-B-32/openai`" in capsys.readouterr().out


def test_info_tells_what_bf16_does(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fidelity = {"image_cosine": 0.99871, "image_overlap": 0.984, "text_overlap": 0.991}
    card = copy.deepcopy(built_in().card)
    card["torch"] = {"always": True, "precision": "bf16", "fidelity": fidelity}
    folder = replace(built_in(), card=card)
    print_info(line_of("x/y@bf16", folder), folder, as_json=False)
    told = dict(re.split(r" {2,}", line, maxsplit=1) for line in printed(capsys))
    assert told["precision"].startswith("pictures bf16 in torch, texts int8")
    assert told["in bf16"] == (
        "cosine of pictures to fp32 at least 0.9987, of the ten best 98.4% (picture to picture), "
        "99.1% (text to picture)"
    )


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_info_breaks_no_word_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    print_info(line_of("mini", built_in()), built_in(), as_json=False)
    lines = screen.getvalue().splitlines()
    long = [line for line in lines if len(line) > 60]
    assert all(" " not in line[12:] for line in long)  # only a path may be longer
    at = next(place for place, line in enumerate(lines) if line.startswith("precision"))
    assert lines[at + 1].startswith(" " * 12)
