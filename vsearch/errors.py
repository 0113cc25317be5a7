"""The one error family. Library code raises these; only `vsearch.cli` prints them.

    VsearchError            anything a user can be told in one line
    ├── UsageError          the command was called in a way that cannot work
    ├── ConfigError         a configuration file, or a variable, says what cannot be
    ├── ImageError          one picture cannot be used (carries its `SkipReason`)
    ├── DecoderError        no process can be started to decode pictures in
    ├── SourceError         what was to be imported is damaged, or of a kind we do not know
    ├── ModelError          a model folder is missing, damaged, or not one we can run
    └── StoreError          the index cannot be used as it stands
        ├── IndexMissing    there is no index at the place asked for
        ├── IndexLocked     another process is writing to it
        ├── IndexDamaged    its files contradict each other
        └── ModelMismatch   it answers with another model

Every message reads "what, to what; what to do next".
"""

from __future__ import annotations

import os
from enum import StrEnum


class SkipReason(StrEnum):
    """Why a file found on disk has no vector. The value is what a person reads."""

    EMPTY = "empty file"
    NOT_AN_IMAGE = "not an image"
    DAMAGED = "damaged image"
    TOO_LARGE = "too large"
    TIMED_OUT = "takes too long to decode"
    CRASHED = "crashes its decoder"
    UNSUPPORTED = "unsupported image"
    UNREADABLE = "unreadable"
    NO_EMBEDDING = "no embedding by this model"
    SPECIAL = "not a regular file"
    LINK = "link not followed"
    VISITED = "link to a place already visited"


class VsearchError(Exception):
    """Base of everything vsearch raises on purpose; `str(error)` is the line a user reads."""


class UsageError(VsearchError):
    """The command was called in a way that cannot work."""


class ConfigError(VsearchError):
    """A configuration file, or a variable of the environment, says what cannot be."""


class ImageError(VsearchError):
    """One picture cannot be used. `reason` is the kind, `detail` what exactly went wrong."""

    def __init__(self, reason: SkipReason, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else str(reason))


class DecoderError(VsearchError):
    """No process can be started to decode pictures in."""


class SourceError(VsearchError):
    """What was to be imported is damaged, or of a kind we do not know."""


class ModelError(VsearchError):
    """A model folder is missing, damaged, or not one this version can run."""


class StoreError(VsearchError):
    """The index cannot be used as it stands."""


class IndexMissing(StoreError):
    """There is no index at the place asked for."""


class IndexLocked(StoreError):
    """Another process is writing to the index."""


class IndexDamaged(StoreError):
    """The files of the index contradict each other."""


class ModelMismatch(StoreError):
    """The index answers with another model than the one of the query."""


def in_words(error: VsearchError | OSError) -> str:
    """Return the line that a user reads of an error; of one of the system, it names the file."""
    if isinstance(error, VsearchError):
        return str(error)
    place = f", at {os.fsdecode(error.filename)}" if error.filename else ""
    return f"{error.strerror or error}{place}; check the disk and where the output goes"
