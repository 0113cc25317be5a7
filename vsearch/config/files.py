"""Configuration files in TOML. What their tables may hold is known to the commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vsearch.config.locations import user_config_file
from vsearch.errors import ConfigError

_LIMIT_BYTES = 1 << 20


def read(file: Path) -> dict[str, Any]:
    """Return what a configuration file says, as TOML has it; nothing where there is no file.

    Raises ConfigError when it cannot be read, or is no TOML.
    """
    import tomllib

    try:
        if not is_there(file):
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
            f"no valid TOML ({error}), in {file}; mend it with {edit(file)}"
        ) from error


def is_there(file: Path) -> bool:
    """Whether there is a configuration file; /dev/null is none.

    Raises ConfigError for what is no regular file: a folder, or a FIFO, which has no end.
    """
    if not file.exists() or os.fspath(file) == os.devnull:
        return False
    if not file.is_file():
        raise ConfigError(f"no regular file, {file}; the configuration is one, of TOML")
    return True


def edit(file: Path) -> str:
    """Return what to type to edit a configuration file, in backticks."""
    return "`vsearch config edit" + ("`" if file == user_config_file() else " --project`")
