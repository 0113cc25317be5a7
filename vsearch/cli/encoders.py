"""Which model a command means, as an encoder that is ready to be passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from vsearch.models.device import Device
    from vsearch.models.encoder import Encoder
    from vsearch.models.folder import ModelFolder
    from vsearch.records import Calibration, ModelIdentity


def encoder_for_search(index_folder: Path, *, for_one: bool = True) -> Encoder:
    """Return the encoder of the model that made the index: on the CPU, for one query or for many.

    Raises IndexMissing, and ModelError when the model is not on this machine.
    """
    from vsearch.config import cores
    from vsearch.models.open import open_for_search

    return open_for_search(model_of(index_folder), cores(), for_one=for_one)


def calibration_for_search(index_folder: Path) -> Calibration:
    """Return what the cosines of the index's model tell; nothing where the model is not here."""
    from vsearch.errors import ModelError
    from vsearch.records import Calibration

    try:
        return model_of(index_folder).calibration
    except ModelError:
        return Calibration()


def model_of(index_folder: Path) -> ModelFolder:
    """Return the model that made the index; the built-in one while the index holds nothing."""
    from vsearch.config import models_location
    from vsearch.index import Index
    from vsearch.models.folder import built_in
    from vsearch.models.installed import Installed

    with Index(index_folder) as index:
        identity = index.model
    return Installed(models_location()).by_identity(identity) if identity else built_in()


def model_for_index(
    index_folder: Path, name: str | None, *, offline: bool, device: Literal["auto"] | Device
) -> ModelFolder:
    """Return the model to index with: the one that was named, else the index's own, else mini."""
    from vsearch.cli.models import fetch
    from vsearch.errors import IndexMissing
    from vsearch.models.folder import built_in

    if name is not None:
        return fetch(name, offline=offline, device=device)
    try:
        return model_of(index_folder)
    except IndexMissing:
        return built_in()


def known_identity(name: str | None) -> ModelIdentity | None:
    """Return the identity of a model that is here, without fetching anything; None for no name.

    Raises UsageError when the model that was named is not on this machine.
    """
    from vsearch.config import models_location
    from vsearch.models.installed import Installed
    from vsearch.models.zoo import names

    if name is None:
        return None
    return Installed(models_location()).require(names.parse(name)).identity
