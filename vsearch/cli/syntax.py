"""What can be typed: the description, examples, arguments and options of each command.

A command's docstring is its summary, its examples (the paragraph that begins with \\b), and what
else there is to say. `rich_help_panel` names the group of an option or of a command. The help shows
this, and the command reference in README.md is made of it.
"""

from __future__ import annotations

import inspect
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from typer.core import TyperArgument, TyperGroup, TyperOption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from typer._click import Command, Context  # typer keeps the click it is built upon there

T = TypeVar("T")
_RAW = "\b\n"


class Description(NamedTuple):
    """A docstring taken apart: the sentence of the lists, lines to type, and the paragraphs."""

    summary: str
    examples: tuple[str, ...]
    more: tuple[str, ...]


class Section(NamedTuple):
    """A heading, and rows of what can be typed and what it does."""

    heading: str
    rows: tuple[tuple[str, str], ...]


def description(command: Command) -> Description:
    """Take the docstring of a command apart."""
    first, *others = inspect.cleandoc(command.help or "").split("\n\n")
    examples = [part.removeprefix(_RAW) for part in others if part.startswith(_RAW)]
    more = [" ".join(part.split()) for part in others if not part.startswith(_RAW)]
    lines = chain.from_iterable(part.splitlines() for part in examples)
    return Description(" ".join(first.split()), tuple(lines), tuple(more))


def usage(command: Command) -> str:
    """Return what follows the name of a command: "[OPTIONS] TERM..."."""
    arguments = [one for one in command.params if isinstance(one, TyperArgument)]
    names = [
        one.human_readable_name
        if one.required or one.human_readable_name.startswith("[")
        else f"[{one.human_readable_name}]"
        for one in arguments
    ]
    below = []
    if isinstance(command, TyperGroup) and command.commands:
        below = ["[COMMAND ...]" if command.invoke_without_command else "COMMAND ..."]
    return " ".join(["[OPTIONS]", *names, *below])


def sections(command: Command, context: Context) -> list[Section]:
    """Return all that a command takes: commands below it, arguments, options by their group."""
    below = [one for one in _below(command) if not one.hidden]
    return [
        *_grouped(below, "Commands", lambda one: (one.name or "", description(one).summary)),
        *parameters(command, context),
    ]


def parameters(command: Command, context: Context) -> list[Section]:
    """Return the arguments of a command, then its options by their group."""
    shown = [one for one in command.get_params(context) if not getattr(one, "hidden", False)]
    arguments = [one for one in shown if isinstance(one, TyperArgument)]
    options = [one for one in shown if isinstance(one, TyperOption)]
    named = any(_panel(one) for one in options)
    return [
        *_grouped(arguments, "Arguments", _argument),
        *_grouped(options, "Other options" if named else "Options", option_row),
    ]


def _below(command: Command) -> list[Command]:
    return list(command.commands.values()) if isinstance(command, TyperGroup) else []


def _panel(one: object) -> str | None:
    panel = getattr(one, "rich_help_panel", None)
    return panel if isinstance(panel, str) else None


def _grouped(
    things: Iterable[T], rest: str, row: Callable[[T], tuple[str, str]]
) -> Iterator[Section]:
    """Yield a section for each group in order of its first member; the last for what has none."""
    groups: dict[str | None, list[tuple[str, str]]] = {}
    for one in things:
        groups.setdefault(_panel(one), []).append(row(one))
    without = groups.pop(None, [])
    for heading, rows in groups.items():
        yield Section(str(heading), tuple(rows))
    if without:
        yield Section(rest, tuple(without))


def _argument(argument: TyperArgument) -> tuple[str, str]:
    return argument.human_readable_name.strip("[]").replace("]...", "..."), argument.help or ""


def option_row(option: TyperOption) -> tuple[str, str]:
    """Return an option as it is typed, with its value, and what it does."""
    names = ", ".join(sorted([*option.opts, *option.secondary_opts], key=len))
    value = "" if option.is_flag else f" {option.metavar or _values(option)}"
    text = option.help or ""
    if option.show_default and option.default not in (None, False, [], ()):
        default = getattr(option.default, "value", option.default)
        text = f"{text} Default: {default}."
    return names + value, text.strip()


def _values(option: TyperOption) -> str:
    """Return what may be given: "relevance|date|path", or the name of a type."""
    choices = getattr(option.type, "choices", None)
    if choices:
        return "|".join(str(getattr(one, "value", one)) for one in choices)
    return option.type.name.split()[0].upper()
