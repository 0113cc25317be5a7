"""What an analysis found -> sections of its report: labels, duplicates, outliers, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.output.analysis import LEFT_OUT, too_flat
from vsearch.output.page.write import as_text
from vsearch.output.report import charts, tiles
from vsearch.output.report.outline import figure_of, figures
from vsearch.output.report.tables import Cell, Column, bar, count, name, table
from vsearch.output.terminal import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsearch.analysis.results import (
        Analysis,
        Coverage,
        Duplicates,
        Group,
        Labelling,
        Neighbour,
        Outlier,
        Outliers,
        Pair,
        Picture,
        Suspect,
        Suspects,
    )
    from vsearch.output.report.tiles import Tiles

_GROUP = 12  # pictures of a group that are shown
_NEAREST = 5  # neighbours that are shown
_SOURCES = {
    "truth": "a file",
    "keywords": "the keywords in the pictures' files",
    "folders": "the folders that the pictures lie in",
}


def pictures_of(analysis: Analysis) -> Iterator[str]:
    """Yield the paths of all pictures that lists show, some several times."""
    for one in _listed(analysis):
        yield one.path


def _listed(analysis: Analysis) -> Iterator[Picture]:
    twice, outliers = analysis.duplicates, analysis.outliers
    for pair in twice.pairs[: analysis.top]:
        yield from (pair.first, pair.second)
    for group in (*twice.listed, *twice.conflicts):
        yield from group.pictures[:_GROUP]
    suspects = analysis.suspects.listed if analysis.suspects else ()
    seen: tuple[Outlier | Suspect, ...] = (*outliers.listed, *outliers.odd, *suspects)
    for one in seen:
        yield one.picture
        yield from (near.picture for near in one.nearest[:_NEAREST])
    yield from outliers.blank
    yield from (chosen.picture for chosen in analysis.coverage.next)


# Labels


def labels_html(labelling: Labelling) -> str:
    """Return where labels come from, how even they are, and all classes as a table."""
    place = f": <code>{as_text(labelling.place)}</code>" if labelling.place else ""
    told = [
        f"Labels come from {_SOURCES[labelling.source]}{place}.",
        f"{count_of(labelling.labelled, 'picture')} labelled, {labelling.unlabelled:,} not.",
    ]
    if labelling.several:
        told.append(
            f"{count_of(labelling.several, 'picture')} with several keywords; "
            "each counts for the rarest."
        )
    if labelling.missing:
        named = ", ".join(f"<code>{as_text(path)}</code>" for path in labelling.missing_paths)
        told.append(
            f"{count_of(labelling.missing, 'picture')} that the truth names and the index does "
            f"not have: {named}{' …' if labelling.missing > len(labelling.missing_paths) else ''}"
        )
    if labelling.imbalance is not None and labelling.evenness is not None:
        equal = f" ({labelling.effective:.1f} equal classes)" if labelling.effective else ""
        told.append(
            f"The largest class has {labelling.imbalance:,.3g} times as many pictures as the "
            f"smallest; evenness {labelling.evenness:.3f} of 1{equal}."
        )
    columns = [
        Column("class"),
        Column("pictures", figures=True),
        *(Column(split, figures=True) for split in labelling.splits),
    ]
    most = max((one.pictures for one in labelling.classes), default=0) or 1
    rows = (
        (
            name(one.label),
            Cell(f"{one.pictures:,} {bar(one.pictures / most)}", one.pictures),
            *(count(one.splits.get(split, 0)) for split in labelling.splits),
        )
        for one in labelling.classes
    )
    return "".join(f"<p>{one}</p>\n" for one in told) + table(columns, rows, label="Classes")


# Duplicates


def duplicates_html(analysis: Analysis, shown: Tiles) -> str:
    """Return how many groups there are, leaks side by side, and the groups worth a look."""
    twice = analysis.duplicates
    if not twice.groups:
        return "<p>No picture is there twice.</p>\n"
    listed = [_group(group, shown) for group in twice.listed]
    conflicts = [_group(group, shown) for group in twice.conflicts]
    return (
        f"<p>{count_of(twice.pictures, 'picture')} in {count_of(twice.groups, 'group')} of the "
        "same content, or nearly.</p>\n"
        + _leaks(twice, analysis.top, shown)
        + tiles.examples(f"Of several labels: {count_of(twice.conflicting, 'group')}", conflicts)
        + tiles.examples("The largest groups", listed)
    )


def _leaks(twice: Duplicates, top: int, shown: Tiles) -> str:
    if not twice.leaks:
        return ""
    columns = [
        Column("split"),
        Column("and"),
        Column("exact pairs", figures=True),
        Column("near pairs", figures=True),
        Column("flat pairs", figures=True, about="too flat for a hash; alike by their embeddings"),
    ]
    rows = (
        (name(one.first), name(one.second), count(one.exact), count(one.near), count(one.flat))
        for one in twice.leaks
    )
    pairs = twice.pairs[:top]
    heading = f"Pairs across splits: {len(pairs):,} of {len(twice.pairs):,}"
    return (
        "<h3>Leaks between splits</h3>\n"
        f"<p>{count_of(twice.leaking, 'picture')} "
        "that are in another split, too: what is measured on one of them is not to be believed. "
        "<code>vsearch split</code> keeps such groups together.</p>\n"
        + table(columns, rows, label="Leaks")
        + tiles.examples(heading, (_pair(pair, shown) for pair in pairs), narrow=True)
    )


def _pair(pair: Pair, shown: Tiles) -> str:
    told = "the same content" if pair.why == "exact" else "nearly the same"
    if pair.why == "flat":
        told = "perhaps the same, too flat to tell"
    if pair.why != "exact":
        told += "" if pair.cosine is None else f", cosine {pair.cosine:.3f}"
        told += "" if pair.bits is None else f", {pair.bits} of 256 bits differ"
    both = [shown.tile(one.path, *_about(one)) for one in (pair.first, pair.second)]
    return tiles.example(f"<small>{told}</small>", tiles.row("", both))


def _group(group: Group, shown: Tiles) -> str:
    told = f"{count_of(len(group.pictures), 'picture')}, "
    told += "of one content" if group.exact else "nearly the same"
    if len(group.labels) > 1:
        told += f"; labels: {', '.join(group.labels)}"
    if len(group.splits) > 1:
        told += f"; splits: {', '.join(group.splits)}"
    first = group.pictures[:_GROUP]
    left = len(group.pictures) - len(first)
    heading = f"The first {len(first)}" if left else ""
    seen = (shown.tile(one.path, *_about(one)) for one in first)
    return tiles.example(f"<small>{as_text(told)}</small>", tiles.row(heading, seen))


# Suspects


def suspects_html(suspects: Suspects, shown: Tiles) -> str:
    """Return how many labels may be wrong, by which classes, and the pictures."""
    told = (
        f"<p>{suspects.found:,} of {count_of(suspects.tested, 'label')} in "
        f"{count_of(suspects.classes, 'class', 'classes')} are probably wrong, by confident "
        f"learning; {suspects.left_out:,} could not be tested, their class has too few pictures. "
        f"The classifier agrees with {suspects.accuracy:.1%} of all labels: where that is low, "
        "suspects are worth little.</p>\n"
    )
    columns = [Column("given"), Column("looks like"), Column("pictures", figures=True)]
    rows = ((name(one.given), name(one.proposed), count(one.pictures))
            for one in suspects.confusions)  # fmt: skip
    confusions = (
        "<h3>The most frequent kinds</h3>\n" + table(columns, rows, label="Kinds of error")
        if suspects.confusions
        else ""
    )
    seen = (_suspect(one, shown) for one in suspects.listed)
    return told + confusions + tiles.examples("The likeliest first", seen)


def _suspect(one: Suspect, shown: Tiles) -> str:
    sure = "" if one.confident else " <small>(not confidently)</small>"
    heading = (
        f'<span class="wrong">given <b class="mark"><bdi>{as_text(one.given)}</bdi></b></span> '
        f"{one.given_probability:.0%}, looks like "
        f'<span class="right"><b class="mark"><bdi>{as_text(one.proposed)}</bdi></b></span> '
        f"{one.proposed_probability:.0%}{sure}"
    )
    return tiles.example(
        heading,
        tiles.row("Picture", [shown.tile(one.picture.path, *_about(one.picture))]),
        _nearest(one.nearest, shown, right=one.proposed, wrong=one.given),
    )


# Outliers


def outliers_html(outliers: Outliers, shown: Tiles) -> str:
    """Return the pictures apart from all others, those apart from their class, and flat ones."""
    blank = [shown.tile(one.path, *_about(one)) for one in outliers.blank]
    flat = (
        f"<h3>{too_flat(outliers)}</h3>\n<p>{LEFT_OUT.capitalize()}.</p>\n{tiles.row('', blank)}"
        if outliers.featureless
        else ""
    )
    if not outliers.neighbours:
        return f"<p>There are too few pictures to tell.</p>\n{flat}"
    return (
        "<p>The score is how many times as far a picture is from its "
        f"{outliers.neighbours} neighbours as is usual: about 1 for most. "
        f"{count_of(outliers.found, 'picture')} with {outliers.threshold:.3g} or more.</p>\n"
        + tiles.examples("Apart from all", (_outlier(one, shown) for one in outliers.listed))
        + tiles.examples(
            f"Odd ones out of their class: {outliers.odd_found:,}",
            (_outlier(one, shown) for one in outliers.odd),
        )
        + flat
    )


def _outlier(one: Outlier, shown: Tiles) -> str:
    among = f" among <bdi>{as_text(one.among)}</bdi>" if one.among is not None else ""
    return tiles.example(
        f"score <b>{one.score:.2f}</b>{among}",
        tiles.row("Picture", [shown.tile(one.picture.path, *_about(one.picture))]),
        _nearest(one.nearest, shown),
    )


# Coverage


def coverage_html(coverage: Coverage, shown: Tiles) -> str:
    """Return how far few pictures stand for all, and which to label next."""
    drawn = []
    if len(coverage.curve) > 1:
        title = "How near the nearest chosen picture is, at the worst"
        points = [(one.pictures, one.cosine) for one in coverage.curve]
        line = charts.Line("the best so many", points)
        log = points[-1][0] >= 20 * max(1, points[0][0])
        drawn.append(
            figure_of(
                charts.lines(
                    "radius", title, [line], x="pictures chosen", y="least cosine", log=log
                ),
                title,
            )
        )
    said = ""
    if coverage.labelled:
        said = (
            f"<p>The {count_of(coverage.labelled.pictures, 'labelled picture')} leave none "
            f"further than a cosine of {coverage.labelled.cosine:.3f}.</p>\n"
        )
    following = [
        shown.tile(
            one.picture.path,
            f"<b>{place}</b>" + ("" if one.cosine is None else f" cosine {one.cosine:.3f}"),
        )
        for place, one in enumerate(coverage.next, start=1)
    ]
    label = (
        "<h3>To label next</h3>\n<p>Those furthest from all that is labelled, and from those "
        f'before.</p>\n<ul class="tiles">\n{"".join(following)}</ul>\n'
        if following
        else ""
    )
    return (
        "<p>So few pictures stand for all: with so many chosen, every picture has a chosen one "
        "of this cosine or more (k-centre).</p>\n" + said + figures(drawn) + label
    )


def _nearest(
    nearest: Sequence[Neighbour],
    shown: Tiles,
    *,
    right: str | None = None,
    wrong: str | None = None,
) -> str:
    """Return the row of a picture's neighbours, marked by whether they have one of two labels."""

    def kind(picture: Picture) -> str:
        if picture.label is None:
            return ""
        return "right" if picture.label == right else "wrong" if picture.label == wrong else ""

    seen = (
        shown.tile(
            one.picture.path,
            f"cosine {one.cosine:.3f}",
            *_about(one.picture),
            kind=kind(one.picture),
        )
        for one in nearest[:_NEAREST]
    )
    return tiles.row("Nearest", seen)


def _about(picture: Picture) -> list[str]:
    """Return label, split and sides of a picture, as HTML."""
    told = [picture.label, picture.split, f"{picture.width} × {picture.height}"]
    return [f"<bdi>{as_text(one)}</bdi>" for one in told if one is not None]
