"""vsearch index: build an index, or bring it up to date."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from vsearch.cli import candidates
from vsearch.cli.options import (
    DeviceOption,
    IndexOption,
    MegapixelsOption,
    OfflineOption,
    pixels,
)
from vsearch.cli.values import Number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsearch.indexing.events import Event
    from vsearch.indexing.run import Options
    from vsearch.models.encoder import Encoder


def index(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Folders and pictures. Default: all known ones."),
    ] = None,
    index_folder: IndexOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="The model, fetched if need be; see `vsearch models list`. Default: the index's "
            "own, mini for a new one.",
            autocompletion=candidates.models,
        ),
    ] = None,
    drop_old: Annotated[
        bool,
        typer.Option("--drop-old", help="Then free the embeddings by other models."),
    ] = False,
    device: DeviceOption = "auto",
    offline: OfflineOption = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Follow links; no place is visited twice.")
    ] = False,
    hidden: Annotated[bool, typer.Option("--hidden", help="Include hidden files.")] = False,
    no_ignore: Annotated[
        bool,
        typer.Option("--no-ignore", help="Do not read .gitignore, .ignore and .vsearchignore."),
    ] = False,
    max_megapixels: MegapixelsOption = None,
    max_seconds: Annotated[
        float,
        typer.Option(
            "--max-seconds",
            metavar="N",
            click_type=Number(min=0.001, max=86_400),
            help="Skip pictures that take longer to decode, until they change. Default: 60.",
            show_default=False,
        ),
    ] = 60.0,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Then wait for changes and take them in, until Ctrl-C."),
    ] = False,
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            click_type=Number(min=0),
            help="How long to wait while another process writes to the index. Default: 0.",
            show_default=False,
        ),
    ] = 0.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 3 when anything had to be skipped.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Build an index, or bring it up to date.

    Only what is new or changed is read.

    \b
    vsearch index ~/Pictures
    vsearch index                      # bring all known folders up to date
    vsearch index . --index .vsearch   # keep the index beside the pictures
    vsearch index --model balanced     # a better model, fetched first
    vsearch index --watch              # and stay, to take in what changes

    Ctrl-C is safe at any time: what was done stays.
    """
    from vsearch.cli.encoders import known_identity, model_for_index
    from vsearch.config import cores, index_location
    from vsearch.errors import UsageError
    from vsearch.indexing.events import Tally
    from vsearch.indexing.run import Options, preview, update, when_free
    from vsearch.models.open import open_encoder
    from vsearch.output.progress import IndexingOutput, print_plan
    from vsearch.output.terminal import say

    if watch and (dry_run or strict):
        other = "--dry-run" if dry_run else "--strict"
        raise UsageError(f"--watch goes on for ever, {other} is for one run; leave one out")
    folder = index_location(index_folder)
    workers = cores()
    limit = pixels(max_megapixels, workers)
    options = Options(workers, limit, max_seconds, follow, hidden, not no_ignore)
    if dry_run:
        identity = known_identity(model)
        for root, plan in preview(folder, paths or (), options, identity):
            print_plan(root, plan)
        return
    chosen = model_for_index(folder, model, offline=offline, device=device)
    encoder, no_gpu = open_encoder(chosen, device)
    if no_gpu and not quiet:
        say(no_gpu)
    if watch:
        _watch(folder, encoder, paths or (), options, drop_old=drop_old, quiet=quiet)

    def run() -> Iterator[Event]:
        return update(folder, encoder, paths or (), options, drop_old=drop_old)

    tally, output = Tally(), IndexingOutput(quiet=quiet)
    try:
        with output:
            for event in when_free(run, folder, wait):
                tally.add(event)
                output.show(event, tally)
    except KeyboardInterrupt:
        output.close_interrupted(tally)
        raise typer.Exit(130) from None
    output.close(tally)
    if strict and not tally.complete:
        raise typer.Exit(3)


def _watch(
    folder: Path,
    encoder: Encoder,
    paths: Sequence[str],
    options: Options,
    *,
    drop_old: bool,
    quiet: bool,
) -> NoReturn:
    """Index and go on; end with 130 on Ctrl-C, and with 0 when told to by SIGTERM, as services are.

    Either commits what is done first.
    """
    from vsearch.indexing.watching import watch
    from vsearch.output.watching import WatchingOutput

    told_to_end = False

    def end(*_: object) -> NoReturn:
        nonlocal told_to_end
        told_to_end = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        with WatchingOutput(quiet=quiet) as output:
            for event in watch(folder, encoder, paths, options, drop_old=drop_old):
                output.show(event)
    except KeyboardInterrupt:
        raise typer.Exit(0 if told_to_end else 130) from None
    raise AssertionError("watching has no end of its own")
