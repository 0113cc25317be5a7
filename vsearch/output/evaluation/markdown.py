"""An evaluation as Markdown, for the comment on a pull request or the summary of a CI run."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from vsearch.evaluation.record import latency_metrics
from vsearch.files.whole import require_place, whole
from vsearch.output.evaluation.table import HOLM, missing, not_compared
from vsearch.output.terminal import count_of, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsearch.evaluation.results import Estimate, Evaluation, Result

_MARK = "<!-- vsearch evaluate -->"
"""By this a program finds an earlier comment, to write it anew."""
_NOUN, _KIND = "report", "vsearch's, as Markdown"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def require_markdown(target: Path) -> None:
    """Look whether it can be written to `target`, see `write_markdown`."""
    require_place(target, _is_ours, noun=_NOUN, kind=_KIND)


def write_markdown(evaluation: Evaluation, target: Path) -> None:
    """Write it to `target`, whole or not at all, in the place of an earlier one or nothing.

    Raises UsageError when something else is there, and OSError that names `target`.
    """
    with whole(target, _is_ours, folder=False, replace=True, noun=_NOUN, kind=_KIND) as place:
        place.write_text("\n".join(_lines(evaluation)) + "\n", encoding="utf-8")


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MARK)) == _MARK.encode()
    except OSError:
        return False


def _lines(evaluation: Evaluation) -> Iterator[str]:
    names = [model.model.name for model in evaluation.models]
    yield _MARK
    yield f"### Evaluation of {_shown(', '.join(names))}"
    yield ""
    split = f", split {_shown(evaluation.split)}" if evaluation.split else ""
    pictures = count_of(evaluation.pictures, "picture")
    yield f"{pictures} of {_shown(evaluation.truth)}{split}; [95 % intervals]."
    if evaluation.missing:
        yield from ("", f"**{missing(evaluation)}.**")
    for line in not_compared(evaluation):
        yield from ("", f"**{_shown(line)}.**")
    if evaluation.gates:
        failed = [gate for gate in evaluation.gates if not gate.passed]
        passed = len(evaluation.gates) - len(failed)
        yield ""
        yield f"**{passed} of {count_of(len(evaluation.gates), 'gate')} passed.**"
        yield ""
        for gate in failed:
            yield f"- ❌ {_shown(gate.line)}"
        if passed:
            yield from ("<details><summary>passed</summary>", "")
            for gate in evaluation.gates:
                if gate.passed:
                    yield f"- ✅ {_shown(gate.line)}"
            yield from ("", "</details>")
    yield ""
    yield from _row(["metric", *map(_shown, names)])
    yield from _row(["---", *["---:"] * len(names)])
    found = [{result.name: result for result in model.results} for model in evaluation.models]
    for name in dict.fromkeys(name for one in found for name in one):
        results = [one.get(name) for one in found]
        metrics = dict.fromkeys(metric for result in results if result for metric in result.metrics)
        for metric in metrics:
            yield from _row([_shown(f"{name}.{metric}"), *_cells(metric, results)])
    latencies = [latency_metrics(one.latency) if one.latency else {} for one in evaluation.models]
    for metric in dict.fromkeys(name for one in latencies for name in one):
        cells = [f"{one[metric]:.1f}" if metric in one else "" for one in latencies]
        yield from _row([_shown(metric), *cells])
    if evaluation.comparisons:
        yield ""
        yield from _row(["against the first model", "difference", "95 % interval", HOLM])
        yield from _row(["---", "---:", "---:", "---:"])
        for one in evaluation.comparisons:
            interval = f"{one.low:+.3f} to {one.high:+.3f}"
            name = _shown(f"{one.metric} of {one.model}")
            yield from _row([name, f"{one.difference:+.3f}", interval, f"{one.p_holm:.2g}"])


def _cells(metric: str, results: Sequence[Result | None]) -> Iterator[str]:
    for result in results:
        one = result.metrics.get(metric) if result else None
        yield _figure(one) if one else ""


def _figure(one: Estimate) -> str:
    if math.isnan(one.value):
        return "-"
    if math.isnan(one.low):
        return f"{one.value:.3f}"
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _row(cells: Sequence[str]) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"


def _shown(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", printable(text))
