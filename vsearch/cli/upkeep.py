"""vsearch check, compact, forget: looking after an index."""

from __future__ import annotations

from typing import Annotated

import typer

from vsearch.cli import candidates
from vsearch.cli.options import IndexOption


def check(
    index_folder: IndexOption = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also read every picture and compare its content."),
    ] = False,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Mend what is wrong; nothing that can be kept is dropped."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
) -> None:
    """Check an index against itself and the files, and mend it.

    \b
    vsearch check
    vsearch check --deep       # read every picture, too
    vsearch check --repair

    Exits with 1 when something is wrong (and was not mended).
    """
    from vsearch.config import cores, index_location
    from vsearch.indexing import checking
    from vsearch.output.checking import print_finding, print_outcome
    from vsearch.output.terminal import say

    folder = index_location(index_folder)
    faults = 0
    if repair:
        for line in checking.repair(folder, cores(), deep=deep):
            say(line)
    for finding in checking.check(folder, cores(), deep=deep):
        faults += len(finding.faults)
        print_finding(finding, as_json=as_json)
    print_outcome(faults, repaired=repair)
    if faults:
        raise typer.Exit(1)


def compact(index_folder: IndexOption = None) -> None:
    """Free what pictures that are gone still take.

    \b
    vsearch compact

    A picture that comes back later is embedded anew. Searching goes on meanwhile.
    """
    from vsearch.config import index_location
    from vsearch.index.upkeep import Upkeep
    from vsearch.output.terminal import count_of, say, size

    with Upkeep(index_location(index_folder)) as upkeep:
        done = upkeep.compact()
    say(f"dropped {count_of(done.rows, 'vector')} without a picture; {size(done.bytes)} freed")


def forget(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...",
            help="Files, folders, or a pattern in quotes: * ? [...].",
            autocompletion=candidates.folders,
        ),
    ],
    index_folder: IndexOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be forgotten.")
    ] = False,
    nul: Annotated[
        bool, typer.Option("-0", "--null", help="With --dry-run: end paths by NUL.")
    ] = False,
) -> None:
    """Forget files and folders; the files themselves are left alone.

    \b
    vsearch forget ~/Pictures/old           # the folder, and all below it
    vsearch forget '*/screenshots/*.png'    # a pattern, in quotes
    vsearch forget /media/usb --dry-run     # only list them
    """
    from vsearch.config import index_location
    from vsearch.indexing import forgetting
    from vsearch.output.checking import print_forgotten, print_paths

    folder = index_location(index_folder)
    chosen = forgetting.choose(folder, names)
    if dry_run:
        print_paths(chosen.paths(), nul=nul)
        return
    forgetting.forget(folder, chosen)
    print_forgotten(len(chosen.paths()), chosen.returning)
