"""A model folder -> the encoder that runs it here, and in one line why not on the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vsearch.errors import ModelError
from vsearch.models.device import Choice, choose
from vsearch.models.folder import built_in
from vsearch.models.onnx import OnnxEncoder
from vsearch.models.torch import TorchEncoder, require_device

if TYPE_CHECKING:
    from vsearch.models.device import Device
    from vsearch.models.encoder import Encoder
    from vsearch.models.folder import ModelFolder


def open_encoder(
    folder: ModelFolder, device: Literal["auto"] | Device, threads: int = 1
) -> tuple[Encoder, str | None]:
    """Return the encoder of the model in `folder`, nothing loaded yet, and why no GPU is used.

    `threads` are those of one call on the CPU. Raises as `device.choose`.
    """
    choice = choose(folder, device)
    settings = folder.card.get("torch") or {}
    if choice.device != "cpu" and device == "auto":
        try:
            require_device(choice.device)  # imports torch, which has to come for it anyway
        except ModelError as error:
            choice = Choice("cpu", f"a GPU is there but not used: {error}")
    if choice.device == "cpu" and not settings.get("always"):
        return OnnxEncoder(folder, threads), choice.reason
    return TorchEncoder(folder, choice.device, settings.get("precision")), choice.reason


def open_for_search(folder: ModelFolder, cores: int, *, for_one: bool = True) -> Encoder:
    """Return the encoder of the model in `folder` for one query or for many, on the CPU."""
    if not {"image.onnx", "text.onnx"} <= folder.digests.keys():
        return TorchEncoder(folder, "cpu")
    # The built-in model is so quick that waking threads would take longer than it does.
    threads = 1 if folder.identity == built_in().identity else cores
    return OnnxEncoder(folder, threads, for_one=for_one)
