"""A model's name -> its folder on this machine, fetched and converted where it is not here yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vsearch.errors import UsageError
from vsearch.models.folder import BUILT_IN, built_in
from vsearch.models.zoo import names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsearch.models.conversion.convert import Prepare
    from vsearch.models.folder import ModelFolder
    from vsearch.models.hub import Connection
    from vsearch.models.installed import Installed


@dataclass(frozen=True, slots=True)
class Obtained:
    """A model folder; whether it was here before; and a line for what is not as one would wish."""

    folder: ModelFolder
    new: bool
    remark: str | None = None


def obtain(
    typed: str,
    installed: Installed,
    connect: Callable[[], Connection],
    *,
    prepare: Prepare,
    checkpoint: Path | None = None,
    for_gpu: Literal["no", "where made", "needed"] = "no",
    verify: bool = False,
    step: Callable[[str], None] = lambda _: None,
) -> Obtained:
    """Return the model that was `typed`, made if need be.

    `connect` gives the way to the hub, asked for only when something must be fetched. `for_gpu`
    says whether a model is made with what a GPU needs, and "needed" makes one anew that lacks it.
    `verify` looks at every byte of one that is here, and makes it anew where one is wrong; without
    it, one that cannot even be opened is an error. Raises UsageError for a name that means nothing,
    ModelError when the model cannot be had.
    """
    name = names.parse(typed, checkpoint)
    if name.canonical == BUILT_IN:
        return Obtained(built_in(), new=False)
    damaged = verify and not installed.is_sound(name.canonical)
    folder = None if damaged else installed.by_name(name.canonical)
    lacking = folder is not None and for_gpu == "needed" and not folder.has_torch_weights
    if folder is not None and not lacking:
        if checkpoint is None:
            return Obtained(folder, new=False)
        raise UsageError(
            f"a model of this name is here already, named {name.canonical!r}; remove it first "
            f"with `vsearch models remove {name.canonical}`, or rename the checkpoint"
        )
    if lacking and checkpoint is None and not name.can_be_fetched:
        raise UsageError(
            f"the model lacks what a GPU needs, and is of a checkpoint of yours, named "
            f"{name.canonical!r}; give it again with --checkpoint, or leave --device out"
        )
    if checkpoint is None:
        names.require_published(name, installed.names())
    from vsearch.models.conversion.convert import convert
    from vsearch.models.conversion.find import find

    source = find(name, checkpoint, connect())
    made = convert(
        source,
        name.precision,
        installed.place(name.canonical),
        prepare=prepare,
        torch_weights=for_gpu != "no",
        step=step,
    )
    return Obtained(made.folder, new=True, remark=made.remark)
