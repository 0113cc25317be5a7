"""What is typed wrongly, and the line that is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from vsearch.cli.help import App
from vsearch.cli.mistakes import nearest
from vsearch.errors import UsageError


def search(
    terms: Annotated[list[str], typer.Argument(metavar="TERM...")],
    count: Annotated[int, typer.Option("-k", "--count", metavar="N", min=1)] = 10,
    share: Annotated[float, typer.Option("--share", metavar="X", min=0, max=1)] = 0,
    most: Annotated[int, typer.Option("--most", metavar="N", max=5)] = 0,
    size: Annotated[int, typer.Option("--size", metavar="N")] = 0,
    sort: Annotated[Literal["date", "path"], typer.Option("--sort")] = "date",
    as_json: Annotated[bool, typer.Option("--json")] = False,
    secret: Annotated[bool, typer.Option("--hidden", hidden=True)] = False,
    source: Annotated[Path, typer.Option("--source", exists=True)] = Path("/"),
) -> None:
    """Search.

    \b
    v search "a dog"    # words
    """


def status() -> None:
    """Show."""


@pytest.fixture
def v() -> TyperGroup:
    """Return an app with two commands, and one below another name."""
    app, models = App(), App()
    app.command("search")(search)
    app.command("status")(status)
    models.command("list")(status)
    app.add_typer(models, name="models")

    @app.callback()
    def callback(debug: Annotated[bool, typer.Option("--debug")] = False) -> None:
        """Search."""

    command = get_command(app)
    assert isinstance(command, TyperGroup)
    return command


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("serch dog", "no such command, 'serch' after `v`; did you mean `v search`?"),
        ("SEARCH dog", "no such command, 'SEARCH' after `v`; did you mean `v search`?"),
        ("models lst", "no such command, 'lst' after `v models`; did you mean `v models list`?"),
        ("xyz", "no such command, 'xyz' after `v`; see `v --help`"),
        (
            "d.jpg",
            (
                "no such command, 'd.jpg' after `v`; see `v --help`, or search for it with "
                "`v search d.jpg`"
            ),
        ),
        (
            "¿qué?",
            (
                "no such command, '¿qué?' after `v`; see `v --help`, or search for it with "
                "`v search '¿qué?'`"
            ),
        ),
        ("--debug", "a command is missing, after `v`; see `v --help`"),
        ("search x --jsn", "no such option, --jsn for `v search`; did you mean --json?"),
        ("search x --cuont=3", "no such option, --cuont for `v search`; did you mean --count?"),
        ("search x -json", "no such option, -json for `v search`; did you mean --json?"),
        ("search x -z", "no such option, -z for `v search`; see `v search --help`"),
        ("search x --hiddn", "no such option, --hiddn for `v search`; see `v search --help`"),
        (
            "search x --debug",
            (
                "no such option, --debug for `v search`; it goes further left, as in "
                "`v --debug search`"
            ),
        ),
        (
            "--json search x",
            "no such option, --json for `v`; it goes after a command, as in `v COMMAND --json`",
        ),
        ("search", 'TERM is missing, after `v search`; for example `v search "a dog"`'),
        ("search x -k", "a value is missing, after -k; give -k, --count N"),
        ("search x --json=1", "a value too many, for --json; --json alone is enough"),
        ("search x --sort dat", "no such value, 'dat' for --sort; did you mean date?"),
        ("search x --sort size", "no such value, 'size' for --sort; choose from date, path"),
        ("search x -k ten", "no number, 'ten' for --count; give a whole number, 1 or more"),
        ("search x -k 0", "out of range, 0 for --count; give a whole number, 1 or more"),
        ("search x --share 2", "out of range, 2.0 for --share; give a number from 0 to 1"),
        ("search x --most 6", "out of range, 6 for --most; give a whole number, 5 or less"),
        ("search x --size 1.5", "no number, '1.5' for --size; give a whole number"),
        (
            "search x --source /no",
            "path '/no' does not exist, for --source; see `v search --help`",
        ),
        ("status a", "one argument too many, 'a' for `v status`; see `v status --help`"),
        ("status a b", "2 arguments too many, 'a', 'b' for `v status`; see `v status --help`"),
    ],
)
def test_what_is_said(v: TyperGroup, line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        v.main(line.split(), prog_name="v")
    assert str(caught.value) == said


@pytest.mark.parametrize("words", [["search", "x"], ["--debug", "status"], ["models", "list"]])
def test_what_is_right_runs(v: TyperGroup, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        v.main(words, prog_name="v")
    assert ended.value.code == 0


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--modle", "--model"), ("modle", "--model"), ("--MODEL", "--model"),
        ("--jsno", "--json"), ("--zzz", None), ("", None), ("--", None),
    ],
)  # fmt: skip
def test_the_nearest(typed: str, meant: str | None) -> None:
    assert nearest(typed, ["--offline", "--model", "--json", "--no-ignore"]) == meant
