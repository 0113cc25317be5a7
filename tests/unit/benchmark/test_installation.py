"""Measuring the installation: every figure there, nothing left behind, and why it cannot be."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

from vsearch.benchmark import installation, stage
from vsearch.benchmark.figures import Samples
from vsearch.benchmark.installation import QUICK, Plan, measure_installation, run_stage
from vsearch.benchmark.made import grow
from vsearch.errors import StoreError
from vsearch.evaluation.latency import Cold
from vsearch.models.folder import built_in

Usage = namedtuple("Usage", "total used free")  # as shutil.disk_usage has it


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the system's for what is temporary."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def never(*_: object, **__: object) -> list[Samples]:
    raise AssertionError("nothing is to be measured")


def measure(plan: Plan = QUICK) -> None:
    measure_installation(built_in(), plan, quick=True, step=lambda _: None)


def test_stages_come_in_order_and_runs_are_put_together(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, works = [], set()

    def fake(name: str, _: object, work: Path, **arguments: object) -> list[Samples]:
        works.add(work)
        assert work.parent == temporary
        done.append((name, arguments.get("rows"), arguments.get("rate")))
        value = {"embedding": "model.images"}.get(name, f"{name}.x")
        return [Samples(value, "g", "t", "ms", [3.0, 5.0])]

    def cold(folder: Path, text: str) -> Cold:
        done.append(("cold", folder.name, text))
        return Cold(float(len(done)), None if len(done) > 10 else 5_000_000)

    monkeypatch.setattr(installation, "run_stage", fake)
    monkeypatch.setattr(installation, "cold_search", cold)
    plan = Plan((1000, 2000), 1.0, 2, 9, 9, 2, 1.0)
    steps: list[str] = []
    found = measure_installation(built_in(), plan, quick=False, step=steps.append)
    first, second = (text for _, _, text in [one for one in done if one[0] == "cold"][1:3])
    assert done == [
        ("pictures", None, None),
        ("embedding", None, None),
        ("indexing", None, 5.0 / 4),
        ("indexing", None, 5.0 / 4),
        *[
            one
            for rows in (1000, 2000)
            for one in (
                ("growing", rows, None),
                ("cold", "index", first),
                ("cold", "index", first),
                ("cold", "index", second),
                ("querying", None, None),
            )
        ],
    ]
    assert first != second
    figures = {one.name: one for one in found.figures}
    assert figures["indexing.x"].n == 4
    assert (figures["query.1000.cold"].median, figures["query.1000.cold"].n) == (7500.0, 2)
    assert figures["query.1000.memory"].median == 5.0
    assert "query.2000.memory" not in figures  # where the system does not tell
    assert (found.model, found.device, found.quick) == ("mini", "cpu", False)
    assert steps[0] == "decoding"
    assert steps[-1] == "asking 2,000 vectors, warm"
    assert len(works) == 1
    assert list(temporary.iterdir()) == []


def test_too_little_space_is_told_with_what_is_needed(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "run_stage", never)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 400_000_000))
    with pytest.raises(StoreError, match=r"0\.7 GB are needed and 0\.4 GB are free, in /.*TMPDIR"):
        measure(Plan())
    with pytest.raises(StoreError, match=r"4\.\d GB are needed"):
        measure(Plan().larger())
    with pytest.raises(AssertionError):  # a tenth of it fits
        measure()
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("temporary")
def test_too_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "run_stage", never)
    monkeypatch.setattr(installation, "available_bytes", lambda: 10**9)
    with pytest.raises(StoreError, match=r"memory are needed and 1\.0 GB are free.*--large"):
        measure(Plan().larger())


def test_no_place_for_what_is_temporary(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "run_stage", never)
    (temporary / "file").touch()
    for wrong in ("none", "file"):
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.setenv("TMPDIR", str(temporary / wrong))
        with pytest.raises(StoreError, match=rf"no temporary folder.*at .*{wrong}; set \$TMPDIR"):
            measure()


def test_what_fails_is_told_and_nothing_stays(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = temporary.parent / "python"
    program.write_text(
        "#!/bin/sh\ntouch $TMPDIR/left; echo a >&2; echo 'full; free some' >&2; exit 2"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(StoreError, match=r"exit status 2\), of pictures; full; free some"):
        measure()
    assert list(temporary.iterdir()) == []


def test_a_stage_says_why_it_cannot(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"of querying; there is no index, in .*none"):
        run_stage(
            "querying", built_in(), tmp_path,
            index=str(tmp_path / "none"), cores=1, warm=3, queries=20,
        )  # fmt: skip


def test_a_stage_takes_no_file_of_this_folder_for_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    index = os.path.join(tmp_path, "index")
    assert run_stage("growing", built_in(), tmp_path, index=index, rows=1000) == []
    assert os.path.isdir(index)


def test_decoding_and_embedding_have_all_their_figures() -> None:
    names = [one.name for one in stage.pictures(built_in(), seconds=0.0)]
    assert names == [
        *(f"decode.{kind}" for kind in ("jpeg", "png", "webp", "heif", "jpeg_12mp")),
        *(f"preprocess.{kind}" for kind in ("jpeg", "jpeg_12mp")),
    ]
    embedded = {one.name: one for one in stage.embedding(built_in(), cores=2, seconds=0.0)}
    assert list(embedded) == ["model.image", "model.images", "model.text"]
    assert len(embedded["model.image"].values) == stage.WINDOWS
    assert len(embedded["model.text"].values) == 37


def test_asking_has_all_its_figures(tmp_path: Path) -> None:
    model = built_in()
    grow(tmp_path / "index", model.identity, 2000)
    asked = stage.querying(model, index=str(tmp_path / "index"), cores=1, warm=30, queries=80)
    found = {one.name.removeprefix("query.2000."): one for one in asked}
    counts = {name: len(one.values) for name, one in found.items()}
    assert counts == {"warm": 30, "throughput": 3, "exact": 60, "graph": 80, "recall": 4}
    assert all(0.8 < value <= 1 for value in found["recall"].values)


def test_rates_are_units_and_not_calls() -> None:
    calls = []
    values = stage.rates(lambda: calls.append(1), 5, 3, 0.0)
    assert len(calls) == 1 + 3 * stage.WINDOWS  # one to warm up
    assert len(values) == stage.WINDOWS
    assert all(value > 0 for value in values)
