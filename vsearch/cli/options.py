"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vsearch.cli.values import PATH, Number

IndexOption = Annotated[
    Path | None,
    typer.Option(
        "--index",
        metavar="DIR",
        click_type=PATH,
        help="The index. Default: $VSEARCH_INDEX, else the nearest .vsearch folder here or above, "
        "else one in your data directory.",
    ),
]
MegapixelsOption = Annotated[
    float | None,
    typer.Option(
        "--max-megapixels",
        metavar="N",
        click_type=Number(min=0.001, max=1_000_000),
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


def pixels(megapixels: float | None, workers: int) -> int:
    """Return the most pixels each of `workers` may decode: as asked, or what memory allows."""
    from vsearch.images.limits import pixel_limit

    if megapixels is None:
        return pixel_limit(workers)
    return int(megapixels * 1e6)
