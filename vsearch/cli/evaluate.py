"""vsearch evaluate: how good a model is at finding your own pictures, and whether that will do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from vsearch.cli import candidates
from vsearch.cli.options import (
    DeviceOption,
    IndexOption,
    MegapixelsOption,
    OfflineOption,
    pixels,
)
from vsearch.cli.temporary import index_with
from vsearch.cli.values import PATH, Number

if TYPE_CHECKING:
    from vsearch.errors import VsearchError
    from vsearch.evaluation.gates import Requirement
    from vsearch.evaluation.record import Earlier
    from vsearch.evaluation.results import Evaluated, Evaluation, Gate, Kind
    from vsearch.index import Index
    from vsearch.models.folder import ModelFolder
    from vsearch.records import ModelIdentity

WHAT = "What is evaluated"
GATES = "Gates"
OUTPUT = "Output"


def evaluate(
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH",
            click_type=PATH,
            help="Captions, labels, or queries with their answers: CSV, JSON (COCO, Karpathy), or "
            "a folder of class folders.",
            show_default=False,
        ),
    ],
    # What is evaluated
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="DIR",
            click_type=PATH,
            help="The folder that TRUTH's paths are below. Default: that of TRUTH.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="NAME", help="Only this split of TRUTH.", rich_help_panel=WHAT
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="The model; several are compared with the first. Default: the index's own.",
            autocompletion=candidates.models,
            rich_help_panel=WHAT,
        ),
    ] = None,
    vector_set: Annotated[
        str | None,
        typer.Option(
            "--set",
            metavar="NAME",
            help="The vector set of the index, as `vsearch status --json` names it.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    k: Annotated[
        list[int] | None,
        typer.Option(
            "-k",
            "--k",
            metavar="N",
            min=1,
            max=999_999_999,
            help="Metrics at N; may be repeated. Default: 1, 5, 10.",
            show_default=False,
            rich_help_panel=WHAT,
        ),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample",
            metavar="N",
            min=1,
            help="With labels: only N pictures ask, drawn at random; all are there to be found.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of that drawing.", rich_help_panel=WHAT)
    ] = 0,
    allow_missing: Annotated[
        bool,
        typer.Option(
            "--allow-missing",
            help="Leave out pictures that are not there (with queries: count them as never found); "
            "else they are an error.",
            rich_help_panel=WHAT,
        ),
    ] = False,
    no_latency: Annotated[
        bool,
        typer.Option("--no-latency", help="Measure no latency.", rich_help_panel=WHAT),
    ] = False,
    # Gates
    require: Annotated[
        list[str] | None,
        typer.Option(
            "--require",
            metavar="'METRIC>=X'",
            help="Exit with 1 unless it holds; may be repeated. Also <=, > and <.",
            rich_help_panel=GATES,
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline",
            metavar="FILE.json",
            click_type=PATH,
            help="Exit with 1 where it is worse than this earlier evaluation.",
            rich_help_panel=GATES,
        ),
    ] = None,
    max_drop: Annotated[
        float,
        typer.Option(
            "--max-drop",
            metavar="X",
            click_type=Number(min=0),
            help="By so much any metric may be worse, and this share of the truth another.",
            rich_help_panel=GATES,
        ),
    ] = 0.01,
    # Output
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object.", rich_help_panel=OUTPUT)
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.html",
            click_type=PATH,
            help="Write a page with all of it, and the worst queries as pictures.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option(
            "--junit",
            metavar="FILE.xml",
            click_type=PATH,
            help="Write the gates as JUnit XML.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(
            "--markdown",
            metavar="FILE.md",
            click_type=PATH,
            help="Write it as Markdown, for a pull request.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say errors only.", rich_help_panel=OUTPUT)
    ] = False,
    # Other options
    device: DeviceOption = "auto",
    offline: OfflineOption = False,
    index_folder: IndexOption = None,
    max_megapixels: MegapixelsOption = None,
) -> None:
    """Measure how good a model is at finding your own pictures.

    \b
    vsearch evaluate captions.csv         # words find pictures, and the reverse
    vsearch evaluate labels.csv           # pictures find their class; zero-shot
    vsearch evaluate ~/Pictures/by-class  # a folder of class folders
    vsearch evaluate queries.csv --report page.html
    vsearch evaluate split.csv --split test --model mini --model balanced
    vsearch evaluate captions.csv --require 'recall@1>=0.6'
    vsearch evaluate captions.csv --baseline before.json --max-drop 0.02

    Pictures that the index has are not read; others are embedded for the time being. Exits with 1
    when a gate fails.
    """
    from vsearch.errors import in_words
    from vsearch.evaluation.gates import Requirement, depths_of
    from vsearch.evaluation.record import read_earlier
    from vsearch.files.ending import ended_cleanly
    from vsearch.output.evaluation.junit import require_junit, write_junit
    from vsearch.output.evaluation.markdown import require_markdown, write_markdown
    from vsearch.output.evaluation.table import form_of, print_evaluation, say_gates, say_missing
    from vsearch.output.report.outline import require_report
    from vsearch.output.terminal import say

    requirements = [Requirement.parsed(one) for one in require or ()]
    earlier = read_earlier(baseline) if baseline else None
    files = [
        _File(target, require, write)
        for target, require, write in (
            (
                report,
                require_report,
                partial(_write_report, max_megapixels=max_megapixels, quiet=quiet),
            ),
            (junit, require_junit, write_junit),
            (markdown, require_markdown, write_markdown),
        )
        if target
    ]
    _require(files)
    depths = {*(k or (1, 5, 10)), *_depths(requirements), *depths_of(earlier or ())}
    asked = _Asked(
        truth,
        images,
        split,
        models or (),
        vector_set,
        device,
        offline,
        index_folder,
        depths=tuple(sorted(depths)),
        sample=sample,
        seed=seed,
        allow_missing=allow_missing,
        latency=not no_latency,
        max_megapixels=max_megapixels,
        quiet=quiet,
    )
    try:
        with ended_cleanly():
            found = _evaluated(
                asked,
                requirements,
                earlier,
                lambda models, kind: _gates(models, requirements, earlier, max_drop, kind),
            )
        form = form_of(as_json=as_json)
        if form == "table":
            print_evaluation(found, form)
        failures = _written(files, found)
        say_missing(found)
        say_gates(found)
        if form != "table":  # last, since who reads it may be gone
            print_evaluation(found, form)
        if failures:
            for one in failures[:-1]:
                say(f"vsearch: {in_words(one)}")
            raise failures[-1]
    except KeyboardInterrupt:
        say("interrupted; nothing is left half written")
        raise typer.Exit(130) from None
    if not all(gate.passed for gate in found.gates):
        raise typer.Exit(1)


class _File(NamedTuple):
    """A file that was asked for: what looks whether it can be written, and what writes it."""

    target: Path
    require: Callable[[Path], None]
    write: Callable[[Evaluation, Path], None]


def _require(files: Sequence[_File]) -> None:
    """Look whether the files can be written, each to a place of its own, before anything else is.

    Raises UsageError.
    """
    from vsearch.errors import UsageError

    for one in files:
        if one.target == Path("-"):
            raise UsageError("stdout has the figures, so that no file can be -; name one")
        one.require(one.target)
    if len({os.path.realpath(one.target) for one in files}) < len(files):
        raise UsageError("--report, --junit and --markdown name the same file; name others")


def _written(files: Sequence[_File], found: Evaluation) -> list[VsearchError | OSError]:
    """Write the files, each whatever happened to another; return what kept some from it.

    What was measured is not lost by it: the errors are to be told when all else is said.
    """
    from vsearch.errors import VsearchError

    failures = list[VsearchError | OSError]()
    for one in files:
        try:
            one.write(found, one.target)
        except (VsearchError, OSError) as error:
            failures.append(error)
    return failures


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be evaluated, as it was given on the command line."""

    truth: Path
    images: Path | None
    split: str | None
    models: Sequence[str]
    vector_set: str | None
    device: Literal["auto", "cpu", "cuda", "mps"]
    offline: bool
    index_folder: Path | None
    depths: tuple[int, ...]
    sample: int | None
    seed: int
    allow_missing: bool
    latency: bool
    max_megapixels: float | None
    quiet: bool


def _depths(requirements: Sequence[Requirement]) -> set[int]:
    """Return each k that a requirement has, so that its metric is there."""
    return {one.depth for one in requirements if one.depth}


def _gates(
    models: Sequence[Evaluated],
    requirements: Sequence[Requirement],
    earlier: Sequence[Earlier] | None,
    max_drop: float,
    kind: Kind,
) -> tuple[Gate, ...]:
    from vsearch.evaluation.gates import check, check_baseline

    gates = list(check(requirements, models, kind))
    if earlier:
        gates += check_baseline(earlier, models, max_drop, kind)
    return tuple(sorted(gates, key=lambda gate: gate.passed))  # those that failed first


def _evaluated(
    asked: _Asked,
    requirements: Sequence[Requirement],
    earlier: Sequence[Earlier] | None,
    gates: Callable[[Sequence[Evaluated], Kind], tuple[Gate, ...]],
) -> Evaluation:
    """Evaluate every model on the truth, one after the other.

    Raises UsageError for `requirements` on what will not be measured, and for an `earlier` one of
    another kind, before anything is.
    """
    from datetime import datetime

    from vsearch.config import cores, index_location
    from vsearch.errors import UsageError
    from vsearch.evaluation.comparison import compare
    from vsearch.evaluation.evaluate import Options, evaluate, missing
    from vsearch.evaluation.gates import require_kind
    from vsearch.evaluation.results import Evaluation
    from vsearch.machine import facts
    from vsearch.models.open import open_encoder
    from vsearch.output.bar import Bar
    from vsearch.output.evaluation.table import say_beside
    from vsearch.truth.read import read
    from vsearch.truth.values import Captions, Labels, Queries

    truth = read(asked.truth, images=asked.images, split=asked.split)
    if isinstance(truth, Labels) and truth.beside and not asked.quiet:
        say_beside(truth.beside)
    if asked.sample and not isinstance(truth, Labels):
        raise UsageError("--sample is for labels, of which every picture asks; leave it out")
    if asked.vector_set and asked.models:
        raise UsageError("--set has a model of its own; leave out --model")
    if len(set(asked.models)) < len(asked.models):
        raise UsageError(f"a model is named twice, {_twice(asked.models)!r}; name each once")
    kind: Kind = "queries"
    if not isinstance(truth, Queries):
        kind = "captions" if isinstance(truth, Captions) else "labels"
    for requirement in requirements:
        requirement.full_name(kind, latency=asked.latency)
    if earlier:
        require_kind(earlier, kind)
    options = Options(
        cores(),
        pixels(asked.max_megapixels, cores()),
        asked.depths,
        asked.sample,
        asked.seed,
        _folders(asked),
        asked.allow_missing,
        asked.latency,
    )
    known = index_location(asked.index_folder)
    if not (asked.vector_set or known.exists() or any(map(os.path.exists, truth.paths))):
        raise missing(
            truth.paths, len(truth.paths)
        )  # not that there is no index, which need not be
    models = list(_models(asked, known))  # one that is not there is told before any is measured
    found = []
    for model in models:
        encoder, _ = open_encoder(model, asked.device)
        with ExitStack() as opened:
            folder = known
            if asked.vector_set is None:
                needed: Sequence[str] = truth.paths
                instead = None
                if isinstance(truth, Queries):
                    needed, instead = _searched(known, truth.paths, encoder.identity)
                folder = opened.enter_context(
                    index_with(
                        needed,
                        known,
                        encoder,
                        pixel_limit=options.pixel_limit,
                        quiet=asked.quiet,
                        instead=instead,
                        follow_links=instead is not None,  # TRUTH may name some in that folder
                    )
                )
            bar = opened.enter_context(Bar(quiet=asked.quiet))
            found.append(evaluate(truth, folder, asked.vector_set, encoder, options, bar.progress))
    return Evaluation(
        str(asked.truth),
        kind,
        asked.split,
        len(truth.paths),
        datetime.now().astimezone().isoformat(timespec="seconds"),
        facts(),
        tuple(found),
        tuple(compare(found)),
        gates(found, kind),
        max(one.missing for one in found),
    )


def _twice(names: Sequence[str]) -> str:
    return next(name for place, name in enumerate(names) if name in names[:place])


def _models(asked: _Asked, known: Path) -> Iterator[ModelFolder]:
    """Yield the models that are to be evaluated."""
    from vsearch.cli.encoders import model_for_index
    from vsearch.config import models_location
    from vsearch.index import Index
    from vsearch.models.installed import Installed

    if asked.vector_set is not None:
        with Index(known, asked.vector_set) as index:
            identity = index.model
        if identity:
            yield Installed(models_location()).by_identity(identity)
        return
    names: Sequence[str | None] = asked.models or (None,)
    for name in names:
        yield model_for_index(known, name, offline=asked.offline, device=asked.device)


def _folders(asked: _Asked) -> tuple[str, ...]:
    """Return where pictures that are queries may be, as those that TRUTH names."""
    import os

    if asked.images is not None:
        return (os.path.abspath(asked.images),)
    own = os.path.dirname(os.path.abspath(asked.truth))
    return own, os.path.join(own, "images"), os.path.join(own, "Images")


def _searched(
    known: Path, paths: Sequence[str], identity: ModelIdentity
) -> tuple[Sequence[str], Sequence[str]]:
    """Return what the index in `known` must have to be searched, and what is searched if not.

    That is the `paths` of the truth and, with any model, all files of the index. Where there is no
    index of any of these, what is searched is the folder that all of them are below. Some may be
    there no longer.
    """
    import os

    from vsearch.errors import IndexMissing, ModelMismatch
    from vsearch.index import Index

    files, embedded = set[str](), set[str]()
    try:
        with Index(known) as index:
            if (index.rows_of(paths) >= 0).any():
                files = _files(index)
        with Index(known, identity) as index:
            embedded = _files(index)
    except (IndexMissing, ModelMismatch):
        pass
    if files:
        instead = files.union(paths)
    else:
        instead = {os.path.commonpath([os.path.dirname(path) for path in paths])}
    return sorted((files - embedded).union(paths)), sorted(instead)


def _files(index: Index) -> set[str]:
    import os

    return {os.path.join(entry.root, entry.path) for entry in index.entries()}


def _write_report(
    found: Evaluation, target: Path, *, max_megapixels: float | None, quiet: bool
) -> None:
    from vsearch.config import cores
    from vsearch.output.bar import Bar
    from vsearch.output.report.evaluation import write_evaluation

    with Bar(quiet=quiet) as bar:
        write_evaluation(
            found,
            target,
            workers=cores(),
            pixel_limit=pixels(max_megapixels, cores()),
            progress=lambda done, total: bar.progress("report", done, total),
        )
