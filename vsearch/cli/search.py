"""vsearch search: find pictures by words, by picture, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vsearch.cli.delivery import (
    CopyToOption,
    Delivery,
    ExecOption,
    GalleryOption,
    LinkToOption,
    OpenOption,
    SheetOption,
)
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
from vsearch.cli.options import IndexOption, MegapixelsOption, OfflineOption, pixels
from vsearch.cli.values import Number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsearch.searching.query import Term

QUERY = "Query"
ANSWER = "Answer"
OUTPUT = "Output"


def search(
    terms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TERM]...",
            help="Words, or the path or address of a picture; '-': what is on standard input; "
            "2:TERM counts twice, text:TERM is words, image:TERM a picture.",
            show_default=False,
        ),
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
    like: Annotated[
        list[str] | None,
        typer.Option(
            "--like",
            metavar="PATH",
            help="A picture in the index, by its embedding there; may be repeated.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            "--crop",
            metavar="X,Y,W,H",
            help="Only this part of the picture, in pixels or percent: 10%,10%,50%,50%.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    queries: Annotated[
        str | None,
        typer.Option(
            "--queries",
            metavar="FILE",
            help="A query a line, each a term; '-': those on standard input. Prints JSON Lines.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    names: Annotated[
        float,
        typer.Option(
            "--names",
            metavar="W",
            click_type=Number(min=0, max=1),
            help="How much the words in names of files and folders and in labels count, 0 to 1; "
            "try 0.3.",
            show_default=False,
            rich_help_panel=QUERY,
        ),
    ] = 0.0,
    update: Annotated[
        bool,
        typer.Option(
            "--update",
            help="Index what is new or changed first, below --in, else in all known folders, else "
            "in this one.",
            rich_help_panel=QUERY,
        ),
    ] = False,
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
            help="The order of the answers, once they are chosen; by date, the newest first.",
            rich_help_panel=ANSWER,
        ),
    ] = "relevance",
    min_relevance: Annotated[
        float,
        typer.Option(
            "--min-relevance",
            metavar="X",
            click_type=Number(min=0, max=1),
            help="Only answers at least so relevant, from 0 to 1; else exit with 1.",
            show_default=False,
            rich_help_panel=ANSWER,
        ),
    ] = 0.0,
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
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print comma-separated values.", rich_help_panel=OUTPUT)
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
    preview: Annotated[
        bool,
        typer.Option(
            "--preview", help="Show the pictures on the terminal.", rich_help_panel=OUTPUT
        ),
    ] = False,
    no_color: Annotated[
        bool,
        typer.Option(
            "--no-color", help="Use no colour; so too with $NO_COLOR.", rich_help_panel=OUTPUT
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say errors only.", rich_help_panel=OUTPUT)
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Say on stderr how the answer was found.", rich_help_panel=OUTPUT
        ),
    ] = False,
    # Ways out
    gallery: GalleryOption = None,
    sheet: SheetOption = None,
    copy_to: CopyToOption = None,
    link_to: LinkToOption = None,
    opened: OpenOption = False,
    command: ExecOption = None,
) -> None:
    """Find pictures by words, by picture, or both.

    \b
    vsearch search "a dog on a beach"
    vsearch search holiday.jpg                # what looks like it
    vsearch search https://example.org/a.jpg  # what looks like that picture
    vsearch search 2:horse sunset --minus people
    vsearch search - < photo.jpg              # or words, a term a line
    vsearch search group.jpg --crop 10%,20%,30%,50%
    vsearch search penguins --names 0.3       # words in names of files count, too
    vsearch search --queries captions.txt     # many at once, as JSON Lines
    vsearch search "a dog" --in . --update    # indexes this folder first
    vsearch search --like ~/Pictures/a.jpg    # without embedding it again
    vsearch search castle -k 3 --open
    vsearch search castle --preview
    vsearch search "our wedding" -k 200 --gallery wedding.html
    vsearch search snow --in ~/Pictures --after 2023-11 --orientation landscape
    vsearch search dog --where "type == 'png' and pixels > 2e6" --sort date
    """
    from vsearch.cli.encoders import calibration_for_search, encoder_for_search
    from vsearch.cli.queries import answer_lines
    from vsearch.cli.stdin import read_stdin
    from vsearch.config import OFFLINE_VARIABLE, cores, index_location, is_set
    from vsearch.errors import ModelMismatch, UsageError
    from vsearch.images.limits import byte_limit
    from vsearch.output.delivery import title_of
    from vsearch.output.matches import form_of, print_answer
    from vsearch.output.terminal import may_color, say
    from vsearch.searching.query import parse
    from vsearch.searching.searcher import Query, Searcher

    if exact and graph:
        raise UsageError("--exact and --graph exclude each other; choose one")
    if names and graph:
        raise UsageError("no graph knows names; leave --graph or --names out")
    form = form_of(
        as_json=as_json,
        as_csv=as_csv,
        paths=paths,
        nul=nul,
        preview=preview,
        nothing=command is not None,
    )
    delivery = Delivery(gallery, sheet, copy_to, link_to, opened, command)
    delivery.require()
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
    limit = pixels(max_megapixels, 1)
    offline = offline or is_set(OFFLINE_VARIABLE)

    def asked(parsed: Sequence[Term]) -> Query:
        return Query(parsed, k, condition, sort, min_relevance, names, collapse)

    def searcher(*, embeds: bool = True, for_one: bool = True) -> Searcher:
        def once() -> Searcher:
            return Searcher(
                folder,
                encoder_for_search(folder, for_one=for_one) if embeds else None,
                pixel_limit=limit,
                calibration=None if embeds else calibration_for_search(folder),
                forced="exact" if exact else "graph" if graph else None,
            )

        try:
            return once()
        except ModelMismatch:  # the index has changed its model between the two looks at it
            return once()

    def be_ready() -> None:
        if update:
            from vsearch.cli.updating import bring_up_to_date

            bring_up_to_date(folder, folders or (), max_megapixels, offline=offline, quiet=quiet)
        require_indexed(folder, folders)

    if queries is not None:
        if terms or minus or like or crop:
            raise UsageError("--queries has all the terms; leave the others out, and their options")
        if as_csv or paths or nul or preview or delivery.asked:
            raise UsageError("--queries answers in JSON Lines; leave other forms and ways out")
        be_ready()
        raise typer.Exit(
            answer_lines(
                queries,
                lambda: searcher(for_one=False),
                lambda line: asked(parse([line], offline=offline)),
                explain=explain,
                quiet=quiet,
            )
        )
    if not (terms or minus or like):
        raise UsageError('nothing to look for; name it: `vsearch search "a dog"`')
    parsed = parse(
        terms or (),
        minus or (),
        like or (),
        crop=crop,
        offline=offline,
        stdin=lambda: read_stdin(byte_limit(limit)),
    )
    be_ready()
    # What is in the index is asked with without a model, which then need not even be here.
    with searcher(embeds=any(term.kind != "indexed" for term in parsed)) as one:
        answer = one.answer(asked(parsed))
    color, workers = may_color(no_color=no_color), cores()
    limit = pixels(max_megapixels, workers)
    try:
        with delivery.printing():
            print_answer(answer, form, explain=explain, quiet=quiet, color=color, pixel_limit=limit)
        if not answer.matches:
            raise typer.Exit(1)
        code = delivery.deliver(
            answer.matches,
            title_of(answer.terms),
            pixel_limit=limit,
            workers=workers,
            quiet=quiet,
            color=color,
        )
    except KeyboardInterrupt:
        say("interrupted; nothing is left half written")
        raise typer.Exit(130) from None
    if code:
        raise typer.Exit(code)
