"""What decoders call while they are fuzzed: what they always call, and how long and how much.

A decoder may write no file, but to memory that it shares: a file named by VARIABLE, with one slot
for each number that the names of the files tried begin with.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from vsearch.images import load as loading
from vsearch.images.load import Square
from vsearch.records import Preprocessing

VARIABLE = "VSEARCH_TEST_MEASURED"
SLOT = struct.Struct("<dQQ")  # seconds; bytes at the peak; bytes before


@cache
def _shared() -> mmap.mmap:
    with Path(os.environ[VARIABLE]).open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def load(
    path: str,
    spec: Preprocessing,
    *,
    pixel_limit: int,
    named_image: bool,
    is_known: Callable[[bytes], bool],
) -> tuple[bytes, Square | None]:
    """Do what `loading.load` does, and note what it took."""
    number = int(Path(path).stem.split("-")[0])
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _memory("VmRSS")
    began = time.monotonic()
    try:
        return loading.load(
            path, spec, pixel_limit=pixel_limit, named_image=named_image, is_known=is_known
        )
    finally:
        took = time.monotonic() - began
        SLOT.pack_into(_shared(), SLOT.size * number, took, _memory("VmHWM"), before)


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) << 10
    return 0
