"""What can be typed as the help shows it, of a small app, and of vsearch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import pytest
import typer
from typer._click import Command, Context
from typer.core import TyperGroup
from typer.main import get_command

from vsearch.cli.help import App
from vsearch.cli.main import app as vsearch
from vsearch.cli.syntax import Section, description, sections, usage


def bake(
    cakes: Annotated[list[str], typer.Argument(metavar="CAKE...", help="What to bake.")],
    oven: Annotated[
        Literal["gas", "wood"], typer.Option("--oven", help="Which oven.", rich_help_panel="Heat")
    ] = "gas",
    degrees: Annotated[
        int, typer.Option("-d", "--degrees", metavar="N", min=1, max=300, help="How hot.")
    ] = 180,
    glaze: Annotated[bool, typer.Option("--glaze", help="Glaze them.")] = False,
    smell: Annotated[bool, typer.Option("--smell", hidden=True)] = False,
) -> None:
    """Bake cakes.

    \b
    baker bake plum            # the classic
    baker bake plum apple

    Nothing burns
    for long.

    \b
    baker bake *               # all
    """


def wash() -> None:
    """Wash up."""


@pytest.fixture
def baker() -> TyperGroup:
    """Return an app with two commands."""
    app = App()
    app.command("bake")(bake)
    app.command("wash", rich_help_panel="Afterwards")(wash)

    @app.callback()
    def baker() -> None:
        """Bake.

        \b
        baker bake plum
        baker bake apple
        baker bake pear
        baker bake quince
        """

    command = get_command(app)
    assert isinstance(command, TyperGroup)
    return command


def test_a_docstring_is_taken_apart(baker: TyperGroup) -> None:
    about = description(baker.commands["bake"])
    assert about.summary == "Bake cakes."
    assert about.examples == (
        "baker bake plum            # the classic", "baker bake plum apple",
        "baker bake *               # all",
    )  # fmt: skip
    assert about.more == ("Nothing burns for long.",)


def test_options_come_by_their_groups_the_others_last(baker: TyperGroup) -> None:
    command = baker.commands["bake"]
    assert usage(command) == "[OPTIONS] CAKE..."
    assert sections(command, Context(command, help_option_names=["--help"])) == [
        Section("Arguments", (("CAKE...", "What to bake."),)),
        Section("Heat", (("--oven gas|wood", "Which oven. Default: gas."),)),
        Section(
            "Other options",
            (
                ("-d, --degrees N", "How hot. Default: 180."),
                ("--glaze", "Glaze them."),
                ("--help", "Show this message and exit."),
            ),
        ),
    ]


HELP = """\
Usage: baker bake [OPTIONS] CAKE...

Examples:
  baker bake plum            # the classic
  baker bake plum apple
  baker bake *               # all

Bake cakes.

Nothing burns for long.

Arguments:
  CAKE...          What to bake.

Heat:
  --oven gas|wood  Which oven. Default: gas.

Other options:
  -d, --degrees N  How hot. Default: 180.
  --glaze          Glaze them.
  -h, --help       Show this message and exit.
"""
GROUP_HELP = """\
Usage: baker [OPTIONS] COMMAND ...

Examples:
  baker bake plum
  baker bake apple
  baker bake pear
  baker bake quince

Bake.

Afterwards:
  wash        Wash up.

Commands:
  bake        Bake cakes.

Options:
  -h, --help  Show this message and exit.
"""
INTRODUCTION = """\
Bake.

  baker bake plum
  baker bake apple
  baker bake pear

`baker --help` lists all commands, `baker COMMAND --help` tells all of one.
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["bake", "--help"], HELP, id="a command"),
        pytest.param(["-h"], GROUP_HELP, id="a group"),
        pytest.param([], INTRODUCTION, id="nothing"),
    ],
)
def test_the_whole_help(
    baker: TyperGroup, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        baker.main(words, prog_name="baker")
    assert ended.value.code == 0
    assert capsys.readouterr() == (expected, "")


def each(command: Command, name: str, parent: Context | None = None) -> Iterator[Context]:
    context = command.make_context(name, [], parent, resilient_parsing=True)
    yield context
    for below in command.commands.values() if isinstance(command, TyperGroup) else ():
        yield from each(below, below.name or "", context)


ALL = [pytest.param(one, id=one.command_path) for one in each(get_command(vsearch), "vsearch")]


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("context", ALL)
def test_the_help_of_vsearch_begins_with_examples_and_fits(
    context: Context, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = context.get_help().splitlines()
    assert lines[0].startswith(f"Usage: {context.command_path} [OPTIONS]")
    assert lines[1:3] == ["", "Examples:"]
    assert lines[3].startswith("  ")
    # Examples are for copying, and 50 columns the least that click lets itself be told.
    assert columns < 50 or max(map(len, lines)) <= max(80, min(columns, 100))


@pytest.mark.parametrize("context", ALL)
def test_every_option_of_vsearch_is_explained(context: Context) -> None:
    for section in sections(context.command, context):
        for typed, text in section.rows:
            assert text.endswith((".", "?")), typed


@pytest.mark.parametrize("context", ALL)
def test_every_example_of_vsearch_is_one(context: Context) -> None:
    about = description(context.command)
    assert any(context.command_path in line for line in about.examples)
    assert about.summary.endswith(".")
