"""What a shell is offered for the value of an option: names that are known here.

Where nothing is offered, the shell completes files. Nothing here may fail or say anything: a person
is in the middle of a line.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import typer  # which looks at the annotations

if TYPE_CHECKING:
    from collections.abc import Iterable

# What the shells' scripts would take for something else is not offered, and has to be typed.
_PLAIN = re.compile(r"[^\x00-\x1f\x7f-\x9f'\"`$\\*?\[\]\ud800-\udfff;&|<>(){}!#]+")


def folders(context: typer.Context, incomplete: str) -> list[str]:
    """Return the folders of the index, written as `incomplete` was begun: from here, ~, or /."""
    from vsearch.errors import VsearchError
    from vsearch.index import Index

    try:
        with Index(_location(context)) as index:
            paths = [root.path for root in index.roots()]
    except (VsearchError, OSError):
        return []
    home, here = os.path.expanduser("~"), str(Path.cwd())
    shown = []
    for path in paths:
        if incomplete.startswith("~"):
            path = "~" + path.removeprefix(home) if _below(path, home) else path
        elif not incomplete.startswith("/") and _below(path, here):
            path = os.path.relpath(path, here)
        shown.append(path)
    return _offered(shown, incomplete)


def labels(context: typer.Context, incomplete: str) -> list[str]:
    """Return the labels in the index, the most frequent first."""
    from vsearch.errors import VsearchError
    from vsearch.index import Index

    try:
        with Index(_location(context)) as index:
            return _offered(index.labels(), incomplete)
    except (VsearchError, OSError):
        return []


def _location(context: typer.Context) -> Path:
    """Return where the index is: a shell has not yet put the home folder in place of "~"."""
    from vsearch.config import expanded, index_location

    option = context.params.get("index_folder")
    return index_location(expanded(os.fspath(option)) if option else None)


def installed_models(incomplete: str) -> list[str]:
    """Return the names of the models that were fetched."""
    from vsearch.config import models_location
    from vsearch.errors import VsearchError
    from vsearch.models.installed import Installed

    try:
        names = [folder.identity.name for folder in Installed(models_location()).all()]
    except (VsearchError, OSError):
        return []
    return _offered(names, incomplete)


def models(incomplete: str) -> list[str]:
    """Return the names of the models that are here, and the short ones of those worth having."""
    from vsearch.models.zoo.table import ALIASES

    names = [*installed_models(incomplete), *_offered(ALIASES, incomplete)]
    return list(dict.fromkeys(names))


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _offered(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete) and _PLAIN.fullmatch(name)]
