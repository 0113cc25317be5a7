"""Facts of this machine: those that decide how quick it is, and none about who uses it."""

import getpass
import json
import os
import platform
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vsearch
from vsearch import machine

X86 = """processor\t: 0
model\t\t: 167
model name\t: Intel(R) Xeon(R)   CPU @ 2.60GHz

processor\t: 1
model name\t: Another
"""
PI = "processor\t: 0\nCPU part\t: 0xd08\n\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Rev 1.4\n"


def test_they_are_those_of_this_process() -> None:
    facts = machine.facts()
    assert facts["cores"] == machine.cores() == len(os.sched_getaffinity(0))
    assert facts["vsearch"] == vsearch.__version__
    assert facts["numpy"] == np.__version__
    assert facts["python"] == f"CPython {platform.python_version()}"
    assert {"cpu", "memory_gb", "os", "onnxruntime", "hnswlib", "pillow"} <= facts.keys()
    assert float(facts["memory_gb"]) > 0.1
    assert json.loads(json.dumps(facts)) == facts


def test_a_process_kept_to_one_core_has_one() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
    code += "from vsearch.machine import facts; print(facts()['cores'])"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"1\n"


def test_none_is_about_a_person_a_host_or_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "release", lambda: "6.1.0-18.built-by-anna")
    monkeypatch.setattr(platform, "mac_ver", lambda: ("", ("", "", ""), ""))
    told = "\n".join(map(str, machine.facts().values()))
    assert f" 6.1.0 {platform.machine()}" in told
    for private in ("anna", "built", os.path.expanduser("~"), os.getcwd()):
        assert private not in told
    assert not {getpass.getuser(), socket.gethostname()} & set(told.split())


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        pytest.param(X86, "Intel(R) Xeon(R) CPU @ 2.60GHz", id="x86"),
        pytest.param(PI, "Raspberry Pi 4 Rev 1.4", id="arm board"),
        pytest.param("processor : 0\nBogoMIPS : 50\n", "", id="arm server"),
        pytest.param("", "", id="no /proc"),
        pytest.param("no colon\n: x\nmodel name : A: B\n", "A: B", id="odd lines"),
    ],
)
def test_the_cpu_by_linux(cpuinfo: str, name: str) -> None:
    assert machine._cpu_of(cpuinfo) == name


@pytest.mark.parametrize(
    ("cpu_max", "quota"),
    [("max 100000\n", None), ("150000 100000\n", 1.5), ("", None), ("1 0", None), ("x", None)],
)
def test_the_time_a_container_allows(cpu_max: str, quota: float | None) -> None:
    assert machine._quota(cpu_max) == quota


def test_where_no_name_is_told_there_is_the_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_text", lambda _: "")
    assert machine.facts()["cpu"] == platform.machine()


def test_gpus_are_named_by_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "gpu" not in machine.facts()
    for script, wanted in (
        ("echo 'NVIDIA H100 80GB'", "NVIDIA H100 80GB"),
        ("echo A; echo B; echo A", "2 x A, B"),
        ("echo 'NVIDIA-SMI has failed'; exit 9", None),
        ("printf '\\377\\n'", "\ufffd"),
    ):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        assert machine.facts().get("gpu") == wanted


def test_no_library_is_imported_for_its_version() -> None:
    code = "import sys; from vsearch.machine import facts; facts();"
    code += "print({'numpy', 'onnxruntime', 'hnswlib', 'PIL', 'torch'} & sys.modules.keys())"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"set()\n"
