"""Where a model runs: which GPU is there, and whether it can be used; told without torch."""

from __future__ import annotations

import ctypes
import platform
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vsearch.errors import ModelError, UsageError
from vsearch.models.folder import BUILT_IN

if TYPE_CHECKING:
    from vsearch.models.folder import ModelFolder

Device = Literal["cpu", "cuda", "mps"]

_NAMES = {"cuda": "CUDA", "mps": "Metal"}


@dataclass(frozen=True, slots=True)
class Choice:
    """Where the image tower runs; `reason` is one line on why a GPU that is there is not used."""

    device: Device
    reason: str | None = None


def choose(folder: ModelFolder, wanted: Literal["auto"] | Device) -> Choice:
    """Choose where the model in `folder` runs: "auto" is the GPU, where it can be used.

    Raises UsageError for a GPU that is not there or that the built-in model cannot use, and
    ModelError where the model or torch lacks something for it.
    """
    if wanted == "cpu":
        return Choice("cpu")
    if wanted == "auto":
        there = gpu()
        if there is None:
            return Choice("cpu")
        try:
            return choose(folder, there)
        except (UsageError, ModelError) as error:
            return Choice("cpu", f"a GPU is there but not used: {error}")
    require_gpu(wanted)
    name = folder.identity.name
    if name == BUILT_IN:
        raise UsageError("the built-in model runs on the CPU; choose another with --model")
    if not folder.has_torch_weights:
        raise ModelError(
            f"the model folder holds no torch weights, in {folder.path}; "
            f"`vsearch models get {name} --device {wanted}` adds them"
        )
    if wanted == "cuda" and not _torch_knows_cuda():
        raise ModelError(
            "the installed torch was built without CUDA; install one that was built with it"
        )
    return Choice(wanted)


def require_gpu(wanted: Device) -> None:
    """Raise UsageError where the device is a GPU that is not there."""
    if wanted not in ("cpu", gpu()):
        check = "check its driver with nvidia-smi, or " if wanted == "cuda" else ""
        raise UsageError(
            f"no {_NAMES[wanted]} GPU is there, for --device {wanted}; {check}leave --device out"
        )


def gpu() -> Literal["cuda", "mps"] | None:
    """Return the kind of GPU that is there, by asking the system and not torch."""
    if sys.platform == "darwin":
        return "mps" if platform.machine() == "arm64" else None
    return "cuda" if _cuda_devices() > 0 else None


def _cuda_devices() -> int:
    """Return how many GPUs NVIDIA's driver offers; it heeds CUDA_VISIBLE_DEVICES."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int()
        # CUDA driver API: both return 0 for success.
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
            return 0
    except (OSError, AttributeError):  # no driver, or a library that is none
        return 0
    return count.value


def _torch_knows_cuda() -> bool:
    """Whether the installed torch was built with CUDA, read from its version.py: not imported."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    try:
        text = (Path(spec.origin).parent / "version.py").read_text("utf-8")
    except OSError:
        return True  # torch itself will say
    return re.search(r"^cuda\b.*=\s*None", text, re.MULTILINE) is None
