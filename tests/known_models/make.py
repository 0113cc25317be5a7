"""Write vsearch/models/zoo/known.json: what is known of every model that open_clip publishes.

    python tests/known_models/make.py

Names, places, sizes and parameters come from the installed open_clip; the figures in published.csv
from its tables docs/openclip_results.csv and README.md (ImageNet: zero-shot top-1 accuracy; flickr
and coco: retrieval on Flickr30k and MS COCO, as that table averages it). What is published nowhere
stays null. Licences are those the publishers state for the weights, by family; see LICENCES.
"""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path
from typing import Any

import open_clip
import torch

HERE = Path(__file__).parent
KNOWN = HERE.parents[1] / "vsearch" / "models" / "zoo" / "known.json"

# The first rule whose part is in "ARCHITECTURE/TAG" (in lower case) says under which licence the
# weights are published; SPDX names, or the name that the publisher gives its own licence.
LICENCES = (
    ("metaclip", "CC-BY-NC-4.0"),
    ("nllb", "CC-BY-NC-4.0"),
    ("mobileclip", "Apple's own"),
    ("dfn", "Apple's own"),
    ("siglip", "Apache-2.0"),
    ("pe-core", "Apache-2.0"),
    ("clipa", "Apache-2.0"),
    ("vitamin", "MIT"),
    ("eva0", "MIT"),
    ("openai", "MIT"),
    ("laion", "MIT"),
    ("datacomp", "MIT"),
    ("commonpool", "MIT"),
    ("yfcc15m", "MIT"),
    ("cc12m", "MIT"),
)


def main() -> None:
    """Describe every model and write them down."""
    logging.disable(logging.ERROR)
    with (HERE / "published.csv").open(encoding="utf-8") as file:
        published = {(row["architecture"], row["tag"]): row for row in csv.DictReader(file)}
    # Parameters and operations are the architecture's, whatever it was trained on.
    sizes = {architecture: row for (architecture, _), row in published.items() if row["gflops"]}
    described = [
        describe(architecture, tag, published.pop((architecture, tag), {}), sizes.get(architecture))
        for architecture, tag in open_clip.list_pretrained()
    ]
    if published:
        print(f"published of models that open_clip no longer has: {sorted(published)}")
    described.sort(key=lambda known: (-(known["imagenet"] or 0), known["name"]))
    lines = ",\n".join(json.dumps(known) for known in described)
    KNOWN.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def describe(
    architecture: str, tag: str, results: dict[str, str], size: dict[str, str] | None
) -> dict[str, Any]:
    """Return one model: `results` are its own, `size` its architecture's."""
    config = open_clip.get_model_config(architecture)
    cfg = open_clip.get_pretrained_cfg(architecture, tag)
    parameters = number_of_parameters(architecture, size)
    name = f"{architecture}/{tag}"
    return {
        "name": name,
        "dim": config["embed_dim"],
        "size": config["vision_cfg"]["image_size"],
        "parameters": parameters,
        "download_bytes": 4 * parameters if parameters else None,  # published in float32, mostly
        "licence": next((what for part, what in LICENCES if part in name.lower()), None),
        "imagenet": number(results, "imagenet"),
        "flickr": number(results, "flickr"),
        "coco": number(results, "coco"),
        "gflops": number(size or {}, "gflops"),
        "repository": cfg.get("hf_hub", "").rpartition("/")[0] or None,
    }


def number(row: dict[str, str], field: str) -> float | None:
    """Return a published figure, or None."""
    return float(row[field]) if row.get(field) else None


def number_of_parameters(architecture: str, size: dict[str, str] | None) -> int | None:
    """Return them as published; what is not is counted, on a device without memory.

    None where that would need a download.
    """
    if size:
        return round(1e6 * float(size["parameters_m"]))
    if "hf_model_name" in open_clip.get_model_config(architecture)["text_cfg"]:
        return None
    with torch.device("meta"):
        model = open_clip.create_model(architecture, pretrained_text=False, device="meta")
    return int(sum(parameter.numel() for parameter in model.parameters()))


if __name__ == "__main__":
    main()
