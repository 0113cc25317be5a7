"""vsearch split: training, validation and test sets that share no near-duplicates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsearch.cli.options import IndexOption, MegapixelsOption, pixels
from vsearch.cli.values import PATH, Number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsearch.splitting.split import Plan, Splitting
    from vsearch.truth.sheet import Sheet

_NAMES = {2: ("train", "test"), 3: ("train", "validation", "test")}


def split(
    truth: Annotated[
        Path | None,
        typer.Argument(
            click_type=PATH,
            metavar="[TRUTH]",
            help="A CSV of path,label or image,caption, COCO or Karpathy JSON, a folder of class "
            "folders or of pictures. Default: all pictures of the index.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            click_type=PATH,
            metavar="FILE",
            help="The CSV to write; only an earlier split is replaced. Default, or -: stdout.",
        ),
    ] = None,
    fractions: Annotated[
        str,
        typer.Option(
            "--fractions",
            metavar="N,N,N",
            help="Per cent of the pictures in train, validation and test; two: in train and test.",
        ),
    ] = "80,10,10",
    together: Annotated[
        list[str] | None,
        typer.Option(
            "--together",
            metavar="NAME",
            help="Also keep together what is of one `folder`, of one `day` as the camera wrote it, "
            "or has the same in this column of TRUTH. Repeatable.",
        ),
    ] = None,
    alike: Annotated[
        float,
        typer.Option(
            "--alike",
            metavar="X",
            click_type=Number(min=0, max=1),
            help="From this cosine on keep together what is no near-duplicate, too; 1: never.",
        ),
    ] = 0.9,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Another number gives another split.")
    ] = 0,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            click_type=PATH,
            metavar="DIR",
            help="The folder that paths in TRUTH are below. Default: its own, or images in that.",
        ),
    ] = None,
    index_folder: IndexOption = None,
    max_megapixels: MegapixelsOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON; needs --out.")
    ] = False,
) -> None:
    """Split pictures into training, validation and test sets that do not leak.

    \b
    vsearch split labels.csv > split.csv
    vsearch split labels.csv --out split.csv --fractions 70,15,15 --seed 7
    vsearch split photos/ --out split.csv --together folder --together day
    vsearch split cases.csv --out split.csv --together patient   # a column of it
    vsearch evaluate split.csv --split test

    Near-duplicates stay together, and classes keep their shares. Then all pairs across splits are
    looked at once more: where one is near, nothing is written. Exits with 3 when pictures had to be
    left out.
    """
    from vsearch.config import cores, index_location
    from vsearch.errors import UsageError
    from vsearch.files.ending import ended_cleanly
    from vsearch.output.splitting import print_csv, print_summary_json, say_summary
    from vsearch.output.terminal import say
    from vsearch.splitting.split import Plan, require_marks, require_there
    from vsearch.truth.write import as_csv, require_target, rows_with_splits, write

    if images and not truth:
        raise UsageError("--images says where pictures of TRUTH are; give that, too")
    target = None if out is None or out == "-" else Path(out)
    if as_json and target is None:
        raise UsageError("--json prints the summary where the CSV would come; add --out FILE")
    plan = Plan(_shares(fractions), tuple(together or ()), seed, alike)
    if target is not None:
        require_target(target)
    sheet, pictures, labels = _read(truth, images, index_folder)
    require_marks(sheet, plan.together)
    require_there(pictures, of_index=truth is None)
    try:
        with ended_cleanly():
            found = _split(
                sheet,
                pictures,
                labels,
                plan,
                pixels(max_megapixels, cores()),
                index_location(index_folder),
            )
            below = None if target is None else target.absolute().parent
            rows = rows_with_splits(sheet, pictures, found.splits, below)
            if target is not None:
                write(target, as_csv(rows))
    except KeyboardInterrupt:
        say("interrupted; nothing is left half written")
        raise typer.Exit(130) from None
    if target is None:
        print_csv(rows)
    found = replace(found, left_out=(*found.left_out, *sheet.beside))
    say_summary(found)
    if as_json:
        print_summary_json(found, plan)
    if found.left_out:
        raise typer.Exit(3)


def _shares(fractions: str) -> dict[str, float]:
    """Return the shares by the names of the splits. Raises UsageError."""
    from vsearch.errors import UsageError

    try:
        numbers = [float(part) for part in fractions.split(",")]
    except ValueError:
        numbers = []
    total = sum(numbers)
    whole = any(abs(total - one) < 1e-6 * one for one in (1, 100))
    if len(numbers) not in _NAMES or not whole or not all(number > 0 for number in numbers):
        raise UsageError(
            f"not two or three numbers above zero that sum to 100: --fractions {fractions}; write "
            "80,10,10 or 80,20"
        )
    names = _NAMES[len(numbers)]
    return {name: number / total for name, number in zip(names, numbers, strict=True)}


def _read(
    truth: Path | None, images: Path | None, index_folder: Path | None
) -> tuple[Sheet, list[str], Mapping[str, str]]:
    """Return the rows of a truth, the picture of each, and the class of each picture that has one.

    Without a truth, all pictures of the index.
    """
    import os

    from vsearch.config import index_location
    from vsearch.errors import UsageError
    from vsearch.index import Index
    from vsearch.truth.read import pictures_of, read_sheet, truth_of
    from vsearch.truth.sheet import Columns, Sheet
    from vsearch.truth.values import Labels

    if truth is None:
        with Index(index_location(index_folder)) as index:
            paths = [os.path.join(entry.root, entry.path) for entry in index.entries()]
        paths.sort(key=os.fsencode)
        rows = [[path] for path in paths]
        return Sheet(Columns(("path",), "pictures", 0, None), rows, range(len(rows))), paths, {}
    sheet = read_sheet(truth)
    if sheet.columns.kind == "queries":
        raise UsageError(
            f"queries cannot be split by their pictures, {truth}; name captions, labels or pictures"
        )
    if not sheet.rows:
        raise UsageError(f"no pictures, in {truth}; name a folder or a truth with some")
    pictures = pictures_of(truth, sheet, images)
    if sheet.columns.kind == "pictures":
        return sheet, pictures, {}
    found = truth_of(truth, sheet, pictures)
    labels = dict(zip(found.paths, found.labels, strict=True)) if isinstance(found, Labels) else {}
    return sheet, pictures, labels


def _split(
    sheet: Sheet,
    pictures: list[str],
    labels: Mapping[str, str],
    plan: Plan,
    pixel_limit: int,
    folder: Path,
) -> Splitting:
    """Return the split of the pictures, by the index in `folder`.

    Where it lacks some, as they are now, all are indexed for the time being.
    """
    from contextlib import ExitStack

    from vsearch.cli.encoders import model_for_index
    from vsearch.cli.temporary import index_with
    from vsearch.config import cores
    from vsearch.index import Index
    from vsearch.models.open import open_encoder
    from vsearch.output.bar import Bar
    from vsearch.splitting.split import Machine
    from vsearch.splitting.split import split as split_index

    with ExitStack() as opened:
        model = model_for_index(folder, None, offline=True, device="auto")
        encoder, _ = open_encoder(model, "auto")
        paths = list(dict.fromkeys(pictures))
        place = opened.enter_context(
            index_with(paths, folder, encoder, pixel_limit=pixel_limit, quiet=False)
        )
        index = opened.enter_context(Index(place, encoder.identity))
        with Bar() as bar:
            machine = Machine(cores(), pixel_limit, bar.progress)
            return split_index(index, sheet, pictures, labels, plan, machine)
