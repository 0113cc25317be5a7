"""`choose`: every device that is there or not, with every reason not to use it."""

import ctypes
import json
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Literal

import pytest

from vsearch.errors import ModelError, UsageError
from vsearch.models import device
from vsearch.models.device import Choice, choose, gpu
from vsearch.models.folder import ModelFolder, built_in


class Driver:
    """What is used of NVIDIA's library."""

    def __init__(self, devices: int, error: int = 0) -> None:
        self.devices, self.error = devices, error

    def cuInit(self, flags: int) -> int:  # noqa: N802  # NVIDIA's name
        return self.error or flags

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802  # NVIDIA's name
        ctypes.cast(count, ctypes.POINTER(ctypes.c_int))[0] = self.devices
        return 0


def install(monkeypatch: pytest.MonkeyPatch, driver: object) -> None:
    def load(name: str) -> object:
        if name != "libcuda.so.1" or driver is None:
            raise OSError(f"{name}: cannot open shared object file")
        return driver

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", load)


def install_torch(monkeypatch: pytest.MonkeyPatch, folder: Path, cuda: str) -> None:
    folder.mkdir()
    (folder / "version.py").write_text(f"__version__ = '2.9'\ncuda: Optional[str] = {cuda}\n")
    spec = ModuleSpec("torch", None, origin=str(folder / "__init__.py"))
    monkeypatch.setattr(device, "find_spec", lambda name: spec if name == "torch" else None)


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    """A model with torch weights."""
    return make(tmp_path, torch={"always": False})


def make(path: Path, **more: object) -> ModelFolder:
    card = json.loads((built_in().path / "model.json").read_text())
    card["name"] = "ViT-X/some"
    card |= more
    (path / "model.json").write_text(json.dumps(card))
    return ModelFolder.open(path)


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        pytest.param(Driver(1), "cuda", id="one"),
        pytest.param(Driver(8), "cuda", id="eight"),
        pytest.param(Driver(0), None, id="a driver without a GPU"),
        pytest.param(Driver(1, error=100), None, id="the driver fails"),
        pytest.param(object(), None, id="another library of that name"),
        pytest.param(None, None, id="no driver"),
    ],
)
def test_nvidias_driver_is_asked(
    monkeypatch: pytest.MonkeyPatch, driver: object, expected: str | None
) -> None:
    install(monkeypatch, driver)
    assert gpu() == expected


@pytest.mark.parametrize(("machine", "expected"), [("arm64", "mps"), ("x86_64", None)])
def test_a_mac_has_a_gpu_if_it_has_apples_chip(
    monkeypatch: pytest.MonkeyPatch, machine: str, expected: str | None
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert gpu() == expected


def test_this_machine_can_be_asked() -> None:
    assert gpu() in {"cuda", "mps", None}


@pytest.mark.parametrize("kind", ["cuda", "mps"])
@pytest.mark.parametrize("wanted", ["auto", "the same"])
def test_a_gpu_that_can_be_used_is(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    folder: ModelFolder,
    kind: Literal["cuda", "mps"],
    wanted: str,
) -> None:
    monkeypatch.setattr(device, "gpu", lambda: kind)
    install_torch(monkeypatch, tmp_path / "torch", cuda="None" if kind == "mps" else "'13.0'")
    assert choose(folder, "auto" if wanted == "auto" else kind) == Choice(kind)


def test_without_a_gpu_auto_is_the_cpu_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, folder: ModelFolder
) -> None:
    monkeypatch.setattr(device, "gpu", lambda: None)
    assert choose(folder, "auto") == Choice("cpu")
    assert choose(built_in(), "auto") == Choice("cpu")


def test_who_asks_for_the_cpu_gets_it_and_no_reason(
    monkeypatch: pytest.MonkeyPatch, folder: ModelFolder
) -> None:
    monkeypatch.setattr(device, "gpu", lambda: "cuda")
    assert choose(folder, "cpu") == Choice("cpu")


def test_why_the_built_in_model_does_not_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "gpu", lambda: "cuda")
    reason = "the built-in model runs on the CPU; choose another with --model"
    assert choose(built_in(), "auto") == Choice("cpu", f"a GPU is there but not used: {reason}")
    with pytest.raises(UsageError) as caught:
        choose(built_in(), "cuda")
    assert str(caught.value) == reason


def test_why_a_model_without_torch_weights_does_not_use_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(device, "gpu", lambda: "cuda")
    folder = make(tmp_path)
    reason = (
        f"the model folder holds no torch weights, in {tmp_path}; "
        "`vsearch models get ViT-X/some --device cuda` adds them"
    )
    assert choose(folder, "auto") == Choice("cpu", f"a GPU is there but not used: {reason}")
    with pytest.raises(ModelError) as caught:
        choose(folder, "cuda")
    assert str(caught.value) == reason


def test_why_a_torch_without_cuda_does_not_use_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: ModelFolder
) -> None:
    monkeypatch.setattr(device, "gpu", lambda: "cuda")
    install_torch(monkeypatch, tmp_path / "torch", cuda="None")
    reason = "the installed torch was built without CUDA; install one that was built with it"
    assert choose(folder, "auto") == Choice("cpu", f"a GPU is there but not used: {reason}")
    with pytest.raises(ModelError) as caught:
        choose(folder, "cuda")
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("there", "wanted", "message"),
    [
        (
            None,
            "cuda",
            (
                "no CUDA GPU is there, for --device cuda; "
                "check its driver with nvidia-smi, or leave --device out"
            ),
        ),
        ("mps", "cuda", None),
        ("cuda", "mps", "no Metal GPU is there, for --device mps; leave --device out"),
        (None, "mps", None),
    ],
)
def test_a_gpu_that_is_not_there_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    folder: ModelFolder,
    there: Literal["cuda", "mps"] | None,
    wanted: Literal["cuda", "mps"],
    message: str | None,
) -> None:
    monkeypatch.setattr(device, "gpu", lambda: there)
    with pytest.raises(UsageError) as caught:
        choose(folder, wanted)
    assert message in {None, str(caught.value)}


def test_asking_loads_no_torch() -> None:
    code = (
        "import sys; from vsearch.models.device import choose, _torch_knows_cuda; "
        "from vsearch.models.folder import built_in; choose(built_in(), 'auto'); "
        "print(type(_torch_knows_cuda()).__name__, 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "bool False\n"
