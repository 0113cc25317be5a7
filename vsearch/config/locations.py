"""Where things are: configuration files, models, the folder of a project."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vsearch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

INDEX_VARIABLE = "VSEARCH_INDEX"
MODELS_VARIABLE = "VSEARCH_MODELS"
OFFLINE_VARIABLE = "VSEARCH_OFFLINE"
CONFIG_VARIABLE = "VSEARCH_CONFIG"
NO_CONFIG_VARIABLE = "VSEARCH_NO_CONFIG"
VARIABLES = (
    INDEX_VARIABLE, MODELS_VARIABLE, OFFLINE_VARIABLE, CONFIG_VARIABLE, NO_CONFIG_VARIABLE,
)  # fmt: skip
PROJECT_FOLDER = ".vsearch"
CONFIG_FILE = "config.toml"

_NO_HOME = "no home folder; set HOME"


def expanded(text: str) -> Path:
    """Return a path with the home folder in place of a first "~", or of another user's "~name".

    Raises ConfigError where that is not known.
    """
    path = os.path.expanduser(text)
    if path.startswith("~"):
        user = path.partition(os.sep)[0]
        if user == "~":
            raise ConfigError(_NO_HOME)
        raise ConfigError(f"no such user, {user[1:]!r} for {text!r}; for a folder write './{text}'")
    return Path(path)


@contextmanager
def home_needed() -> Iterator[None]:
    """Turn what platformdirs raises into ConfigError."""
    try:
        yield
    except RuntimeError as error:
        raise ConfigError(_NO_HOME) from error


def nearest_project_folder() -> Path | None:
    """Return the nearest `.vsearch/` in the current folder or one of its parents."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / PROJECT_FOLDER).is_dir():
            return folder / PROJECT_FOLDER
    return None


def user_config_file() -> Path | None:
    """Return the user's configuration file; it need not exist. None: there is no home folder.

    The environment variable VSEARCH_CONFIG, else `config.toml` in the user's config directory.
    """
    value = os.environ.get(CONFIG_VARIABLE)
    if value:
        return Path(os.path.abspath(expanded(value)))
    if os.name == "posix" and sys.platform != "darwin":
        # As platformdirs has it, which takes 10 ms to import: every command looks for this file.
        base = os.environ.get("XDG_CONFIG_HOME", "").strip() or os.path.expanduser("~/.config")
        return None if base.startswith("~") else Path(base) / "vsearch" / CONFIG_FILE
    import platformdirs

    with home_needed():
        return platformdirs.user_config_path("vsearch", appauthor=False) / CONFIG_FILE


def project_config_file() -> Path | None:
    """Return the configuration file of the nearest `.vsearch/`; it need not exist. None: no such.

    The environment variable VSEARCH_CONFIG does not change it.
    """
    folder = nearest_project_folder()
    return folder / CONFIG_FILE if folder else None


def config_files() -> tuple[Path | None, Path | None]:
    """Return the user's configuration file and the project's, as far as they count.

    The environment variable VSEARCH_NO_CONFIG lets none count, so that a script answers alike
    everywhere.
    """
    if is_set(NO_CONFIG_VARIABLE):
        return None, None
    return user_config_file(), project_config_file()


def models_location() -> Path:
    """Return the absolute path of the folder with the models that were fetched; it need not exist.

    The environment variable VSEARCH_MODELS, else `models` in the user's cache directory. Raises
    ConfigError where there is no home folder.
    """
    value = os.environ.get(MODELS_VARIABLE)
    if value:
        return Path(os.path.realpath(expanded(value)))
    import platformdirs

    with home_needed():
        return platformdirs.user_cache_path("vsearch", appauthor=False) / "models"


def is_set(variable: str) -> bool:
    """Whether an environment variable says yes: it is there and not empty, 0, false, no or off."""
    return os.environ.get(variable, "").lower() not in ("", "0", "false", "no", "off")
