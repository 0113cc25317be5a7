"""What is typed wrongly -> one line: what is wrong, with what, and what may have been meant."""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING, Any

# typer keeps the click it is built upon there, and exports none of these.
from typer._click.exceptions import BadOptionUsage, BadParameter, MissingParameter, NoSuchOption
from typer.core import TyperGroup, TyperOption

from vsearch.cli.syntax import description, option_row
from vsearch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from typer._click import Context, Parameter
    from typer._click.exceptions import UsageError as WrongUse


def told(error: WrongUse, context: Context, typed: Sequence[str]) -> UsageError:
    """Return the error with which a line ends that typer cannot parse.

    `typed`: the words that the command of `context` was given.
    """
    match error:
        case NoSuchOption():
            return _no_such_option(error.option_name, context, typed)
        case MissingParameter() if error.param is not None:
            return _missing(error.param, context)
        case BadParameter() if error.param is not None:
            said = bad_value(error.message, error.param.type, _name(error.param))
            return UsageError(
                said or f"{_inside(error.message)}, for {_name(error.param)}; {_see(context)}"
            )
        case BadOptionUsage():
            return _bad_option(error.option_name, context)
    if isinstance(context.command, TyperGroup):
        return _no_such_command(typed, context.command, context)
    return UsageError(f"{_inside(error.message)}, for `{context.command_path}`; {_see(context)}")


def too_many(left: Sequence[str], context: Context) -> UsageError:
    """Return the error for words that no argument takes."""
    what = "one argument" if len(left) == 1 else f"{len(left)} arguments"
    return UsageError(
        f"{what} too many, {', '.join(map(repr, left))} for `{context.command_path}`; "
        f"{_see(context)}"
    )


def nearest(typed: str, known: Iterable[str]) -> str | None:
    """Return which of the `known` was probably meant; None when none is near."""
    spelled = {one.lstrip("-").lower(): one for one in known}
    near = difflib.get_close_matches(typed.lstrip("-").lower(), spelled, n=1)
    return spelled[near[0]] if near else None


def _no_such_command(typed: Sequence[str], group: TyperGroup, context: Context) -> UsageError:
    path = context.command_path
    if not typed:
        return UsageError(f"a command is missing, after `{path}`; {_see(context)}")
    word = typed[0]
    near = nearest(word, group.commands)
    advice = f"did you mean `{path} {near}`?" if near else _see(context)
    if (
        not near and word.strip() and not word.isalpha() and "search" in group.commands
    ):  # words, or a picture
        advice += f", or search for it with `{path} search {shlex.quote(word)}`"
    return UsageError(f"no such command, {word!r} after `{path}`; {advice}")


def _no_such_option(name: str, context: Context, typed: Sequence[str]) -> UsageError:
    # Of "-json", typer looks at "-j" alone.
    word = next((word for word in typed if word.startswith(name)), name).partition("=")[0]
    near = nearest(word, _options(context))
    if near is None and word == name:
        advice = _elsewhere(name, context) or _see(context)
    elif near is None:
        advice = _see(context)
    else:
        advice = f"did you mean {near}?"
    return UsageError(f"no such option, {word} for `{context.command_path}`; {advice}")


def _elsewhere(name: str, context: Context) -> str | None:
    """Return where on the line an option belongs that is one of a command above or below."""
    above = context.parent
    if above is not None and name in _options(above):
        rest = context.command_path.removeprefix(above.command_path)
        return f"it goes further left, as in `{above.command_path} {name}{rest}`"
    if isinstance(context.command, TyperGroup) and any(
        name in option.opts
        for command in context.command.commands.values()
        for option in command.params
    ):
        return f"it goes after a command, as in `{context.command_path} COMMAND {name}`"
    return None


def _missing(parameter: Parameter, context: Context) -> UsageError:
    examples = description(context.command).examples
    advice = f"for example `{examples[0].partition('  #')[0].rstrip()}`" if examples else ""
    return UsageError(
        f"{_name(parameter)} is missing, after `{context.command_path}`; {advice or _see(context)}"
    )


def bad_value(message: str, kind: Any, name: str) -> str | None:  # noqa: ANN401  # of typer's
    """Return what to say of a value that a type does not take, whose words are `message`.

    `name`: what was to have it. None: no more is known than the message.
    """
    if choices := [str(getattr(one, "value", one)) for one in getattr(kind, "choices", ())]:
        typed = message.partition(" is not one of ")[0]
        near = nearest(typed.strip("'\""), choices)
        meant = f"did you mean {near}?" if near else f"choose from {', '.join(choices)}"
        return f"no such value, {typed} for {name}; {meant}"
    typed, no_number, _ = message.partition(" is not a valid ")
    if no_number and kind.name == "boolean":
        typed = typed.removeprefix("Value ")
        return f"neither true nor false, {typed} for {name}; give one of them"
    if no_number:
        return f"no number, {typed} for {name}; give {_bounds(kind)}"
    typed, out_of_range, _ = message.partition(" is not in the range ")
    if out_of_range:
        return f"out of range, {typed} for {name}; give {_bounds(kind)}"
    return None


def _bounds(kind: Any) -> str:  # noqa: ANN401  # a type of typer's, perhaps one with bounds
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    number = "a whole number" if kind.name.startswith("int") else "a number"
    if low is not None and high is not None:
        return f"{number} from {low} to {high}"
    if low is not None:
        return f"{number}, {low} or more"
    return f"{number}, {high} or less" if high is not None else number


def _bad_option(name: str, context: Context) -> UsageError:
    option = next(
        one for one in context.command.params if isinstance(one, TyperOption) and name in one.opts
    )
    if option.is_flag:
        return UsageError(f"a value too many, for {name}; {name} alone is enough")
    return UsageError(f"a value is missing, after {name}; give {option_row(option)[0]}")


def _options(context: Context) -> list[str]:
    """Return every name of every option of a command."""
    return [
        name
        for one in context.command.get_params(context)
        if isinstance(one, TyperOption) and not one.hidden
        for name in (*one.opts, *one.secondary_opts)
    ]


def _name(parameter: Parameter) -> str:
    """Return what a person calls it: --count, TERM."""
    if isinstance(parameter, TyperOption):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name.strip("[].")


def _inside(message: str) -> str:
    """Return a sentence as a part of one."""
    return message[:1].lower() + message[1:].rstrip(".")


def _see(context: Context) -> str:
    return f"see `{context.command_path} --help`"
