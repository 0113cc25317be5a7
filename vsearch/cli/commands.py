"""The commands there are, by name. Each is imported and built when it is asked for.

A search needs one of them. All of them, with their options, would take a tenth of its time.
"""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

from vsearch.cli.help import App, Group

if TYPE_CHECKING:
    from typer._click import Command as AnyCommand

# Where each is: the module, and the function or the app in it.
PLACES = {
    "index": ("index", "index"),
    "search": ("search", "search"),
    "browse": ("browse", "browse"),
    "duplicates": ("duplicates", "duplicates"),
    "evaluate": ("evaluate", "evaluate"),
    "analyze": ("analyze", "analyze"),
    "split": ("split", "split"),
    "status": ("status", "status"),
    "forget": ("upkeep", "forget"),
    "check": ("upkeep", "check"),
    "compact": ("upkeep", "compact"),
    "export": ("interchange", "export"),
    "import": ("interchange", "import_index"),
    "models": ("models", "models"),
    "bench": ("bench", "bench"),
    "config": ("config", "config"),
    "completion": ("completion", "completion"),
}


class _Commands(UserDict[str, Any]):
    """The commands by name, where each is until it is asked for."""

    def __getitem__(self, name: str) -> AnyCommand:
        found = self.data[name]
        if isinstance(found, tuple):
            found = self.data[name] = _built(name, *found)
        return cast("AnyCommand", found)


def _built(name: str, module: str, attribute: str) -> AnyCommand:
    found = getattr(import_module(f"vsearch.cli.{module}"), attribute)
    app = App()
    app.callback()(lambda: None)  # so that a single command has a group to be in
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name)
    else:
        app.command(name)(found)
    return cast("TyperGroup", get_command(app)).commands[name]


class Commands(Group):
    """The group of all of them."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401  # whatever typer gives
        super().__init__(**settings)
        self.commands = _Commands(PLACES)
