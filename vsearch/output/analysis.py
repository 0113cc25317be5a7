"""What an analysis came to: sections for a person, lines or one object for a program."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vsearch.output.terminal import (
    console,
    count_of,
    in_columns,
    printable,
    say,
    shown_path,
    size,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from rich.console import Console

    from vsearch.analysis.results import Analysis, Distribution, Outlier, Outliers, Suspects
    from vsearch.output.matches import Form

_SHOWN = 8  # formats, cameras, classes that are named
_YEARS = 24  # in lines; of more, only the first and the last are told
_BLOCKS = "▁▂▃▄▅▆▇█"
LEFT_OUT = "left out of outliers, coverage and labels that may be wrong"
"""What becomes of pictures that are `too_flat`."""
_LABEL = 14  # columns of what stands before a line
_LITTLE = "these labels hardly follow what pictures look like: this says little"
_FROM = {"keywords": "keywords in the files", "folders": "the folder each picture is in"}


def print_analysis(analysis: Analysis, form: Form) -> None:
    """Print all of it on stdout, and on stderr what it comes to.

    `form`: "table", sections with the lists below them; "tab", a line for each thing that is
    counted or listed, its kind first and its paths last; "json", one object with everything.
    """
    if form == "json":
        data = json.dumps(asdict(analysis), ensure_ascii=False)
        try:
            _write(data.encode())
        except UnicodeEncodeError:  # bytes of a name that are no valid UTF-8: lone surrogates
            _write(json.dumps(asdict(analysis)).encode())
        if sys.stdout.isatty():
            return
    elif form == "tab":
        here = os.getcwd()
        for cells in _cells(analysis, here):
            _write(os.fsencode("\t".join(in_columns(cell) for cell in cells)))
    else:
        _Sections(analysis).print()
    _say(analysis)


def too_flat(outliers: Outliers) -> str:
    """Return how many pictures have too little structure to be compared as the others are."""
    flat = count_of(outliers.featureless, "picture")
    return f"Too flat to compare (a clear sky, a blank page): {flat}"


def say_report(target: Path) -> None:
    """Say that the report is written."""
    say(f"report: {target}")


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _say(analysis: Analysis) -> None:
    """Say what is worth looking at, what of it is worth little, and what could not be looked at."""
    known, found = analysis.labelling, [count_of(analysis.pictures, "picture")]
    twice = analysis.duplicates
    if twice.leaking:
        found.append(f"{twice.leaking:,} in another split, too")
    elif known and known.splits:
        found.append("none in another split, too")
    if twice.conflicting:
        found.append(f"{count_of(twice.conflicting, 'group')} of duplicates with several labels")
    if analysis.suspects:
        found.append(f"{count_of(analysis.suspects.found, 'label')} that may be wrong")
    found.append(count_of(analysis.outliers.found, "outlier"))
    say("; ".join(found))
    if analysis.suspects and not _followed(analysis.suspects):
        say(f"labels: {_agreed(analysis.suspects)}; {_LITTLE}")
    if not analysis.pictures:
        say(
            "no picture meets the filters"
            if analysis.filtered
            else "the index is empty; run `vsearch index PATH`"
        )
    if analysis.damaged:
        say(
            f"{count_of(analysis.damaged, 'picture')} with a vector that is missing or damaged, "
            "not compared; mend with `vsearch check --repair`"
        )
    if known and known.missing:
        say(
            f"{count_of(known.missing, 'labelled picture')} not among these (not indexed, or "
            f"filtered out), as {known.missing_paths[0]}"
        )


def _agreed(suspects: Suspects) -> str:
    return f"{suspects.accuracy:.0%} of {suspects.tested:,} are what pictures like them say"


def _followed(suspects: Suspects) -> bool:
    """Whether most labels are what pictures like them say; else suspects are worth little."""
    return suspects.accuracy >= 0.5


# For programs


def _cells(analysis: Analysis, here: str) -> Iterator[tuple[str, ...]]:
    def path(one: str) -> str:
        return shown_path(one, here)

    facts, known = analysis.facts, analysis.labelling
    yield ("pictures", str(analysis.pictures))
    yield ("contents", str(analysis.contents))
    yield ("damaged", str(analysis.damaged))
    for kind, counts in (
        ("format", facts.formats), ("orientation", facts.orientations),
        ("camera", facts.cameras), ("month", facts.months),
    ):  # fmt: skip
        for name, count in counts.items():
            yield (kind, name, str(count))
    for kind, spread in (
        ("megapixels", facts.megapixels), ("longer_side", facts.longer_side),
        ("aspect", facts.aspect), ("bytes", facts.bytes),
    ):  # fmt: skip
        if spread:
            steps = (spread.least, spread.p5, spread.p25, spread.median, spread.p75, spread.p95)
            yield (kind, *(f"{one:g}" for one in (*steps, spread.most)))
    if known:
        yield ("labels", known.source, str(known.labelled), str(known.unlabelled))
        if known.imbalance is not None:
            balance = (known.imbalance, known.evenness, known.effective)
            yield ("balance", *map(_figure, balance))
        for each in known.classes:
            yield ("class", each.label, str(each.pictures))
        for name, count in known.splits.items():
            yield ("split", name, str(count))
    for number, group in enumerate(analysis.duplicates.listed, 1):
        for one in group.pictures:
            yield ("duplicate", str(number), "exact" if group.exact else "near", path(one.path))
    for pair in analysis.duplicates.pairs:
        yield (
            "leak", pair.why, _figure(pair.cosine), pair.first.split or "", pair.second.split or "",
            pair.first.label or "", pair.second.label or "",
            path(pair.first.path), path(pair.second.path),
        )  # fmt: skip
    for number, group in enumerate(analysis.duplicates.conflicts, 1):
        for one in group.pictures:
            yield ("conflict", str(number), one.label or "", path(one.path))
    if (suspects := analysis.suspects) is not None:
        tested, left_out = str(suspects.tested), str(suspects.left_out)
        yield ("agreement", _figure(suspects.accuracy), tested, left_out)
    for rank, suspect in enumerate(suspects.listed if suspects else (), 1):
        yield (
            "suspect", str(rank), "confident" if suspect.confident else "", suspect.given,
            suspect.proposed, _figure(suspect.proposed_probability), path(suspect.picture.path),
        )  # fmt: skip
    for kind, listed in (("outlier", analysis.outliers.listed), ("odd", analysis.outliers.odd)):
        for rank, apart in enumerate(listed, 1):
            score = f"{apart.score:.3f}"
            yield (kind, str(rank), score, apart.among or "", path(apart.picture.path))
    for rank, picture in enumerate(analysis.outliers.blank, 1):
        yield ("flat", str(rank), path(picture.path))
    for radius in analysis.coverage.curve:
        yield ("coverage", str(radius.pictures), _figure(radius.distance), _figure(radius.cosine))
    for rank, chosen in enumerate(analysis.coverage.next, 1):
        yield ("label_next", str(rank), _figure(chosen.cosine), path(chosen.picture.path))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


# For a person


class _Sections:
    """Prints sections; lists go on one line each, their paths last and whole."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._here = os.getcwd()
        self._out: Console = console()
        self._blocks = not self._out.options.ascii_only and self._out.width >= 72
        self._first = True

    def print(self) -> None:
        analysis = self._analysis
        self._pictures()
        if analysis.labelling:
            self._labels()
        self._duplicates()
        if analysis.suspects:
            self._suspects(analysis.suspects)
        self._outliers()
        self._flat()
        self._coverage()

    def _heading(self, text: str) -> None:
        if not self._first:
            self._out.print()
        self._first = False
        self._out.print(text, style="bold", soft_wrap=True)

    def _line(self, label: str, text: str) -> None:
        """Print a line; what is wider than the terminal goes on below where the text began."""
        from rich.table import Table
        from rich.text import Text

        table = Table.grid()
        table.add_column(width=_LABEL, no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row(Text(f"  {label}"), Text(printable(text)))
        self._out.print(table)

    def _row(self, rank: int, figures: str, path: str, after: Iterable[str] = ()) -> None:
        from rich.text import Text

        row = Text(f"  {rank:>3}  ", "dim")
        row.append(f"{printable(figures)}  ", "not dim")
        row.append(printable(shown_path(path, self._here)), "not dim bold")
        for one in after:
            row.append(f"\n       {printable(one)}", "not dim")
        self._out.print(row, soft_wrap=True)

    # Sections

    def _pictures(self) -> None:
        analysis, facts = self._analysis, self._analysis.facts
        different = (
            f", {analysis.contents:,} of them different"
            if analysis.contents < analysis.pictures
            else ""
        )
        self._heading(f"{count_of(analysis.pictures, 'picture')}{different}")
        self._line("index", analysis.index + (", filtered" if analysis.filtered else ""))
        if not analysis.pictures:
            return
        self._line("formats", _few(facts.formats))
        self._spread("megapixels", facts.megapixels, lambda one: f"{one:.3g}")
        self._spread("longer side", facts.longer_side, lambda one: f"{one:,.0f}")
        self._spread("shape", facts.aspect, lambda one: f"{one:.2f}")
        self._line("", _few(facts.orientations))
        self._spread("file", facts.bytes, size)
        self._line("dates", _years(facts.years) or "none")
        if facts.years:
            taken = f"{facts.dated:,} as the camera wrote them, others by when files were changed"
            self._line("", taken if facts.dated else "by when the files were changed")
        if facts.undated:
            self._line("", f"{facts.undated:,} without any")
        cameras = _few(facts.cameras) or "none named"
        without = f"; {facts.without_camera:,} without" if facts.cameras else ""
        self._line("cameras", f"{cameras}{without if facts.without_camera else ''}")

    def _spread(self, label: str, spread: Distribution | None, shown: Any) -> None:  # noqa: ANN401  # a function of one float
        if spread is None:
            return
        if spread.least == spread.most:
            self._line(label, f"{shown(spread.median)}, all")
            return
        bars = f"  {_bars(spread.counts)}" if self._blocks else ""
        ends = f"{shown(spread.least)} to {shown(spread.most)}"
        self._line(label, f"median {shown(spread.median) + ',':<9} {ends:<22}{bars}".rstrip())

    def _labels(self) -> None:
        known = self._analysis.labelling
        if known is None:
            return
        source = known.place if known.source == "truth" else _FROM[known.source]
        self._heading(f"Labels: {printable(source or '')}")
        of = f" of {known.labelled + known.unlabelled:,}"
        self._line(
            "labelled",
            f"{known.labelled:,}{of}, {count_of(len(known.classes), 'class', 'classes')}",
        )
        counts = {one.label: one.pictures for one in known.classes}
        if counts:
            self._line("largest", _few(counts))
        if len(counts) > _SHOWN:
            self._line("smallest", _few(dict(list(counts.items())[: -_SHOWN - 1 : -1])))
        if known.imbalance is not None:
            self._line(
                "balance",
                f"largest {known.imbalance:.1f} × smallest; evenness {known.evenness:.2f} "
                f"(1: all equal), as {known.effective:.1f} equal classes",
            )
        if known.several:
            self._line("several", f"{known.several:,} with several keywords, each in its rarest")
        if known.splits:
            self._line("splits", _few(known.splits))

    def _duplicates(self) -> None:
        twice, known = self._analysis.duplicates, self._analysis.labelling
        pictures = count_of(twice.pictures, "picture")
        found = f"{count_of(twice.groups, 'group')} of {pictures}" if twice.groups else "none"
        self._heading(f"Duplicates: {found}")
        if known and known.splits:
            leaks = [
                f"{one.first} and {one.second}: {one.exact:,} exact, {one.near:,} near"
                + (f", {one.flat:,} flat that may be" if one.flat else "")
                for one in twice.leaks
            ]
            self._line("leaks", "; ".join(leaks) or "no picture is in several splits")
        for rank, pair in enumerate(twice.pairs[: self._analysis.top], 1):
            cosine = f"{pair.cosine:.3f}" if pair.cosine is not None else "     "
            splits = f"{pair.first.split} = {pair.second.split}"
            other = shown_path(pair.second.path, self._here)
            self._row(rank, f"{pair.why:<5} {cosine}  {splits}", pair.first.path, [other])
        if twice.conflicting:
            self._line("labels", f"{count_of(twice.conflicting, 'group')} with several")
            for rank, group in enumerate(twice.conflicts, 1):
                shown = [one for one in group.pictures if one.label is not None]
                told = list({one.label: one for one in reversed(shown)}.values())[::-1]
                others = [
                    f"{one.label}: {shown_path(one.path, self._here)}" for one in told[1:_SHOWN]
                ]
                self._row(rank, f"{told[0].label}:", told[0].path, others)
        if twice.groups and not twice.pairs and not twice.conflicting:
            self._line("", "`vsearch duplicates` lists them")

    def _suspects(self, suspects: Suspects) -> None:
        self._heading(f"Labels that may be wrong: {suspects.found:,}")
        agreed = _agreed(suspects)
        if suspects.left_out:
            agreed += f"; {suspects.left_out:,} in classes too small to tell"
        self._line("", agreed)
        if not _followed(suspects):
            self._line("", _LITTLE)
        wide = max((len(f"{one.given} → {one.proposed}") for one in suspects.listed), default=0)
        for rank, one in enumerate(suspects.listed, 1):
            kind = f"{one.given} → {one.proposed}"
            self._row(
                rank, f"{kind:<{min(wide, 40)}} {one.proposed_probability:>4.0%}", one.picture.path
            )

    def _outliers(self) -> None:
        apart = self._analysis.outliers
        if not apart.neighbours:
            return
        self._heading(f"Outliers: {apart.found:,} of a score of {apart.threshold:.2f} or more")
        for rank, one in enumerate(apart.listed, 1):
            self._apart(rank, one)
        if apart.odd:
            self._heading(f"Odd ones out in their class: {apart.odd_found:,}")
            for rank, one in enumerate(apart.odd, 1):
                self._apart(rank, one)

    def _flat(self) -> None:
        apart = self._analysis.outliers
        if not apart.featureless:
            return
        self._heading(too_flat(apart))
        self._line("", LEFT_OUT)
        for rank, one in enumerate(apart.blank, 1):
            self._row(rank, " flat", one.path)

    def _apart(self, rank: int, one: Outlier) -> None:
        self._row(
            rank, f"{one.score:>5.2f}" + (f"  {one.among}" if one.among else ""), one.picture.path
        )

    def _coverage(self) -> None:
        covered = self._analysis.coverage
        if not covered.curve:
            return
        self._heading("Coverage: the least cosine of any picture with the nearest of so many")
        at = {one.pictures: one.cosine for one in covered.curve}
        steps = [number for number in (1, 2, 5, 10, 20, 50, 100) if number in at]
        self._line("chosen", ", ".join(f"{number:,}: {at[number]:.2f}" for number in steps))
        known = self._analysis.labelling
        if covered.labelled and known and known.unlabelled:
            one = covered.labelled
            self._line("labelled", f"{one.pictures:,}: {one.cosine:.2f}")
        if covered.next:
            self._line("label next", "the furthest from what is labelled, then from each other")
        for rank, chosen in enumerate(covered.next, 1):
            cosine = "     " if chosen.cosine is None else f"{chosen.cosine:>5.2f}"
            self._row(rank, cosine, chosen.picture.path)


def _few(counts: Mapping[str, int]) -> str:
    """Name the first of what is counted, and say how many more there are."""
    shown = [f"{name} {count:,}" for name, count in list(counts.items())[:_SHOWN]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f", and {more:,} more" if more > 0 else "")


def _years(years: Mapping[str, int]) -> str:
    if len(years) <= _YEARS:
        return ", ".join(f"{year} {count:,}" for year, count in years.items())
    first, *_, last = years
    return f"{first} to {last}, most in {max(years, key=lambda one: years[one])}"


def _bars(counts: Iterable[int]) -> str:
    listed = list(counts)
    top = max(listed)
    return "".join(
        _BLOCKS[-(-count * (len(_BLOCKS) - 1) // top)] if count else " " for count in listed
    )
