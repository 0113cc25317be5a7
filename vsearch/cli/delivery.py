"""Where the matches of a search go beside being printed: the options, and what each does."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsearch.cli.values import PATH
from vsearch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsearch.output.delivery import DeliveryOutput
    from vsearch.records import Match

DELIVERY = "Ways out"

GalleryOption = Annotated[
    Path | None,
    typer.Option(
        "--gallery",
        click_type=PATH,
        metavar="FILE.html",
        help="Write a page with the pictures inside.",
        rich_help_panel=DELIVERY,
    ),
]
SheetOption = Annotated[
    Path | None,
    typer.Option(
        "--sheet",
        click_type=PATH,
        metavar="FILE.png",
        help="Write a contact sheet; .jpg, .webp, .tif and .pdf too.",
        rich_help_panel=DELIVERY,
    ),
]
CopyToOption = Annotated[
    Path | None,
    typer.Option(
        "--copy-to",
        click_type=PATH,
        metavar="DIR",
        help="Copy the files there, never over another.",
        rich_help_panel=DELIVERY,
    ),
]
LinkToOption = Annotated[
    Path | None,
    typer.Option(
        "--link-to",
        click_type=PATH,
        metavar="DIR",
        help="Make symbolic links to the files there.",
        rich_help_panel=DELIVERY,
    ),
]
OpenOption = Annotated[
    bool,
    typer.Option("--open", help="Open the files in the system's viewer.", rich_help_panel=DELIVERY),
]
ExecOption = Annotated[
    str | None,
    typer.Option(
        "--exec",
        metavar="CMD",
        help="Run CMD for each file, its path in place of {} or at the end; prints nothing else.",
        rich_help_panel=DELIVERY,
    ),
]

_OPENED_UNASKED = 5  # files that are opened without asking
_PARTLY = 3  # the exit code for what could be done in part


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is to be done with the matches, as the options say; see `require` and `deliver`."""

    gallery: Path | None = None
    sheet: Path | None = None
    copy_to: Path | None = None
    link_to: Path | None = None
    opened: bool = False
    command: str | None = None

    @property
    def asked(self) -> bool:
        """Whether there is anything to do."""
        return self != Delivery()

    def require(self) -> None:
        """Look before the search whether all this can be done. Raises UsageError and OSError."""
        for place in filter(None, (self.gallery, self.sheet, self.copy_to, self.link_to)):
            from vsearch.index.folder import require_outside

            require_outside(place)
        if self.gallery:
            from vsearch.output.gallery.write import require_gallery

            require_gallery(self.gallery)
        if self.sheet:
            from vsearch.output.sheet import require_sheet

            require_sheet(self.sheet)
        for folder in filter(None, (self.copy_to, self.link_to)):
            from vsearch.files.place import require_place

            require_place(folder)
        if self.command is not None:
            from vsearch.files.programs import command_of

            command_of(self.command)
        if self.opened:
            _require_viewer()

    @contextmanager
    def printing(self) -> Iterator[None]:
        """Print the matches in this: where that ends early, what is asked for here goes on.

        As in `vsearch search ... --copy-to DIR | head -1`, which else would end all by SIGPIPE.
        """
        if self.asked and hasattr(signal, "SIGPIPE"):
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        try:
            yield
        except BrokenPipeError:
            # What is left of the matches goes there, instead of failing again at the end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)

    def deliver(
        self,
        matches: Sequence[Match],
        title: str,
        *,
        pixel_limit: int,
        workers: int,
        quiet: bool,
        color: bool,
    ) -> int:
        """Do it with the matches, in the order of the options above; return the exit code.

        It is 3 when some files could not be copied or linked, or their programs failed. Raises
        UsageError, and OSError where something cannot be written.
        """
        if not self.asked:
            return 0
        from vsearch.output.delivery import DeliveryOutput

        with DeliveryOutput(quiet=quiet, color=color) as output:
            if self.gallery:
                from vsearch.output.gallery.write import write_gallery

                write_gallery(
                    matches, title, self.gallery, workers=workers, pixel_limit=pixel_limit,
                    progress=lambda done, total: output.progress("gallery", done, total),
                )  # fmt: skip
                output.written(self.gallery, len(matches))
            if self.sheet:
                from vsearch.output.sheet import write_sheet

                write_sheet(
                    matches, title, self.sheet, workers=workers, pixel_limit=pixel_limit,
                    progress=lambda done, total: output.progress("sheet", done, total),
                )  # fmt: skip
                output.written(self.sheet, len(matches))
            faults = self._place(matches, output)
        if self.opened:
            faults += _open(matches)
        if self.command is not None:
            faults += _run(self.command, matches)
        return _PARTLY if faults else 0

    def _place(self, matches: Sequence[Match], output: DeliveryOutput) -> int:
        from vsearch.files.place import place

        paths = [match.path for match in matches]
        faults = 0
        if self.copy_to:
            done = place(paths, self.copy_to, "copy")
            faults += output.placed(done, self.copy_to, "copy", len(paths))
        if self.link_to:
            done = place(paths, self.link_to, "link")
            faults += output.placed(done, self.link_to, "link", len(paths))
        return faults


def _run(command: str, matches: Sequence[Match]) -> int:
    from vsearch.files.programs import command_of, run_for

    words = command_of(command)
    sys.stdout.flush()
    return sum(run_for(words, match.path) != 0 for match in matches)


def _require_viewer() -> None:
    import shutil

    if sys.platform.startswith(("win", "darwin", "cygwin")) or shutil.which("xdg-open"):
        return
    raise UsageError(
        "there is no program to open pictures with, xdg-open; install xdg-utils, or name one with "
        "--exec"
    )


def _open(matches: Sequence[Match]) -> int:
    """Open each file in the system's viewer, after asking where there are many."""
    if len(matches) > _OPENED_UNASKED:
        question = f"open {len(matches):,} pictures?"
        if not sys.stdin.isatty():
            raise UsageError(
                f"nobody can be asked whether to {question[:-1]}; ask for {_OPENED_UNASKED} at "
                "the most with -k"
            )
        try:
            if not typer.confirm(question, err=True):
                return 0
        except typer.Abort:  # what typer makes of Ctrl-C, and of the end of what is typed
            raise KeyboardInterrupt from None
    from concurrent.futures import ThreadPoolExecutor

    from vsearch.files.programs import show_file
    from vsearch.output.terminal import say

    faults = 0
    with ThreadPoolExecutor(_OPENED_UNASKED) as pool:  # a viewer that stays is waited for a while
        for match, fault in zip(
            matches, pool.map(show_file, [match.path for match in matches]), strict=True
        ):
            if fault:
                say(f"not opened: {match.path}: {fault}")
                faults += 1
    return faults
