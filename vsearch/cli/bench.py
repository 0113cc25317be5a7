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


@bench.callback()
def bench_command() -> None:
    """Measure this installation on this machine.

    \b
    vsearch bench model fast
    """


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
