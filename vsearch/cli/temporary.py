"""An index of certain pictures for a command: the user's, or one for the time being."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsearch.indexing.events import Event
    from vsearch.indexing.temporary import Lacking
    from vsearch.models.encoder import Encoder


@contextmanager
def index_with(
    paths: Sequence[str],
    known: Path,
    encoder: Encoder,
    *,
    pixel_limit: int,
    quiet: bool,
    instead: Sequence[str] | None = None,
    follow_links: bool = False,
) -> Iterator[Path]:
    """Give the folder of an index that has the pictures at `paths`, as `indexing.temporary` does.

    With its progress on stderr, unless `quiet`; links in folders are followed on demand. To be
    entered within `ended_cleanly`, so that what is temporary goes.
    """
    from vsearch.config import cores
    from vsearch.indexing.events import Tally
    from vsearch.indexing.run import Options
    from vsearch.indexing.temporary import Lacking, index_of
    from vsearch.output.progress import IndexingOutput, say_temporary

    tally, output = Tally(), IndexingOutput(quiet=quiet)

    def show(event: Event | Lacking) -> None:
        if isinstance(event, Lacking):
            if not quiet:
                say_temporary(event.folder, event.count, event.pictures, instead=event.instead)
        else:
            tally.add(event)
            output.show(event, tally)

    options = Options(cores(), pixel_limit, follow_links=follow_links)
    with ExitStack() as opened:
        with output:
            folder = opened.enter_context(
                index_of(paths, known, encoder, options, show, instead=instead)
            )
        yield folder
