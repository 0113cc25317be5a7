"""Ten times the rows take no more memory: what is held is a batch, whatever there is in all."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_indexes import MODEL, entry

from vsearch.interchange.fields import fields_of

DIM = 384
FEW, MANY = 20_000, 200_000
MAY_GROW = 1.25  # times; all rows at once would take 9 times what few take

RUN = """
import sys
from pathlib import Path
from vsearch.index.writer import IndexWriter
from vsearch.interchange.transfer import export, source_at, take_in
# The graph is held whole while it is built, by import as by indexing; it is not what is measured.
IndexWriter.graph_due = lambda self: False
what, *paths = sys.argv[1:]
one, other = map(Path, paths)
if what == "import":
    print(take_in(one, source_at(other, root=None, pixel_limit=1, workers=1), None).images)
else:
    print(export(one, other, what, replace=False))
# Not getrusage: its peak is at least that of the process this one was forked from.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def run(*arguments: str | Path) -> tuple[int, int]:
    """Return how many pictures there were, and the peak of memory in kB, of another process."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    count, peak = map(int, done.stdout.split())
    return count, peak


def write_folder(folder: Path, rows: int) -> None:
    """Write what `export` would, of made-up pictures."""
    folder.mkdir()
    random = np.random.default_rng(0)
    vectors = random.standard_normal((rows, DIM), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.save(folder / "vectors.npy", vectors)
    with (folder / "metadata.jsonl").open("w") as file:
        for number in range(rows):
            made = entry("/photos", f"2024/{number // 500:04}/IMG_{number:07}.jpg")
            file.write(json.dumps(fields_of(made)) + "\n")
    model = {"name": MODEL.name, "weights": "w", "preprocessing": "p", "dim": DIM}
    (folder / "model.json").write_text(json.dumps({"format": 1, "model": model}))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks: dict[str, list[int]] = {}
    for rows in (FEW, MANY):
        made, index = tmp_path / f"made-{rows}", tmp_path / f"index-{rows}"
        write_folder(made, rows)
        out = tmp_path / f"out-{rows}"
        for name, arguments in {
            "import of npy": ("import", index, made),
            "export to npy": ("npy", index, out),
            "export to Parquet": ("parquet", index, tmp_path / f"{rows}.parquet"),
            "import of Parquet": ("import", tmp_path / f"p-{rows}", tmp_path / f"{rows}.parquet"),
        }.items():
            count, peak = run(*arguments)
            assert count == rows
            peaks.setdefault(name, []).append(peak)
        assert np.load(out / "vectors.npy", mmap_mode="r").shape == (rows, DIM)
    for name, (few, many) in peaks.items():
        print(f"{name}: {few / 1024:.0f} MB of {FEW:,} rows, {many / 1024:.0f} MB of {MANY:,}")
    grown = {name: many / few for name, (few, many) in peaks.items()}
    assert max(grown.values()) < MAY_GROW, grown
