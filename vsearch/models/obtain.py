"""A model's name -> its folder on this machine, fetched and converted where it is not here yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
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
    torch_weights: bool = False,
    step: Callable[[str], None] = lambda _: None,
) -> Obtained:
    """Return the model that was `typed`, made if need be.

    `connect` gives the way to the hub, asked for only when something must be fetched. Raises
    UsageError for a name that means nothing, ModelError when the model cannot be had.
    """
    name = names.parse(typed, checkpoint)
    folder = installed.by_name(name.canonical)
    if folder is not None and checkpoint is not None:
        raise UsageError(
            f"a model of this name is here already, named {name.canonical!r}; remove it first "
            f"with `vsearch models remove {name.canonical}`, or rename the checkpoint"
        )
    if folder is not None and (folder.has_torch_weights or not torch_weights):
        return Obtained(folder, new=False)
    from vsearch.models.conversion.convert import convert
    from vsearch.models.conversion.find import find

    source = find(name, checkpoint, connect())
    made = convert(
        source,
        name.precision,
        installed.place(name.canonical),
        prepare=prepare,
        torch_weights=torch_weights,
        step=step,
    )
    return Obtained(made.folder, new=True, remark=made.remark)
