"""Does `vsearch split` leak? A fifth of a set are edits of others, and it is known of which.

    apt download tuxpaint-stamps-default && dpkg-deb -x tuxpaint-stamps-default_*.deb stamps
    PYTHONPATH=tests/benchmarks python tests/benchmarks/splitting.py stamps [--seeds 5]

The pictures of Tux Paint, small drawings and photographs, on white where they are transparent:
nothing of `split` was chosen on them. Each seed draws which are edited, and how (as duplicates.py
does, but for what cuts off more than 5 % of each length), and splits 80, 10 and 10. A leak is an
edit that is in another split than its original: whatever vsearch calls the two.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from duplicates import EDITS, cropped
from PIL import Image, ImageOps

KINDS = {name: edit for kind in EDITS.values() for name, edit in kind.items()} | {
    "3 % of each length": cropped(0.03),
}


def usable(name: str) -> bool:
    """Whether an edit keeps nearly all of a picture."""
    return not any(part in name for part in ("10 %", "20 %", "5°"))


def plant(folder: Path, root: Path, seed: int) -> list[tuple[str, str, str]]:
    """Write the pictures and edits of a fifth of them; return (original, copy, edit)."""
    draw = random.Random(seed)
    pairs = []
    kinds = [name for name in KINDS if usable(name)]
    paths = sorted(path for path in folder.rglob("*.png") if not path.is_symlink())
    copied = set(draw.sample(paths, len(paths) // 5))
    for number, path in enumerate(paths):
        with Image.open(path) as opened:
            picture = Image.alpha_composite(
                Image.new("RGBA", opened.size, "white"), opened.convert("RGBA")
            ).convert("RGB")
        original = root / f"{draw.randrange(10**9)}-{number}.png"
        picture.save(original)
        if path in copied:
            kind = draw.choice(kinds)
            copy = root / f"{draw.randrange(10**9)}-{number}.jpg"
            ImageOps.exif_transpose(KINDS[kind](picture)).save(copy, quality=90)
            pairs.append((original.name, copy.name, kind))
    return pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    for seed in range(asked.seeds):
        with tempfile.TemporaryDirectory() as work:
            root, out = Path(work, "root"), Path(work, "split.csv")
            root.mkdir()
            pairs = plant(asked.folder, root, seed)
            command = [sys.executable, "-m", "vsearch"]
            index = ["--index", str(Path(work, "index"))]
            subprocess.run([*command, "index", str(root), "--quiet", *index], check=True)
            done = subprocess.run(
                [*command, "split", "--out", str(out), "--seed", str(seed), "--json", *index],
                check=True, capture_output=True,
            )  # fmt: skip
            summary = json.loads(done.stdout)
            rows = [line.rsplit(",", 1) for line in out.read_text().splitlines()[1:]]
            splits = {Path(path).name: split for path, split in rows}
            lost = [kind for one, copy, kind in pairs if splits[one] != splits[copy]]
            print(
                f"seed {seed}: {len(splits)} pictures, {len(pairs)} of them edits, "
                f"{summary['groups']} groups: "
                f"{len(lost)} leaked {dict(Counter(lost)) or ''}"
            )


if __name__ == "__main__":
    main()
