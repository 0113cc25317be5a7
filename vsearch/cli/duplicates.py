"""vsearch duplicates: the same picture more than once, exactly or nearly."""

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

ACTION = "Action"
OUTPUT = "Output"


def duplicates(
    keep: Annotated[
        Literal["largest", "oldest", "newest"],
        typer.Option(
            "--keep", help="Which of a group: of the most pixels, or taken first or last."
        ),
    ] = "largest",
    sought: Annotated[
        Literal["exact", "near", "crops"] | None,
        typer.Option(
            "--find",
            help="What counts: exact copies alone (default of --link and --move-to), near ones too "
            "(default of a list), or also crops and straightened copies, which takes long.",
            show_default=False,
        ),
    ] = None,
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
    # Action
    link: Annotated[
        bool,
        typer.Option(
            "--link",
            help="Make exact copies hard links to the kept file; never near ones.",
            rich_help_panel=ACTION,
        ),
    ] = False,
    move_to: Annotated[
        Path | None,
        typer.Option(
            "--move-to",
            click_type=PATH,
            metavar="DIR",
            help="Move what is not kept there, never over anything; near ones only if --find near.",
            rich_help_panel=ACTION,
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Do it; else it is only said what would be done.", rich_help_panel=ACTION
        ),
    ] = False,
    # Output
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines.", rich_help_panel=OUTPUT)
    ] = False,
    paths: Annotated[
        bool,
        typer.Option(
            "--paths", help="Print only the paths that are not kept.", rich_help_panel=OUTPUT
        ),
    ] = False,
    nul: Annotated[
        bool,
        typer.Option(
            "-0", "--null", help="Print them ended by NUL, for xargs -0.", rich_help_panel=OUTPUT
        ),
    ] = False,
) -> None:
    """Find pictures that are there more than once, exactly or nearly.

    \b
    vsearch duplicates
    vsearch duplicates --in ~/Pictures/2023 --keep oldest
    vsearch duplicates --find crops            # crops and straightened ones too
    vsearch duplicates --paths                 # what is not kept
    vsearch duplicates --link --yes            # exact copies become hard links
    vsearch duplicates --move-to ~/twice       # says what it would; --yes does it
    vsearch duplicates --find near --move-to ~/twice --yes

    Exits with 1 when there are none, with 3 when --yes had to leave files alone.
    """
    from vsearch.config import cores, index_location
    from vsearch.duplicates import act
    from vsearch.duplicates.find import LeftOut, find
    from vsearch.errors import UsageError
    from vsearch.output.duplicates import DuplicatesOutput
    from vsearch.output.matches import form_of
    from vsearch.output.terminal import say

    if link and move_to:
        raise UsageError("--link and --move-to exclude each other; choose one")
    if yes and not (link or move_to):
        raise UsageError("nothing to say --yes to; add --link or --move-to DIR")
    if (link or move_to) and (paths or nul):
        raise UsageError("--paths and -0 only list; leave out --link and --move-to, or them")
    form = form_of(as_json=as_json, paths=paths, nul=nul)
    folder = index_location(index_folder)
    if move_to:
        act.check_target(folder, move_to)
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
    sought = sought or ("exact" if link or move_to else "near")
    output = DuplicatesOutput(form)
    promised: set[str] = set()
    try:
        with output:
            for found in find(
                folder,
                keep,
                sought=sought,
                condition=condition,
                workers=cores(),
                pixel_limit=pixels(max_megapixels, cores()),
                progress=output.progress,
            ):
                if isinstance(found, LeftOut):
                    output.left_out(found)
                elif link or move_to:
                    output.count(found)
                    actions = (
                        act.move(found, move_to, really=yes, promised=promised)
                        if move_to
                        else act.link(found, really=yes)
                    )
                    for action in actions:
                        output.action(action, really=yes)
                else:
                    output.group(found)
    except KeyboardInterrupt:
        say(
            "interrupted; what is printed is done, and no file is half done"
            if yes
            else "interrupted"
        )
        raise typer.Exit(130) from None
    if link or move_to:
        output.say_actions("link" if link else "move", really=yes, sought=sought)
    else:
        output.say_groups(sought)
    if not output.groups:
        raise typer.Exit(1)
    if yes and output.left_alone:
        raise typer.Exit(3)
