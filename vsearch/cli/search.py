"""vsearch search: find pictures by words, by picture, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vsearch.cli.options import IndexOption, MegapixelsOption, OfflineOption, pixels

if TYPE_CHECKING:
    from vsearch.conditions import Condition
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
    folders: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="DIR", help="Only below this folder; may be repeated."),
    ] = None,
    globs: Annotated[
        list[str] | None,
        typer.Option(
            "--glob",
            metavar="PATTERN",
            help="Only such names, or paths where it has a '/'; may be repeated.",
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="DATE", help="Only taken on that day or later."),
    ] = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="DATE", help="Only taken before that day.")
    ] = None,
    cameras: Annotated[
        list[str] | None,
        typer.Option("--camera", metavar="TEXT", help="Only by such a camera; may be repeated."),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only jpeg, png, ...; may be repeated."),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME", help="Only with this label; may be repeated."),
    ] = None,
    min_size: Annotated[
        str | None,
        typer.Option("--min-size", metavar="PIXELS", help="Only so large: 2000, or 3000x2000."),
    ] = None,
    orientation: Annotated[
        Literal["landscape", "portrait", "square"] | None,
        typer.Option("--orientation", help="Only of this shape."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="EXPRESSION",
            help="Only where this holds: \"width > height and 'canon' in camera\".",
        ),
    ] = None,
    sort: Annotated[
        Literal["relevance", "date", "path"],
        typer.Option("--sort", help="The order of the answers, once they are chosen."),
    ] = "relevance",
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
    vsearch search snow --in ~/Pictures/2023 --after 2023-11 --orientation landscape
    vsearch search "people playing" --label beach --label sea
    vsearch search dog --where "type in ('png', 'webp') and pixels > 2e6" --sort date
    """
    from vsearch.cli.encoders import encoder_for_search
    from vsearch.config import OFFLINE_VARIABLE, index_location, is_set
    from vsearch.errors import ModelMismatch, UsageError
    from vsearch.output.matches import form_of, print_answer
    from vsearch.searching.search import answer

    if exact and graph:
        raise UsageError("--exact and --graph exclude each other; choose one")
    folder = index_location(index_folder)
    narrowing = {
        "folders": folders,
        "globs": globs,
        "after": after,
        "before": before,
        "cameras": cameras,
        "types": types,
        "labels": labels,
        "min_size": min_size,
        "orientation": orientation,
        "where": where,
    }
    condition = _condition({name: one for name, one in narrowing.items() if one is not None})

    def ask() -> Answer:
        return answer(
            folder,
            encoder_for_search(folder),
            terms,
            minus or (),
            k,
            condition=condition,
            sort=sort,
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


def _condition(asked: dict[str, Any]) -> Condition | None:
    """Return what the options that were given ask for together."""
    if not asked:  # most searches: they need not wait for the import
        return None
    from vsearch.searching.filters import Filters

    return Filters(**asked).condition()
