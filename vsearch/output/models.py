"""Models: what is here, what there is to have, and what one of them is made of."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Self

from vsearch.output.terminal import console, is_terminal, printable, say, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.progress import Progress

    from vsearch.models.folder import ModelFolder
    from vsearch.models.listing import ModelLine


def print_models(lines: Sequence[ModelLine], *, as_json: bool) -> None:
    """Print a table of models on a terminal, tab-separated fields in a pipe, or JSON Lines."""
    if as_json:
        for line in lines:
            print(json.dumps(line.as_json()))
    elif is_terminal(sys.stdout):
        _print_table(lines)
    else:
        for line in lines:
            print("\t".join(_fields(line)))


_TITLES = (
    "model", "alias", "dim", "input", "params", "download", "licence", "ImageNet", "here",
)  # fmt: skip
_RIGHT = {"dim", "input", "params", "download", "ImageNet"}
_FIRST_TO_GO = ("dim", "input", "params", "ImageNet", "download", "licence")  # `info` has them too


def _fields(line: ModelLine) -> list[str]:
    """Return what is shown of a model: a dash where nothing is known."""
    return [
        printable(line.name),
        ", ".join(line.aliases) or "-",
        str(line.dim or "-"),
        str(line.size or "-"),
        f"{line.parameters / 1e6:.0f} M" if line.parameters else "-",
        size(line.download_bytes) if line.download_bytes else "-",
        printable(line.licence or "-"),
        f"{100 * line.imagenet:.1f}" if line.imagenet is not None else "-",
        size(line.bytes) if line.here else "-",
    ]


def _print_table(lines: Sequence[ModelLine]) -> None:
    from rich import box
    from rich.table import Table

    out = console()
    rows = [dict(zip(_TITLES, _fields(line), strict=True)) for line in lines]
    gap = 3  # two of padding, one of the box
    widths = {title: max(len(title), *(len(row[title]) for row in rows)) + gap for title in _TITLES}
    for title in _FIRST_TO_GO:  # a narrow terminal shows less, and all of that
        if sum(widths.values()) > out.width:
            del widths[title]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for title in widths:
        table.add_column(title, justify="right" if title in _RIGHT else "left", overflow="fold")
    for line, row in zip(lines, rows, strict=True):
        table.add_row(*(row[title] for title in widths), style=None if line.here else "dim")
    out.print(table)


def print_info(line: ModelLine, folder: ModelFolder | None, *, as_json: bool) -> None:
    """Print all that is known of one model."""
    if as_json:
        found = line.as_json() | ({"card": folder.card} if folder else {})
        print(json.dumps(found))
        return
    shown = [("model", line.name), ("alias", ", ".join(line.aliases)), ("why", line.why)]
    shown += [
        ("embedding", f"{line.dim} dimensions" if line.dim else None),
        ("input", f"{line.size} × {line.size} pixels" if line.size else None),
        ("parameters", f"{line.parameters / 1e6:.1f} million" if line.parameters else None),
        ("download", f"about {size(line.download_bytes)}" if line.download_bytes else None),
        ("licence", line.licence or "unknown; see its publisher's page"),
        ("ImageNet", f"{100 * line.imagenet:.1f} % zero-shot, top 1" if line.imagenet else None),
        ("from", line.origin),
    ]
    if folder is None:
        shown.append(("here", f"no; get it with `vsearch models get {line.name}`"))
    else:
        shown += _card(folder)
    width = console().width if is_terminal(sys.stdout) else None
    for title, value in shown:
        if value:
            print(_hanging(title, printable(str(value)), width))


def _hanging(title: str, value: str, width: int | None) -> str:
    """Return a line, or several where they are to be no wider than that: words stay whole."""
    from textwrap import wrap

    if width is None:
        return f"{title:<12}{value}"
    lines = wrap(value, max(width - 12, 20), break_long_words=False, break_on_hyphens=False)
    return f"{title:<12}" + f"\n{'':<12}".join(lines)


def _card(folder: ModelFolder) -> Iterable[tuple[str, str | None]]:
    card: dict[str, Any] = folder.card
    sizes = card.get("bytes") or {}
    yield "here", str(folder.path)
    yield "files", ", ".join(f"{name} {size(count)}" for name, count in sizes.items())
    yield "precision", f"pictures {folder.precision('image')}, texts {folder.precision('text')}"
    if fidelity := card.get("fidelity"):
        yield (
            "cosine",
            (
                f"to fp32 at least {fidelity['image_cosine']:.4f} (pictures), "
                f"{fidelity['text_cosine']:.4f} (texts)"
            ),
        )
        yield (
            "overlap",
            (
                f"of the ten best with fp32 {fidelity['image_overlap']:.1%} (picture to picture), "
                f"{fidelity['text_overlap']:.1%} (text to picture)"
            ),
        )
        yield (
            "speed",
            (
                f"{fidelity['image_ms']:.1f} ms a picture, {fidelity['text_ms']:.1f} ms a text, "
                "one thread, when it was converted"
            ),
        )
    yield "on a GPU", "can run there" if folder.has_torch_weights else None
    if fidelity := (card.get("torch") or {}).get("fidelity"):
        yield (
            "in bf16",
            (
                f"cosine of pictures to fp32 at least {fidelity['image_cosine']:.4f}, of the ten "
                f"best {fidelity['image_overlap']:.1%} (picture to picture), "
                f"{fidelity['text_overlap']:.1%} (text to picture)"
            ),
        )
    yield "texts", f"up to {card['text']['context_length']} tokens"
    yield "relevance", None if folder.calibration.sentence else "estimated from each index"


class FetchingOutput:
    """Shows a model on its way here: a line a step on a terminal, nothing elsewhere."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if is_terminal(sys.stderr):
            from rich import progress

            self._bar = progress.Progress(
                progress.SpinnerColumn(),
                progress.TextColumn("{task.description}"),
                progress.TextColumn("{task.fields[amount]}"),
                progress.TimeElapsedColumn(),
                console=console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("looking for the model", total=None, amount="")
            self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the line away."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def step(self, what: str) -> None:
        """Show what is being done now."""
        if self._bar:
            self._bar.update(self._task, description=printable(what), amount="")

    def received(self, name: str, done: int, total: int) -> None:
        """Show how much of a file has come."""
        if self._bar:
            amount = f"{size(done)} of {size(total)}" if total else size(done)
            self._bar.update(self._task, description=f"fetching {printable(name)}", amount=amount)


def say_obtained(folder: ModelFolder, *, new: bool, remark: str | None) -> None:
    """Say on stderr that a model is here."""
    if remark:
        say(f"note: {remark}")
    made = f"pictures in {folder.precision('image')}, texts in {folder.precision('text')}"
    say(f"{folder.identity.name} is {'now here' if new else 'here already'}: {made}")
