"""vsearch browse: search as you type, with the pictures, in the terminal."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vsearch.cli.filters import (
    AfterOption,
    BeforeOption,
    CameraOption,
    GlobOption,
    InOption,
    LabelOption,
    MinSizeOption,
    OrientationOption,
    TypeOption,
    WhereOption,
    condition_of,
    require_indexed,
)
from vsearch.cli.options import IndexOption, MegapixelsOption, pixels
from vsearch.cli.values import Number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsearch.output.matches import Form
    from vsearch.records import Match
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
    min_relevance: Annotated[
        float,
        typer.Option(
            "--min-relevance",
            metavar="X",
            click_type=Number(min=0, max=1),
            help="Only pictures at least so relevant, from 0 to 1.",
            show_default=False,
            rich_help_panel=QUERY,
        ),
    ] = 0.0,
    max_megapixels: MegapixelsOption = None,
    index_folder: IndexOption = None,
    # Filters
    folders: InOption = None,
    globs: GlobOption = None,
    after: AfterOption = None,
    before: BeforeOption = None,
    cameras: CameraOption = None,
    types: TypeOption = None,
    labels: LabelOption = None,
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
    from vsearch.errors import VsearchError
    from vsearch.output.matches import form_of, print_matches, write_matches
    from vsearch.output.terminal import say

    form = form_of(as_json=as_json, paths=not as_json and not nul, nul=nul)
    folder = index_location(index_folder)
    condition = condition_of(
        folders=folders,
        globs=globs,
        after=after,
        before=before,
        cameras=cameras,
        types=types,
        labels=labels,
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
            min_relevance=min_relevance,
            protocol=graphics,
            write=partial(write_matches, form=form),
            pixel_limit=limit,
            workers=workers,
        )
    except Interrupted as interrupted:
        if interrupted.marked:
            say(f"vsearch: the browser ended before its time; {_kept(interrupted.marked, form)}")
        raise typer.Exit(interrupted.code) from None
    if hasattr(signal, "SIGPIPE"):  # a reader that is gone must not take the marks along
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        print_matches(marked, form)
    except OSError as error:
        raise VsearchError(
            f"printing failed, {error.strerror or error}; {_kept(marked, form)}"
        ) from error


def _kept(marked: Sequence[Match], form: Form) -> str:
    """Write what was marked to a new file, or say it on stderr; return where it is."""
    from vsearch.output.matches import keep_matches
    from vsearch.output.terminal import say

    try:
        return f"what was marked is kept in {keep_matches(marked, form)}"
    except OSError as error:
        for match in marked:
            say(match.path)
        return f"what was marked stands above ({error.strerror or error}, for a file of it)"
