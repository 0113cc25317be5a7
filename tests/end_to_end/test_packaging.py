"""What is built from the repository holds all that the program needs."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from end_to_end.command import REPOSITORY

MODEL = ("image.onnx", "text.onnx", "tokenizer.json", "model.json")


@pytest.mark.slow
def test_wheel_and_sdist_carry_the_model(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, REPOSITORY],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("vsearch_cli-*-py3-none-any.whl")
    (sdist,) = tmp_path.glob("vsearch_cli-*.tar.gz")
    folder = REPOSITORY / "vsearch" / "models" / "mini"
    with zipfile.ZipFile(wheel) as built, tarfile.open(sdist) as source:
        names = set(built.namelist())
        assert "vsearch/py.typed" in names
        assert not any(name.startswith(("tests/", "examples/")) for name in names)
        top = source.getnames()[0].partition("/")[0]
        for name in MODEL:
            digest = hashlib.sha256((folder / name).read_bytes()).digest()
            assert hashlib.sha256(built.read(f"vsearch/models/mini/{name}")).digest() == digest
            packed = source.extractfile(f"{top}/vsearch/models/mini/{name}")
            assert packed is not None
            assert hashlib.sha256(packed.read()).digest() == digest
