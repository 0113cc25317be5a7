"""Options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from vsearch.errors import UsageError

IndexOption = Annotated[
    Path | None,
    typer.Option(
        "--index",
        metavar="DIR",
        readable=False,  # what cannot be read is said by the index, in one line
        help="The index. Default: $VSEARCH_INDEX, else the nearest .vsearch folder here or above, "
        "else one in your data directory.",
    ),
]
MegapixelsOption = Annotated[
    float | None,
    typer.Option(
        "--max-megapixels",
        metavar="N",
        min=0.001,
        max=1_000_000,  # what more would take in bytes is no size that a system knows
        help="Skip pictures with more pixels to decode. Default: what memory allows.",
    ),
]

DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    typer.Option(
        "--device",
        help="Where pictures are embedded. Default: on a GPU where there is one for the model.",
        show_default=False,
    ),
]
OfflineOption = Annotated[
    bool,
    typer.Option("--offline", help="Use no network; so too when $VSEARCH_OFFLINE is set."),
]


def relevance(least: float) -> float:
    """Return what --min-relevance asks for. Raises UsageError where it is not from 0 to 1."""
    if not 0 <= least <= 1:  # nor is nan
        raise UsageError(f"a relevance of {least}; --min-relevance is from 0 to 1")
    return least


def pixels(megapixels: float | None, workers: int) -> int:
    """Return the most pixels each of `workers` may decode: as asked, or what memory allows."""
    from vsearch.images.limits import pixel_limit

    if megapixels is None:
        return pixel_limit(workers)
    if not math.isfinite(megapixels):
        raise UsageError(f"--max-megapixels {megapixels} is no number; leave it out for no choice")
    return int(megapixels * 1e6)
