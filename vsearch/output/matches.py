"""Answers to a query: a table for a person, lines for a program."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Literal

from vsearch.errors import UsageError
from vsearch.output.terminal import console, is_terminal, printable, say, shown_path

if TYPE_CHECKING:
    from vsearch.records import Match
    from vsearch.searching.searcher import Answer

Form = Literal["table", "tab", "json", "paths", "nul"]


def form_of(*, as_json: bool, paths: bool, nul: bool) -> Form:
    """Return the form that the options ask for; a table on a terminal, else "tab".

    Raises UsageError for options that contradict each other.
    """
    if as_json and (paths or nul):
        raise UsageError("--json cannot go with --paths or -0; choose one")
    if as_json:
        return "json"
    if nul:
        return "nul"
    if paths:
        return "paths"
    return "table" if is_terminal(sys.stdout) else "tab"


def print_answer(answer: Answer, form: Form, *, explain: bool) -> bool:
    """Print the matches on stdout, what must be said on stderr; return whether there were any.

    `form`: "table" for a person; "tab", lines of rank, score, relevance and path; "json", an
    object a line; "paths", a path a line; "nul", the same ended by NUL.

    Paths are relative below the current folder, absolute elsewhere; always absolute in JSON. On a
    terminal, control characters are written out in every form; elsewhere "paths" and "nul" give
    a name's exact bytes, and "tab" writes them out to keep its columns.
    """
    if answer.warning:
        say(f"vsearch: {answer.warning}")
    if explain:
        _explain(answer)
    if not answer.matches and answer.narrowed:
        say("vsearch: nothing found, no picture meets the conditions")
    elif (
        not answer.matches and answer.rows and any(term.kind == "picture" for term in answer.terms)
    ):
        say("vsearch: nothing found besides the query itself")
    elif not answer.matches:
        # Without rows, or with those of pictures that are gone only.
        say("vsearch: nothing found, the index is empty; add pictures with `vsearch index FOLDER`")
    elif form == "table":
        _print_table(answer.matches)
    else:
        _print_lines(answer.matches, form)
    return bool(answer.matches)


def _print_lines(matches: list[Match], form: Form) -> None:
    terminal = sys.stdout.isatty()
    here = os.getcwd()
    out = sys.stdout.buffer
    for match in matches:
        path = shown_path(match.path, here)
        if form == "json":
            out.write(_json(match, terminal=terminal) + b"\n")
        elif form == "tab":
            out.write(os.fsencode(_tab(match, path, terminal=terminal)) + b"\n")
        else:
            shown = printable(path) if terminal else path
            out.write(os.fsencode(shown) + (b"\0" if form == "nul" else b"\n"))
    out.flush()


def _explain(answer: Answer) -> None:
    for term in answer.terms:
        kind = "picture at" if term.kind == "url" else term.kind
        say(f"term: {kind} {term.shown!r}, weight {term.weight:g}")
    way = answer.strategy
    graph = "none" if way.graph_s is None else f"{1000 * way.graph_s:.1f} ms"
    say(
        f"search: {way.method}, {way.reason} (estimated for {answer.rows:,} vectors: "
        f"exact {1000 * way.exact_s:.1f} ms, graph {graph})"
    )
    for name, seconds in answer.seconds.items():
        say(f"time: {name} {1000 * seconds:.1f} ms")


def _json(match: Match, *, terminal: bool) -> bytes:
    entry = {
        "rank": match.rank,
        "path": match.path,
        "score": round(match.score, 6),
        "relevance": None if match.relevance is None else round(match.relevance, 4),
        "width": match.facts.width,
        "height": match.facts.height,
        "taken_at": match.facts.taken_at,
        "region": None,
        "duplicates": None,
        "labels": list(match.facts.labels),
    }
    if terminal:
        return json.dumps(entry).encode()
    try:
        return json.dumps(entry, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # A name that is no valid UTF-8: its bytes stand as lone surrogates, \udc80 to \udcff.
        return json.dumps(entry).encode()


def _tab(match: Match, path: str, *, terminal: bool) -> str:
    relevance = "" if match.relevance is None else f"{match.relevance:.3f}"
    # Undecodable bytes keep no column from standing straight; only a terminal minds them.
    shown = (
        printable(path)
        if terminal
        else "".join(
            character if "\ud800" <= character <= "\udfff" else printable(character)
            for character in path
        )
    )
    return f"{match.rank}\t{match.score:.4f}\t{relevance}\t{shown}"


def _print_table(matches: list[Match]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    here = os.getcwd()
    out = console()
    with_relevance = any(match.relevance is not None for match in matches)
    with_size, with_date = out.width >= 60, out.width >= 72  # a narrow terminal keeps the names
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", justify="right", style="dim", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    if with_relevance:
        table.add_column("relevance" if with_size else "rel.", justify="right", no_wrap=True)
    table.add_column("picture", overflow="fold", ratio=1)
    if with_size:
        table.add_column("size", justify="right", style="dim", no_wrap=True)
    if with_date:
        table.add_column("taken", style="dim", no_wrap=True)
    for match in matches:
        cells: list[str | Text] = [str(match.rank), f"{match.score:.3f}"]
        if with_relevance:
            cells.append("" if match.relevance is None else f"{match.relevance:.0%}")
        cells.append(Text(printable(shown_path(match.path, here)), style="bold"))
        if with_size:
            cells.append(f"{match.facts.width} × {match.facts.height}")
        if with_date:
            cells.append((match.facts.taken_at or "")[:10])
        table.add_row(*cells)
    out.print(table)
