"""Running a model folder with onnxruntime and tokenizers: the only module that knows them."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from vsearch.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.models.folder import ModelFolder
    from vsearch.records import Calibration, ModelIdentity, Preprocessing


class OnnxEncoder:
    """An Encoder on the CPU. Each tower is loaded at its first use, and only then.

    A call runs on the thread that makes it: two threads that each embed one picture finish twice
    as many as two threads sharing one picture, and do not wait for each other when a core is busy
    (measured for `mini` with one of two cores taken: 145 pictures/s against 70).
    """

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
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
    def calibration(self) -> Calibration | None:
        """How a text-to-image cosine becomes a relevance; None when unknown."""
        return self._folder.calibration

    @property
    def batch_size(self) -> int:
        """One: each thread embeds its own picture, as the class says."""
        return 1

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed prepared pictures (n, size, size, 3), sRGB, as unit vectors (n, dim)."""
        with self._loading:
            tower = self._image_tower
        return self._run(tower, {"pixel_values": _normalised(pixels, self.preprocessing)})

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as unit vectors (n, dim); what exceeds the context length is cut off."""
        import numpy as np

        with self._loading:
            tokenizer, tower = self._tokenizer, self._text_tower
        encoded = tokenizer.encode_batch(list(texts))
        longest = max(len(one.ids) for one in encoded)
        ids = np.full((len(encoded), longest), self._folder.pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, one in enumerate(encoded):
            ids[place, : len(one.ids)] = one.ids
            mask[place, : len(one.ids)] = 1
        return self._run(tower, {"input_ids": ids, "attention_mask": mask})

    def _run(self, tower: Any, inputs: dict[str, NDArray[Any]]) -> NDArray[np.float32]:  # noqa: ANN401  # onnxruntime is untyped
        import numpy as np

        return np.asarray(tower.run(["embedding"], inputs)[0], dtype=np.float32)

    @cached_property
    def _image_tower(self) -> Any:  # noqa: ANN401  # onnxruntime is untyped
        return self._session("image.onnx")

    @cached_property
    def _text_tower(self) -> Any:  # noqa: ANN401  # onnxruntime is untyped
        return self._session("text.onnx")

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401  # only its encode_batch is used
        from tokenizers import Tokenizer

        content = self._folder.read("tokenizer.json")
        try:
            tokenizer = Tokenizer.from_buffer(content)
        except ValueError as error:
            raise ModelError(
                f"the tokenizer cannot be used ({error}), at {self._folder.path}; "
                "reinstall the model"
            ) from error
        tokenizer.no_padding()  # a batch is padded to its own longest text, not to a fixed length
        tokenizer.enable_truncation(self._folder.context_length)
        return tokenizer

    def _session(self, name: str) -> Any:  # noqa: ANN401  # onnxruntime is untyped
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only: its warnings are for model authors
        content = self._folder.read(name)
        try:
            return onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # a dozen unrelated classes of onnxruntime's own
            raise ModelError(
                f"onnxruntime cannot run the model ({error}), at {self._folder.path / name}; "
                "reinstall it or update onnxruntime"
            ) from error


def _normalised(pixels: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.float32]:
    """Return (n, 3, size, size) float32, C order: (value / 255 - mean) / std in one step."""
    import numpy as np

    mean, std = np.array(spec.mean), np.array(spec.std)
    scale = (1 / (255 * std)).astype(np.float32).reshape(3, 1, 1)
    shift = (-mean / std).astype(np.float32).reshape(3, 1, 1)
    channels_first = pixels.transpose(0, 3, 1, 2)
    prepared: NDArray[np.float32] = np.multiply(channels_first, scale, dtype=np.float32, order="C")
    prepared += shift
    return prepared
