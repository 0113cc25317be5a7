"""The help of the commands, as plain text: usage, examples, what it does, then options in groups.

Plain, since rich would double the time of `vsearch --help`. What only help and mistakes need is
imported there: every other command waits for this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import typer

# typer keeps the click it is built upon there, and gives no other way to these.
from typer._click import Command as AnyCommand
from typer._click.exceptions import UsageError as WrongUse
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer._click import Context, HelpFormatter

Function = TypeVar("Function", bound="Callable[..., Any]")

WIDEST = 100  # columns; longer lines are hard to read
LONGEST = 26  # columns for what is typed


class Helpful(AnyCommand):
    """What commands and groups of them share: the help, and one line for what is typed wrongly."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:  # noqa: ARG002  # click's
        """Return the parts of the usage line."""
        from vsearch.cli.syntax import usage

        return [usage(self)]

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the help."""
        from vsearch.cli.syntax import description, sections

        about = description(self)
        self.format_usage(ctx, formatter)
        if about.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" for line in about.examples))
        for paragraph in (about.summary, *about.more):
            formatter.write_paragraph()
            formatter.write_text(paragraph)
        shown = sections(self, ctx)
        # The texts of all sections begin in one column; what is longer has a line of its own.
        column = min(max(len(typed) for one in shown for typed, _ in one.rows), LONGEST)
        for section in shown:
            with formatter.section(section.heading):
                rows = [(typed.ljust(column), text) for typed, text in section.rows]
                formatter.write_dl(rows, col_max=LONGEST)

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse. Raises vsearch's UsageError, with what may have been meant."""
        typed = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except WrongUse as error:
            from vsearch.cli.mistakes import told

            raise told(error, ctx, typed) from error


class Command(Helpful, TyperCommand):
    """A command."""

    allow_extra_args = True  # only so far that a line of our own can be said of them

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse. Raises vsearch's UsageError, with what may have been meant."""
        left = super().parse_args(ctx, args)
        if left and not ctx.resilient_parsing:
            from vsearch.cli.mistakes import too_many

            raise too_many(left, ctx)
        return left


class Group(Helpful, TyperGroup):
    """Commands below a name. The bare name tells what they are for, or does something itself."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse. Raises vsearch's UsageError, with what may have been meant."""
        if not (args or self.invoke_without_command or ctx.resilient_parsing):
            print(ctx.get_help() if ctx.parent else introduction(self, ctx))
            raise typer.Exit
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Context) -> Any:  # noqa: ANN401  # what a command returns
        """Run the command that was named. Raises UsageError where there is none of that name."""
        typed = (*ctx._protected_args, *ctx.args)
        try:
            return super().invoke(ctx)
        except WrongUse as error:
            from vsearch.cli.mistakes import told

            raise told(error, ctx, typed) from error


def introduction(command: AnyCommand, context: Context) -> str:
    """Return what somebody reads first: what it is, three lines to type, and where to go on."""
    from vsearch.cli.syntax import description

    about, name = description(command), context.command_path
    examples = "".join(f"  {line}\n" for line in about.examples[:3])
    return (
        f"{about.summary}\n\n{examples}\n"
        f"`{name} --help` lists all commands, `{name} COMMAND --help` tells all of one."
    )


class App(typer.Typer):
    """A typer app with this help."""

    def __init__(self, group: type[Group] = Group) -> None:
        super().__init__(
            cls=group,
            add_completion=False,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            context_settings={
                "help_option_names": ["-h", "--help"],
                "max_content_width": WIDEST,
            },
        )

    def command(
        self,
        name: str | None = None,
        **settings: Any,  # noqa: ANN401  # whatever typer takes
    ) -> Callable[[Function], Function]:
        """Return a decorator that makes a function a command, as typer does, with this help."""
        return super().command(name, **{"cls": Command, **settings})
