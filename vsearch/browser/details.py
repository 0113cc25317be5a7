"""What is known of the chosen picture, as lines beside the grid or below it."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text

from vsearch.output.terminal import printable, shown_path, size

if TYPE_CHECKING:
    from vsearch.records import Match


def facts_of(match: Match, file: os.stat_result | None) -> list[tuple[str, str]]:
    """Return what is known of a match, each with its name; `file` is None where it has gone."""
    facts = match.facts
    weak = ", weak" if match.weak else ""
    lines = [
        ("relevance", "" if match.relevance is None else f"{match.relevance:.0%}{weak}"),
        ("score", f"{match.score:.3f}"),
        ("rank", f"{match.rank:,}"),
        ("size", f"{facts.width} × {facts.height}, {facts.format}"),
        ("taken", (facts.taken_at or "")[:19].replace("T", " ")),
        ("camera", facts.camera or ""),
    ]
    if file is None:
        lines.append(("file", "gone"))
    else:
        lines += [("file", size(file.st_size)), ("changed", _date(file.st_mtime))]
    return [(name, printable(text)) for name, text in lines if text]


def _date(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds).isoformat(" ", "minutes")
    except (ValueError, OverflowError, OSError):  # some file systems hold any number
        return "at no known time"


def as_lines(match: Match, file: os.stat_result | None, here: str) -> Text:
    """Return them a line each, the path first."""
    text = Text(printable(shown_path(match.path, here)) + "\n", "bold", overflow="fold")
    for name, value in facts_of(match, file):
        text.append(f"\n{name:<11}", "not bold dim")
        text.append(value, "not bold")
    return text


def in_brief(match: Match, file: os.stat_result | None, here: str) -> Text:
    """Return the path, and the rest on one line."""
    text = Text(printable(shown_path(match.path, here)), "bold", overflow="fold")
    rest = "   ".join(value for _, value in facts_of(match, file))
    return text.append("\n" + rest, "not bold dim")
