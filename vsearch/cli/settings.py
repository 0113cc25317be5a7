"""What a person has set for good: options of commands, in files and the environment.

A setting is an option's default. What is given on the command line beats the environment
(`VSEARCH_SEARCH_COUNT`), that beats the project's file (config.toml in the nearest `.vsearch/`),
and that the user's. Values are checked by the parameters of the commands themselves.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vsearch.config.locations import VARIABLES, config_files
from vsearch.errors import ConfigError
from vsearch.output.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import typer
    from typer.core import TyperGroup, TyperOption

SETTABLE: Mapping[str, tuple[str, ...]] = {
    "index": (
        "model", "device", "offline", "follow", "hidden", "no-ignore", "max-megapixels",
        "max-seconds", "wait", "quiet",
    ),
    "search": (
        "count", "sort", "collapse", "min-relevance", "names", "explain", "no-color",
        "max-megapixels", "offline",
    ),
    "browse": ("graphics", "min-relevance", "max-megapixels"),
    "duplicates": ("max-megapixels",),
    "evaluate": ("device", "max-megapixels", "offline"),
    "analyze": ("max-megapixels",),
    "split": ("max-megapixels",),
    "import": ("max-megapixels",),
    "models.get": ("device", "offline"),
}  # fmt: skip
"""What may be set: how something is done, and how many answers come, which and in what order. A
file that came with a folder of pictures must not be able to run, write or remove anything, nor
change the form of what a script reads."""

DEFAULT, USER, PROJECT, ENVIRONMENT = "default", "user", "project", "environment"


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of one option, `name`, of `command` ("models.get"), and what has decided it.

    `origin` is "default", "user", "project" or "environment", `place` the file or the variable.
    """

    command: str
    name: str
    value: Any
    origin: str
    place: str | None


def apply(context: typer.Context) -> None:
    """Let the command that comes next have its settings. Raises ConfigError for those at fault.

    `vsearch config`, and whoever asks for help, is not kept out by a faulty file.
    """
    if context.invoked_subcommand in (None, "config", "completion") or context.resilient_parsing:
        return
    if not {"-h", "--help"}.isdisjoint(sys.argv):
        return
    for line in _misspelt():
        say(line)
    if not any(file and file.exists() for file in config_files()) and not _variables():
        return
    defaults: dict[str, Any] = {}
    for one in settings(context):
        if one.origin != DEFAULT:
            *groups, command = one.command.split(".")
            place = defaults
            for part in (*groups, command):
                place = place.setdefault(part, {})
            option = _option(context, one.command, one.name)
            place[str(option.name)] = one.value
    context.default_map = defaults


def settings(context: typer.Context) -> list[Setting]:
    """Return every setting there is, with the value that it has now. Raises ConfigError."""
    decided = {
        (command, name): Setting(
            command, name, _option(context, command, name).default, DEFAULT, None
        )
        for command, names in SETTABLE.items()
        for name in names
    }
    for origin, file in zip((USER, PROJECT), config_files(), strict=True):
        if file:
            for command, name, value in checked(context, file, project=origin == PROJECT):
                decided[command, name] = Setting(command, name, value, origin, os.fspath(file))
    for (command, name), variable in _variables().items():
        value = _converted(context, command, name, os.environ[variable], f"${variable}", "")
        decided[command, name] = Setting(command, name, value, ENVIRONMENT, variable)
    return list(decided.values())


def checked(context: typer.Context, file: Path, *, project: bool) -> Iterator[tuple[str, str, Any]]:
    """Yield (command, option, value) of each setting in a file. Raises ConfigError for a fault."""
    from vsearch.config.files import read
    from vsearch.config.index import DEFAULT_INDEX, default_index

    top = {command.partition(".")[0] for command in SETTABLE}
    for key, value in read(file).items():
        if key == DEFAULT_INDEX and not project:
            default_index(file)
        elif isinstance(value, dict) and key in top:
            yield from _table(context, file, key, value)
        elif key == DEFAULT_INDEX:
            raise ConfigError(
                f"{DEFAULT_INDEX} is for the user's own file, not for a project's, in {file}; "
                "remove it"
            )
        else:
            known = [f"[{one}]" for one in SETTABLE] + ([] if project else [DEFAULT_INDEX])
            shown = f"[{key}]" if isinstance(value, dict) else key
            raise ConfigError(f"no such setting, {shown!r} in {file}; {_nearest(shown, known)}")


def _table(
    context: typer.Context, file: Path, command: str, table: dict[str, Any]
) -> Iterator[tuple[str, str, Any]]:
    from vsearch.config.files import edit

    below = [one for one in SETTABLE if one.startswith(command + ".")]
    for key, value in table.items():
        name = key.replace("_", "-")
        if f"{command}.{key}" in below:
            if not isinstance(value, dict):
                raise ConfigError(
                    f"not a table: {key} under [{command}], in {file}; write "
                    f"[{command}.{key}], and options below"
                )
            yield from _table(context, file, f"{command}.{key}", value)
        elif name in SETTABLE.get(command, ()):
            said = f"{key} under [{command}], in {file}"
            yield command, name, _typed(context, command, name, value, said, edit(file))
        else:
            known = [*SETTABLE.get(command, ()), *(one.partition(".")[2] for one in below)]
            raise ConfigError(
                f"no such setting, {key!r} under [{command}] in {file}; {_nearest(name, known)}"
            )


def _typed(
    context: typer.Context, command: str, name: str, value: object, said: str, mend: str
) -> Any:  # noqa: ANN401  # what the option takes
    """Check the type that TOML gave a value, then all that the option checks."""
    option = _option(context, command, name)
    if option.is_flag:
        wanted, fits = "true or false", isinstance(value, bool)
    elif option.type.name in ("int", "int range"):
        wanted, fits = "a whole number", type(value) is int
    elif option.type.name in ("float", "float range"):
        wanted, fits = "a number", type(value) in (int, float)
    else:
        wanted, fits = "a text", isinstance(value, str)
    if not fits:
        raise ConfigError(f"not {wanted}: {said}; mend it with {mend}")
    return _converted(context, command, name, value, said, f"; mend it with {mend}")


def _converted(
    context: typer.Context, command: str, name: str, value: object, said: str, mend: str
) -> Any:  # noqa: ANN401  # what the option takes
    from typer import BadParameter

    option = _option(context, command, name)
    try:
        return option.type_cast_value(context, value)
    except BadParameter as error:
        from vsearch.cli.mistakes import bad_value

        told = bad_value(error.message, option.type, said) or (
            f"{error.message.rstrip('.')}: {said}; `vsearch {command.replace('.', ' ')} --help` "
            "says more"
        )
        raise ConfigError(told + mend) from error


def _option(context: typer.Context, command: str, name: str) -> TyperOption:
    """Return the option `--name` of a command; the root of `context` is the whole command."""
    place: Any = context.find_root().command
    for part in command.split("."):
        group: TyperGroup = place
        place = group.commands[part]
    option: TyperOption = next(one for one in place.params if f"--{name}" in one.opts)
    return option


def variable_of(command: str, name: str) -> str:
    """Return the environment variable of a setting: VSEARCH_MODELS_GET_DEVICE."""
    return f"VSEARCH_{command}_{name}".upper().replace(".", "_").replace("-", "_")


def _variables() -> dict[tuple[str, str], str]:
    """Return the settings that the environment decides, and by which variable."""
    return {
        (command, name): variable
        for command, names in SETTABLE.items()
        for name in names
        if os.environ.get(variable := variable_of(command, name))
    }


def _misspelt() -> Iterator[str]:
    """Yield a line for each variable that is probably meant for a setting, and is none.

    Others may have variables that begin so, which are let alone.
    """
    found = sorted(name for name in os.environ if name.startswith("VSEARCH_"))
    known = [variable_of(command, name) for command, names in SETTABLE.items() for name in names]
    for variable in found:
        if variable in known or variable in VARIABLES:
            continue
        from difflib import get_close_matches

        near = get_close_matches(variable, [*known, *VARIABLES], 1, 0.85)
        below = any(variable.startswith(variable_of(command, "")) for command in SETTABLE)
        if near or below:
            advice = f"did you mean {near[0]}?" if near else "`vsearch config show` shows all"
            yield f"vsearch: no such setting, ${variable}; {advice}"


def _nearest(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"


def template(context: typer.Context, *, project: bool) -> str:
    """Return a configuration file in which everything is explained and nothing is set."""
    lines = [
        "# Settings of vsearch: defaults of options, which the command line and the environment",
        "# beat. Take the # away before what you want to set; `vsearch config show` shows all.",
        "",
    ]
    if not project:
        lines += [
            "# The index where there is no .vsearch folder in the current folder or above.",
            '#default-index = "~/Pictures/.vsearch"',
            "",
        ]
    for command, names in SETTABLE.items():
        lines.append(f"[{command}]")
        for name in names:
            option = _option(context, command, name)
            lines += [f"# {option.help}", f"#{name} = {_example(option)}"]
        lines.append("")
    return "\n".join(lines)


def _example(option: TyperOption) -> str:
    if option.is_flag:
        return "true"
    choices = list(getattr(option.type, "choices", ()))
    if option.default is None and choices:
        return f'"{choices[0]}"'
    if option.default is None:
        return "100" if option.type.name.startswith(("int", "float")) else '"mini"'
    return str(option.default) if isinstance(option.default, int | float) else f'"{option.default}"'
