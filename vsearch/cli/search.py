"""vsearch search: find pictures by words, by picture, or both."""

from __future__ import annotations

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
)
from vsearch.cli.options import IndexOption, MegapixelsOption, OfflineOption, pixels

if TYPE_CHECKING:
    from vsearch.searching.searcher import Answer

QUERY = "Query"
ANSWER = "Answer"
OUTPUT = "Output"


def search(
    terms: Annotated[
        list[str],
        typer.Argument(
            metavar="TERM...",
            help="Words, or the path or address of a picture; 2:TERM counts twice.",
        ),
    ],
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
    offline: OfflineOption = False,
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
    # Answer
    k: Annotated[
        int,
        typer.Option(
            "-k", "--count", metavar="N", min=1, help="How many answers.", rich_help_panel=ANSWER
        ),
    ] = 10,
    sort: Annotated[
        Literal["relevance", "date", "path"],
        typer.Option(
            "--sort",
            help="The order of the answers, once they are chosen.",
            rich_help_panel=ANSWER,
        ),
    ] = "relevance",
    collapse: Annotated[
        bool,
        typer.Option(
            "--collapse",
            help="Make one answer of bursts, edits, copies, and a raw file with its JPEG.",
            rich_help_panel=ANSWER,
        ),
    ] = False,
    index_folder: IndexOption = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Scan every vector.", rich_help_panel=ANSWER)
    ] = False,
    graph: Annotated[
        bool, typer.Option("--graph", help="Use the graph.", rich_help_panel=ANSWER)
    ] = False,
    # Output
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines.", rich_help_panel=OUTPUT)
    ] = False,
    paths: Annotated[
        bool, typer.Option("--paths", help="Print paths only.", rich_help_panel=OUTPUT)
    ] = False,
    nul: Annotated[
        bool,
        typer.Option(
            "-0",
            "--null",
            help="Print paths ended by NUL, for xargs -0.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Say on stderr how the answer was found.", rich_help_panel=OUTPUT
        ),
    ] = False,
) -> None:
    """Find pictures by words, by picture, or both.

    \b
    vsearch search "a dog on a beach"
    vsearch search holiday.jpg                  what looks like it
    vsearch search https://example.org/a.jpg    what looks like the picture there
    vsearch search 2:horse sunset --minus people
    vsearch search castle --paths -k 3 | xargs -d '\\n' xdg-open
    vsearch search snow --in ~/Pictures/2023 --after 2023-11 --orientation landscape
    vsearch search dog --where "type in ('png', 'webp') and pixels > 2e6" --sort date
    """
    from vsearch.cli.encoders import encoder_for_search
    from vsearch.config import OFFLINE_VARIABLE, index_location, is_set
    from vsearch.errors import ModelMismatch, UsageError
    from vsearch.output.matches import form_of, print_answer
    from vsearch.searching.query import parse
    from vsearch.searching.searcher import Query, Searcher

    if exact and graph:
        raise UsageError("--exact and --graph exclude each other; choose one")
    form = form_of(as_json=as_json, paths=paths, nul=nul)
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
    parsed = parse(terms, minus or (), offline=offline or is_set(OFFLINE_VARIABLE))
    query = Query(parsed, k, condition, sort, collapse)

    def ask() -> Answer:
        with Searcher(
            folder,
            encoder_for_search(folder),
            pixel_limit=pixels(max_megapixels, 1),
            forced="exact" if exact else "graph" if graph else None,
        ) as searcher:
            return searcher.answer(query)

    try:
        result = ask()
    except ModelMismatch:  # the index has changed its model between the two looks at it
        result = ask()
    if not print_answer(result, form, explain=explain):
        raise typer.Exit(1)
