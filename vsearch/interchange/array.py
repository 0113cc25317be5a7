"""A .npy file of embeddings, read in blocks.

Only the header is parsed by numpy; the numbers are read by their place. So nothing is unpickled,
nothing is mapped (a file cut short while it is mapped ends the process), and memory is one block.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vsearch.interchange.source import Unsound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    import numpy as np
    from numpy.typing import NDArray

_SIZES = (2, 4, 8)  # bytes of a number


class ArrayFile:
    """The (rows, dim) numbers of the file at `path`: float16, float32 or float64.

    Raises Unsound for any other content, and what numpy raises for what is no .npy file.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            shape, self._dtype = _header(file)
            self._start = file.tell()
            length = path.stat().st_size
        self.path = path
        self.rows, self.dim = shape
        expected = self._start + self.rows * self.dim * self._dtype.itemsize
        if length != expected:
            kind = "shorter" if length < expected else "longer"
            raise Unsound(f"{path.name} is {kind} than its header says")

    def blocks(self, step: int) -> Iterator[NDArray[np.floating]]:
        """Yield all rows in order, `step` at a time, (n, dim) each."""
        import numpy as np

        with self.path.open("rb") as file:
            file.seek(self._start)
            for first in range(0, self.rows, step):
                block = np.empty((min(step, self.rows - first), self.dim), self._dtype)
                if file.readinto(block.data.cast("B")) != block.nbytes:
                    raise Unsound(f"{self.path.name} became shorter while it was read")
                yield block


def _header(file: BinaryIO) -> tuple[tuple[int, int], np.dtype[np.floating]]:
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    if version == (1, 0):
        shape, by_columns, dtype = npy.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, by_columns, dtype = npy.read_array_header_2_0(file)
    else:
        raise Unsound(f"its .npy format {version[0]}.{version[1]} is unknown here")
    if dtype.kind != "f" or dtype.itemsize not in _SIZES:
        raise Unsound(f"its numbers are {dtype.name}, not float16, float32 or float64")
    if len(shape) != 2 or shape[0] < 0 or shape[1] < 1 or math.prod(shape) >> 60:
        raise Unsound(f"its shape is {shape}, not (rows, dimensions)")
    if by_columns and min(shape) > 1:
        raise Unsound("its numbers lie column by column; store them row by row (C order)")
    return shape, dtype
