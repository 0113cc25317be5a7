"""What `vsearch analyze` finds of faults that were put into a set of labelled pictures.

    python tests/benchmarks/analysis.py [--pictures DIR] [--drawings] [--seeds N] [--json]
    python tests/benchmarks/analysis.py --rows 100000 [--json]

The first takes the handwritten digits of scikit-learn (Alpaydin, Kaynak: "Optical Recognition of
Handwritten Digits", 1998; 1,797 of 8 x 8 pixels, enlarged to 96, and 203 of them shifted by a
pixel): 2,000 pictures of 10 classes. With --drawings, 2,000 drawings of 20 classes instead; with
--pictures those below class folders in DIR, at most 2,000. They are indexed with the built-in
model, and then, once for each seed:

- 5 % of the labels are each exchanged for another one. Printed are the precision of the first 100
  suspects, and of as many as there are wrong labels; the accuracy that the analysis states.
- 200 pictures of the split "train" get a copy in the split "test": a quarter each as they are,
  recompressed (JPEG 50), resized (70 %), and brightened. Printed is the recall of the leaking
  pairs, by kind.
- 20 of the example photographs are put among them. Printed is how many of them are among the first
  40 outliers, and the first 20.

Pictures that leak or are wrong without having been made so count against precision, not recall.

The second makes an index of N pictures that are only numbers, clustered random embeddings and
random hashes, of which every twentieth is an edit of another, with labels (one in a hundred is
wrong), and prints seconds and peak memory of `vsearch analyze`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from duplicates import PHOTOS, enhanced, fill, recompressed, resized
from PIL import Image, ImageDraw, ImageEnhance

from vsearch.analysis.analyze import analyze
from vsearch.analysis.results import Analysis
from vsearch.conditions import AnyOf, Below
from vsearch.config import cores
from vsearch.images.limits import pixel_limit
from vsearch.index import Index
from vsearch.indexing.run import Options, update
from vsearch.models.folder import built_in
from vsearch.models.onnx import OnnxEncoder

COUNT, WRONG, COPIES, STRANGE = 2000, 0.05, 200, 20
Labels = dict[Path, str]

COPY: dict[str, Callable[[Image.Image], Image.Image]] = {
    "exact": lambda image: image,
    "JPEG 50": recompressed(50),
    "to 70 %": resized(0.7),
    "brighter 1.3": enhanced(ImageEnhance.Brightness, 1.3),
}


def digits(folder: Path) -> Labels:
    """Write the digits."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images, labels = data.images, data.target
    chance = np.random.default_rng(0)
    more = chance.choice(len(images), COUNT - len(images), replace=False)
    shifted = np.roll(images[more], 1, axis=2)
    written = {}
    for number, (image, label) in enumerate(
        zip(np.concatenate([images, shifted]), np.concatenate([labels, labels[more]]), strict=True)
    ):
        grey = Image.fromarray(255 - (image * 15.9).astype(np.uint8)).convert("RGB")
        path = folder / f"{number:04}.png"
        grey.resize((96, 96), Image.Resampling.BICUBIC).save(path)
        written[path] = str(label)
    return written


SHAPES = ("circle", "square", "triangle", "cross", "star")
FILLS = ("plain", "stripes", "dots", "outline")


def drawing(shape: str, fill: str, chance: random.Random) -> Image.Image:
    """Draw a shape of some colour, size and place on a ground of another colour, with noise."""

    def color() -> tuple[int, int, int]:
        return chance.randrange(256), chance.randrange(256), chance.randrange(256)

    ground, ink = color(), color()
    while sum(abs(a - b) for a, b in zip(ground, ink, strict=True)) < 200:
        ink = color()
    mask = Image.new("L", (192, 192))
    draw = ImageDraw.Draw(mask)
    r = chance.uniform(35, 70)
    x, y = chance.uniform(75, 117), chance.uniform(75, 117)
    turn = chance.uniform(0, 360)
    corners = {"square": (4, 1.0), "triangle": (3, 1.0), "star": (10, 0.45), "cross": (0, 1.0)}
    if shape == "circle":
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    elif shape == "cross":
        draw.rectangle((x - r, y - r / 4, x + r, y + r / 4), fill=255)
        draw.rectangle((x - r / 4, y - r, x + r / 4, y + r), fill=255)
        mask = mask.rotate(chance.uniform(-25, 25), center=(x, y))
    else:
        count, inner = corners[shape]
        angles = np.radians(turn + 360 / count * np.arange(count))
        radii = np.where(np.arange(count) % 2, r * inner, r)
        points = np.column_stack([x + radii * np.cos(angles), y + radii * np.sin(angles)])
        draw.polygon([(float(a), float(b)) for a, b in points], fill=255)
    pattern = Image.new("L", mask.size, 255)
    over = ImageDraw.Draw(pattern)
    step = chance.randrange(10, 16)
    if fill == "stripes":
        for at in range(0, 192, step):
            over.line((at, 0, at, 192), fill=0, width=step // 2)
    elif fill == "dots":
        for a in range(0, 192, step):
            for b in range(0, 192, step):
                over.ellipse((a, b, a + step / 2, b + step / 2), fill=0)
    elif fill == "outline":
        inside = mask.resize((154, 154)).resize((154, 154))
        hole = Image.new("L", mask.size)
        hole.paste(inside, (round(x - x * 0.8), round(y - y * 0.8)))
        pattern = hole.point([255 - v for v in range(256)])
    shown = Image.composite(pattern, Image.new("L", mask.size), mask)
    image = Image.composite(
        Image.new("RGB", mask.size, ink), Image.new("RGB", mask.size, ground), shown
    )
    noise = np.random.default_rng(chance.randrange(1 << 30)).normal(0, 12, (192, 192, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def drawings(folder: Path) -> Labels:
    """Write drawings of 20 classes."""
    chance = random.Random(0)
    kinds = [(shape, fill) for shape in SHAPES for fill in FILLS]
    written = {}
    for number in range(COUNT):
        shape, fill = kinds[number % len(kinds)]
        path = folder / f"{shape}-{fill}-{number:04}.png"
        drawing(shape, fill, chance).save(path)
        written[path] = f"{shape} {fill}"
    return written


def of_folders(source: Path, folder: Path) -> Labels:
    """Write pictures below class folders, of classes of ten pictures or more."""
    by_class: dict[str, list[Path]] = {}
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() in {".png", ".jpg", ".jpeg"}:
            by_class.setdefault(os.fspath(path.parent.relative_to(source)), []).append(path)
    chance = random.Random(0)
    pairs = [(one, label) for label, some in by_class.items() if len(some) >= 10 for one in some]
    written = {}
    for number, (path, label) in enumerate(chance.sample(pairs, min(COUNT, len(pairs)))):
        with Image.open(path) as image:
            shown = Image.new("RGB", image.size, "white")
            rgba = image.convert("RGBA")
            shown.paste(rgba, mask=rgba)
        to = folder / f"{number:04}.png"
        shown.save(to)
        written[to] = label
    return written


def photographs(folder: Path) -> None:
    """Write the strange ones."""
    paths = sorted(path for path in PHOTOS.glob("*.jpg"))
    for path in random.Random(1).sample(paths, STRANGE):
        (folder / path.name).write_bytes(path.read_bytes())


def copied(labels: Labels, folder: Path, seed: int) -> dict[Path, tuple[Path, str]]:
    """Write copies of some pictures; return of each the original, and the kind."""
    chosen = random.Random(seed).sample(sorted(labels), COPIES)
    copies = {}
    for number, path in enumerate(chosen):
        kind = list(COPY)[number % len(COPY)]
        to = folder / f"{seed}-{path.name}"
        if kind == "exact":
            to.write_bytes(path.read_bytes())
        else:
            with Image.open(path) as image:
                COPY[kind](image.convert("RGB")).save(to)
        copies[to] = (path, kind)
    return copies


def measured(args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Yield the figures of each seed."""
    with tempfile.TemporaryDirectory() as made:
        top = Path(made).resolve()
        index, base = top / "index", top / "pictures" / "base"
        strange = top / "pictures" / "strange"
        base.mkdir(parents=True)
        strange.mkdir()
        if args.pictures:
            labels = of_folders(args.pictures, base)
        else:
            labels = drawings(base) if args.drawings else digits(base)
        photographs(strange)
        copies = {}
        for seed in range(args.seeds):
            of_seed = top / "pictures" / f"copies {seed}"
            of_seed.mkdir()
            copies[of_seed] = copied(labels, of_seed, seed)
        options = Options(cores(), pixel_limit(cores()))
        list(update(index, OnnxEncoder(built_in(), cores()), [str(top / "pictures")], options))

        def analysis(folders: list[Path], rows: list[tuple[Path, str, str]]) -> Analysis:
            truth = top / "truth.csv"
            with truth.open("w", newline="") as file:
                csv.writer(file).writerows([("path", "label", "split"), *rows])
            return analyze(
                index, labels_from=truth, top=100, map_points=0, workers=cores(),
                condition=AnyOf(tuple(Below(str(one)) for one in folders)),
                pixel_limit=pixel_limit(cores()),
            )  # fmt: skip

        for seed, (place, of_place) in enumerate(copies.items()):
            yield {
                "seed": seed,
                **suspects(labels, seed, partial(analysis, [base])),
                **leaks(labels, of_place, partial(analysis, [base, place])),
                **outliers(labels, strange, partial(analysis, [base, strange])),
            }


Analyse = Callable[[list[tuple[Path, str, str]]], Analysis]


def suspects(labels: Labels, seed: int, analysed: Analyse) -> dict[str, object]:
    chance = random.Random(seed)
    wrong = set(chance.sample(sorted(labels), round(WRONG * len(labels))))
    classes = sorted(set(labels.values()))
    given = {
        path: chance.choice([one for one in classes if one != label]) if path in wrong else label
        for path, label in labels.items()
    }
    found = analysed([(path, label, "") for path, label in given.items()]).suspects
    assert found
    hits = [Path(one.picture.path) in wrong for one in found.listed]
    right = [one.proposed == labels[Path(one.picture.path)] for one in found.listed]
    return {
        "pictures": len(labels),
        "classes": len(classes),
        "wrong": len(wrong),
        "accuracy": found.accuracy,
        "precision_of_100": float(np.mean(hits[:100])),
        "precision_of_as_many": float(np.mean(hits[: len(wrong)])),
        "proposed_right": float(np.mean([r for r, h in zip(right, hits, strict=True) if h])),
        "confident": found.found,
    }


def leaks(
    labels: Labels, copies: dict[Path, tuple[Path, str]], analysed: Analyse
) -> dict[str, object]:
    rows = [(path, label, "train") for path, label in labels.items()]
    rows += [(path, labels[original], "test") for path, (original, _) in copies.items()]
    told = analysed(rows).duplicates
    pairs = {frozenset((Path(one.first.path), Path(one.second.path))) for one in told.pairs}
    found = {
        kind: np.mean([
            frozenset((path, original)) in pairs
            for path, (original, of) in copies.items() if of == kind
        ])
        for kind in COPY
    }  # fmt: skip
    planted = {frozenset((path, original)) for path, (original, _) in copies.items()}
    return {
        "leak_recall": len(planted & pairs) / len(planted),
        "leak_pairs": len(pairs),
        "leak_recall_by_kind": {kind: float(one) for kind, one in found.items()},
    }


def outliers(labels: Labels, strange: Path, analysed: Analyse) -> dict[str, object]:
    found = analysed([(path, label, "") for path, label in labels.items()]).outliers
    first = [Path(one.picture.path).parent == strange for one in found.listed[:40]]
    return {
        "outlier_recall_of_40": sum(first) / STRANGE,
        "outlier_recall_of_20": sum(first[:20]) / STRANGE,
        "outliers_found": found.found,
    }


def labels_of(index: Path, truth: Path) -> None:
    """Write labels of the pictures of an index: 20 classes by their embeddings, one in 100 wrong.

    Every tenth is in the split "test".
    """
    chance = np.random.default_rng(2)
    with Index(index) as opened, truth.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", "label", "split"))
        for first, block in opened.blocks():
            assert block is not None
            classes = block[:, :20].argmax(axis=1)
            wrong = chance.random(len(block)) < 0.01
            classes[wrong] = chance.integers(0, 20, wrong.sum())
            for row, label in enumerate(classes.tolist(), first):
                split = "test" if chance.random() < 0.1 else "train"
                table.writerow((f"pictures/{row:07d}.jpg", f"class {label}", split))


def scale(rows: int) -> dict[str, object]:
    """Return seconds and peak memory of `vsearch analyze` for an index of so many rows."""
    with tempfile.TemporaryDirectory() as made:
        # In a process of its own: what is forked from a large one counts as large itself.
        with ProcessPoolExecutor(1) as filling:
            index = filling.submit(fill, Path(made), rows).result()
            truth = Path(made) / "truth.csv"
            filling.submit(labels_of, index, truth).result()
        command = [sys.executable, "-m", "vsearch", "analyze", "--index", str(index), "--json"]
        command += ["--labels", str(truth), "--images", made]
        started = time.perf_counter()
        done = subprocess.Popen(command, stdout=subprocess.PIPE)
        output = done.stdout.read() if done.stdout else b""
        _, status, used = os.wait4(done.pid, 0)
        assert status == 0
        told = json.loads(output)
        return {
            "rows": rows,
            "seconds": time.perf_counter() - started,
            "processor_seconds": used.ru_utime + used.ru_stime,
            "peak_megabytes": used.ru_maxrss / 1024,
            "leaking": told["duplicates"]["leaking"],
            "suspects": told["suspects"]["found"],
            "groups": told["duplicates"]["groups"],
            "labelled": told["labelling"]["labelled"] if told["labelling"] else 0,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--drawings", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    for figures in [scale(args.rows)] if args.rows else measured(args):
        if args.json:
            print(json.dumps(figures))
            continue
        for name, figure in figures.items():
            shown = f"{figure:.3f}" if isinstance(figure, float) else figure
            print(f"{name:<24}{shown}", flush=True)


if __name__ == "__main__":
    main()
