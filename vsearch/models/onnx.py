"""Running a model folder with onnxruntime, the only module that knows it."""

from __future__ import annotations

import platform
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from vsearch.errors import ModelError
from vsearch.models.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.models.folder import ModelFolder
    from vsearch.records import Calibration, ModelIdentity, Preprocessing

Session: TypeAlias = Any  # onnxruntime is untyped
Options: TypeAlias = Any


class OnnxEncoder:
    """An Encoder on the CPU. Each tower is loaded at its first use, and only then.

    With one thread a call runs on the thread that makes it: two threads that each embed one picture
    finish twice as many as two threads sharing one picture, and do not wait for each other when a
    core is busy (measured for `mini` with one of two cores taken: 145 pictures/s against 70). More
    threads answer a single query sooner.
    """

    def __init__(self, folder: ModelFolder, threads: int = 1, *, for_one: bool = False) -> None:
        """Run the model in `folder` with `threads` threads a call.

        `for_one`: for a single query, which is answered sooner when loading does not rearrange the
        weights for the next ones (ViT-B/32 in int8, a picture: 54 ms against 100).
        """
        self._folder = folder
        self._threads = threads
        self._for_one = for_one
        self._loading = Lock()

    @property
    def identity(self) -> ModelIdentity:
        """What makes vectors of this encoder comparable with others."""
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
        """One: each thread embeds its own picture, as the class says."""
        return 1

    def load_images(self) -> None:
        """Load the image tower now and not at its first use. Raises ModelError."""
        with self._loading:
            _ = self._image_tower

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed prepared pictures (n, size, size, 3), sRGB, as unit vectors (n, dim)."""
        import numpy as np

        with self._loading:
            tower = self._image_tower
        prepared = normalised(pixels, self.preprocessing)
        step = 1 if self._one_at_a_time("image") else len(prepared)
        parts = [prepared[first : first + step] for first in range(0, len(prepared), step)]
        return np.concatenate([self._run(tower, {"pixel_values": part}) for part in parts])

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as unit vectors (n, dim); what exceeds the context length is cut off."""
        import numpy as np

        with self._loading:
            tokenizer, tower = self._tokenizer, self._text_tower
        wanted = self._folder.text.inputs
        groups = [[text] for text in texts] if self._one_at_a_time("text") else [texts]
        answers = []
        for group in groups:
            ids, mask = tokenizer(group)
            given = {"input_ids": ids, "attention_mask": mask}
            answers.append(self._run(tower, {name: given[name] for name in wanted}))
        return np.concatenate(answers)

    def _one_at_a_time(self, tower: str) -> bool:
        """Whether a batch would be answered otherwise than each alone (see `precision`)."""
        return bool(self._folder.card[tower].get("precision") == "int8")

    def _run(self, tower: Any, inputs: dict[str, NDArray[Any]]) -> NDArray[np.float32]:  # noqa: ANN401  # onnxruntime is untyped
        import numpy as np

        try:
            found = tower.run(["embedding"], inputs)[0]
        except Exception as error:  # a dozen unrelated classes of onnxruntime's own
            raise ModelError(
                f"onnxruntime cannot run the model ({_first_line(error)}), at {self._folder.path}; "
                f"{self._folder.again}"
            ) from error
        embeddings = np.asarray(found, dtype=np.float32)
        if embeddings.shape[1:] != (self.identity.dim,):
            raise ModelError(
                f"the model gives {embeddings.shape[1:]} numbers where its model.json says "
                f"{self.identity.dim}, at {self._folder.path}; {self._folder.again}"
            )
        return embeddings

    @cached_property
    def _image_tower(self) -> Any:  # noqa: ANN401  # onnxruntime is untyped
        return self._session("image.onnx")

    @cached_property
    def _text_tower(self) -> Any:  # noqa: ANN401  # onnxruntime is untyped
        return self._session("text.onnx")

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        folder = self._folder
        return Tokenizer(folder.read("tokenizer.json"), folder.text, folder.path)

    def _session(self, name: str) -> Any:  # noqa: ANN401  # onnxruntime is untyped
        """Load one tower whose digests are right; numbers in a file of their own are mapped."""
        folder, path, numbers = self._folder, self._folder.path / name, f"{name}.data"
        # Only where it changes no answer: MatMulNBits computes otherwise without.
        precision = folder.card[name.partition(".")[0]].get("precision")
        rearranged = not self._for_one or precision not in ("fp32", "fp16", "int8")
        if numbers not in folder.digests:
            session = _open(folder.read(name), path, self._threads, rearranged=rearranged)
            return self._fitting(session, path)
        folder.verify(name)
        # Numbers do nothing by being loaded: that and comparing them goes on at once.
        with ThreadPoolExecutor(1) as pool:
            verified = pool.submit(folder.verify_quickly, numbers)
            try:
                session = _open(path, path, self._threads, rearranged=rearranged)
            finally:
                verified.result()  # wrong numbers are what is to be told, whatever else there is
        return self._fitting(session, path)

    def _fitting(self, session: Session, path: Path) -> Session:
        """Return a tower that takes what model.json says of it. Raises ModelError."""
        inputs = {one.name: one.shape for one in session.get_inputs()}
        outputs = {one.name for one in session.get_outputs()}
        of_pictures = path.name == "image.onnx"
        wanted = {"pixel_values"} if of_pictures else set(self._folder.text.inputs)
        sides = inputs.get("pixel_values", [])[2:]
        if (
            inputs.keys() != wanted
            or "embedding" not in outputs
            or any(isinstance(side, int) and side != self.preprocessing.size for side in sides)
        ):
            raise ModelError(
                f"the model is another than its model.json says ({inputs} to {outputs}), at "
                f"{path}; {self._folder.again}"
            )
        return session


def run_tower(path: Path) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """Return a function that runs the one-input tower in the file `path` on one thread.

    It takes (n, ...) and returns (n, dim) float32. Raises ModelError.
    """
    session = _open(path, path, 1)
    name = session.get_inputs()[0].name
    return lambda given: session.run(["embedding"], {name: given})[0]


def optimise(path: Path, target: Path, *, fold: bool) -> None:
    """Write the graph in `path` to `target` as onnxruntime would rewrite it at each loading.

    Only what is the same on every CPU. `fold`: what constants give is computed now; a weight that
    is stored smaller than it is used would be stored as it is used. The numbers go to a file beside
    it, `target`.data, which is mapped and not read: that halves the memory that loading takes
    (150 MB against 324 for a ViT-B/32 in int8). Raises ModelError.
    """
    import onnxruntime

    options = _options(1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    setting = "session.optimized_model_external_initializers_{}"
    options.add_session_config_entry(setting.format("file_name"), f"{target.name}.data")
    options.add_session_config_entry(setting.format("min_size_in_bytes"), "1024")
    _session(str(path), options, path, disabled_optimizers=() if fold else ("ConstantFolding",))


def _open(source: bytes | Path, path: Path, threads: int, *, rearranged: bool = True) -> Session:
    options = _options(threads)
    if not rearranged:
        options.add_session_config_entry("session.disable_prepacking", "1")
    return _session(source if isinstance(source, bytes) else str(source), options, path)


def _options(threads: int) -> Options:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # its warnings are for model authors, its errors are raised too
    if not _multiplies_int8_exactly():
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def _session(
    source: bytes | str, options: Options, path: Path, disabled_optimizers: Sequence[str] = ()
) -> Session:
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(
            source,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=disabled_optimizers,
        )
    except Exception as error:  # a dozen unrelated classes of onnxruntime's own
        raise ModelError(
            f"onnxruntime cannot run the model ({error}), at {path}; "
            "get it again or update onnxruntime"
        ) from error


@cache
def _multiplies_int8_exactly() -> bool:
    """Whether this CPU adds products of int8 and uint8 without saturating at 16 bits.

    x86 before VNNI does not: there onnxruntime is told to take its exact way, at half the speed.
    """
    if platform.machine().lower() not in ("x86_64", "amd64", "i386", "i686", "x86"):
        return True
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return False  # another system than Linux: unknown
    return "vnni" in flags


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def normalised(pixels: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.float32]:
    """Return (n, 3, size, size) float32, C order: (value / 255 - mean) / std in one step."""
    import numpy as np

    mean, std = np.array(spec.mean), np.array(spec.std)
    scale = (1 / (255 * std)).astype(np.float32).reshape(3, 1, 1)
    shift = (-mean / std).astype(np.float32).reshape(3, 1, 1)
    channels_first = pixels.transpose(0, 3, 1, 2)
    prepared: NDArray[np.float32] = np.multiply(channels_first, scale, dtype=np.float32, order="C")
    prepared += shift
    return prepared
