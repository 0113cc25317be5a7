"""The interface between a model and everything that uses one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.records import Calibration, ModelIdentity, Preprocessing


class Encoder(Protocol):
    """Two towers into one space. Passed in where it is needed, never fetched from inside.

    All methods may be called from several threads at once.
    """

    @property
    def identity(self) -> ModelIdentity:
        """What makes vectors of this encoder comparable with others."""

    @property
    def preprocessing(self) -> Preprocessing:
        """How a picture becomes this encoder's input."""

    @property
    def calibration(self) -> Calibration:
        """What a cosine with a picture tells, by the kind of query."""

    @property
    def templates(self) -> Sequence[str]:
        """Sentences with "{}" in place of a keyword, which is embedded as the mean of them all.

        None: as it is. `encode_texts` knows nothing of them.
        """

    @property
    def batch_size(self) -> int:
        """How many pictures are best embedded in one call.

        1: each thread embeds its own picture, which is best on a CPU; more: they are gathered.
        """

    def load_images(self) -> None:
        """Load what `encode_images` needs, which else does so itself. Raises ModelError."""

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed prepared pictures (n, size, size, 3), sRGB, as unit vectors (n, dim).

        The encoder normalises the values itself, where its weights are: a byte a value is a
        quarter of what would otherwise be copied there.
        """

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as unit vectors (n, dim); what exceeds the context length is cut off."""
