"""The models on this machine: the built-in one, and a folder for each that was fetched.

A model that was made from elsewhere comes and goes as one file, a zip archive of its folder without
compression. Whatever comes in is checked before it counts: names, sizes, and every digest.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from vsearch.errors import ModelError, UsageError
from vsearch.models.folder import ModelFolder, built_in

if TYPE_CHECKING:
    from vsearch.records import ModelIdentity

CARD = "model.json"
_BLOCK = 1 << 20  # bytes copied at a time


@dataclass(frozen=True, slots=True)
class Installed:
    """The models in one folder of the user's, and the built-in one."""

    location: Path

    def all(self) -> list[ModelFolder]:
        """Return every usable model, the built-in one first, the others by name."""
        return [built_in(), *sorted(self._fetched(), key=lambda folder: folder.identity.name)]

    def _fetched(self) -> list[ModelFolder]:
        try:
            places = [entry.path for entry in os.scandir(self.location) if entry.is_dir()]
        except FileNotFoundError:
            return []
        found = []
        for place in places:
            if not (Path(place) / CARD).is_file() or os.path.basename(place).startswith("."):
                continue  # the remains of a conversion
            try:
                found.append(ModelFolder.open(Path(place)))
            except ModelError:
                continue  # named when it is asked for; the others go on working
        return found

    def by_name(self, name: str) -> ModelFolder | None:
        """Return the model of that canonical name; None when it is not here.

        Raises ModelError when it is here and cannot be used.
        """
        if name == built_in().identity.name:
            return built_in()
        place = self.place(name)
        return ModelFolder.open(place) if (place / CARD).exists() else None

    def by_identity(self, identity: ModelIdentity) -> ModelFolder:
        """Return a model whose vectors can be compared with those of `identity`.

        The one of that very name comes first: another may be the same weights in another precision.
        Raises ModelError when none is here.
        """
        fit = [folder for folder in self.all() if folder.identity.comparable(identity)]
        for folder in fit:
            if folder.identity.name == identity.name:
                return folder
        if fit:
            return fit[0]
        named = self.by_name(identity.name)
        if named is not None:
            raise ModelError(
                f"the index was made with other weights than those here, of the model "
                f"{identity.name!r}; make it anew with `vsearch index --model {identity.name}`"
            )
        raise ModelError(
            f"the model of this index is not on this machine, named {identity.name!r}; "
            f"get it with `vsearch models get {identity.name}`"
        )

    def place(self, name: str) -> Path:
        """Return the folder in which the model of that canonical name is or would be."""
        from vsearch.models.zoo.names import folder_name

        return self.location / folder_name(name)

    def remove(self, name: str) -> int:
        """Delete a fetched model; return the bytes that gave. Raises UsageError when not here."""
        place = self.place(name)
        if not place.is_dir():
            raise UsageError(f"no such model here, named {name!r}; see `vsearch models list`")
        freed = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        doomed = Path(mkdtemp(prefix=".removed-", dir=self.location))
        place.rename(doomed / "model")  # at once: no half of it is ever found
        shutil.rmtree(doomed)
        return freed

    def export(self, folder: ModelFolder, target: Path) -> None:
        """Write a model as one file. Raises UsageError when there is something already."""
        if target.exists():
            raise UsageError(f"there is a file already, at {target}; name another")
        part = target.with_name(f"{target.name}.part")
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
                archive.write(folder.path / CARD, CARD)
                for name in folder.digests:
                    folder.verify(name)
                    archive.write(folder.path / name, name)
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)

    def add(self, source: Path) -> ModelFolder:
        """Take in a model from an exported file or a model folder, checked to the last byte.

        Raises ModelError when it is no model or not whole, UsageError when it is here already.
        """
        self.location.mkdir(parents=True, exist_ok=True)
        work = Path(mkdtemp(prefix=".importing-", dir=self.location))
        try:
            if source.is_dir():
                self._copy(source, work)
            else:
                self._unpack(source, work)
            folder = ModelFolder.open(work)
            folder.verify(*folder.digests)
            place = self.place(folder.identity.name)
            if place.exists() or folder.identity.name == built_in().identity.name:
                raise UsageError(
                    f"a model of this name is here already, named {folder.identity.name!r}; "
                    f"remove it first with `vsearch models remove {folder.identity.name}`"
                )
            work.chmod(0o777 & ~_umask())
            work.rename(place)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return ModelFolder.open(place)

    def _copy(self, source: Path, work: Path) -> None:
        folder = ModelFolder.open(source)
        for name in (CARD, *folder.digests):
            if not (source / name).is_file():
                raise ModelError(f"the model is not whole ({name} is missing), in {source}")
            shutil.copyfile(source / name, work / name)

    def _unpack(self, source: Path, work: Path) -> None:
        try:
            with zipfile.ZipFile(source) as archive:
                (work / CARD).write_bytes(archive.read(CARD))
                for name in ModelFolder.open(work).digests:
                    with archive.open(name) as packed, (work / name).open("wb") as file:
                        shutil.copyfileobj(packed, file, _BLOCK)
        except (KeyError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise ModelError(
                f"not a whole vsearch model ({error}), in {source}; export it once more"
            ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
