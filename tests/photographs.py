"""Folders of pictures with duplicates among them, and their indexes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from end_to_end.command import PHOTOS
from fake_encoder import PixelEncoder
from PIL import Image

from vsearch.indexing.run import Options, update

LIMIT = 10_000_000  # pixels


def dated(path: Path, seconds: int) -> Path:
    """Set a time of change: `seconds` after some moment that is long gone."""
    os.utime(path, (1_500_000_000 + seconds, 1_500_000_000 + seconds))
    return path


def photograph(path: Path, name: str, share: float = 1.0, *, seconds: int = 0) -> Path:
    """Make a copy of an example photograph, or of it resized to a share."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if share == 1.0:
        shutil.copyfile(PHOTOS / name, path)
    else:
        with Image.open(PHOTOS / name) as image:
            sides = round(image.width * share), round(image.height * share)
            image.convert("RGB").resize(sides).save(path)
    return dated(path, seconds)


def indexed(root: Path, index: Path) -> Path:
    """Bring the index of a folder up to date."""
    list(update(index, PixelEncoder(), [str(root)], Options(2, LIMIT)))
    return index
