"""Settings, for reading and as JSON Lines."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

from vsearch.output.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class SettingLike(Protocol):
    """What is asked of a setting here: `value` of the option `name` of `command`, and why."""

    @property
    def command(self) -> str:
        """The command: "search", "models.get"."""

    @property
    def name(self) -> str:
        """The option, without dashes."""

    @property
    def value(self) -> Any:  # noqa: ANN401  # what the option takes
        """Its value; None: decided when it is needed."""

    @property
    def origin(self) -> str:
        """What decided it: "default", "user", "project" or "environment"."""

    @property
    def place(self) -> str | None:
        """The file or the variable."""


def print_settings(settings: Sequence[SettingLike], *, as_json: bool) -> None:
    """Print them on stdout: one a line, in columns for a person, as JSON objects otherwise."""
    if as_json:
        for one in settings:
            print(
                json.dumps(
                    {
                        "command": one.command,
                        "option": one.name,
                        "value": one.value,
                        "origin": one.origin,
                        "place": one.place,
                    },
                    default=str,
                )
            )
        return
    rows = [(f"{one.command}.{one.name}", _shown(one.value), _origin(one)) for one in settings]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, origin in rows:
        print(f"{name:{widths[0]}}   {value:{widths[1]}}   {origin}")


def print_path(path: Path) -> None:
    """Print a path on stdout, byte for byte where no person reads it."""
    if sys.stdout.isatty():
        print(printable(os.fspath(path)))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else printable(str(value))


def _origin(setting: SettingLike) -> str:
    if setting.place is None:
        return setting.origin
    place = f"${setting.place}" if setting.origin == "environment" else setting.place
    return f"{setting.origin}: {printable(place)}"
