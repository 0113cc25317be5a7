"""vsearch config: what is set for good, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vsearch.cli.help import App

if TYPE_CHECKING:
    from pathlib import Path

config = App()

ProjectOption = Annotated[
    bool,
    typer.Option("--project", help="The file in the nearest .vsearch folder, not the user's own."),
]


@config.callback()
def config_command() -> None:
    """Show and change settings: defaults of options.

    \b
    vsearch config show
    vsearch config edit
    VSEARCH_SEARCH_COUNT=20 vsearch search "a dog"
    """


@config.command()
def show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
) -> None:
    """Show every setting, its value now, and where that comes from.

    \b
    vsearch config show
    vsearch config show --json
    """
    from vsearch.cli.settings import settings
    from vsearch.output.config import print_settings

    print_settings(settings(context), as_json=as_json)


@config.command()
def path(project: ProjectOption = False) -> None:
    """Print where the configuration file is, or would be.

    \b
    vsearch config path
    vsearch config path --project
    """
    from vsearch.output.config import print_path

    print_path(_file(project=project))


@config.command()
def edit(context: typer.Context, project: ProjectOption = False) -> None:
    """Open the configuration file in $VISUAL or $EDITOR, and check it afterwards.

    \b
    vsearch config edit
    vsearch config edit --project

    A new one lists all that can be set.
    """
    from vsearch.cli.settings import checked, template
    from vsearch.config.files import is_there
    from vsearch.output.terminal import say

    file = _file(project=project)
    if not is_there(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(template(context, project=project), encoding="utf-8")
    _open_in_editor(file)
    count = sum(1 for _ in checked(context, file, project=project))
    say(f"checked: {count} set, in {file}")


def _file(*, project: bool) -> Path:
    from vsearch.config.locations import project_config_file, user_config_file
    from vsearch.errors import ConfigError, UsageError

    if not project:
        user = user_config_file()
        if user is None:
            raise ConfigError("no home folder, to have settings in; set HOME")
        return user
    file = project_config_file()
    if file is None:
        raise UsageError(
            "no .vsearch folder here or above, to have settings of a project; make one with "
            "`vsearch index . --index .vsearch`"
        )
    return file


def _open_in_editor(file: Path) -> None:
    """Open a file in the user's editor and wait. Raises UsageError where that cannot be."""
    import os
    import shlex
    import subprocess
    import sys

    from vsearch.errors import UsageError

    usual = "notepad" if sys.platform == "win32" else "vi"
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or usual
    try:
        code = subprocess.call([*shlex.split(editor, posix=os.name == "posix"), os.fspath(file)])
    except (OSError, ValueError, IndexError) as error:
        raise UsageError(
            f"no editor, called {editor!r}; name one in $EDITOR, or open {file} yourself"
        ) from error
    if code:
        raise UsageError(f"the editor {editor!r} has failed, with exit code {code}, on {file}")
