"""Running a model folder with torch and open_clip: the only run-time module that knows them.

The folder has two more files for it, both written at conversion:

    torch.safetensors   tensors as open_clip names them: those of the image tower ("visual.")
    open_clip.json      open_clip's own configuration; only "model_cfg" is used

Texts stay with the folder's text.onnx on the CPU: a query is one short text, whose answer is there
before a GPU has loaded anything. Only where the text tower could not be exported (no text.onnx) do
the two files hold it too; of text towers those of open_clip itself, since building one of
transformers asks the Hugging Face hub.
"""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from threading import Lock, local
from typing import TYPE_CHECKING, Any, Literal

from vsearch.errors import ModelError
from vsearch.models.onnx import OnnxEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from vsearch.models.device import Device
    from vsearch.models.folder import ModelFolder
    from vsearch.records import Calibration, ModelIdentity, Preprocessing

WEIGHTS, CONFIG = "torch.safetensors", "open_clip.json"

# The most pictures in one call, powers of two. On a GPU enough that starting a kernel costs little
# beside running it; more only takes memory.
_MOST = {"cuda": 256, "mps": 64, "cpu": 8}
_PROBE = 8  # pictures, to measure what one needs
_SHARE = 0.4  # of the free memory for one call: two run at a time


class TorchEncoder:
    """An Encoder on a GPU, or on a CPU with bfloat16 units. Loaded at its first use, and only then.

    `encode_images` is for several threads at once: on a CUDA device each has a stream of its own,
    so that one copies its pixels while another computes.
    """

    def __init__(
        self,
        folder: ModelFolder,
        device: Device,
        precision: Literal["fp32", "fp16", "bf16"] | None = None,
    ) -> None:
        """`precision` None: bf16 where the device computes in it, fp16 on older GPUs, else fp32."""
        self._folder = folder
        self._device = device
        self._precision = precision
        exported = "text.onnx" in folder.digests
        self._texts = OnnxEncoder(folder) if exported else _TextsInTorch(folder)
        self._loading = Lock()
        self._tower: _Tower | None = None
        self._batch_size = _MOST[device]
        # Metal's queue in torch is not made for several threads, and on a CPU one call takes all
        # cores.
        self._turn: AbstractContextManager[object] = nullcontext() if device == "cuda" else Lock()

    @property
    def identity(self) -> ModelIdentity:
        """What makes vectors of this encoder comparable with others: the same as on the CPU."""
        return self._folder.identity

    @property
    def preprocessing(self) -> Preprocessing:
        """How a picture becomes the input of `encode_images`."""
        return self._folder.preprocessing

    @property
    def calibration(self) -> Calibration:
        """What a cosine with a picture tells, by the kind of query."""
        return self._folder.calibration

    @property
    def templates(self) -> Sequence[str]:
        """Sentences with "{}" in place of a keyword."""
        return self._folder.text.templates

    @property
    def batch_size(self) -> int:
        """How many pictures are best embedded in one call; falls when memory turns out short."""
        return self._batch_size

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as unit vectors (n, dim); what exceeds the context length is cut off."""
        return self._texts.encode_texts(texts)

    def load_images(self) -> None:
        """Load the image tower now and not at its first use. Raises ModelError."""
        self._loaded()

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed prepared pictures (n, size, size, 3), sRGB, as unit vectors (n, dim).

        More than the device's memory takes at once are embedded in parts. Raises ModelError when
        the model cannot be loaded, or not one picture fits.
        """
        import numpy as np

        tower = self._loaded()
        vectors = np.empty((len(pixels), self.identity.dim), np.float32)
        start = 0
        while start < len(pixels):
            part = pixels[start : start + self._batch_size]
            found = self._attempt(tower, part)
            if found is None:
                self._take_less_than(len(part))
                continue
            vectors[start : start + len(part)] = found
            start += len(part)
        return vectors

    def operations(self) -> tuple[float, float]:
        """Return floating-point operations: of one picture, and a second, of a product of matrices.

        The second is what this device reaches in the same precision on two square matrices, the
        median of several products: the most that a tower could use. Raises as `encode_images`.
        """
        tower = self._loaded()
        with self._turn:
            return tower.operations_per_picture(), tower.operations_per_second()

    def _attempt(self, tower: _Tower, pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Return the embeddings, or None when the device's memory ran out."""
        try:
            with self._turn:
                return tower.run(pixels)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise ModelError(
                    f"torch cannot run the model ({_first_line(error)}), at {self._folder.path}; "
                    f"{self._folder.again}"
                ) from error
            return None  # what the failed call held is free once the error is

    def _take_less_than(self, count: int) -> None:
        """Halve the batch after `count` pictures did not fit; ModelError after one."""
        if count == 1:
            raise _too_large(self._device)
        with self._loading:  # threads that failed together halve once
            self._batch_size = min(self._batch_size, _power_of_two(count // 2))
        _empty_cache(self._device)

    def _loaded(self) -> _Tower:
        with self._loading:
            if self._tower is None:
                tower = _Tower(self._folder, self._device, self._precision)
                self._batch_size = min(self._batch_size, tower.pictures_that_fit(self._batch_size))
                self._tower = tower
            return self._tower


class _Thread(local):
    """What each thread has of its own: a stream, and memory the device copies from and to."""

    stream: torch.cuda.Stream | None = None
    pixels: torch.Tensor | None = None  # (n, size, size, 3) uint8, n the largest batch so far
    vectors: torch.Tensor | None = None  # (n, dim) float32


class _Tower:
    """open_clip's image tower on a device, from bytes of pixels to unit vectors."""

    def __init__(self, folder: ModelFolder, device: str, precision: str | None) -> None:
        import torch

        require_device(device)
        spec = folder.preprocessing
        self.device = torch.device(device)
        self.dtype = _dtype(device, precision)
        self.size, self.dim = spec.size, folder.identity.dim
        module = _load(folder, _build_image, _is_image)
        try:
            module = module.to(self.device, self.dtype)
            self.module = module.to(memory_format=torch.channels_last)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            raise _too_large(device) from error
        mean, std = torch.tensor(spec.mean), torch.tensor(spec.std)
        self.scale = (1 / (255 * std)).reshape(3, 1, 1).to(self.device)
        self.shift = (-mean / std).reshape(3, 1, 1).to(self.device)
        self.mine = _Thread()
        if device == "cuda":
            torch.cuda.synchronize()  # the threads' streams do not wait for this one

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed (n, size, size, 3) as unit vectors (n, dim), all n at once."""
        import numpy as np
        import torch

        count, mine = len(pixels), self.mine
        if mine.pixels is None or mine.vectors is None or len(mine.pixels) < count:
            pinned = self.device.type == "cuda"
            shape = (count, self.size, self.size, 3)
            mine.pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
            mine.vectors = torch.empty((count, self.dim), pin_memory=pinned)
            mine.stream = torch.cuda.Stream() if pinned else None  # type: ignore[no-untyped-call]  # torch's
        staged, result = mine.pixels[:count], mine.vectors[:count]
        staged.numpy()[:] = pixels
        ahead = mine.stream is not None  # elsewhere a copy that does not wait is not safe
        with torch.inference_mode(), torch.cuda.stream(mine.stream):
            result.copy_(self.forward(staged.to(self.device, non_blocking=ahead)), ahead)
        if mine.stream:
            mine.stream.synchronize()
        return np.array(result.numpy())  # a copy: the next call reuses this memory

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed (n, size, size, 3) uint8 on the device as unit vectors (n, dim) float32."""
        import torch

        # Channels last in memory is how pictures come: this permutes the names, not the bytes.
        channels = pixels.permute(0, 3, 1, 2)  # (n, 3, size, size) uint8
        normalised = torch.addcmul(self.shift, channels.to(torch.float32), self.scale)
        return _direction(self.module(normalised.to(self.dtype)))

    def operations_per_picture(self) -> float:
        """Count what one picture takes, a multiplication and an addition being two."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        pixels = torch.zeros((1, self.size, self.size, 3), dtype=torch.uint8, device=self.device)
        # Counted in plain operations: the counter does not know every fused one.
        plain = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with torch.inference_mode(), plain, FlopCounterMode(display=False) as counter:
                self.forward(pixels)
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
        return float(counter.get_total_flops())

    def operations_per_second(self) -> float:
        """Measure a product of square matrices in this tower's precision."""
        from statistics import median

        import torch

        side = 8192 if self.device.type == "cuda" else 2048
        one = torch.randn((side, side), device=self.device).to(self.dtype)
        durations = []
        for _ in range(12):
            self._wait()
            started = time.perf_counter()
            _ = one @ one
            self._wait()
            durations.append(time.perf_counter() - started)
        return float(2 * side**3 / median(durations[2:]))

    def _wait(self) -> None:
        """Wait until the device has done all it was given."""
        import torch

        if self.device.type == "cuda":
            torch.cuda.synchronize()
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def pictures_that_fit(self, most: int) -> int:
        """Return how many pictures at once the device's free memory takes, a power of two."""
        import torch

        if self.device.type != "cuda":  # elsewhere torch does not say what a call took
            return most
        count = min(_PROBE, most)
        pixels = torch.zeros((count, self.size, self.size, 3), dtype=torch.uint8)
        try:
            for _ in range(2):  # what the libraries take for themselves comes with the first
                before = torch.cuda.memory_allocated()
                torch.cuda.reset_peak_memory_stats()
                with torch.inference_mode():
                    self.forward(pixels.to(self.device))
                torch.cuda.synchronize()
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            return 1
        per_picture = (torch.cuda.max_memory_allocated() - before) / count
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info()
        return min(most, _power_of_two(int(_SHARE * free / max(per_picture, 1))))


class _TextsInTorch(OnnxEncoder):
    """The way of a text through its tokens, with a tower that could not be exported."""

    @cached_property
    def _text_tower(self) -> _TextTower:
        return _TextTower(self._folder)


class _TextTower:
    """open_clip's text tower on the CPU; answers as a session of onnxruntime does."""

    def __init__(self, folder: ModelFolder) -> None:
        self.module = _load(folder, _build_text, _is_text)
        self.context_length, self.pad_id = folder.text.context_length, folder.text.pad_id

    def run(
        self, _outputs: Sequence[str], inputs: dict[str, NDArray[Any]]
    ) -> list[NDArray[np.float32]]:
        """Embed input_ids (n, tokens) int64 as the one output, unit vectors (n, dim)."""
        import torch

        ids = torch.from_numpy(inputs["input_ids"])
        missing = self.context_length - ids.shape[1]  # its positions and masks are made for that
        with torch.inference_mode():
            padded = torch.nn.functional.pad(ids, (0, missing), value=self.pad_id)
            return [_direction(self.module(padded)).numpy()]


def _direction(found: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return what a tower answers as unit vectors (n, dim) float32."""
    import torch

    features = found[0] if isinstance(found, tuple) else found  # CoCa adds its tokens
    return torch.nn.functional.normalize(features.to(torch.float32), dim=-1)


def _is_image(name: str) -> bool:
    return name.startswith("visual.")


def _is_text(name: str) -> bool:
    return not name.startswith(("visual.", "text_decoder.", "logit_"))


def _load(
    folder: ModelFolder,
    build: Callable[[dict[str, Any]], torch.nn.Module],
    belongs: Callable[[str], bool],
) -> torch.nn.Module:
    """Build a tower as open_clip would and fill it with the tensors whose names belong to it."""
    from safetensors import safe_open

    folder.verify_quickly(WEIGHTS)
    path = folder.path / WEIGHTS
    try:
        tower = build(json.loads(folder.read(CONFIG))["model_cfg"])
        with safe_open(path, framework="pt") as file:  # mapped, not read: no second copy
            state = {
                name.removeprefix("visual.").removeprefix("text."): file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118  # safetensors' file is not iterable
                if belongs(name)
            }
            tower.load_state_dict(state)
    except (ModelError, OSError):
        raise
    except Exception as error:  # open_clip, timm, torch and safetensors have no common error
        raise ModelError(
            f"torch cannot use the model ({_first_line(error)}), at {folder.path}; "
            f"{folder.again}, or update open_clip_torch"
        ) from error
    return tower.eval().requires_grad_(False)


def _build_image(config: dict[str, Any]) -> torch.nn.Module:
    """Return open_clip's image tower with weights to be filled in; nothing is fetched."""
    # As its own models do; the public constructors would build the text tower too, for which some
    # ask the Hugging Face hub.
    from open_clip.model import _build_vision_tower

    vision = dict(config["vision_cfg"])
    if vision.get("timm_model_name"):
        if ":" in vision["timm_model_name"]:  # "hf-hub:..." would be fetched
            raise ValueError(f"the architecture is elsewhere, {vision['timm_model_name']}")
        vision["timm_model_pretrained"] = False
    tower: torch.nn.Module = _build_vision_tower(
        config["embed_dim"], vision, config.get("quick_gelu", False)
    )
    return tower


def _build_text(config: dict[str, Any]) -> torch.nn.Module:
    """Return open_clip's text tower with weights to be filled in; nothing is fetched."""
    from open_clip.model import _build_text_tower

    if config["text_cfg"].get("hf_model_name"):
        raise ValueError(f"the text tower is elsewhere, {config['text_cfg']['hf_model_name']}")
    tower: torch.nn.Module = _build_text_tower(
        config["embed_dim"], config["text_cfg"], config.get("quick_gelu", False)
    )
    return tower


def require_device(device: str) -> None:
    """Raise ModelError where this torch cannot use the device."""
    try:
        import torch
    except (ImportError, OSError) as error:  # a library of CUDA's is missing, for one
        raise ModelError(
            f"torch cannot be imported ({_first_line(error)}), for --device {device}; reinstall it"
        ) from error

    if device == "cuda" and not torch.cuda.is_available():
        reason = "has no CUDA" if torch.version.cuda is None else "finds no CUDA GPU it can use"
        raise ModelError(
            f"torch {torch.__version__} {reason}, for --device cuda; "
            "install a torch for this GPU and its driver, or take --device cpu"
        )
    if device == "mps" and not torch.backends.mps.is_available():
        raise ModelError(
            f"torch {torch.__version__} finds no Metal GPU, for --device mps; take --device cpu"
        )


def _dtype(device: str, precision: str | None) -> torch.dtype:
    """Return what to compute in: as asked, or the smallest the device has units for."""
    import torch

    if precision:
        return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    if device == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    if device == "mps":
        return torch.bfloat16 if torch.backends.mps.is_macos_or_newer(14, 0) else torch.float16
    if not hasattr(torch.cpu, "get_capabilities"):  # before torch 2.10
        return torch.float32
    units = torch.cpu.get_capabilities()
    native = any(units.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return torch.bfloat16 if native else torch.float32


def _power_of_two(pictures: int) -> int:
    """Return the largest power of two that is at most `pictures`, and at least 1."""
    return 1 << max(pictures, 1).bit_length() - 1


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Tell by the class, and by the words where torch has no class for it (Metal, cuBLAS)."""
    import torch

    words = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError)
        or "out of memory" in words
        or "STATUS_ALLOC_FAILED" in words
    )


def _empty_cache(device: str) -> None:
    """Give back what torch keeps for later, so that smaller pieces can be cut from it."""
    import torch

    if device == "cuda":
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()


def _too_large(device: str) -> ModelError:
    return ModelError(
        f"memory ran out with a single picture, on {device}; "
        "close what else uses it, choose a smaller model, or take --device cpu"
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
