"""Groups of duplicates, and what was done about them: for a person, and for a program."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Self

from vsearch.duplicates.find import LeftOut, path_of
from vsearch.output.terminal import (
    console,
    count_of,
    in_columns,
    is_terminal,
    printable,
    say,
    shown_path,
    size,
)
from vsearch.records import date_of

if TYPE_CHECKING:
    from rich.progress import Progress

    from vsearch.duplicates.act import Action
    from vsearch.duplicates.find import Duplicate, Group, Sought
    from vsearch.output.matches import Form
    from vsearch.records import Entry


class DuplicatesOutput:
    """Prints groups or actions on stdout as they come, and on stderr what it all comes to.

    `form`: "table" for a person; "tab", a line a file of group, what it is, cosine, bits and path;
    "json", an object a group; "paths" and "nul", the paths that are not kept. Paths are shown as
    `print_answer` does.
    """

    def __init__(self, form: Form) -> None:
        self._form = form
        self._here = os.getcwd()
        self._terminal = sys.stdout.isatty()
        self._bar: Progress | None = None
        self.groups = 0
        self.left_alone = 0
        self._files = {"exact": 0, "linked": 0, "near": 0, "crop": 0}
        self._size = 0  # bytes of files that are not kept
        self._freed = 0  # bytes
        self._done = 0

    def __enter__(self) -> Self:
        if is_terminal(sys.stderr):
            from rich import progress

            self._bar = progress.Progress(
                progress.TextColumn("comparing"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TimeRemainingColumn(),
                console=console(stderr=True),
                transient=True,
                redirect_stdout=False,
            )
            self._task = self._bar.add_task("", total=None)
            self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        if self._bar:
            self._bar.stop()

    def progress(self, done: int, total: int) -> None:
        """Show that of `total` pictures `done` have been compared."""
        if self._bar and (done % 16 == 0 or done == total):
            self._bar.update(self._task, completed=done, total=total)

    @contextmanager
    def _without_bar(self) -> Iterator[None]:
        """Take the bar away while something is printed beside it."""
        if not self._bar or not self._terminal:
            yield
            return
        self._bar.stop()
        yield
        self._bar.start()

    # Groups

    def left_out(self, what: LeftOut) -> None:
        """Say what is in no group."""
        if what.changed:
            say(
                f"vsearch: {count_of(what.changed, 'file')} left out, changed, gone or out of "
                "reach since they were indexed; run `vsearch index`"
            )
        if what.damaged:
            say(
                f"vsearch: {count_of(what.damaged, 'vector')} missing or damaged, these pictures "
                "are looked at for exact copies only; mend with `vsearch check --repair`"
            )

    def count(self, group: Group) -> None:
        """Count a group that is not printed."""
        self.groups += 1
        for other in group.others:
            self._files[other.why] += 1
            self._size += 0 if other.why == "linked" else other.entry.size

    def group(self, group: Group) -> None:
        """Print a group."""
        self.count(group)
        with self._without_bar():
            self._print(group)

    def _print(self, group: Group) -> None:
        if self._form == "json":
            self._write(_json(_as_object(group), terminal=self._terminal))
        elif self._form == "table":
            self._print_rows(group)
        elif self._form == "tab":
            number = f"{self.groups}\t"
            self._write(os.fsencode(f"{number}kept\t\t\t{self._shown(path_of(group.kept))}"))
            for other in group.others:
                cosine = "" if other.cosine is None else f"{other.cosine:.4f}"
                bits = "" if other.bits is None else str(other.bits)
                path = self._shown(path_of(other.entry))
                self._write(os.fsencode(f"{number}{other.why}\t{cosine}\t{bits}\t{path}"))
        else:
            end = b"\0" if self._form == "nul" else b"\n"
            for other in group.others:
                if other.why != "linked":  # the kept file itself: a script may remove what it reads
                    path = shown_path(path_of(other.entry), self._here)
                    shown = printable(path) if self._terminal else path
                    self._write(os.fsencode(shown), end)

    def _print_rows(self, group: Group) -> None:
        from rich.text import Text

        out = console()
        wide = out.width >= 80
        if self.groups > 1:
            out.print()
        for entry, other in [(group.kept, None), *((one.entry, one) for one in group.others)]:
            row = Text(f"{'keep' if other is None else other.why:<8}")
            row.stylize("bold" if other is None else "yellow" if other.cosine else "")
            row.append(_sizes(entry, wide=wide), "dim")
            if any(one.cosine for one in group.others):
                row.append(_how_near(other, wide=wide))
            path = printable(shown_path(path_of(entry), self._here))
            row.append(path, "bold" if other is None else "")
            out.print(row, soft_wrap=True)

    def _say_none(self, sought: Sought) -> None:
        say(f"vsearch: no {'exact ' if sought == 'exact' else ''}duplicates found")

    def say_groups(self, sought: Sought) -> None:
        """Say what the groups come to."""
        if not self.groups:
            self._say_none(sought)
            return
        files = sum(self._files.values())
        kinds = ", ".join(f"{count:,} {why}" for why, count in self._files.items() if count)
        say(
            f"{count_of(self.groups, 'group')}; {count_of(files, 'file')} not kept ({kinds}), "
            f"{size(self._size)}"
        )

    # Actions

    def action(self, action: Action, *, really: bool) -> None:
        """Print what was done to a file, or would be; on stderr what was not, and why."""
        with self._without_bar():
            self._print_action(action, really=really)

    def _print_action(self, action: Action, *, really: bool) -> None:
        path, to = (self._shown(one) for one in (action.path, action.to))
        if self._form == "json":
            done = really and action.why_not is None
            entry = {"action": action.kind, "path": action.path, "to": action.to}
            self._write(
                _json(entry | {"done": done, "why_not": action.why_not}, terminal=self._terminal)
            )
        elif action.why_not is None:
            self._write(os.fsencode(f"{action.kind}\t{path}\t{to}"))
        if action.why_not is not None:
            self.left_alone += 1
            if self._form != "json":
                say(f"left alone: {shown_path(action.path, self._here)}: {action.why_not}")
        else:
            self._done += 1
            self._freed += action.freed

    def say_actions(self, kind: Literal["link", "move"], *, really: bool, sought: Sought) -> None:
        """Say what the actions come to."""
        if not self.groups:
            self._say_none(sought)
            return
        what = f"{count_of(self._done, 'file')} {'' if really else 'would be '}"
        what += f"linked, {size(self._freed)} freed" if kind == "link" else "moved"
        if self.left_alone:
            what += f"; {self.left_alone:,} left alone"
        if kind == "link" and (near := self._files["near"] + self._files["crop"]):
            what += f"; {count_of(near, 'near one')} never linked"
        if kind == "move" and sought == "exact":
            what += "; near ones stay without --find near"
        if really:
            say(f"{what}; `vsearch index` brings the index up to date" if self._done else what)
        else:
            say(f"{what}; nothing is done without --yes")

    # Lines

    def _shown(self, path: str) -> str:
        """Return a path that breaks no columns; only a terminal minds undecodable bytes."""
        shown = shown_path(path, self._here)
        return printable(shown) if self._terminal else in_columns(shown)

    def _write(self, line: bytes, end: bytes = b"\n") -> None:
        sys.stdout.buffer.write(line + end)
        sys.stdout.buffer.flush()


def _sizes(entry: Entry, *, wide: bool) -> str:
    date = (date_of(entry) or "")[:10]
    sides = f"{entry.facts.width} × {entry.facts.height}"
    return f"{sides:>13}{size(entry.size):>9}  " + (f"{date:<10}  " if wide else "")


def _how_near(other: Duplicate | None, *, wide: bool) -> str:
    if other is None or other.cosine is None:
        return " " * (17 if wide else 8)
    bits = f"{other.bits:>4} bits" if wide else ""
    return f"{other.cosine:>6.3f}{bits}  "


def _as_object(group: Group) -> dict[str, Any]:
    return {
        "kept": _file(group.kept),
        "others": [
            _file(other.entry)
            | {
                "why": other.why,
                "cosine": None if other.cosine is None else round(other.cosine, 6),
                "bits": other.bits,
            }
            for other in group.others
        ],
    }


def _file(entry: Entry) -> dict[str, Any]:
    return {
        "path": path_of(entry),
        "bytes": entry.size,
        "width": entry.facts.width,
        "height": entry.facts.height,
        "taken_at": entry.facts.taken_at,
        "date": date_of(entry),
    }


def _json(entry: dict[str, Any], *, terminal: bool) -> bytes:
    if not terminal:
        try:
            return json.dumps(entry, ensure_ascii=False).encode()
        except UnicodeEncodeError:  # bytes of a name that are no valid UTF-8: lone surrogates
            pass
    return json.dumps(entry).encode()
