"""The different contents of an index, and the files of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.analysis.groups import NO_SIDE, SEVERAL
from vsearch.analysis.results import Neighbour, Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vsearch.analysis.groups import Alike
    from vsearch.analysis.labelling import Files, Labelled

    Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Contents:
    """The different contents (n,), in the order of the index, and their files.

    Content i is that of the files from `starts[i]` to `starts[i + 1]`, `vectors` (n, dim) are their
    embeddings, `usable` (n,) those whose embedding is there and says something.
    """

    files: Files
    known: Labelled | None
    starts: Places
    vectors: NDArray[np.float32]
    usable: NDArray[np.bool_]

    def files_of(self, content: int) -> range:
        """Return the files of a content."""
        return range(int(self.starts[content]), int(self.starts[content + 1]))

    def label(self, file: int) -> str | None:
        """Return a file's label."""
        return self.known.labels[file] if self.known else None

    def split(self, file: int) -> str | None:
        """Return a file's split."""
        return self.known.splits[file] if self.known else None

    def picture(self, file: int) -> Picture:
        """Return what is shown of a file."""
        return Picture(
            self.files.paths[file], *self.files.sides[file], self.label(file), self.split(file)
        )

    def shown(self, content: int) -> Picture:
        """Return what is shown of a content: its first file that has a label, else the first."""
        files = self.files_of(content)
        return self.picture(next((one for one in files if self.label(one) is not None), files[0]))

    def labelled(self) -> NDArray[np.bool_]:
        """Return which contents have a label: (n,)."""
        import numpy as np

        return np.array(
            [
                any(self.label(file) is not None for file in self.files_of(content))
                for content in range(len(self.usable))
            ],
            dtype=bool,
        )

    def classes(self) -> dict[str, int]:
        """Return a number for each class."""
        listed = self.known.labelling.classes if self.known else ()
        return {one.label: number for number, one in enumerate(listed)}

    def sides(self) -> Places | None:
        """Return the split of each content (n,) for `alike`; None where there are no splits."""
        import numpy as np

        if self.known is None or not self.known.labelling.splits:
            return None
        number = {split: place for place, split in enumerate(self.known.labelling.splits)}
        sides = np.full(len(self.usable), NO_SIDE, dtype=np.int64)
        for content in range(len(sides)):
            of_it = {self.split(file) for file in self.files_of(content)} - {None}
            if of_it:
                sides[content] = SEVERAL if len(of_it) > 1 else number[of_it.pop() or ""]
        return sides

    def beside(self, neighbours: Places, cosines: NDArray[np.float32]) -> tuple[Neighbour, ...]:
        """Return what is shown of the neighbours of a content, with these cosines."""
        return tuple(
            Neighbour(self.shown(content), float(cosine))
            for content, cosine in zip(neighbours.tolist(), cosines.tolist(), strict=True)
        )


def standing(contents: Contents, near: Alike) -> Places:
    """Return the contents that are usable, near duplicates of one another counted once: (m,)."""
    import numpy as np

    alone = near.stand_ins == np.arange(len(near.stand_ins))
    return np.flatnonzero(contents.usable & alone)


def standing_by_class(contents: Contents, near: Alike) -> dict[str, Places]:
    """Return the usable contents of each class, near duplicates of one another counted once."""
    import numpy as np

    taken: dict[str, dict[int, int]] = {label: {} for label in contents.classes()}
    for content in np.flatnonzero(contents.usable).tolist():
        for label in {contents.label(file) for file in contents.files_of(content)} - {None}:
            taken[label or ""].setdefault(int(near.stand_ins[content]), content)
    return {label: np.array(list(one.values()), np.int64) for label, one in taken.items()}
