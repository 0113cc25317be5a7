"""vsearch bench: what this installation does on this machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsearch.cli import candidates
from vsearch.cli.help import App
from vsearch.cli.options import DeviceOption, OfflineOption
from vsearch.cli.values import PATH
from vsearch.errors import UsageError

if TYPE_CHECKING:
    from vsearch.benchmark.model import Measured
    from vsearch.models.conversion.convert import Wanted


class Precision(StrEnum):
    """What may be asked for: typer takes several of an enumeration, not of a Literal."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"
    BF16 = "bf16"


bench = App()


@bench.callback(invoke_without_command=True)
def bench_command(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="A model that is here. Default: mini.",
            autocompletion=candidates.installed_models,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer runs, and up to 10,000 vectors: 20 seconds.")
    ] = False,
    large: Annotated[
        bool, typer.Option("--large", help="A million vectors, too: many minutes.")
    ] = False,
    compare: Annotated[
        Path | None,
        typer.Option(
            "--compare",
            click_type=PATH,
            metavar="FILE",
            help="Figures that --json printed, to show beside those of now.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure this installation on this machine.

    From decoding a picture to asking an index.

    \b
    vsearch bench --quick
    vsearch bench --json > before.json
    vsearch bench --compare before.json
    vsearch bench model fast

    Made-up indexes of 1,000, 10,000 and 100,000 vectors are asked, in a temporary folder. All files
    that are read are in the page cache: what a disk adds is not measured. Other programs that run
    meanwhile show in the figures.
    """
    if context.invoked_subcommand is not None:
        if name is not None or quick or large or compare or as_json:
            below = f"vsearch bench {context.invoked_subcommand}"
            raise UsageError(
                f"options of `vsearch bench` alone, for `{below}`; give its own, after its name"
            )
        return
    from vsearch.benchmark.figures import read
    from vsearch.benchmark.installation import QUICK, Plan, measure_installation
    from vsearch.config import models_location
    from vsearch.files.ending import ended_cleanly
    from vsearch.models.folder import BUILT_IN
    from vsearch.models.installed import Installed
    from vsearch.models.zoo import names
    from vsearch.output.benchmark import print_benchmark, print_benchmark_json, print_comparison
    from vsearch.output.models import FetchingOutput
    from vsearch.output.terminal import say

    if quick and large:
        raise UsageError("--quick and --large exclude each other; choose one")
    if compare and as_json:
        raise UsageError("--compare prints a table, and --json none; choose one")
    before = read(compare) if compare else None
    folder = Installed(models_location()).require(names.parse(name or BUILT_IN))
    plan = QUICK if quick else Plan().larger() if large else Plan()
    try:
        with ended_cleanly(), FetchingOutput() as output:
            found = measure_installation(folder, plan, quick=quick, step=output.step)
    except KeyboardInterrupt:
        say("interrupted; nothing is left behind")
        raise typer.Exit(130) from None
    if as_json:
        print_benchmark_json(found)
    elif before:
        print_comparison(before, found)
    else:
        print_benchmark(found)


@bench.command()
def model(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A model, or with --random an architecture.",
            autocompletion=candidates.models,
        ),
    ],
    precisions: Annotated[
        list[Precision] | None,
        typer.Option("--precision", help="May be repeated. Default: fp32, int8 and bf16."),
    ] = None,
    random: Annotated[
        bool,
        typer.Option("--random", help="Draw the weights: speed and memory need no real ones."),
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures",
            click_type=PATH,
            metavar="DIR",
            help="Files to index for the column files/s. Default: small photographs, repeated.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    offline: OfflineOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
) -> None:
    """Measure a model in several precisions: pictures a second by batch size, and the rest.

    \b
    vsearch bench model mini
    vsearch bench model fast
    vsearch bench model ViT-B-32-256 --random
    vsearch bench model balanced --precision int8 --pictures ~/Pictures/2024
    """
    from tempfile import TemporaryDirectory

    from vsearch.benchmark.model import measure_folder, measure_model
    from vsearch.cli.models import prepared
    from vsearch.models.conversion.find import find, find_random
    from vsearch.models.device import gpu
    from vsearch.models.folder import BUILT_IN, built_in
    from vsearch.models.hub import Connection
    from vsearch.models.zoo import names
    from vsearch.output.benchmark import print_json, print_table
    from vsearch.output.models import FetchingOutput

    if name == BUILT_IN:
        row = measure_folder(built_in(), "as it is", "cpu", pictures)
        if as_json:
            print_json(row)
        else:
            print_table([row])
        return
    there = (gpu() or "cpu") if device == "auto" else device
    with FetchingOutput() as output, TemporaryDirectory(prefix="vsearch-bench-") as work:
        connection = Connection(offline=offline, received=output.received)
        if random:
            source = find_random(name, connection)
        else:
            source = find(names.parse(name), None, connection)
        wanted: list[Wanted] = [one.value for one in precisions or ()] or ["fp32", "int8", "bf16"]
        rows: list[Measured] = []
        try:
            for row in measure_model(
                source,
                wanted,
                there,
                Path(work),
                prepare=prepared,
                step=output.step,
                pictures=pictures,
            ):
                rows.append(row)
                if as_json:
                    print_json(row)
        finally:  # interrupted, what was measured is shown
            output.close()
            if rows and not as_json:
                print_table(rows)
