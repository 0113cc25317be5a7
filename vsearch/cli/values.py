"""What options take that typer has no type for: paths that are named, numbers that are numbers."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

# typer keeps the click it is built upon there, and exports none of these.
from typer._click.types import FloatRange
from typer.models import TyperPath

if TYPE_CHECKING:
    from typer import Context
    from typer._click import Context as AnyContext
    from typer._click import Parameter


class NamedPath(TyperPath):
    """A path, of whatever is there or is not yet; not "", the value of a variable that is unset.

    A first "~/" is the home folder: shells leave it in `--option=~/folder`.
    """

    def __init__(self) -> None:
        super().__init__(readable=False)  # what cannot be read is said by who reads it, in one line

    def convert(
        self,
        value: str | os.PathLike[str],
        param: Parameter | None,
        ctx: Context | None,  # type: ignore[override]  # as typer has it
    ) -> str | bytes | os.PathLike[str]:
        """Return the path. Raises BadParameter for an empty one, which would be this folder."""
        if not os.fspath(value):
            self.fail("An empty name", param, ctx)
        return super().convert(at_home(os.fspath(value)), param, ctx)


def at_home(path: str) -> str:
    """Return a path with the home folder in place of a first "~/"."""
    return os.path.expanduser(path) if path.startswith("~/") else path


class Number(FloatRange):
    """A number within bounds, which `nan` is not: it would pass every comparison with them."""

    def convert(self, value: object, param: Parameter | None, ctx: AnyContext | None) -> float:
        """Return the number. Raises BadParameter."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"nan is not in the range {self._describe_range()}.", param, ctx)
        return number


PATH = NamedPath()
