"""vsearch browse: search as you type, with the pictures, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vsearch.cli.filters import (
    AfterOption,
    BeforeOption,
    CameraOption,
    GlobOption,
    InOption,
    MinSizeOption,
    OrientationOption,
    TypeOption,
    WhereOption,
    condition_of,
    require_indexed,
)
from vsearch.cli.options import IndexOption, MegapixelsOption, pixels

if TYPE_CHECKING:
    from vsearch.searching.searcher import Searcher

QUERY = "Query"
OUTPUT = "Output"


def browse(
    terms: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TERM]...", help="What to begin with, as for `vsearch search`."),
    ] = None,
    # Query
    minus: Annotated[
        list[str] | None,
        typer.Option(
            "--minus",
            metavar="TERM",
            help="What it should be unlike; may be repeated.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    max_megapixels: MegapixelsOption = None,
    index_folder: IndexOption = None,
    # Filters
    folders: InOption = None,
    globs: GlobOption = None,
    after: AfterOption = None,
    before: BeforeOption = None,
    cameras: CameraOption = None,
    types: TypeOption = None,
    min_size: MinSizeOption = None,
    orientation: OrientationOption = None,
    where: WhereOption = None,
    # Output
    graphics: Annotated[
        Literal["kitty", "sixel", "blocks", "shades"] | None,
        typer.Option(
            "--graphics",
            help="How pictures are drawn. Default: as the terminal can; blocks over ssh.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print what was marked as JSON Lines.", rich_help_panel=OUTPUT),
    ] = False,
    nul: Annotated[
        bool,
        typer.Option(
            "-0", "--null", help="Print paths ended by NUL, for xargs -0.", rich_help_panel=OUTPUT
        ),
    ] = False,
) -> None:
    """Search as you type, with the pictures, in the terminal.

    The paths of the pictures that were marked are printed at the end.

    \b
    vsearch browse
    vsearch browse "a dog on a beach" --in ~/Pictures/2023
    vsearch browse -0 | xargs -0 -r cp -t /tmp/chosen
    """
    from functools import partial

    from vsearch.browser.browse import Interrupted
    from vsearch.browser.browse import browse as let_browse
    from vsearch.browser.prompt import line_of
    from vsearch.cli.encoders import encoder_for_search
    from vsearch.config import cores, index_location
    from vsearch.output.matches import form_of, print_matches, write_matches

    form = form_of(as_json=as_json, paths=not as_json and not nul, nul=nul)
    folder = index_location(index_folder)
    condition = condition_of(
        folders=folders,
        globs=globs,
        after=after,
        before=before,
        cameras=cameras,
        types=types,
        min_size=min_size,
        orientation=orientation,
        where=where,
    )
    workers = min(4, cores())
    limit = pixels(max_megapixels, workers)
    encoder_for_search(folder)  # what is wrong with the index or its model is said before all else
    require_indexed(folder, folders)

    def open_searcher() -> Searcher:
        from vsearch.searching.searcher import Searcher

        encoder = encoder_for_search(folder)
        # A graph would be the quicker for each key, but nothing could be typed while hnswlib loads
        # it, which keeps the interpreter to itself: 0.2 s for 100,000 pictures. Scanning them takes
        # 10 ms and leaves the screen alone.
        return Searcher(folder, encoder, pixel_limit=limit, forced="exact")

    try:
        marked = let_browse(
            open_searcher,
            line=line_of(terms or (), minus or ()),
            condition=condition,
            protocol=graphics,
            write=partial(write_matches, form=form),
            pixel_limit=limit,
            workers=workers,
        )
    except Interrupted as interrupted:
        raise typer.Exit(interrupted.code) from None
    print_matches(marked, form)
