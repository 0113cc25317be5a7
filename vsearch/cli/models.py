"""vsearch models: the models on this machine, and getting others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vsearch.cli import candidates
from vsearch.cli.help import App
from vsearch.cli.options import DeviceOption, OfflineOption
from vsearch.cli.values import PATH

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vsearch.models.folder import ModelFolder
    from vsearch.models.hub import Connection
    from vsearch.records import Preprocessing

models = App()

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="mini, fast, balanced, best, multilingual, ARCH/PRETRAINED, or hf-hub:org/name; "
        "@fp32, @fp16, @int8 or @bf16 after it fixes the precision.",
        autocompletion=candidates.models,
    ),
]
HereArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A model that `vsearch models list` shows to be here.",
        autocompletion=candidates.installed_models,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@models.callback()
def models_command() -> None:
    """Show, get, and move models.

    \b
    vsearch models list
    vsearch models get balanced
    vsearch index ~/Pictures --model balanced
    """


@models.command("list")
def list_models(
    everything: Annotated[
        bool, typer.Option("--all", help="Every model that open_clip knows.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the models that are here, and those that are worth having.

    \b
    vsearch models list
    vsearch models list --all | grep SigLIP
    """
    from vsearch.config import models_location
    from vsearch.models.installed import Installed
    from vsearch.models.listing import models as listing
    from vsearch.output.models import print_models

    print_models(listing(Installed(models_location()), everything=everything), as_json=as_json)


@models.command()
def info(name: NameArgument, as_json: JsonOption = False) -> None:
    """Show all that is known of a model.

    \b
    vsearch models info mini
    vsearch models info balanced
    """
    from vsearch.config import models_location
    from vsearch.models.installed import Installed
    from vsearch.models.listing import line_of
    from vsearch.models.zoo import names
    from vsearch.output.models import print_info

    parsed, installed = names.parse(name), Installed(models_location())
    folder = installed.by_name(parsed.canonical)
    if folder is None:
        names.require_published(parsed, installed.names())
    print_info(line_of(parsed.canonical, folder), folder, as_json=as_json)


@models.command()
def get(
    name: NameArgument,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            click_type=PATH,
            metavar="FILE",
            help="Weights of your own for the architecture NAME: safetensors, or a torch file of "
            "numbers only.",
        ),
    ] = None,
    offline: OfflineOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Fetch a model and convert it, once.

    \b
    vsearch models get balanced
    vsearch models get ViT-B-32-256/datacomp_s34b_b86k@int8
    vsearch models get ViT-B-32 --checkpoint finetuned.safetensors

    The precision is chosen for this machine: the quickest that changes no answer to speak of.
    """
    fetch(name, offline=offline, device=device, checkpoint=checkpoint, on_purpose=True)


def fetch(
    name: str,
    *,
    offline: bool,
    device: Literal["auto", "cpu", "cuda", "mps"],
    checkpoint: Path | None = None,
    on_purpose: bool = False,
) -> ModelFolder:
    """Return the model of that name, got first where it is not here, with what is said of it.

    `on_purpose`: what is here is looked at to the last byte, and it is said that it is here.
    """
    from vsearch.config import models_location
    from vsearch.models.device import gpu, require_gpu
    from vsearch.models.installed import Installed
    from vsearch.models.obtain import obtain
    from vsearch.output.models import FetchingOutput, say_obtained
    from vsearch.output.terminal import say

    for_gpu: Literal["no", "where made", "needed"] = "no"
    if device in ("cuda", "mps"):
        for_gpu = "needed"
        if not on_purpose:  # a model may be got for another machine, but not be used here
            require_gpu(device)
    elif device == "auto" and gpu() is not None:
        for_gpu = "where made"

    def connect() -> Connection:
        from vsearch.models.hub import Connection  # 6 ms, most of it TLS: only to fetch something

        return Connection(offline=offline, received=output.received)

    try:
        with FetchingOutput() as output:
            obtained = obtain(
                name,
                Installed(models_location()),
                connect,
                prepare=prepared,
                checkpoint=checkpoint,
                for_gpu=for_gpu,
                verify=on_purpose,
                step=output.step,
            )
    except KeyboardInterrupt:
        say("interrupted; the same command goes on from here")
        raise typer.Exit(130) from None
    if obtained.new or on_purpose:
        say_obtained(obtained.folder, new=obtained.new, remark=obtained.remark)
    return obtained.folder


def prepared(data: bytes, spec: Preprocessing) -> NDArray[np.uint8]:
    """Return a picture file as what a model reads, (size, size, 3) uint8."""
    from vsearch.images.limits import pixel_limit
    from vsearch.images.load import prepare

    return prepare(data, spec, pixel_limit=pixel_limit(), path="").pixels


@models.command()
def remove(name: HereArgument) -> None:
    """Delete a model from this machine.

    \b
    vsearch models remove balanced
    """
    from vsearch.config import models_location
    from vsearch.models.installed import Installed
    from vsearch.models.zoo import names
    from vsearch.output.terminal import say, size

    canonical = names.parse(name, None).canonical
    freed = Installed(models_location()).remove(canonical)
    say(f"{canonical} removed, {size(freed)} freed")


@models.command()
def export(
    name: HereArgument,
    file: Annotated[
        Path, typer.Argument(click_type=PATH, metavar="FILE", help="The file to write.")
    ],
) -> None:
    """Write a model to one file, for a machine without a network.

    \b
    vsearch models export balanced balanced.vsearch-model
    """
    from vsearch.config import models_location
    from vsearch.models.installed import Installed
    from vsearch.models.zoo import names
    from vsearch.output.terminal import say, size

    installed = Installed(models_location())
    parsed = names.parse(name)
    installed.export(installed.require(parsed), file)
    say(f"{parsed.canonical} written to {file}, {size(file.stat().st_size)}")


@models.command("import")
def import_model(
    file: Annotated[
        Path, typer.Argument(click_type=PATH, metavar="FILE", help="What `export` wrote.")
    ],
) -> None:
    """Take in a model that was exported elsewhere; every byte of it is checked.

    \b
    vsearch models import balanced.vsearch-model
    """
    from vsearch.config import models_location
    from vsearch.models.installed import Installed
    from vsearch.output.models import say_obtained

    folder = Installed(models_location()).add(file)
    say_obtained(folder, new=True, remark=None)
