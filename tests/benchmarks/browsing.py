"""How long does a person wait in `vsearch browse`, and how much is sent over the line?

    python tests/benchmarks/browsing.py [--rows N] [--size WIDTHxHEIGHT] [--graphics HOW] [--json]

Makes an index of N clustered random unit vectors of mini's length, each the picture of a link to
one of the example photographs, and types into the real command on a terminal of its own. Prints
medians, times in milliseconds:

start_ms     from starting the process until one can type
first_ms     from there to the first answer, the words typed at once: the model is loading
echo_ms      from a key to what it draws in the line
answer_ms    from the last key of a word to the first sign of its answer, with the pause in which
             another key is waited for
pictures_ms  from there until all thumbnails of a page are drawn
page_kb      what was sent to the terminal for it
again_kb     what was sent for moving the cursor on that page
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from itertools import cycle
from pathlib import Path

from exact_or_graph import clustered

from vsearch.index.writer import IndexWriter
from vsearch.models.folder import built_in
from vsearch.records import ImageFacts

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"
WORDS = ("a dog", "castle", "snow", "an orange flower", "boats", "night", "a cat", "people", "food")
READY = b"Type what you look for"
ANSWERED = re.compile(rb"\d ms")
QUIET = 0.5  # seconds without output after which all is drawn


def fill(folder: Path, rows: int) -> None:
    """Make an index of so many pictures, and the pictures."""
    identity = built_in().identity
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    photos = cycle(sorted(PHOTOS.glob("IMG_*")))
    with IndexWriter(folder / "index", identity) as writer:
        root = writer.add_root(str(pictures), whole=True)
        for number, vector in enumerate(clustered(rows, identity.dim, 1)):
            photo = next(photos)
            name = f"{number:07d}{photo.suffix}"
            (pictures / name).symlink_to(photo)
            digest = number.to_bytes(16, "big")
            writer.add(root, name, 1, 1, digest, ImageFacts(640, 480, "JPEG"), vector)
        writer.commit()
        writer.extend_graph()


class Terminal:
    """The command on a terminal of its own, which answers nothing but what it is."""

    def __init__(self, index: Path, columns: int, lines: int, graphics: str) -> None:
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ |= {"COLORTERM": "truecolor", "TERM": "xterm-256color"}
            words = ["-m", "vsearch", "browse", "--index", str(index), "--graphics", graphics]
            os.execv(sys.executable, [sys.executable, *words])  # noqa: S606  # no shell is wanted
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds: float) -> bytes:
        """Return what comes within so many seconds, at the latest; empty: nothing did."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        data = os.read(self.fd, 1 << 20) if ready else b""
        if b"\x1b[c" in data:  # what are you? A VT220
            os.write(self.fd, b"\x1b[?62c")
        return data

    def until(self, wanted: re.Pattern[bytes]) -> float:
        """Return when it came."""
        seen = b""
        while not wanted.search(seen):
            data = self.read(30)
            if not data:
                raise TimeoutError(wanted.pattern, seen[-1000:])
            seen = seen[-100:] + data
        return time.perf_counter()

    def settle(self) -> tuple[float, int]:
        """Return when the last output came before it was quiet, and how many bytes until then."""
        last, count = time.perf_counter(), 0
        while data := self.read(QUIET):
            last, count = time.perf_counter(), count + len(data)
        return last, count

    def type(self, keys: str) -> float:
        """Type, and return when."""
        os.write(self.fd, keys.encode())
        return time.perf_counter()

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def measure(index: Path, columns: int, lines: int, graphics: str) -> dict[str, float]:
    """Type into a browser and return what it took."""
    taken: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        taken.setdefault(name, []).append(value)

    for _ in range(5):
        terminal = Terminal(index, columns, lines, graphics)
        ready = terminal.until(re.compile(re.escape(READY)))
        note("start_ms", 1000 * (ready - terminal.started))
        begun = terminal.type("a dog")
        note("first_ms", 1000 * (terminal.until(ANSWERED) - begun))
        terminal.close()
    terminal = Terminal(index, columns, lines, graphics)
    terminal.until(re.compile(re.escape(READY)))
    terminal.settle()
    for word in WORDS:
        for letter in word:
            begun = terminal.type(letter)
            if terminal.read(5):
                note("echo_ms", 1000 * (time.perf_counter() - begun))
            time.sleep(0.01)
        answered = terminal.until(ANSWERED)
        note("answer_ms", 1000 * (answered - begun))
        drawn, count = terminal.settle()
        note("pictures_ms", 1000 * (drawn - answered))
        note("page_kb", count / 1000)
        terminal.type("\t")
        terminal.settle()
        terminal.type("\x1b[C")
        note("again_kb", terminal.settle()[1] / 1000)
        terminal.type("/" + len(word) * "\x7f")
        terminal.settle()
    terminal.close()
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--graphics", default="blocks")
    parser.add_argument("--index", type=Path, help="an index made before, with --keep")
    parser.add_argument("--keep", type=Path, help="make the index here and keep it")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    columns, lines = (int(side) for side in options.size.split("x"))
    with tempfile.TemporaryDirectory() as scratch:
        index = options.index
        if index is None:
            folder = options.keep or Path(scratch)
            fill(folder, options.rows)
            index = folder / "index"
        row = measure(index, columns, lines, options.graphics)
    if options.json:
        print(json.dumps({name: round(value, 1) for name, value in row.items()}))
    else:
        for name, value in row.items():
            print(f"{name:12} {value:8.1f}")


if __name__ == "__main__":
    main()
