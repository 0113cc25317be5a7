"""How much a precision changes a model's answers, how fast it is, and which one to take.

Measured on the photographs and captions in `probes/`, against the same towers in float32:

    cosine    the smallest cosine between an embedding and the one that float32 gives
    overlap   the mean share of the ten best answers that are the same: of pictures to a picture
              (image tower), of pictures to a caption (both towers together)
    ms        one picture, or one caption, on one thread: the median of several
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from vsearch.models.onnx import run_tower

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.models.conversion.precision import Precision

PROBES = Path(__file__).parent / "probes"
LEAST_COSINE, LEAST_OVERLAP = 0.995, 0.95
TOP = 10
_ROUNDS = 3
_ALIKE = 1.1  # speeds that differ by less are the same on a machine with other things to do


@dataclass(frozen=True, slots=True)
class Answers:
    """One tower in one precision: embeddings (n, dim) of the probes, ms each, bytes of its file."""

    embeddings: NDArray[np.float32]
    ms: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What choosing `image` and `text` as precisions of the two towers does; see the module."""

    image: Precision
    text: Precision
    image_cosine: float
    text_cosine: float
    image_overlap: float
    text_overlap: float
    image_ms: float
    text_ms: float
    bytes: int

    @property
    def faithful(self) -> bool:
        """Whether the answers are near enough to those of float32."""
        return (
            min(self.image_cosine, self.text_cosine) >= LEAST_COSINE
            and min(self.image_overlap, self.text_overlap) >= LEAST_OVERLAP
        )


@dataclass(frozen=True, slots=True)
class PictureFidelity:
    """What another encoder of pictures does, the texts unchanged; figures as in `Fidelity`."""

    image_cosine: float
    image_overlap: float
    text_overlap: float

    @property
    def faithful(self) -> bool:
        """Whether the answers are near enough to those of float32."""
        overlap = min(self.image_overlap, self.text_overlap)
        return self.image_cosine >= LEAST_COSINE and overlap >= LEAST_OVERLAP


def probe_pictures() -> list[bytes]:
    """Return the JPEG files of the probe photographs, in the order of `probe_captions`."""
    return [(PROBES / name).read_bytes() for name in _captions()]


def probe_captions() -> list[str]:
    """Return the captions of the probe photographs."""
    return list(_captions().values())


def _captions() -> dict[str, str]:
    captions: dict[str, str] = json.loads((PROBES / "captions.json").read_text("utf-8"))
    return captions


def measure(path: Path, inputs: Sequence[NDArray[np.generic]]) -> Answers:
    """Run the tower in `path` on each of `inputs` (1, ...) alone, on one thread."""
    import numpy as np

    run: Callable[[NDArray[np.generic]], NDArray[np.float32]] = run_tower(path)
    embeddings = np.concatenate([run(one) for one in inputs])
    durations = []
    for _ in range(_ROUNDS):
        for one in inputs[:10]:
            started = time.perf_counter()
            run(one)
            durations.append(time.perf_counter() - started)
    size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    return Answers(embeddings, 1000 * median(durations), size)


def compare(
    image: Mapping[Precision, Answers], text: Mapping[Precision, Answers]
) -> list[Fidelity]:
    """Return every combination of the precisions of both towers, quickest first.

    Both mappings must hold "fp32", which the others are compared with.
    """
    exact_image, exact_text = image["fp32"].embeddings, text["fp32"].embeddings
    found = [
        Fidelity(
            image=one,
            text=other,
            image_cosine=_cosine(image[one].embeddings, exact_image),
            text_cosine=_cosine(text[other].embeddings, exact_text),
            image_overlap=_overlap(_similar(image[one].embeddings), _similar(exact_image)),
            text_overlap=_overlap(
                text[other].embeddings @ image[one].embeddings.T, exact_text @ exact_image.T
            ),
            image_ms=image[one].ms,
            text_ms=text[other].ms,
            bytes=image[one].bytes + text[other].bytes,
        )
        for one in image
        for other in text
    ]
    return sorted(found, key=lambda each: (each.image_ms, each.text_ms))


def compare_pictures(
    found: NDArray[np.float32], exact: NDArray[np.float32], texts: NDArray[np.float32]
) -> PictureFidelity:
    """Compare embeddings (n, dim) of the probe pictures with those in float32; texts (m, dim)."""
    return PictureFidelity(
        image_cosine=_cosine(found, exact),
        image_overlap=_overlap(_similar(found), _similar(exact)),
        text_overlap=_overlap(texts @ found.T, texts @ exact.T),
    )


def choose(combinations: Sequence[Fidelity]) -> Fidelity:
    """Return the quickest faithful combination; of those about as quick, the smallest.

    Pictures count before texts: an index embeds many of them, a search one text. Float32 for both
    is always faithful.
    """
    fit = [each for each in combinations if each.faithful]
    quick = min(each.image_ms for each in fit)
    fit = [each for each in fit if each.image_ms <= _ALIKE * quick]
    quick = min(each.text_ms for each in fit)
    fit = [each for each in fit if each.text_ms <= _ALIKE * quick]
    return min(fit, key=lambda each: each.bytes)


def _cosine(found: NDArray[np.float32], exact: NDArray[np.float32]) -> float:
    import numpy as np

    return float(np.einsum("nd,nd->n", found, exact).min())


def _similar(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosines between pictures (n, n); none is an answer to itself."""
    import numpy as np

    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -2)
    return cosines


def _overlap(found: NDArray[np.float32], exact: NDArray[np.float32]) -> float:
    """Return the mean share of the `TOP` best columns of each row that both have in common."""
    import numpy as np

    def best(scores: NDArray[np.float32]) -> NDArray[np.int64]:
        return np.argsort(-scores, axis=1, kind="stable")[:, :TOP]

    shares = [
        len(set(some) & set(others)) / len(some)
        for some, others in zip(best(found).tolist(), best(exact).tolist(), strict=True)
    ]
    return float(np.mean(shares))
