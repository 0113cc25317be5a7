"""The folders that an index covers, and which place lies in which."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Root:
    """A folder the index covers: all below it (`whole`), or only the files that were named."""

    id: int
    path: str
    whole: bool
    device: int | None


def within(path: str, folder: str) -> bool:
    """Whether the absolute `path` is the absolute `folder` or lies below it."""
    return path == folder or below(path, folder)


def below(path: str, folder: str) -> bool:
    """Whether the absolute `path` lies below the absolute `folder`."""
    return path != folder and path.startswith(folder.rstrip("/") + "/")
