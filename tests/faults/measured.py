"""What a decoder does with a file, measured: a loader for `Decoders`, and what it notes.

It notes in memory that outlives the decoder, a place for each thread that asks: which process it
is, the most memory it had while it was at this file, and whether what came out was no ImageError.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from vsearch.errors import ImageError
from vsearch.images.isolation import decoders

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsearch.images.isolation.decoder import Load
    from vsearch.images.load import Square
    from vsearch.records import Preprocessing

LOADER = f"{__name__}:load"
NOTES = "VSEARCH_FUZZ_NOTES"
"""The variable of the environment that names the file of the notes, for the decoders to open."""
MEASURED = "VSEARCH_FUZZ_MEASURED"
"""The variable that names what is measured; without it, what indexing uses."""

_NOTE = struct.Struct("<qqq")  # process, peak in bytes, whether an unexpected error came out
_PR_SET_DUMPABLE = 4


class Notes:
    """The notes, one for each of some threads; the place is the first part of a file's name."""

    def __init__(self, path: Path, *, places: int = 0) -> None:
        """Open them; with `places`, make them first."""
        if places:
            path.write_bytes(bytes(places * _NOTE.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def put(self, place: int, process: int, peak: int, *, unexpected: bool) -> None:
        """Note what happened; zeros begin anew."""
        _NOTE.pack_into(self._memory, place * _NOTE.size, process, peak, unexpected)

    def get(self, place: int) -> tuple[int, int, bool]:
        """Return process, peak in bytes (0: it did not live to say) and `unexpected`."""
        process, peak, unexpected = _NOTE.unpack_from(self._memory, place * _NOTE.size)
        return process, peak, bool(unexpected)


_module, _, _name = os.environ.get(MEASURED, decoders._LOADER).partition(":")
_load: Load = getattr(import_module(_module), _name)
_notes: list[Notes] = []


def load(
    path: str,
    spec: Preprocessing,
    *,
    pixel_limit: int,
    named_image: bool,
    is_known: Callable[[bytes], bool],
) -> tuple[bytes, Square | None]:
    """Do what is measured, and note it."""
    if not _notes:
        # A decoder may not look into its own /proc until it is as others are.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        _notes.append(Notes(Path(os.environ[NOTES])))
    place = int(os.path.basename(path).partition("-")[0])
    ctypes.CDLL(None).malloc_trim(0)  # what an earlier file left is not this one's
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak begins here
    _notes[0].put(place, os.getpid(), 0, unexpected=False)
    unexpected = False
    try:
        return _load(
            path, spec, pixel_limit=pixel_limit, named_image=named_image, is_known=is_known
        )
    except (ImageError, MemoryError):
        raise
    except Exception:  # noted, and raised again
        unexpected = True
        raise
    finally:
        _notes[0].put(place, os.getpid(), peak(os.getpid()), unexpected=unexpected)


def peak(process: int) -> int:
    """Return the most bytes a process had in memory at a time; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0
    found = (int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))
    return next(found, 0)
