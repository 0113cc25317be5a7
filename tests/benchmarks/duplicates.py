"""What `vsearch duplicates` finds and misses, by kind of edit; its time and memory at scale.

    python tests/benchmarks/duplicates.py [--pictures DIR] [--crops] [--json]
    python tests/benchmarks/duplicates.py --different DIR [--json]
    python tests/benchmarks/duplicates.py --documents [--json]
    python tests/benchmarks/duplicates.py --rows 100000 [--json]

The first takes the pictures below DIR (the example photographs, less those that are edits of others
among them), edits each in one way after the other, indexes originals and edits with the built-in
model, and prints for each way, as a line or a JSON object: recall, the share of edits that are in a
group with their original; precision, the share of files in groups that belong there (1 where there
are none); cosine and bits, medians between original and edit. With --crops, so does `vsearch
duplicates --find crops`. The second takes pictures below DIR of which none is an edit of another,
and prints how many pairs of them there are, how many of these are near all the same, how many are
not and yet so alike that `--find crops` asks whether one is a crop of the other, how many of those
it takes for such (a line each first), and milliseconds for each that was asked about. The third
does so with documents, windows and other drawings (documents.py), kind by kind: pairs of one kind,
drawn with other words and numbers, and how many of them are near. The fourth makes an index of N
pictures that are only numbers, clustered random embeddings and random hashes, of which every
twentieth is an edit of another, and prints seconds (on the clock, and of processors) and peak
memory of `vsearch duplicates`.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from documents import KINDS
from exact_or_graph import clustered
from PIL import Image, ImageDraw, ImageEnhance, ImageFont
from PIL.Image import Resampling, Transpose

from vsearch.config import cores
from vsearch.duplicates.find import Group, Sought, find
from vsearch.duplicates.near import BITS_OF_CROPS, COSINE_OF_CROPS, is_near
from vsearch.images.alignment import Plane, bits_between_parts, luminances
from vsearch.images.decode import decode
from vsearch.images.limits import pixel_limit
from vsearch.images.perceptual import HASH_BYTES, distances, perceptual_hash
from vsearch.images.preprocess import to_model_input
from vsearch.index.writer import IndexWriter
from vsearch.indexing.run import Options, update
from vsearch.models.folder import built_in
from vsearch.models.onnx import OnnxEncoder
from vsearch.records import UNSETTLED, ImageFacts, ModelIdentity
from vsearch.vectors import unit

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"
EDITS_AMONG_THEM = {"IMG_0001_crop", "IMG_0010_q30", "IMG_0036_small"}

Edit = Callable[[Image.Image], Image.Image]


def resized(share: float) -> Edit:
    def edit(image: Image.Image) -> Image.Image:
        sides = (max(1, round(image.width * share)), max(1, round(image.height * share)))
        return image.resize(sides, Resampling.LANCZOS)

    return edit


def recompressed(quality: int) -> Edit:
    def edit(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return edit


def cropped(share: float, at: float = 0.5) -> Edit:
    """Cut off a share of width and height; `at`: 0 keeps the upper left corner, 0.5 the middle."""

    def edit(image: Image.Image) -> Image.Image:
        width, height = round(image.width * (1 - share)), round(image.height * (1 - share))
        left, top = round((image.width - width) * at), round((image.height - height) * at)
        return image.crop((left, top, left + width, top + height))

    return edit


def turned(way: Transpose) -> Edit:
    return lambda image: image.transpose(way)


def tilted(degrees: float) -> Edit:
    """Turn a little, and cut off the empty corners."""

    def edit(image: Image.Image) -> Image.Image:
        longer, shorter = max(image.size), min(image.size)
        left = 1 / (1 + math.tan(math.radians(degrees)) * longer / shorter)
        return cropped(1 - left)(image.rotate(degrees, Resampling.BICUBIC))

    return edit


def enhanced(what: Callable[[Image.Image], ImageEnhance._Enhance], factor: float) -> Edit:
    return lambda image: what(image).enhance(factor)


def warmed(image: Image.Image) -> Image.Image:
    red, green, blue = image.split()
    warmer, colder = (
        red.point([min(255, round(1.15 * v)) for v in range(256)]),
        blue.point([round(0.8 * v) for v in range(256)]),
    )
    return Image.merge("RGB", (warmer, green, colder))


def signed(image: Image.Image) -> Image.Image:
    """Put a name into the lower right corner."""
    image = image.copy()
    size = max(10, image.height // 18)
    place = (image.width - size // 2, image.height - size // 2)
    ImageDraw.Draw(image).text(
        place, "© 2024 A. Name", "white", ImageFont.load_default(size), "rs",
        stroke_width=1, stroke_fill="black",
    )  # fmt: skip
    return image


def marked(image: Image.Image) -> Image.Image:
    """Write SAMPLE across the picture, half transparent."""
    mask = Image.new("L", image.size, 0)
    font = ImageFont.load_default(max(12, image.width // 6))
    ImageDraw.Draw(mask).text((image.width / 2, image.height / 2), "SAMPLE", 110, font, "mm")
    return Image.composite(Image.new("RGB", image.size, "white"), image, mask.rotate(25))


EDITS: dict[str, dict[str, Edit]] = {
    "resize": {"to 50 %": resized(0.5), "to 25 %": resized(0.25)},
    "recompress": {"JPEG 50": recompressed(50), "JPEG 20": recompressed(20)},
    "rotate": {
        "90°": turned(Transpose.ROTATE_90), "180°": turned(Transpose.ROTATE_180),
        "270°": turned(Transpose.ROTATE_270), "2°, cut": tilted(2), "5°, cut": tilted(5),
    },
    "flip": {
        "left to right": turned(Transpose.FLIP_LEFT_RIGHT),
        "top to bottom": turned(Transpose.FLIP_TOP_BOTTOM),
    },
    "colour": {
        "brighter 1.3": enhanced(ImageEnhance.Brightness, 1.3),
        "contrast 1.4": enhanced(ImageEnhance.Contrast, 1.4),
        "grey": enhanced(ImageEnhance.Color, 0), "vivid 1.6": enhanced(ImageEnhance.Color, 1.6),
        "warmer": warmed,
    },
    "watermark": {"name in a corner": signed, "SAMPLE across": marked},
    "crop": {
        "5 % of each length": cropped(0.05), "10 %": cropped(0.1), "20 %": cropped(0.2),
        "10 %, a corner kept": cropped(0.1, at=0),
    },
}  # fmt: skip


def originals(folder: Path) -> dict[str, Image.Image]:
    """Return the pictures below a folder, by their names without suffix."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if (
            path.is_file()
            and path.stem not in EDITS_AMONG_THEM
            and path.suffix not in {".csv", ".md"}
        ):
            data = path.read_bytes()
            image = decode(data, shorter=4096, pixel_limit=10**9, suffix=path.suffix).image
            found[path.stem] = image
    return found


def by_edit(pictures: Path, *, crops: bool) -> Iterator[dict[str, object]]:
    """Yield the figures of each edit."""
    encoder = OnnxEncoder(built_in(), 1)
    images = originals(pictures)
    options = Options(cores(), pixel_limit(cores()))
    with tempfile.TemporaryDirectory() as made:
        root, index = Path(made) / "pictures", Path(made) / "index"
        (root / "original").mkdir(parents=True)
        for name, image in images.items():
            image.save(root / "original" / f"{name}.png")
        for kind, edits in EDITS.items():
            for title, edit in edits.items():
                shutil.rmtree(root / "edit", ignore_errors=True)
                (root / "edit").mkdir()
                changed = {name: edit(image) for name, image in images.items()}
                for name, image in changed.items():
                    image.save(root / "edit" / f"{name}.png")
                list(update(index, encoder, [str(root)], options))
                yield {"kind": kind, "edit": title} | figures(
                    index, images, changed, encoder, crops=crops
                )


def figures(
    index: Path,
    before: dict[str, Image.Image],
    after: dict[str, Image.Image],
    encoder: OnnxEncoder,
    *,
    crops: bool,
) -> dict[str, object]:
    """Return the figures of the groups in an index of originals and edits of the same names."""
    right = wrong = 0
    limit = pixel_limit(cores())
    sought: Sought = "crops" if crops else "near"
    for group in find(index, "largest", sought=sought, workers=cores(), pixel_limit=limit):
        if isinstance(group, Group):
            name = Path(group.kept.path).stem
            same = [Path(other.entry.path).stem == name for other in group.others]
            right, wrong = right + sum(same), wrong + len(same) - sum(same)
    cosines, bits = [], []
    for name, image in before.items():
        pair = [to_model_input(one, encoder.preprocessing) for one in (image, after[name])]
        one, other = encoder.encode_images(np.stack(pair))
        cosines.append(float(one @ other))
        hashes = [
            np.frombuffer(perceptual_hash(np.asarray(each)), np.uint8)[None]
            for each in (image, after[name])
        ]
        bits.append(int(distances(*hashes)[0]))
    return {
        "recall": right / len(before),
        "precision": right / (right + wrong) if right + wrong else 1.0,
        "cosine": statistics.median(cosines),
        "bits": statistics.median(bits),
    }


def among_different(folder: Path) -> dict[str, object]:
    """Return how many pairs of pictures that are no edits of each other are taken for such."""
    encoder = OnnxEncoder(built_in(), 1)
    names, vectors, hashes, planes = [], [], [], []
    for name, image in originals(folder).items():
        names.append(name)
        vectors.append(encoder.encode_images(to_model_input(image, encoder.preprocessing)[None])[0])
        hashes.append(np.frombuffer(perceptual_hash(np.asarray(image)), np.uint8))
        planes.append((luminances(np.asarray(image)), image.width, image.height))
    first, second = np.triu_indices(len(names), 1)
    cosines = (np.stack(vectors) @ np.stack(vectors).T)[first, second]
    near = is_near(cosines, distances(np.stack(hashes)[first], np.stack(hashes)[second]))
    asked = np.flatnonzero((cosines >= COSINE_OF_CROPS) & ~near)
    taken, begun = 0, time.perf_counter()
    for one, other in zip(first[asked].tolist(), second[asked].tolist(), strict=True):
        bits = bits_between_parts(Plane(*planes[one]), Plane(*planes[other]))
        if bits <= BITS_OF_CROPS:
            taken += 1
            print(f"{bits:>3} bits  {names[one]}  {names[other]}", file=sys.stderr)
    seconds = time.perf_counter() - begun
    return {
        "pairs": len(first), "near": int(near.sum()), "asked": len(asked), "crops": taken,
        "milliseconds": round(1000 * seconds / max(1, len(asked)), 1),
    }  # fmt: skip


def among_documents() -> Iterator[dict[str, object]]:
    """Yield for each kind of document how many pairs of different ones are taken for the same."""
    encoder = OnnxEncoder(built_in(), 1)
    for kind, draw in KINDS.items():
        drawn = [draw(random.Random(f"{kind} {number}")) for number in range(6)]
        inputs = [to_model_input(image, encoder.preprocessing) for image in drawn]
        vectors = encoder.encode_images(np.stack(inputs))
        joined = b"".join(perceptual_hash(np.asarray(image)) for image in drawn)
        hashes = np.frombuffer(joined, np.uint8).reshape(-1, HASH_BYTES)
        first, second = np.triu_indices(len(drawn), 1)
        near = is_near(
            (vectors @ vectors.T)[first, second], distances(hashes[first], hashes[second])
        )
        yield {"kind": kind, "pairs": len(first), "near": int(near.sum())}


def fill(folder: Path, rows: int) -> Path:
    """Write an index of so many made-up pictures, and files of their names."""
    generator = np.random.default_rng(1)
    vectors = clustered(rows, 384, seed=1)
    hashes = generator.integers(0, 256, (rows, HASH_BYTES), dtype=np.uint8)
    edits, sources = generator.permutation(rows)[: 2 * (rows // 20)].reshape(2, -1)
    noise = generator.standard_normal((len(edits), 384), dtype=np.float32)
    vectors[edits] = unit(vectors[sources] + 0.01 * noise)
    flips = generator.random((len(edits), 8 * HASH_BYTES)) < 20 / 256
    hashes[edits] = hashes[sources] ^ np.packbits(flips, axis=1)
    pictures = folder / "pictures"
    pictures.mkdir()
    identity = ModelIdentity("made up", "", "", 384)
    facts = ImageFacts(640, 480, "JPEG")
    with IndexWriter(folder / "index", identity) as writer:
        root = writer.add_root(str(pictures), whole=True)
        for number, vector in enumerate(vectors):
            name = f"{number:07d}.jpg"
            (pictures / name).touch()
            digest = number.to_bytes(16, "big")
            perceptual = hashes[number].tobytes()
            writer.add(root, name, 0, UNSETTLED, digest, facts, vector, perceptual)
        writer.commit()
    return folder / "index"


def at_scale(rows: int) -> dict[str, object]:
    """Return what finding the groups among so many pictures costs."""
    with tempfile.TemporaryDirectory() as made, (Path(made) / "groups").open("wb") as groups:
        # In a process of its own: what is forked from a large one counts as large itself.
        with ProcessPoolExecutor(1) as filling:
            index = filling.submit(fill, Path(made), rows).result()
        command = [sys.executable, "-m", "vsearch", "duplicates", "--index", str(index), "--json"]
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=groups, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        if status:
            raise SystemExit("vsearch duplicates failed")
        return {
            "rows": rows,
            "groups": Path(groups.name).read_bytes().count(b"\n"),
            "seconds": round(seconds, 1),
            "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
            "peak_mb": round(used.ru_maxrss * 1024 / 1e6),
        }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, default=PHOTOS)
    parser.add_argument("--crops", action="store_true")
    parser.add_argument("--different", type=Path)
    parser.add_argument("--documents", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int)
    asked = parser.parse_args()
    if asked.rows or asked.different or asked.documents:
        if asked.documents:
            entries = list(among_documents())
        else:
            entries = [at_scale(asked.rows) if asked.rows else among_different(asked.different)]
        for one in entries:
            print(json.dumps(one) if asked.json else "  ".join(f"{k} {v}" for k, v in one.items()))
        return
    for entry in by_edit(asked.pictures, crops=asked.crops):
        if asked.json:
            print(json.dumps(entry), flush=True)
        else:
            print(
                f"{entry['kind']:<11}{entry['edit']:<21} recall {entry['recall']:.2f}"
                f"  precision {entry['precision']:.2f}  cosine {entry['cosine']:.3f}"
                f"  bits {entry['bits']:.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
