"""Where things are: which index a command means, and who decided it.

An option beats the environment, the environment beats the folder one stands in, and that beats the
user's data directory.
"""

from __future__ import annotations

import os
from pathlib import Path

INDEX_VARIABLE = "VSEARCH_INDEX"
MODELS_VARIABLE = "VSEARCH_MODELS"
OFFLINE_VARIABLE = "VSEARCH_OFFLINE"
PROJECT_FOLDER = ".vsearch"


def index_location(option: Path | None) -> Path:
    """Return the absolute path of the index a command works on; it need not exist yet.

    `--index DIR`, else the environment variable VSEARCH_INDEX, else the nearest `.vsearch/` in the
    current folder or one of its parents, else `default` in the user's data directory.
    """
    chosen = option or _from_environment() or _nearest_project_folder() or _user_default()
    return Path(os.path.realpath(chosen))


def _from_environment() -> Path | None:
    value = os.environ.get(INDEX_VARIABLE)
    return Path(os.path.expanduser(value)) if value else None


def _nearest_project_folder() -> Path | None:
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / PROJECT_FOLDER).is_dir():
            return folder / PROJECT_FOLDER
    return None


def _user_default() -> Path:
    import platformdirs

    return platformdirs.user_data_path("vsearch", appauthor=False) / "default"


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def models_location() -> Path:
    """Return the absolute path of the folder with the models that were fetched; it need not exist.

    The environment variable VSEARCH_MODELS, else `models` in the user's cache directory.
    """
    value = os.environ.get(MODELS_VARIABLE)
    if value:
        return Path(os.path.realpath(os.path.expanduser(value)))
    import platformdirs

    return platformdirs.user_cache_path("vsearch", appauthor=False) / "models"


def is_set(variable: str) -> bool:
    """Whether an environment variable says yes: it is there and not empty, 0, false, no or off."""
    return os.environ.get(variable, "").lower() not in ("", "0", "false", "no", "off")
