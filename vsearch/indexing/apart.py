"""A picture from its file to its embedding in one process, apart from the one that has the index.

What the processes of `images.isolation` call for each file where a model runs on the CPU: decoding
and the model take turns there as they would in a thread, but no decoder can harm the run, and
nothing waits for Python's lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsearch.errors import ImageError, ModelError, SkipReason
from vsearch.images.isolation.decoders import Decoders, Embedder
from vsearch.images.load import load
from vsearch.models.folder import ModelFolder
from vsearch.models.onnx import OnnxEncoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsearch.images.isolation.decoder import Load
    from vsearch.models.encoder import Encoder
    from vsearch.records import ImageFacts, Preprocessing


def decoders_for(encoder: Encoder, pixel_limit: int, seconds: float) -> Decoders:
    """Return the decoders to index with, started: they embed, too, where the encoder lets them.

    One that gathers batches, or runs in torch, is given pixels instead.
    """
    if isinstance(encoder, OnnxEncoder) and encoder.is_single:
        loader = f"{__name__}:{embedder.__name__}"
        made = Embedder(loader, str(encoder.path), encoder.identity.dim)
        return Decoders(pixel_limit, seconds, embedder=made)
    return Decoders(pixel_limit, seconds)


def embedder(model: str) -> Load:
    """Load the model in the folder `model`, once; return what embeds a picture file with it.

    Raises ModelError.
    """
    encoder = OnnxEncoder(ModelFolder.open(Path(model)))
    encoder.load_images()

    def embed(
        path: str,
        spec: Preprocessing,
        *,
        pixel_limit: int,
        named_image: bool,
        is_known: Callable[[bytes], bool],
    ) -> tuple[bytes, _Embedding | None]:
        digest, square = load(
            path, spec, pixel_limit=pixel_limit, named_image=named_image, is_known=is_known
        )
        if square is None:
            return digest, None
        prepared = square.prepared()
        try:
            vector = encoder.encode_images(prepared.pixels[None])[0]  # (dim,) float32
        except ModelError as error:
            raise ImageError(SkipReason.NO_EMBEDDING, str(error)) from error
        return digest, _Embedding(prepared.facts, vector.tobytes())

    return embed


@dataclass(frozen=True, slots=True)
class _Embedding:
    facts: ImageFacts
    vector: bytes

    def payload(self) -> bytes:
        return self.vector
