"""vsearch search: find pictures by words, by picture, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vsearch.cli.options import IndexOption, MegapixelsOption, OfflineOption, pixels

if TYPE_CHECKING:
    from vsearch.searching.search import Answer


def search(
    terms: Annotated[
        list[str],
        typer.Argument(
            metavar="TERM...",
            help="Words, or the path or address of a picture; 2:TERM counts twice.",
        ),
    ],
    index_folder: IndexOption = None,
    minus: Annotated[
        list[str] | None,
        typer.Option("--minus", metavar="TERM", help="What it should be unlike; may be repeated."),
    ] = None,
    k: Annotated[
        int, typer.Option("-k", "--count", metavar="N", min=1, help="How many answers.")
    ] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
    paths: Annotated[bool, typer.Option("--paths", help="Print paths only.")] = False,
    nul: Annotated[
        bool, typer.Option("-0", "--null", help="Print paths ended by NUL, for xargs -0.")
    ] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Scan every vector.")] = False,
    graph: Annotated[bool, typer.Option("--graph", help="Use the graph.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say on stderr how the answer was found.")
    ] = False,
    max_megapixels: MegapixelsOption = None,
    offline: OfflineOption = False,
) -> None:
    """Find pictures by words, by picture, or both.

    \b
    vsearch search "a dog on a beach"
    vsearch search holiday.jpg                  what looks like it
    vsearch search https://example.org/a.jpg    what looks like the picture there
    vsearch search 2:horse sunset --minus people
    vsearch search castle --paths -k 3 | xargs -d '\\n' xdg-open
    """
    from vsearch.cli.encoders import encoder_for_search
    from vsearch.config import OFFLINE_VARIABLE, index_location, is_set
    from vsearch.errors import ModelMismatch, UsageError
    from vsearch.output.matches import form_of, print_answer
    from vsearch.searching.search import answer

    if exact and graph:
        raise UsageError("--exact and --graph exclude each other; choose one")
    folder = index_location(index_folder)

    def ask() -> Answer:
        return answer(
            folder,
            encoder_for_search(folder),
            terms,
            minus or (),
            k,
            forced="exact" if exact else "graph" if graph else None,
            pixel_limit=pixels(max_megapixels, 1),
            offline=offline or is_set(OFFLINE_VARIABLE),
        )

    try:
        result = ask()
    except ModelMismatch:  # the index has changed its model between the two looks at it
        result = ask()
    if not print_answer(result, form_of(as_json=as_json, paths=paths, nul=nul), explain=explain):
        raise typer.Exit(1)
