"""Which index a command means, and who decided it.

An option beats the environment, the environment beats the folder one stands in, and that beats the
user's configuration (its top-level key `default-index`) and data directory.
"""

from __future__ import annotations

import os
from pathlib import Path

from vsearch.config.files import edit, read
from vsearch.config.locations import (
    INDEX_VARIABLE,
    config_files,
    expanded,
    home_needed,
    nearest_project_folder,
)
from vsearch.errors import ConfigError

DEFAULT_INDEX = "default-index"


def index_location(option: Path | None) -> Path:
    """Return the absolute path of the index a command works on; it need not exist yet.

    `--index DIR`, else the environment variable VSEARCH_INDEX, else the nearest `.vsearch/` in the
    current folder or one of its parents, else `default-index` of the user's configuration file,
    else `default` in the user's data directory. Raises ConfigError where that file is at fault, or
    there is no home folder.
    """
    chosen = (
        option
        or _from_environment()
        or nearest_project_folder()
        or _from_configuration()
        or _user_default()
    )
    return Path(os.path.realpath(chosen))


def _from_environment() -> Path | None:
    value = os.environ.get(INDEX_VARIABLE)
    return expanded(value) if value else None


def _from_configuration() -> Path | None:
    if not ((file := config_files()[0]) and file.exists()):
        return None
    return default_index(file)


def default_index(file: Path) -> Path | None:
    """Return where the user's configuration file says that the index is, if it does.

    A relative place is below the folder of the file. Raises ConfigError.
    """
    said = read(file).get(DEFAULT_INDEX)
    if said is None:
        return None
    if not isinstance(said, str) or not said or "\0" in said:
        raise ConfigError(
            f"{DEFAULT_INDEX} is not the name of a folder, in {file}; mend it with {edit(file)}"
        )
    try:
        return file.parent / expanded(said)
    except ConfigError as error:
        raise ConfigError(f"{error}: {DEFAULT_INDEX}, in {file}") from error


def _user_default() -> Path:
    import platformdirs

    with home_needed():
        return platformdirs.user_data_path("vsearch", appauthor=False) / "default"
