"""vsearch analyze: what there is in an index, and what may be wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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
from vsearch.cli.values import PATH

OUTPUT = "Output"


def analyze(
    truth: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="TRUTH",
            click_type=PATH,
            help="Labels, and splits if it has some: a folder of class folders, or a CSV of "
            "path,label[,split].",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", metavar="DIR", click_type=PATH, help="What paths in TRUTH are below."
        ),
    ] = None,
    label_from: Annotated[
        Literal["keywords", "folders"] | None,
        typer.Option(
            "--label-from",
            help="Labels without a TRUTH: of a file's keywords the rarest that five pictures have, "
            "or its folder. Default: keywords if there are any, else folders.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", metavar="N", min=0, help="So many suspects, outliers, ... each.")
    ] = 20,
    map_points: Annotated[
        int,
        typer.Option(
            "--map-points", metavar="N", min=0, help="At most so many on the map; 0: no map."
        ),
    ] = 5000,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, max=2**32 - 1, help="What chance is from.")
    ] = 0,
    index_folder: IndexOption = None,
    max_megapixels: MegapixelsOption = None,
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
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.html",
            click_type=PATH,
            help="Write a page with the map and the pictures.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object with everything.", rich_help_panel=OUTPUT
        ),
    ] = False,
) -> None:
    """Say what is in an index, and what may be wrong with it.

    Leaks between splits, wrong labels, outliers, gaps; a map of all.

    \b
    vsearch analyze
    vsearch analyze --report analysis.html
    vsearch analyze --labels labels.csv --top 100 --json
    vsearch analyze --labels dataset/train --in dataset/train
    vsearch analyze --label-from folders --in ~/Pictures/2023

    Pictures that are in two splits, or have two labels, are told by content and by near-duplicates.
    """
    from vsearch.analysis.analyze import analyze as analyse
    from vsearch.config import cores, index_location
    from vsearch.errors import UsageError
    from vsearch.files.ending import ended_cleanly
    from vsearch.output.analysis import print_analysis, say_report
    from vsearch.output.bar import Bar
    from vsearch.output.matches import form_of

    if truth and label_from:
        raise UsageError("--labels and --label-from exclude each other; choose one")
    if images and not truth:
        raise UsageError("--images says where pictures of --labels are; give that, too")
    form = form_of(as_json=as_json)
    folder = index_location(index_folder)
    if report:
        from vsearch.output.report.outline import require_report

        require_report(report)
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
    require_indexed(folder, folders)
    limit = pixels(max_megapixels, cores())
    with ended_cleanly(), Bar() as bar:
        analysis = analyse(
            folder,
            labels_from=truth or label_from,
            images=images,
            condition=condition,
            top=top,
            map_points=map_points,
            seed=seed,
            workers=cores(),
            pixel_limit=limit,
            progress=bar.progress,
        )
        if report:
            from vsearch.output.report.analysis import write_analysis

            write_analysis(
                analysis,
                report,
                workers=cores(),
                pixel_limit=limit,
                progress=lambda done, total: bar.progress("report", done, total),
            )
    print_analysis(analysis, form)
    if report:
        say_report(report)
