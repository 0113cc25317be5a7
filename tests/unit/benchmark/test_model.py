"""A model in each precision: what a row says, and what is said instead when there is none."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_models import tiny
from unit.models.conversion.test_convert import prepare

from vsearch.benchmark.model import Measured, measure_model
from vsearch.benchmark.probe import Probe
from vsearch.errors import ModelError, UsageError
from vsearch.models.folder import ModelFolder
from vsearch.output.benchmark import print_json, print_table

PROBE = Probe({"1": 16.42, "8": 17.5, "32": 16.2, "256": 1234.56}, 9.99, 13.8, 728.4, 410.6, 0.423)


def run(work: Path, *precisions: Any, pictures: Path | None = None) -> list[Measured]:
    return list(
        measure_model(
            tiny("clip"), precisions, "cpu", work, prepare=prepare, step=lambda _: None,
            pictures=pictures,
        )
    )  # fmt: skip


@pytest.mark.slow
def test_each_precision_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    photos: NDArray[np.uint8] = np.zeros((4, 4, 3), np.uint8)
    from PIL import Image

    (tmp_path / "photos").mkdir()
    for number in range(12):
        Image.fromarray(photos + number).save(tmp_path / "photos" / f"{number}.png")
    int8, bf16 = run(tmp_path, "int8", "bf16", pictures=tmp_path / "photos")
    for row in (int8, bf16):
        assert row.cosine is not None
        assert row.overlap is not None
        assert 0.9 < row.cosine < 1
        assert 0.5 < row.overlap <= 1
        assert row.probe.files_per_s > 0
        assert row.probe.peak_mb > 30
    assert (int8.precision, int8.probe.of_peak) == ("int8", None)
    assert bf16.precision == "bf16"
    assert bf16.probe.of_peak is not None
    assert 0 < bf16.probe.of_peak < 1
    card = ModelFolder.open(tmp_path / "bf16").card
    assert bf16.cosine == card["torch"]["fidelity"]["image_cosine"]


def test_a_folder_that_is_not_there_is_told_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such folder.*--pictures"):
        run(tmp_path, "fp32", pictures=tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_fails_is_an_error_and_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(ModelError, match=r"measuring failed \(exit status 1\), of fp32 on cpu"):
        run(tmp_path, "fp32")


def test_a_table_has_a_column_a_precision_and_fits_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    int8 = Measured("int8", "cuda", PROBE, 0.99912, 0.986, 154.2)
    torch = replace(PROBE, of_peak=None)
    print_table([int8, Measured("bf16", "cpu", torch, None, None, 1e3)])
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 79 - 2 * 12  # two more would still fit
    table = {line[:26].strip(): line[26:].split() for line in lines}
    assert table == {
        "": ["int8", "bf16"],
        "device": ["cuda", "cpu"],
        "pictures/s, one at a time": ["16.4", "16.4"],
        "pictures/s, 8 at a time": ["17.5", "17.5"],
        "pictures/s, 32 at a time": ["16.2", "16.2"],
        "pictures/s, at best": ["1234.6", "1234.6"],
        "share of matrix products": ["42.3%", "-"],
        "files/s, disk to index": ["10.0", "10.0"],
        "one text": ["13.8", "ms", "13.8", "ms"],
        "loading": ["728", "ms", "728", "ms"],
        "peak memory": ["411", "MB", "411", "MB"],
        "on disk": ["154", "MB", "1000", "MB"],
        "least cosine to fp32": ["0.9991", "-"],
        "ten best as in fp32": ["98.6%", "-"],
    }


def test_json_has_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(Measured("fp32", "cpu", PROBE, 1.0, 1.0, 600.0))
    told = json.loads(capsys.readouterr().out)
    assert told["probe"]["files_per_s"] == 9.99
    assert told["probe"]["pictures_per_s"]["256"] == 1234.56


@pytest.mark.slow
def test_the_built_in_model_is_measured_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    from vsearch.cli.bench import model as command

    command("mini", as_json=True, device="auto")
    told = json.loads(capsys.readouterr().out)
    assert (told["precision"], told["device"], told["cosine"]) == ("as it is", "cpu", None)
    assert told["probe"]["files_per_s"] > 0
