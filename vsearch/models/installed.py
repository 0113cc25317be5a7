"""The models on this machine: the built-in one, and a folder for each that was fetched.

A model that was made from elsewhere comes and goes as one file, a zip archive of its folder without
compression. Whatever comes in is checked before it counts: names, sizes, and every digest.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp, mkstemp
from typing import IO, TYPE_CHECKING
from uuid import uuid4
from zipfile import BadZipFile

from vsearch.errors import ModelError, UsageError
from vsearch.models.folder import ModelFolder, built_in, how_to_get

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsearch.models.zoo.names import ModelName
    from vsearch.records import ModelIdentity

CARD = "model.json"
_BLOCK = 1 << 20  # bytes copied at a time
_REMOVED = ".removed-"
_LONGEST_CARD = 1 << 20  # bytes; they have a few thousand


@dataclass(frozen=True, slots=True)
class Installed:
    """The models in one folder of the user's, and the built-in one."""

    location: Path

    def all(self) -> list[ModelFolder]:
        """Return every usable model, the built-in one first, the others by name."""
        return [built_in(), *sorted(self._fetched(), key=lambda folder: folder.identity.name)]

    def names(self) -> list[str]:
        """Return the canonical names of all usable models."""
        return [folder.identity.name for folder in self.all()]

    def require(self, name: ModelName) -> ModelFolder:
        """Return the model of that name.

        Raises UsageError when it is not here, with what may have been meant or how to get it, and
        ModelError when it is here and cannot be used.
        """
        folder = self.by_name(name.canonical)
        if folder is not None:
            return folder
        from vsearch.models.zoo.names import require_published

        require_published(name, self.names())
        raise UsageError(
            f"no such model on this machine, named {name.canonical!r}; get it with "
            f"`vsearch models get {name.canonical}`"
        )

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
        return ModelFolder.open(place, how_to_get(name)) if place.exists() else None

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
        """Delete a fetched model, and what an interrupted conversion left of it.

        Returns how many bytes that gave. Raises UsageError when nothing of it is here, ModelError
        while it is being made.
        """
        from vsearch.models.conversion.convert import remains, work_place
        from vsearch.models.zoo.names import meant

        if name == built_in().identity.name:
            raise UsageError(f"the built-in model comes with vsearch and stays, named {name!r}")
        place = self.place(name)
        near = meant(name, [one for one in self.names() if one != built_in().identity.name])
        nothing = UsageError(
            f"no such model here, named {name!r}; {near or 'see `vsearch models list`'}"
        )
        if not os.path.lexists(place) and not work_place(place).exists():
            raise nothing
        with remains(place) as unfinished:  # while it is being made anew it stays
            freed, part_freed = self._discard(place), self._discard(unfinished)
        for left in self.location.glob(f"{_REMOVED}*"):  # by one that was killed half-way
            shutil.rmtree(left, ignore_errors=True)
        if freed is None and part_freed is None:  # another process was quicker
            raise nothing
        return (freed or 0) + (part_freed or 0)

    def _discard(self, place: Path) -> int | None:
        """Take a folder, or a link to one, away; return the bytes that gave, None: nothing there.

        It is gone at once: no half of it is ever found.
        """
        doomed = self.location / f"{_REMOVED}{uuid4().hex}"
        linked = place.is_symlink()  # somebody keeps his models elsewhere: they are his
        freed = 0 if linked else _length(place)
        try:
            place.rename(doomed)
        except FileNotFoundError:
            return None
        if linked:
            doomed.unlink()
        else:  # which another process may be doing as well, taking it for left over
            shutil.rmtree(doomed, ignore_errors=True)
        return freed

    def export(self, folder: ModelFolder, target: Path) -> None:
        """Write a model as one file. Raises UsageError when there is something already."""
        if target.exists():
            raise UsageError(f"there is a file already, at {target}; name another")
        handle, name = mkstemp(prefix=".exporting-", suffix=".part", dir=target.parent)
        part = Path(name)
        try:
            with (
                os.fdopen(handle, "wb") as file,
                # A file may be older than zip's calendar, which begins in 1980.
                zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive,
            ):
                archive.write(folder.path / CARD, CARD)
                for name in folder.digests:
                    folder.verify(name)
                    archive.write(folder.path / name, name)
            part.chmod(0o666 & ~_umask())
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)

    def add(self, source: Path) -> ModelFolder:
        """Take in a model from an exported file or a model folder, checked to the last byte.

        It takes the place of one that is damaged. Raises ModelError when it is no model or not
        whole, UsageError when it is here already.
        """
        if not source.exists():
            raise UsageError(f"no such file, named {str(source)!r}; name what `export` wrote")
        self.location.mkdir(parents=True, exist_ok=True)
        work = Path(mkdtemp(prefix=".importing-", dir=self.location))
        try:
            with _explained(source, work), _contents(source) as content:
                name = self._take_in(content, work)
            work.chmod(0o777 & ~_umask())
            place = self.place(name)
            # Only what was there before: another process may be putting the same one there now.
            if os.path.lexists(place) and not self.is_sound(name):
                self._discard(place)
            try:
                work.rename(place)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                raise _here_already(name) from error  # another process was quicker
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return ModelFolder.open(place)

    def is_sound(self, name: str) -> bool:
        """Whether the model of that canonical name is here, and every byte of it is right."""
        try:
            folder = self.by_name(name)
            if folder is not None:
                folder.verify(*folder.digests)
        except ModelError:
            return False
        return folder is not None

    def _take_in(self, content: Callable[[str], IO[bytes]], work: Path) -> str:
        """Write a model into the folder `work`; return its name. Raises as `_explained` knows."""
        with content(CARD) as packed:
            card = packed.read(_LONGEST_CARD + 1)
        if len(card) > _LONGEST_CARD:
            raise ValueError(f"{CARD} is too long")
        (work / CARD).write_bytes(card)
        folder = ModelFolder.open(work, "export it once more")
        name = folder.identity.name
        if not _can_be_typed(name):
            raise ValueError(f"no model can be named {name!r}")
        if self.is_sound(name):
            raise _here_already(name)  # before anything large is copied
        sizes = folder.card.get("bytes") or {}
        for each, digest in folder.digests.items():
            size = sizes.get(each)
            if size is None:
                raise ValueError(f"{CARD} does not say how long {each} is")
            with content(each) as packed:
                _copy(packed, work / each, size, digest)
            if each in folder.checksums:  # its digest was compared while it was copied
                folder.verify_quickly(each)
        return name


@contextmanager
def _contents(source: Path) -> Iterator[Callable[[str], IO[bytes]]]:
    """Lend a function that opens a file of an exported model, or of a model folder."""
    if source.is_dir():
        yield lambda name: (source / name).open("rb")
        return
    with zipfile.ZipFile(source) as archive:

        def content(name: str) -> IO[bytes]:
            entry = archive.getinfo(name)
            if entry.compress_type != zipfile.ZIP_STORED:
                # What is stored as it is cannot become more than the file that was brought.
                raise ValueError(f"{name} is compressed")
            return archive.open(entry)

        yield content


@contextmanager
def _explained(source: Path, work: Path) -> Iterator[None]:
    """Turn whatever is wrong with what is brought into one line that names it, not `work`."""
    try:
        yield
    except ModelError as error:  # a card of another format, or an unfit one
        raise ModelError(str(error).replace(str(work), str(source))) from error
    except (FileNotFoundError, IsADirectoryError) as error:
        missing = os.path.basename(os.fsdecode(error.filename or ""))
        raise ModelError(
            f"not a whole vsearch model ({missing} is missing), in {source}; export it once more"
        ) from error
    except (LookupError, ArithmeticError, ValueError, RuntimeError, EOFError, BadZipFile) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error  # str() would quote it
        raise ModelError(
            f"not a whole vsearch model ({reason}), in {source}; export it once more"
        ) from error


def _copy(packed: IO[bytes], target: Path, size: int, digest: str) -> None:
    """Copy a file of that size and SHA-256. Raises ValueError for another; writes no byte more."""
    found, left = hashlib.sha256(), size
    try:
        with target.open("wb") as file:
            while block := packed.read(min(_BLOCK, left + 1)):
                left -= len(block)
                if left < 0:
                    break
                found.update(block)
                file.write(block)
    except OSError as error:
        if error.filename is None:
            error.filename = target.parent.parent  # a full disk: whose, is what counts
        raise
    if left != 0:
        raise ValueError(f"{target.name} is {'longer' if left < 0 else 'shorter'} than announced")
    if found.hexdigest() != digest:
        raise ValueError(f"wrong digest of {target.name}")


def _length(folder: Path) -> int:
    """Return the bytes of all files in a folder; 0 where there is none."""
    found = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                found += os.stat(os.path.join(place, name)).st_size
    return found


def _here_already(name: str) -> UsageError:
    return UsageError(
        f"a model of this name is here already, named {name!r}; "
        f"remove it first with `vsearch models remove {name}`"
    )


def _can_be_typed(name: object) -> bool:
    """Whether commands could name a model that is called so, to use it or to remove it."""
    from vsearch.models.zoo.names import parse

    try:
        return isinstance(name, str) and parse(name).canonical == name
    except UsageError:
        return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
