"""Answers to a query: a table for a person, lines for a program."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from vsearch.config import cores
from vsearch.errors import UsageError
from vsearch.output.table import NARROWEST, print_table
from vsearch.output.terminal import in_columns, is_terminal, printable, say, shown_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsearch.records import Match
    from vsearch.searching.query import Kind
    from vsearch.searching.searcher import Answer

Form = Literal["table", "preview", "tab", "json", "csv", "paths", "nul", "nothing"]

ALL_WEAK = "perhaps nothing here matches; all of these are weak"
"""What is said of an answer of which every match is weak."""

_KINDS: dict[Kind, str] = {
    "words": "words",
    "picture": "picture",
    "url": "picture at",
    "stdin": "picture on standard input,",
    "indexed": "picture in the index",
}


def form_of(
    *,
    as_json: bool = False,
    as_csv: bool = False,
    paths: bool = False,
    nul: bool = False,
    preview: bool = False,
    nothing: bool = False,
) -> Form:
    """Return the form that the options ask for; a table on a terminal, else "tab".

    On a terminal too narrow for a table it is "tab", too. `preview` is for
    a terminal only, and as good as not given elsewhere; `nothing` when other programs have the
    matches. Raises UsageError for options that contradict each other.
    """
    options: tuple[tuple[str, Form, bool], ...] = (
        ("--json", "json", as_json),
        ("--csv", "csv", as_csv),
        ("-0" if nul else "--paths", "nul" if nul else "paths", paths or nul),
        ("--preview", "preview", preview),
        ("--exec", "nothing", nothing),
    )
    asked = {option: form for option, form, given in options if given}
    if len(asked) > 1:
        first, *others = asked
        raise UsageError(f"{first} cannot go with {' or '.join(others)}; choose one")
    terminal = is_terminal(sys.stdout)
    wide = terminal and shutil.get_terminal_size().columns >= NARROWEST
    form: Form = next(iter(asked.values()), "table" if wide else "tab")
    return "tab" if form == "preview" and not terminal else form


def print_answer(
    answer: Answer,
    form: Form,
    *,
    explain: bool,
    quiet: bool = False,
    color: bool = True,
    pixel_limit: int = 0,
) -> bool:
    """Print the matches on stdout, what must be said on stderr; return whether there were any.

    `form`: "table" for a person, or "preview" with pictures, of at most `pixel_limit` pixels;
    "tab", lines of rank, score, relevance and path; "json", an object a line; "csv" (RFC 4180) with
    the same fields under a line of their names; "paths", a path a line; "nul", the same ended by
    NUL; "nothing". `quiet`: nothing is said on stderr.

    Paths are relative below the current folder, absolute elsewhere; always absolute in JSON and
    CSV. On a terminal, control characters are written out in every form; elsewhere "paths", "nul"
    and "csv" give a name's exact bytes, and "tab" writes them out to keep its columns.
    """
    if not quiet:
        for line in (*answer.notes, *filter(None, [answer.warning])):
            say(f"vsearch: {line}")
    if explain:
        explain_answer(answer)
    if not answer.matches:
        if not quiet:
            say(f"vsearch: {why_nothing(answer)}")
    elif form == "table":
        print_table(answer.matches, color=color)
    elif form == "preview":
        from vsearch.output.preview import print_preview

        print_preview(answer.matches, color=color, workers=cores(), pixel_limit=pixel_limit)
    elif form != "nothing":
        print_matches(answer.matches, form)
    # Who reads lines of paths or objects has asked for just those, or finds "weak" in them.
    told = form in ("table", "preview", "tab") and not quiet
    if told and answer.matches and all(match.weak for match in answer.matches):
        say(f"vsearch: {ALL_WEAK}")
    return bool(answer.matches)


def why_nothing(answer: Answer) -> str:
    """Return why an answer has no matches."""
    if answer.refused is not None:
        return f"nothing here matches; the most relevant picture has {answer.refused:.3g}"
    if answer.narrowed:
        return "nothing found, no picture meets the conditions"
    if answer.rows and any(term.kind in ("picture", "indexed") for term in answer.terms):
        return "nothing found besides the query itself"
    # Without rows, or with those of pictures that are gone only.
    return "nothing found, the index is empty; add pictures with `vsearch index FOLDER`"


def print_matches(matches: Sequence[Match], form: Form) -> None:
    """Print matches on stdout in one of the forms of lines (see `print_answer`)."""
    _write_lines(matches, form, sys.stdout.buffer, terminal=sys.stdout.isatty())


def write_matches(matches: Sequence[Match], path: Path, form: Form) -> None:
    """Write matches to a new file, in one of the forms of lines. Raises OSError; then it is gone.

    FileExistsError where there is a file already.
    """
    with path.open("xb") as file:
        try:
            _write_lines(matches, form, file, terminal=False)
        except BaseException:
            path.unlink()
            raise


def keep_matches(matches: Sequence[Match], form: Form) -> Path:
    """Write matches to a new file in the folder for temporary files; return its path.

    Nobody else may read it. Raises OSError; then it is gone.
    """
    from tempfile import mkdtemp  # hardly ever needed

    folder = Path(mkdtemp(prefix="vsearch-"))
    try:
        write_matches(matches, folder / "marked", form)
    except BaseException:
        folder.rmdir()
        raise
    return folder / "marked"


def _write_lines(matches: Sequence[Match], form: Form, out: IO[bytes], *, terminal: bool) -> None:
    here = os.getcwd()
    if form == "csv":
        out.write(_csv(matches, terminal=terminal))
        out.flush()
        return
    for match in matches:
        path = shown_path(match.path, here)
        if form == "json":
            out.write(json_line(match, terminal=terminal) + b"\n")
        elif form == "tab":
            out.write(os.fsencode(_tab(match, path, terminal=terminal)) + b"\n")
        else:
            shown = printable(path) if terminal else path
            out.write(os.fsencode(shown) + (b"\0" if form == "nul" else b"\n"))
    out.flush()


def explain_answer(answer: Answer) -> None:
    """Say on stderr how an answer was found."""
    for term in answer.terms:
        part = f", the part {term.crop}" if term.crop else ""
        say(f"term: {_KINDS[term.kind]} {term.shown!r}{part}, weight {term.weight:g}")
    way = answer.strategy
    graph = "none" if way.graph_s is None else f"{1000 * way.graph_s:.1f} ms"
    say(
        f"search: {way.method}, {way.reason} (estimated for {answer.rows:,} vectors: "
        f"exact {1000 * way.exact_s:.1f} ms, graph {graph})"
    )
    for name, seconds in answer.seconds.items():
        say(f"time: {name} {1000 * seconds:.1f} ms")


def _entry(match: Match) -> dict[str, Any]:
    """Return what programs are told of a match: the fields of JSON, the columns of CSV."""
    entry = {
        "rank": match.rank,
        "path": match.path,
        "score": round(match.score, 6),
        "relevance": None if match.relevance is None else round(match.relevance, 4),
        "width": match.facts.width,
        "height": match.facts.height,
        "taken_at": match.facts.taken_at,
        "date": match.date,
        "region": None,
        "duplicates": match.duplicates,
        "labels": list(match.facts.labels),
        "weak": match.weak,
    }
    if match.names is not None:
        entry["names"] = round(match.names, 4)
    return entry


def json_line(match: Match, *, terminal: bool, **first: int | str) -> bytes:
    """Return a match as a line of JSON, without its end; `first` are other fields, before its own.

    Other than ASCII is written as it is, but on a terminal.
    """
    entry = {**first, **_entry(match)}
    if terminal:
        return json.dumps(entry).encode()
    try:
        return json.dumps(entry, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # A name that is no valid UTF-8: its bytes stand as lone surrogates, \udc80 to \udcff.
        return json.dumps(entry).encode()


def _csv(matches: Sequence[Match], *, terminal: bool) -> bytes:
    """Return lines of comma-separated values, ended by CRLF; numbers as in JSON, null is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for place, match in enumerate(matches):
        entry = _entry(match)
        if not place:
            writer.writerow(entry)
        cells = ["" if value is None else _cell(value) for value in entry.values()]
        writer.writerow([printable(cell) for cell in cells] if terminal else cells)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _cell(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _tab(match: Match, path: str, *, terminal: bool) -> str:
    relevance = "" if match.relevance is None else f"{match.relevance:.3f}"
    shown = printable(path) if terminal else in_columns(path)
    return f"{match.rank}\t{match.score:.4f}\t{relevance}\t{shown}"
