"""vsearch search --update: the index brought up to date before it is asked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def bring_up_to_date(
    index_folder: Path,
    folders: Sequence[str],
    megapixels: float | None,
    *,
    offline: bool,
    quiet: bool,
) -> None:
    """Index `folders`, new ones too; without any, all that the index knows, else the current one.

    As `vsearch index` does, with its progress on stderr. Where another process is writing already,
    that is said, and what is there is left as it is. `quiet`: only errors are said.
    """
    from vsearch.cli.encoders import model_for_index
    from vsearch.cli.options import pixels
    from vsearch.config import cores
    from vsearch.errors import IndexLocked
    from vsearch.indexing.events import Tally
    from vsearch.indexing.run import Options, update
    from vsearch.models.open import open_encoder
    from vsearch.output.progress import IndexingOutput
    from vsearch.output.terminal import say

    paths = list(folders)
    if not paths and not _has_roots(index_folder):
        paths = ["."]
        if not quiet:
            say(f"vsearch: no folder is indexed yet; indexing this one, {os.getcwd()}")
    options = Options(cores(), pixels(megapixels, cores()))
    encoder, _ = open_encoder(
        model_for_index(index_folder, None, offline=offline, device="auto"), "auto"
    )
    tally, output = Tally(), IndexingOutput(quiet=quiet)
    try:
        with output:
            for event in update(index_folder, encoder, paths, options):
                tally.add(event)
                output.show(event, tally)
    except KeyboardInterrupt:
        output.close_interrupted(tally)
        raise typer.Exit(130) from None
    except IndexLocked:
        if not quiet:
            say("vsearch: another process is writing to the index; searching what is there")
        return
    output.close(tally)


def _has_roots(index_folder: Path) -> bool:
    from vsearch.errors import IndexMissing
    from vsearch.index import Index

    try:
        with Index(index_folder) as index:
            return bool(index.roots())
    except IndexMissing:
        return False
