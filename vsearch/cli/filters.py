"""The filters that several commands share: which files may be an answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vsearch.cli import candidates
from vsearch.cli.values import at_home

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsearch.conditions import Condition

PANEL = "Filters"
_FEW = 5  # folders that are named

InOption = Annotated[
    list[str] | None,
    typer.Option(
        "--in",
        metavar="DIR",
        help="Only below this folder; may be repeated.",
        parser=at_home,
        autocompletion=candidates.folders,
        rich_help_panel=PANEL,
    ),
]
GlobOption = Annotated[
    list[str] | None,
    typer.Option(
        "--glob",
        metavar="PATTERN",
        help="Only such names ('IMG_*.{jpg,png}'), or such paths where it has a '/' "
        "('trips/*/best*', from the current folder; * also crosses folders); may be repeated.",
        rich_help_panel=PANEL,
    ),
]
AfterOption = Annotated[
    str | None,
    typer.Option(
        "--after", metavar="DATE", help="Only taken on that day or later.", rich_help_panel=PANEL
    ),
]
BeforeOption = Annotated[
    str | None,
    typer.Option(
        "--before", metavar="DATE", help="Only taken before that day.", rich_help_panel=PANEL
    ),
]
CameraOption = Annotated[
    list[str] | None,
    typer.Option(
        "--camera",
        metavar="TEXT",
        help="Only by a camera with this in its name; may be repeated.",
        rich_help_panel=PANEL,
    ),
]
TypeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="TYPE",
        help="Only jpeg, png, ...; may be repeated.",
        rich_help_panel=PANEL,
    ),
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="NAME",
        help="Only with this keyword in the file; may be repeated.",
        autocompletion=candidates.labels,
        rich_help_panel=PANEL,
    ),
]
MinSizeOption = Annotated[
    str | None,
    typer.Option(
        "--min-size",
        metavar="PIXELS",
        help="Only so large: 2000 for both sides, or 3000x2000.",
        rich_help_panel=PANEL,
    ),
]
OrientationOption = Annotated[
    Literal["landscape", "portrait", "square"] | None,
    typer.Option("--orientation", help="Only of this shape.", rich_help_panel=PANEL),
]
WhereOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="EXPRESSION",
        help="Only where this holds: \"width > height and 'canon' in camera\".",
        rich_help_panel=PANEL,
    ),
]


def condition_of(**asked: Any) -> Condition | None:  # noqa: ANN401  # fields of `Filters`
    """Return what the options that were given ask for together. Raises UsageError."""
    given = {name: one for name, one in asked.items() if one is not None}
    if not given:  # most searches: they need not wait for the import
        return None
    from vsearch.searching.filters import Filters

    return Filters(**given).condition()


def require_indexed(index_folder: Path, folders: Sequence[str] | None) -> None:
    """Raise UsageError for a folder of `--in` of which the index cannot know anything.

    That is one apart from all that is indexed, or one that is gone with all its pictures. Nothing
    is asked of an index of nothing, which every command says by itself.
    """
    if not folders:
        return
    from vsearch.conditions import Below
    from vsearch.errors import UsageError
    from vsearch.index import Index, within

    with Index(index_folder) as index:
        roots = [root.path for root in index.roots()]
        for folder in folders if roots else ():
            place = os.path.realpath(folder)
            if not any(within(place, root) or within(root, place) for root in roots) or not (
                os.path.lexists(place) or len(index.selected(Below(place)))
            ):
                raise UsageError(
                    f"not indexed, {folder!r}; indexed are {_listed(roots)}; "
                    "name one of these, one below, or have it indexed by `vsearch index`"
                )


def _listed(roots: Sequence[str]) -> str:
    shown = ", ".join(map(repr, roots[:_FEW]))
    return f"{shown} and {len(roots) - _FEW:,} more" if len(roots) > _FEW else shown
