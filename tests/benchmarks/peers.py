"""Compare vsearch with rclip 3.3.0, side by side on this machine.

    python tests/benchmarks/peers.py [--model NAME] [--only NAME] [--json] [--work DIR] [--keep]

Run it with the interpreter vsearch is installed for; POSIX only. It prints one row for each of

    cold-text-1k      a text query from a fresh process, 1,000 records
    cold-text-100k    the same, 100,000 records
    cold-image-1k     a picture as the query, 1,000 records
    index-500x375     indexing 1,000 JPEGs of 500 x 375
    index-12mp        indexing 40 JPEGs of 4000 x 3000

with seconds and peak memory in megabytes (10^6 bytes) of both, and ours divided by theirs. The two
run in turn, A B A B, after one uncounted run each, so files are in the page cache and byte code is
compiled; figures are medians of 7 pairs (queries) or 3 pairs (indexing). Memory is the resident
peak of the process, and the most that others it started had together when looked at, ten times a
second (proportional set size: of what they share, a share).

What is prepared first: rclip and its models, kept in the cache folder (0.9 GB), and the data, made
anew each time unless --keep is given (1.1 GB). Run it on a machine with nothing else to do: work
beside it has been seen to double rclip's times.

With `--model ViT-B-32-256` vsearch runs rclip's own architecture, converted from the very same
random weights by `vsearch models get`, which chooses the precision; without it each program runs
the model it is built around.

What makes it fair to rclip:

* rclip comes from the package index into its own virtual environment, unchanged, and runs with its
  defaults. Its data directory is private to each run: `RCLIP_DATADIR` points at it.
* Its weights cannot be counted on to be at hand, so they are random: `rclip_models.py` beside this
  file has the recipe. The architecture, precision and graph form are those of its real files.
* Queries run with `--no-indexing`, which spares it looking through the folder. Indexing calls the
  function its command calls, without the query which that command insists on.
* Records of the query rows are random unit vectors, written by rclip's own database class; neither
  program looks at whether the pictures exist. A different query each time, the same for both.
* Photographs are cut from `examples/photos`, enlarged, and given grain until their size in bytes is
  that of a camera's: about 2.3 bits a pixel at 500 x 375, 2.5 at 12 megapixels; quality 90, 4:2:0.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import rclip_models
from PIL import Image

RCLIP_VERSION = "3.3.0"
PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "photos"
MINI = "mini"
RESULTS = 10
QUERY_PAIRS, INDEX_PAIRS = 7, 3
SMALL, LARGE = (500, 375), (4000, 3000)
QUERIES = (
    "a dog on a beach",
    "two people riding bicycles",
    "a red car in the snow",
    "a plate of food on a table",
    "mountains at sunset",
    "a child with a ball",
    "a boat on a lake",
    "a crowd at a concert",
)

# Time and memory of ours over theirs that the project wants at most, by our model.
Wanted = dict[str, tuple[float, float | None]]
WANTED: dict[str, Wanted] = {
    MINI: {
        "cold-text-100k": (0.25, 0.35),
        "index-500x375": (0.2, None),
        "index-12mp": (0.2, None),
    },
    rclip_models.ARCHITECTURE: {
        "cold-text-1k": (0.6, 0.6),
        "cold-text-100k": (0.3, 0.6),
        "cold-image-1k": (0.6, 0.6),
        "index-500x375": (1 / 2.2, 0.6),
        "index-12mp": (1 / 3.5, 0.6),
    },
}

# A process takes over the peak memory of the one it was forked from, so one that has made pictures
# and vectors must not start what is measured: this small one does, and reports about its child.
LAUNCHER = """
import json, os, sys, time
from threading import Event, Thread
tests, out, err, *command = sys.argv[1:]
sys.path.insert(0, tests)
from processes import descendants, proportional
ended, most = Event(), [0.0]
def look():
    while not ended.wait(0.1):
        most.append(sum(map(proportional, descendants(child))))
flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
to_files = [(os.POSIX_SPAWN_OPEN, to, path, flags, 0o600) for to, path in ((1, out), (2, err))]
start = time.perf_counter()
child = os.posix_spawn(command[0], command, os.environ, file_actions=to_files)
Thread(target=look).start()
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - start
ended.set()
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, usage.ru_maxrss, max(most)]))
"""

# Both run in rclip's environment.
INDEX_PEER = """
import os
from rclip.main import init_rclip
rclip, model, database = init_rclip(os.getcwd(), indexing_batch_size=8)
rclip.close()
model.close()
database.close()
"""
FILL_PEER = """
import sys
import numpy as np
from rclip.db import DB
database, random = DB(sys.argv[1]), np.random.default_rng(1)
for name in sys.stdin:
    vector = random.standard_normal(512, dtype=np.float32)
    vector /= np.linalg.norm(vector)
    image = dict(filepath=name.rstrip(), modified_at=1.7e9, size=70_000, vector=vector.tobytes())
    database.upsert_image({**image, "hash": random.bytes(32).hex()}, commit=False)
database.close()
"""

TESTS = str(Path(__file__).parents[1])

Environment = dict[str, str] | None
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run took: seconds from start to exit, and its peak memory in bytes / 10^6."""

    seconds: float
    megabytes: float


Trial = Callable[[int], Measured]  # the argument says how often it has run, which picks the query


@dataclass(frozen=True, slots=True)
class Pair:
    """One run of each program, doing the same work."""

    ours: Trial
    peer: Trial


@dataclass(frozen=True, slots=True)
class Result:
    """One row: medians, and ours divided by the peer's."""

    name: str
    ours_s: float
    peer_s: float
    time_ratio: float
    ours_mb: float
    peer_mb: float
    memory_ratio: float

    def line(self) -> str:
        """Give the row as one line of JSON."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({k: round(v, 4) if k != "name" else v for k, v in fields.items()})


# The two programs, and how they are run ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bench:
    """Where everything lies: what is kept in `cache`, what may go away in `data`; our `model`."""

    cache: Path
    data: Path
    model: str

    @property
    def peer_python(self) -> Path:
        """The interpreter of rclip's environment."""
        return self.cache / f"rclip-{RCLIP_VERSION}" / "bin" / "python"

    @property
    def peer_models(self) -> Path:
        """The folder with what rclip would download."""
        return self.cache / "rclip-models"

    @property
    def our_models(self) -> Path:
        """The folder of the models that vsearch has fetched."""
        return self.cache / "vsearch-models"

    @property
    def our_model(self) -> str:
        """What vsearch calls the model it runs."""
        return (
            self.model if self.model == MINI else f"{self.model}/{Path(rclip_models.WEIGHTS).stem}"
        )

    def ours(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """Give the vsearch command line and the environment it needs."""
        command = Path(sys.executable).with_name("vsearch")
        start = [str(command)] if command.exists() else [sys.executable, "-m", "vsearch"]
        return [*start, *arguments], {"VSEARCH_MODELS": str(self.our_models)}

    @property
    def pictures(self) -> Path:
        """The folder below which the invented pictures would lie; rclip asks where it is run."""
        return self.data / "pictures"


def measure(argv: list[str], cwd: Path, env: Environment = None) -> tuple[Measured, str]:
    """Run a command in a clean environment; give what it took and its standard output."""
    with tempfile.TemporaryDirectory() as home:
        out, err = Path(home, "out"), Path(home, "err")
        report = subprocess.run(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, TESTS, str(out), str(err), *argv],
            cwd=cwd,
            env=environment(home) | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
        )
        code, seconds, peak, others = json.loads(report.stdout)
        if code != 0:
            complaint = err.read_text(errors="replace")[-2000:]
            sys.exit(f"peers: exit status {code} from {' '.join(argv)}\n{complaint}")
        unit = 1 if sys.platform == "darwin" else 1024
        return Measured(seconds, peak * unit / 1e6 + others), out.read_text()


def environment(home: str) -> dict[str, str]:
    """Give a process a home of its own, and nothing that would reach the user's settings."""
    return {
        "HOME": home,
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HF_HUB_OFFLINE": "1",  # a model file out of place must be an error, not a download
    }


def ask(argv: list[str], cwd: Path, env: Environment = None) -> Measured:
    """Measure a query, and insist on its full number of result lines."""
    measured, output = measure(argv, cwd, env)
    found = len(output.splitlines())
    if found != RESULTS:
        sys.exit(f"peers: {found} result lines, not {RESULTS}, from {' '.join(argv)}")
    return measured


def rclip_query(bench: Bench, term: str, datadir: Path) -> Measured:
    """Ask rclip without letting it look for new pictures first."""
    command = str(bench.peer_python.with_name("rclip"))
    options = ["--no-indexing", "--filepath-only", "--top", str(RESULTS)]
    return ask([command, *options, term], bench.pictures, {"RCLIP_DATADIR": str(datadir)})


# The rows ----------------------------------------------------------------------------------------


def query_pair(bench: Bench, count: int, terms: list[str]) -> Pair:
    """Pair two queries over `count` invented records."""
    bench.pictures.mkdir(exist_ok=True)
    index = once(
        bench.data / f"ours-{count}-{bench.model}",
        lambda path: fill_ours(bench, path, count),
    )
    datadir = once(bench.data / f"rclip-{count}", lambda path: fill_peer(bench, path, count))
    options = ["search", "--index", str(index), "-k", str(RESULTS), "--paths"]

    def ours(turn: int) -> Measured:
        argv, env = bench.ours(*options, terms[turn % len(terms)])
        return ask(argv, bench.pictures, env)

    def peer(turn: int) -> Measured:
        return rclip_query(bench, terms[turn % len(terms)], datadir)

    return Pair(ours, peer)


def index_pair(bench: Bench, folder: Path) -> Pair:
    """Pair two programs that index all of `folder` into a place that does not exist yet."""
    count = len(list(folder.iterdir()))

    def ours(turn: int) -> Measured:
        with scratch(bench) as place:
            index = str(place / "index")
            options = ["--index", index, "--model", bench.our_model]
            argv, env = bench.ours("index", str(folder), *options)
            measured, _ = measure(argv, place, env)
            argv, env = bench.ours("search", "--index", index, "-k", str(count), "--paths", "sky")
            expect(count, len(measure(argv, place, env)[1].splitlines()), "vsearch")
            return measured

    def peer(turn: int) -> Measured:
        with scratch(bench) as place:
            install_models(bench, place)
            argv = [str(bench.peer_python), "-c", INDEX_PEER]
            measured, _ = measure(argv, folder, {"RCLIP_DATADIR": str(place)})
            with closing(sqlite3.connect(place / "db.sqlite3")) as database:
                (rows,) = database.execute("SELECT count(*) FROM images").fetchone()
            expect(count, rows, "rclip")
            return measured

    return Pair(ours, peer)


def expect(wanted: int, found: int, who: str) -> None:
    """Stop when a program has indexed another number of pictures than it was given."""
    if found != wanted:
        sys.exit(f"peers: {who} indexed {found} of {wanted} pictures")


def compare(name: str, warm: Pair, pair: Pair, pairs: int) -> Result:
    """Run each once uncounted, then both in turn, and take medians."""
    warm.ours(-1)
    warm.peer(-1)
    ours: list[Measured] = []
    peer: list[Measured] = []
    for turn in range(pairs):
        ours.append(pair.ours(turn))
        peer.append(pair.peer(turn))
        a, b = ours[-1], peer[-1]
        figures = f"{a.seconds:.3f} s {a.megabytes:.0f} MB; {b.seconds:.3f} s {b.megabytes:.0f} MB"
        say(f"{name} {turn + 1}/{pairs}: {figures}")
    return summary(name, ours, peer)


def summary(name: str, ours: list[Measured], peer: list[Measured]) -> Result:
    """Reduce two lists of runs to one row."""
    ours_s, peer_s = (median(run.seconds for run in runs) for runs in (ours, peer))
    ours_mb, peer_mb = (median(run.megabytes for run in runs) for runs in (ours, peer))
    return Result(name, ours_s, peer_s, ours_s / peer_s, ours_mb, peer_mb, ours_mb / peer_mb)


def text_row(bench: Bench, name: str, count: int) -> Result:
    """Compare text queries."""
    pair = query_pair(bench, count, list(QUERIES))
    return compare(name, pair, pair, QUERY_PAIRS)


def image_row(bench: Bench, name: str) -> Result:
    """Compare queries by a picture that lies outside the library."""
    count = len(QUERIES)
    folder = once(bench.data / "queries", lambda path: make_photos(path, SMALL, count, seed=3))
    pair = query_pair(bench, 1000, [str(path) for path in sorted(folder.iterdir())])
    return compare(name, pair, pair, QUERY_PAIRS)


def index_row(bench: Bench, name: str, size: tuple[int, int], count: int) -> Result:
    """Compare indexing; four pictures warm the programs up, and every picture is read once."""
    few = once(bench.data / f"{name}-few", lambda path: make_photos(path, size, 4, seed=4))
    folder = once(bench.data / name, lambda path: make_photos(path, size, count, seed=5))
    for path in folder.iterdir():
        path.read_bytes()
    return compare(name, index_pair(bench, few), index_pair(bench, folder), INDEX_PAIRS)


ROWS: dict[str, Callable[[Bench, str], Result]] = {
    "cold-text-1k": lambda bench, name: text_row(bench, name, 1000),
    "cold-text-100k": lambda bench, name: text_row(bench, name, 100_000),
    "cold-image-1k": image_row,
    "index-500x375": lambda bench, name: index_row(bench, name, SMALL, 1000),
    "index-12mp": lambda bench, name: index_row(bench, name, LARGE, 40),
}


# What has to be there first ----------------------------------------------------------------------


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """Make `path` unless it is there; what is interrupted half-way does not count as there."""
    if not path.exists():
        say(f"making {path.name}")
        part = path.with_name(path.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        make(part)
        part.rename(path)
    return path


@contextmanager
def scratch(bench: Bench) -> Iterator[Path]:
    """Lend an empty folder on the disk of the other data."""
    with tempfile.TemporaryDirectory(dir=bench.data) as place:
        yield Path(place)


def install_peer(bench: Bench) -> None:
    """Give rclip a virtual environment of its own, from the package index."""
    command = bench.peer_python.with_name("rclip")
    if command.exists():
        return
    say(f"installing rclip {RCLIP_VERSION}")
    home = bench.peer_python.parents[1]
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
    install = [str(bench.peer_python), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, f"rclip=={RCLIP_VERSION}"], check=True, stdout=sys.stderr)


def make_models(path: Path) -> None:
    """Run the recipe in another process: torch would otherwise stay in this one."""
    recipe = Path(__file__).with_name("rclip_models.py")
    subprocess.run([sys.executable, str(recipe), str(path)], check=True, stdout=sys.stderr)


def get_our_model(bench: Bench) -> None:
    """Convert rclip's architecture and random weights, once."""
    from vsearch.models.installed import Installed

    if Installed(bench.our_models).by_name(bench.our_model) is None:
        say(f"converting {bench.our_model}")
        weights = str(bench.peer_models / rclip_models.WEIGHTS)
        argv, env = bench.ours("models", "get", bench.model, "--checkpoint", weights)
        measure(argv, bench.data, env)


def install_models(bench: Bench, datadir: Path) -> None:
    """Let an rclip data directory find the shared model files."""
    for source in bench.peer_models.iterdir():
        (datadir / source.name).symlink_to(source)


def record_path(number: int) -> str:
    """Give the path of an invented picture, below the library: 200 to a folder."""
    return f"{2000 + number // 20_000}/{number // 200 % 100:02}/IMG_{number:06}.jpg"


def unit_vectors(count: int, dim: int) -> Vectors:
    """Draw (count, dim) random unit vectors."""
    rows = np.random.default_rng(1).standard_normal((count, dim), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def fill_ours(bench: Bench, index: Path, count: int) -> None:
    """Write an index of invented pictures as `vsearch index` leaves it."""
    from vsearch.index.writer import IndexWriter
    from vsearch.models.installed import Installed
    from vsearch.records import ImageFacts

    model = Installed(bench.our_models).by_name(bench.our_model)
    if model is None:
        sys.exit(f"peers: no model {bench.our_model} in {bench.our_models}")
    facts = ImageFacts(*SMALL, "JPEG")
    with IndexWriter(index, model.identity) as writer:
        root = writer.add_root(str(bench.pictures), whole=True)
        for number, vector in enumerate(unit_vectors(count, model.identity.dim)):
            digest = number.to_bytes(16)
            writer.add(root, record_path(number), 70_000, number, digest, facts, vector)
        writer.commit()
        writer.extend_graph()


def fill_peer(bench: Bench, datadir: Path, count: int) -> None:
    """Write an rclip data directory of invented pictures."""
    install_models(bench, datadir)
    names = "".join(f"{bench.pictures / record_path(number)}\n" for number in range(count))
    fill = [str(bench.peer_python), "-c", FILL_PEER, str(datadir / "db.sqlite3")]
    subprocess.run(fill, input=names, text=True, check=True)


def make_photos(folder: Path, size: tuple[int, int], count: int, *, seed: int) -> None:
    """Write `count` different JPEGs of `size` that cost a decoder what photographs cost."""
    random = np.random.default_rng(seed)
    sources = [Image.open(path).convert("RGB") for path in sorted(PHOTOS.glob("IMG_*.jpg"))]
    sources = [image for image in sources if min(image.size) >= 300]
    if not sources:
        sys.exit(f"peers: no photographs in {PHOTOS}")
    for number in range(count):
        image = with_grain(cut(sources[number % len(sources)], size, random), random)
        image.save(folder / f"IMG_{number:04}.jpg", quality=90, subsampling="4:2:0")


def cut(image: Image.Image, size: tuple[int, int], random: np.random.Generator) -> Image.Image:
    """Cut a random part in the proportions of `size`, enlarge it to that, and perhaps mirror it."""
    aspect = size[0] / size[1]
    width = min(image.width, image.height * aspect) * random.uniform(0.6, 1.0)
    height = width / aspect
    left = random.uniform(0, image.width - width)
    top = random.uniform(0, image.height - height)
    box = (left, top, left + width, top + height)
    part = image.resize(size, Image.Resampling.LANCZOS, box=box)
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else part


def with_grain(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Vary the exposure; add grain, and the texture that enlarging has taken away."""
    grain, texture = (6.0, 3.0) if image.width > 1000 else (2.0, 1.0)
    shape = (image.height, image.width)
    noise = random.standard_normal(shape, dtype=np.float32) * grain
    for step in (2, 4, 8):
        coarse = (shape[0] // step + 1, shape[1] // step + 1)
        plane = Image.fromarray(random.standard_normal(coarse, dtype=np.float32) * texture)
        noise += np.asarray(plane.resize(image.size, Image.Resampling.BICUBIC))
    pixels = np.asarray(image, dtype=np.float32) * random.uniform(0.85, 1.15)
    return Image.fromarray(np.clip(pixels + noise[..., None], 0, 255).astype(np.uint8))


# The command -------------------------------------------------------------------------------------


def say(message: str) -> None:
    """Tell what is going on, away from the results."""
    print(message, file=sys.stderr, flush=True)


def table_line(result: Result, model: str) -> str:
    """Give a row for people: theirs, ours, the ratio, and what is wanted of it."""
    time, memory = WANTED[model].get(result.name, (None, None))
    wanted = f"  wanted: time {time:.2f}" if time else ""
    wanted += f", memory {memory}" if memory else ""
    return (
        f"{result.name:<16}{result.ours_s:>9.3f}{result.peer_s:>9.3f}{result.time_ratio:>8.3f}"
        f"{result.ours_mb:>9.0f}{result.peer_mb:>9.0f}{result.memory_ratio:>8.3f}" + wanted
    )


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    about = "the model vsearch runs; default: %(default)s"
    parser.add_argument("--model", choices=WANTED, default=MINI, help=about)
    parser.add_argument("--only", choices=ROWS, help="this row alone")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    default = Path(cache) / "vsearch-benchmarks"
    about = "the folder for rclip, its models and the data; default: %(default)s"
    parser.add_argument("--work", type=Path, default=default, help=about)
    parser.add_argument("--keep", action="store_true", help="keep the data for the next time")
    return parser.parse_args()


def main() -> None:
    """Prepare, compare, print each row as it is done, clear up."""
    arguments = parse_arguments()
    cache = arguments.work.resolve()
    bench = Bench(cache, cache / "data", arguments.model)
    bench.data.mkdir(parents=True, exist_ok=True)
    try:
        install_peer(bench)
        once(bench.peer_models, make_models)
        if bench.model != MINI:
            get_our_model(bench)
        if not arguments.json:
            titles = ("ours s", "rclip s", "ratio", "ours MB", "rclip MB", "ratio")
            print("{:<16}{:>9}{:>9}{:>8}{:>9}{:>9}{:>8}".format("", *titles))
        for name in [arguments.only] if arguments.only else ROWS:
            result = ROWS[name](bench, name)
            print(result.line() if arguments.json else table_line(result, bench.model), flush=True)
    finally:
        if not arguments.keep:
            shutil.rmtree(bench.data, ignore_errors=True)


if __name__ == "__main__":
    main()
