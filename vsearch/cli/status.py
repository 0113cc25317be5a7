"""vsearch status: what an index holds."""

from __future__ import annotations

from typing import Annotated

import typer

from vsearch.cli.options import IndexOption


def status(
    index_folder: IndexOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="List the files without an embedding, and why.")
    ] = False,
) -> None:
    """Show what an index holds.

    \b
    vsearch status
    vsearch status --json
    vsearch status --skipped
    """
    from vsearch.config import index_location
    from vsearch.index import Index
    from vsearch.output.status import print_skipped, print_status

    with Index(index_location(index_folder)) as index:
        if skipped:
            print_skipped(index.skipped(), as_json=as_json)
        else:
            print_status(index.status(), as_json=as_json)
