"""Compare converted models with open_clip itself, on random weights of real architectures.

    python tests/benchmarks/models.py [--only NAME] [--json]

One row a model: the smallest cosine between the float32 folder's embeddings and open_clip's, over
40 photographs (each decoded and prepared by either in its own way) and 200 texts; and how many of
2,000 strings become the same token ids. Weights are drawn with a fixed seed. The vocabularies of
SigLIP 2 and XLM-R cannot be counted on to be at hand, so their tokenizers are of the same make with
few tokens (tests/made_tokenizers.py); CLIP's own is the real one. Needs 10 GB of memory.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict
from PIL import Image, ImageOps

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests"))

import made_tokenizers  # noqa: E402  # found by the line above
from strings import hard_strings  # noqa: E402

from vsearch.images.load import prepare  # noqa: E402
from vsearch.models.conversion.convert import convert  # noqa: E402
from vsearch.models.conversion.source import Source, load, load_tokenizer  # noqa: E402
from vsearch.models.onnx import OnnxEncoder  # noqa: E402
from vsearch.models.tokenizer import Tokenizer  # noqa: E402
from vsearch.records import Preprocessing  # noqa: E402

PHOTOS = REPOSITORY / "examples" / "photos"
MODELS = {
    "ViT-B-32-256": "datacomp_s34b_b86k",
    "ViT-B-16-SigLIP2": "webli",
    "MobileCLIP2-S0": "dfndr2b",
    "convnext_base_w": "laion2b_s13b_b82k",
    "xlm-roberta-base-ViT-B-32": "laion5b_s13b_b90k",
    "EVA02-B-16": "merged2b_s8b_b131k",
    "coca_ViT-B-32": "laion2b_s13b_b90k",
}
SEED = 20261124
PIXELS = 10**9


@dataclass(frozen=True, slots=True)
class Row:
    """What is printed of a model."""

    model: str
    image_cosine_min: float
    text_cosine_min: float
    tokens_tried: int
    tokens_equal: int


def source_of(architecture: str, tag: str, work: Path) -> Source:
    """Return what the model would be made from, with random weights for the published ones."""
    config = deepcopy(open_clip.get_model_config(architecture))
    published = open_clip.get_pretrained_cfg(architecture, tag)
    preprocessing = merge_preprocess_dict(asdict(PreprocessCfg()), published)
    preprocessing["size"] = config["vision_cfg"]["image_size"]
    source = Source(f"{architecture}/random", config, preprocessing, checkpoint=None, seed=SEED)
    if "xlm-roberta" in architecture:
        folder = made_tokenizers.xlm_roberta(work / "tokenizer", width=768, layers=12, heads=12)
        return replace(source, tokenizer=folder, text_config=folder)
    if "SigLIP" in architecture:
        return replace(source, tokenizer=made_tokenizers.gemma(work / "tokenizer"))
    return source


def photographs() -> list[Path]:
    """Return the 40 example photographs that every decoder reads alike."""
    found = []
    for path in sorted(PHOTOS.glob("IMG_*.jpg")):
        with Image.open(path) as image:
            if image.mode == "RGB":
                found.append(path)
    return found[:40]


def texts() -> list[str]:
    """Return 200 texts: the captions of the photographs, then hard ones."""
    with (PHOTOS / "captions.csv").open(encoding="utf-8") as file:
        captions = [row["caption"] for row in csv.DictReader(file)]
    return [*captions, *hard_strings(200 - len(captions))]


def compare(architecture: str, tag: str) -> Row:
    """Convert one model and compare it with itself in open_clip."""
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        source = source_of(architecture, tag, work)

        def prepared(data: bytes, spec: Preprocessing) -> NDArray[np.uint8]:
            return prepare(data, spec, pixel_limit=PIXELS, path="").pixels

        folder = convert(source, "fp32", work / "model", prepare=prepared).folder
        encoder = OnnxEncoder(folder, threads=torch.get_num_threads())
        model, tokenizer = load(source, work), load_tokenizer(source, work)
        transform = image_transform_v2(PreprocessCfg(**source.preprocess_cfg), is_train=False)

        image_cosines = []
        for path in photographs():
            with Image.open(path) as image:
                given = transform(ImageOps.exif_transpose(image).convert("RGB"))[None]
            with torch.inference_mode():
                theirs = model.encode_image(given, normalize=True).numpy()[0]
            pixels = prepared(path.read_bytes(), folder.preprocessing)
            image_cosines.append(float(encoder.encode_images(pixels[None])[0] @ theirs))

        text_cosines = []
        for text in texts():
            with torch.inference_mode():
                theirs = model.encode_text(tokenizer([text]), normalize=True).numpy()[0]
            text_cosines.append(float(encoder.encode_texts([text])[0] @ theirs))

        strings = hard_strings(2000, seed=2)
        whole = replace(folder.text, padding="context")
        ours = Tokenizer(folder.read("tokenizer.json"), whole, folder.path)(strings)[0]
        equal = int((ours == tokenizer(strings).numpy()).all(axis=1).sum())
        return Row(architecture, min(image_cosines), min(text_cosines), len(strings), equal)


def main() -> None:
    """Compare each model and print its row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=MODELS, help="this model alone")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments = parser.parse_args()
    for architecture in [arguments.only] if arguments.only else MODELS:
        row: dict[str, Any] = asdict(compare(architecture, MODELS[architecture]))
        if arguments.json:
            print(json.dumps(row), flush=True)
        else:
            print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
