"""Configuration files in TOML. What their tables may hold is known to the commands.

Top-level keys other than tables are the same for all commands: `default-index`, in the user's file
only.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vsearch.errors import ConfigError

DEFAULT_INDEX = "default-index"
_LIMIT_BYTES = 1 << 20


def read(file: Path) -> dict[str, Any]:
    """Return what a configuration file says, as TOML has it; nothing where there is no file.

    Raises ConfigError when it cannot be read, or is no TOML.
    """
    import tomllib

    try:
        if not file.is_file():  # reading a FIFO would wait for ever
            return {}
        with file.open("rb") as opened:
            text = opened.read(_LIMIT_BYTES).decode("utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            f"the configuration cannot be read ({error.strerror}), in {file}; check its permissions"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(
            f"no valid TOML ({error}), in {file}; mend it with {_edit(file)}"
        ) from error


def default_index(file: Path) -> Path | None:
    """Return where the user's configuration file says that the index is, if it does.

    A relative place is below the folder of the file. Raises ConfigError.
    """
    said = read(file).get(DEFAULT_INDEX)
    if said is None:
        return None
    if not isinstance(said, str) or not said:
        raise ConfigError(
            f"{DEFAULT_INDEX} is not the name of a folder, in {file}; mend it with {_edit(file)}"
        )
    return file.parent / os.path.expanduser(said)


def _edit(file: Path) -> str:
    from vsearch.config.locations import user_config_file

    return "`vsearch config edit" + ("`" if file == user_config_file() else " --project`")
