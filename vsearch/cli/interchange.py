"""vsearch export, vsearch import: an index as files that other tools read, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vsearch.cli import candidates
from vsearch.cli.options import IndexOption, MegapixelsOption, pixels
from vsearch.cli.values import PATH


def export(
    target: Annotated[
        Path,
        typer.Argument(click_type=PATH, metavar="OUT", help="NAME.parquet, or a folder to make."),
    ],
    index_folder: IndexOption = None,
    form: Annotated[
        Literal["parquet", "npy"] | None,
        typer.Option(
            "--format",
            help="One Parquet file, or a folder with vectors.npy and metadata.jsonl. Default: "
            "parquet for NAME.parquet, else npy.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace an earlier export of the same format; nothing else is ever replaced.",
        ),
    ] = False,
) -> None:
    """Write an index as files that other tools read.

    \b
    vsearch export pictures.parquet
    vsearch export pictures             # vectors.npy, metadata.jsonl, model.json
    duckdb -c "SELECT path FROM 'pictures.parquet' WHERE width > 4000"
    python -c "import numpy; print(numpy.load('pictures/vectors.npy').shape)"
    """
    from vsearch.config import index_location
    from vsearch.interchange.transfer import export as write
    from vsearch.interchange.transfer import format_of
    from vsearch.output.interchange import TransferOutput, say_exported
    from vsearch.output.terminal import say

    try:
        with TransferOutput() as output:
            count = write(
                index_location(index_folder),
                target,
                form or format_of(target),
                replace=force,
                progress=lambda done, total: output.progress("exporting", done, total),
            )
    except KeyboardInterrupt:
        say("interrupted; nothing is left half written")
        raise typer.Exit(130) from None
    say_exported(target, count)


def import_index(
    source: Annotated[
        Path,
        typer.Argument(
            click_type=PATH,
            metavar="SOURCE",
            help="What `export` wrote, or a folder of clip-retrieval with img_emb/ and metadata/.",
        ),
    ],
    index_folder: IndexOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="The model that made the embeddings, where SOURCE does not say; it must be here.",
            autocompletion=candidates.installed_models,
        ),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(
            "--root",
            metavar="DIR",
            help="The folder that clip-retrieval's pictures are below. Default: the deepest that "
            "they have in common.",
        ),
    ] = None,
    max_megapixels: MegapixelsOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check all of it, and say what would be done.")
    ] = False,
) -> None:
    """Take in pictures with their embeddings.

    \b
    vsearch import pictures.parquet
    vsearch import pictures --index ~/other
    vsearch import clip-folder --model ViT-B-32/openai --root ~/Pictures

    The next `vsearch index` looks which of the pictures are still there, and as they were.
    """
    from vsearch.cli.encoders import known_identity
    from vsearch.config import cores, index_location
    from vsearch.interchange.transfer import Watch, source_at, take_in
    from vsearch.output.interchange import TransferOutput, say_imported
    from vsearch.output.terminal import say

    workers = cores()
    try:
        with TransferOutput() as output:
            imported = take_in(
                index_location(index_folder),
                source_at(
                    source, root=root, pixel_limit=pixels(max_megapixels, workers), workers=workers
                ),
                known_identity(model),
                dry_run=dry_run,
                watch=Watch(output.progress, output.not_taken),
            )
    except KeyboardInterrupt:
        say("interrupted; what was taken in stays, the same command takes in the rest")
        raise typer.Exit(130) from None
    say_imported(imported, dry_run=dry_run)
