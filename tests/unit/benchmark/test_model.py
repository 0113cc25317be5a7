"""A model in each precision: what a row says, and what is said instead when there is none."""

import json
import sys
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
from vsearch.output.benchmark import print_measured, print_model_titles

PROBE = Probe({"1": 16.42, "8": 17.5, "32": 16.2, "256": 1234.56}, 9.99, 13.8, 728.4, 410.6, 0.423)


def run(work: Path, *precisions: Any, pictures: Path | None = None) -> list[Measured]:
    return list(
        measure_model(
            tiny("clip"), precisions, "cpu", work, prepare=prepare, step=lambda _: None,
            pictures=pictures,
        )
    )  # fmt: skip


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


def test_a_row_stands_below_its_titles(capsys: pytest.CaptureFixture[str]) -> None:
    print_model_titles()
    print_measured(Measured("int8", "cuda", PROBE, 0.99912, 0.986, 154.2), as_json=False)
    print_measured(Measured("bf16", "cpu", PROBE, None, None, 1e3), as_json=False)
    titles, row, other = capsys.readouterr().out.splitlines()
    assert titles.replace("text ms", "text-ms").replace("load ms", "load-ms").replace(
        "peak MB", "peak-MB"
    ).replace("disk MB", "disk-MB").replace("of peak", "of-peak").split() == [
        "precision", "device", "1", "8", "32", "best", "files/s", "text-ms", "load-ms", "peak-MB",
        "disk-MB", "cosine", "overlap", "of-peak",
    ]  # fmt: skip
    assert row.split() == [
        "int8", "cuda", "16.4", "17.5", "16.2", "1234.6", "10.0", "13.8", "728", "411", "154",
        "0.9991", "98.6%", "42.3%",
    ]  # fmt: skip
    assert other.split()[-3:] == ["-", "-", "42.3%"]
    assert len(titles) == len(row) == len(other)


def test_json_has_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    print_measured(Measured("fp32", "cpu", PROBE, 1.0, 1.0, 600.0), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["probe"]["files_per_s"] == 9.99
    assert told["probe"]["pictures_per_s"]["256"] == 1234.56
