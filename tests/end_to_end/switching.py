"""Bring an index up to date with one of the two fake models, as `vsearch index --model` would.

python switching.py INDEX PHOTOS MODEL [--drop-old]
"""

from __future__ import annotations

import sys
from pathlib import Path

from fake_encoder import FakeEncoder, TurnedEncoder

from vsearch.indexing import run

MODELS = {"colours": FakeEncoder, "turned": TurnedEncoder}


def main(index: str, photos: str, model: str, *options: str) -> None:
    run.COMMIT_SECONDS = 0.05  # so that there is much to be found half done
    how = run.Options(workers=2, pixel_limit=1_000_000)
    drop = "--drop-old" in options
    for event in run.update(Path(index), MODELS[model](), [photos], how, drop_old=drop):
        print(type(event).__name__, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
