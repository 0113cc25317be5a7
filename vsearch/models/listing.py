"""What there is to say about a model in one line, whether it is here or only known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vsearch.models.zoo import names, table

if TYPE_CHECKING:
    from vsearch.models.folder import ModelFolder
    from vsearch.models.installed import Installed
    from vsearch.models.zoo.table import KnownModel


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A model: `dim` of its embeddings, `size` of its square input in pixels, `parameters` (count).

    `download_bytes` is an estimate; `imagenet` the published zero-shot top-1 accuracy in [0, 1];
    `why` says why its alias points to it. `here`: on this machine, `bytes` on disk, in `precision`.
    None: unknown.
    """

    name: str
    aliases: tuple[str, ...]
    why: str | None
    dim: int | None
    size: int | None
    parameters: int | None
    download_bytes: int | None
    licence: str | None
    imagenet: float | None
    origin: str | None
    here: bool
    precision: str | None
    bytes: int

    def as_json(self) -> dict[str, Any]:
        """Return the fields as one JSON object."""
        return asdict(self)


def models(installed: Installed, *, everything: bool) -> list[ModelLine]:
    """Return the models that are here, then those an alias points to; or all that are known."""
    here = {folder.identity.name: folder for folder in installed.all()}
    lines = [line_of(name, folder) for name, folder in here.items()]
    for known in table.known():
        wanted = everything or table.aliases_of(known.name)
        if wanted and known.name not in here:
            lines.append(line_of(known.name, None))
    return lines


def line_of(name: str, folder: ModelFolder | None) -> ModelLine:
    """Return the line of the model of that canonical name; `folder` where it is here."""
    bare = names.without_precision(name)
    known: KnownModel | None = table.lookup(bare)
    card = folder.card if folder else {}
    precisions = {folder.precision("image"), folder.precision("text")} if folder else ()
    aliases = table.aliases_of(bare)
    return ModelLine(
        name=name,
        aliases=aliases,
        why=table.reason(aliases[0]) if aliases else None,
        dim=folder.identity.dim if folder else known.dim if known else None,
        size=folder.preprocessing.size if folder else known.size if known else None,
        parameters=card.get("parameters") or (known.parameters if known else None),
        download_bytes=known.download_bytes if known else None,
        licence=card.get("licence") or (known.licence if known else None),
        imagenet=known.imagenet if known else None,
        origin=f"hf-hub:{known.repository}" if known and known.repository else None,
        here=folder is not None,
        precision=None if name == "mini" else "+".join(sorted(precisions)) or None,
        bytes=folder.total_bytes if folder else 0,
    )
