"""Bringing an index up to date, as a generator of events.

    file -> bytes and hash -> upright RGB -> model input -> embedding -> matrix row and record

One file's way is `_Reader.read`, from first to last; it runs on as many threads as there are cores,
a bounded number of files ahead of the one thread that writes. The long steps (decoding, which goes
on in another process, and the model) leave Python's lock alone, so decoding one file overlaps with
embedding another. For an encoder that likes many pictures at once (a GPU) the threads hand their
pixels to `batches` and read on.
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from threading import Lock, Thread
from typing import TYPE_CHECKING

from vsearch.errors import (
    ImageError,
    IndexLocked,
    IndexMissing,
    ModelError,
    SkipReason,
    StoreError,
    UsageError,
)
from vsearch.images.find import FoundFile, find, find_one
from vsearch.images.formats import is_signed
from vsearch.images.isolation.decoders import SECONDS, Decoders
from vsearch.images.read import head, is_fresh
from vsearch.index import Index, unsettled, within
from vsearch.index.writer import IndexWriter
from vsearch.indexing.batches import Batches
from vsearch.indexing.events import (
    Committed,
    Confirmed,
    Described,
    Done,
    Dropped,
    Embedded,
    Event,
    Gone,
    GraphStarted,
    Ignored,
    Planned,
    Renamed,
    Reused,
    RootMissing,
    Skipped,
    Switched,
    TurnAwaited,
    Unswitched,
)
from vsearch.indexing.plan import Plan, plan
from vsearch.indexing.scope import scopes
from vsearch.vectors import unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.images.find import PassedOver
    from vsearch.index import Known, Root
    from vsearch.indexing.scope import Scope
    from vsearch.models.encoder import Encoder
    from vsearch.records import ImageFacts, ModelIdentity

COMMIT_SECONDS = 1.0
LOCKED_SECONDS = 0.5  # between two tries for the lock that another process has
# Results wait in order behind the slowest file. They are small (one embedding), so the threads may
# run far ahead; what is large, the decoded picture, exists once per thread at most.
AHEAD_PER_WORKER = 32
# How long results may gather before they are written: half of those ahead, or this.
GATHER_SECONDS = 0.1
# For how long the others wait for one slow picture. Then what is done behind it is written first,
# or a kill would cost all that the threads have run ahead.
IN_ORDER_SECONDS = 1.0
# Where batches are gathered, what waits is pixels: three batches keep two threads encoding, and
# no more than this many bytes. A batch's own copies, for the encoder and its device, come on top.
AHEAD_BATCHES = 3
AHEAD_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Options:
    """How to walk and read.

    `workers` is the number of threads, `pixel_limit` the most pixels each may decode at a time,
    `seconds` the longest one file may take for that. What was changed less than `settle` seconds
    ago is left for a later run: who writes it may not be done.
    """

    workers: int
    pixel_limit: int
    seconds: float = SECONDS
    follow_links: bool = False
    hidden: bool = False
    ignore: bool = True
    settle: float = 0.0


@dataclass(frozen=True, slots=True)
class _Read:
    """What reading one file gave: a vector, a content known before (no vector), or a fault.

    `at_ns` is when reading began, in nanoseconds since 1970. `embedding` comes with the facts and
    the perceptual hash; `described` are labels, that hash and the date of a content that was known
    without them, the hash empty where it could not be decoded any more.
    """

    at_ns: int
    digest: bytes = b""
    embedding: tuple[ImageFacts, bytes, NDArray[np.float32]] | None = None
    described: tuple[tuple[str, ...], bytes, str | None] | None = None
    fault: ImageError | None = None


@dataclass(frozen=True, slots=True)
class _Gathered:
    """A file that was read, whose picture is being embedded in a batch."""

    at_ns: int
    digest: bytes
    facts: ImageFacts
    perceptual: bytes
    vector: Future[NDArray[np.float32]]

    def finished(self) -> _Read:
        """Wait for the embedding."""
        try:
            vector = _checked(self.vector.result())
            return _Read(self.at_ns, self.digest, (self.facts, self.perceptual, vector))
        except ImageError as error:
            return _Read(self.at_ns, fault=error)


class _Reader:
    """One file's way from its path to its embedding; used from many threads at once."""

    def __init__(self, encoder: Encoder, writer: IndexWriter, decoders: Decoders) -> None:
        self.encoder = encoder
        self._has_vector, self._is_described = writer.has_vector, writer.is_described
        self._loader: Thread | None = None
        self._lock = Lock()  # of it
        self.decoders = decoders
        # Decided once: a batch size that falls to one must not let every thread at the GPU.
        self.batches = Batches(encoder) if encoder.batch_size > 1 else None

    def ahead(self, workers: int) -> int:
        """Return how many files may be read before the first of them is written."""
        if not self.batches:
            return workers * AHEAD_PER_WORKER
        wanted = max(workers * AHEAD_PER_WORKER, AHEAD_BATCHES * self.encoder.batch_size)
        held = AHEAD_BYTES // (3 * self.encoder.preprocessing.size**2)
        return max(2 * workers, min(wanted, held))

    def close(self) -> None:
        """End the threads that encode; none may be reading any more."""
        if self._loader:
            self._loader.join()
        if self.batches:
            self.batches.close()

    def read(self, path: str, named_image: bool) -> _Read | _Gathered:
        """Return the embedding of the picture at `path`, or why there is none.

        A file that is not named like a picture is read whole only if it begins like one.
        """
        with self.batches.reading() if self.batches else nullcontext():
            return self._read(path, named_image)

    def _read(self, path: str, named_image: bool) -> _Read | _Gathered:
        now = time.time_ns()
        undescribed = b""  # the hash of a content that has its embedding only

        def is_known(digest: bytes) -> bool:
            nonlocal undescribed
            if not self._has_vector(digest):
                self._load_early()
                return False
            if not self._is_described(digest):
                undescribed = digest
            return not undescribed

        try:
            loaded = self.decoders.load(
                path, self.encoder.preprocessing, named_image=named_image, is_known=is_known
            )
            digest, prepared = loaded.digest, loaded.prepared
            if prepared is None:
                return _Read(now, digest)
            facts, perceptual = prepared.facts, prepared.perceptual
            if undescribed:
                return _Read(now, digest, described=(facts.labels, perceptual, facts.taken_at))
            if self.batches:
                vector_to_come = self.batches.submit(prepared.pixels)
                return _Gathered(now, digest, facts, perceptual, vector_to_come)
            vector = self.encoder.encode_images(prepared.pixels[None])[0]  # (dim,) float32
            return _Read(now, digest, (facts, perceptual, _checked(vector)))
        except ImageError as error:
            if undescribed:
                return _Read(now, undescribed, described=((), b"", None))
            return _Read(now, fault=error)

    def _load_early(self) -> None:
        with self._lock:
            if not self._loader:
                self._loader = Thread(target=self._load_model, name="load")
                self._loader.start()

    def _load_model(self) -> None:
        """Load it while the first pictures are decoded: this process has nothing else to do."""
        with suppress(ModelError):  # who embeds the first picture is told
            self.encoder.load_images()


def _checked(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `vector` at length one; one picture the model fails on must not stop the others."""
    try:
        return unit(vector)
    except ValueError as error:
        raise ImageError(SkipReason.NO_EMBEDDING, f"it answers with {error}") from error


def update(
    folder: Path,
    encoder: Encoder,
    paths: Sequence[str],
    options: Options,
    *,
    drop_old: bool = False,
    decoders: Decoders | None = None,
) -> Iterator[Event]:
    """Bring `paths` up to date in the index in `folder`, telling each step as it happens.

    No paths: all roots of the index. Commits every COMMIT_SECONDS and at the end. Stopped early
    (the generator closed, Ctrl-C), it commits what is done and leaves a good index.

    With another model than the index answers with, embeddings by this one are made beside the
    others, or those already there are completed. Once every known picture has one, the index
    switches to them; until then it answers as before, and running this again goes on. `drop_old`
    then removes the embeddings by all other models; while the switch has not come, it does nothing.

    `decoders`: others than `options` ask for; they are closed with the run.

    Raises UsageError for names that mean nothing, StoreError when the index cannot be written (the
    last commit then stands), and DecoderError when nothing can be decoded.
    """
    known = roots(folder)
    asked = scopes(paths, known)
    with decoders or Decoders(options.pixel_limit, options.seconds) as decoders:
        if not known:  # all there is will be read: let them come up while the writer does
            decoders.start()
        yield from update_scopes(folder, encoder, asked, options, decoders, drop_old=drop_old)


def update_scopes(
    folder: Path,
    encoder: Encoder,
    asked: Sequence[Scope],
    options: Options,
    decoders: Decoders | None = None,
    *,
    drop_old: bool = False,
) -> Iterator[Event]:
    """Do as `update` does, for `asked`, as `scopes` made them of names before."""
    from concurrent.futures import ThreadPoolExecutor

    with (
        decoders or Decoders(options.pixel_limit, options.seconds) as decoders,
        IndexWriter(folder, encoder.identity) as writer,
    ):
        reader = _Reader(encoder, writer, decoders)
        pool = ThreadPoolExecutor(options.workers, thread_name_prefix="read")
        try:
            for scope in asked:
                yield from _bring_up_to_date(writer, reader, pool, scope, options)
        except StoreError:
            raise
        except BaseException:  # Ctrl-C, a closed generator, a fault of ours: what is done stays
            writer.commit()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            decoders.close()  # what is being decoded is not waited for
            pool.shutdown()
            reader.close()
        yield from _finish(writer, encoder.identity, drop_old=drop_old)
        yield Done(writer.images())


def when_free(
    run: Callable[[], Iterator[Event]], folder: Path, seconds: float = math.inf
) -> Iterator[Event]:
    """Yield what `run` does, which writes to the index in `folder`, when no other process does.

    It is begun anew each LOCKED_SECONDS. Raises IndexLocked when that has taken `seconds`.
    """
    until = time.monotonic() + seconds
    told = False
    while True:
        try:
            yield from run()
            return
        except IndexLocked:
            left = until - time.monotonic()
            if left <= 0:
                raise
        if not told:
            yield TurnAwaited(os.fspath(folder))
            told = True
        time.sleep(min(left, LOCKED_SECONDS))


def _finish(writer: IndexWriter, identity: ModelIdentity, *, drop_old: bool) -> Iterator[Event]:
    """Bring the graph up to date, and let the index answer with this model if it does not yet."""
    if writer.formerly is not None and writer.active:
        yield Renamed(writer.formerly, identity.name)
    old = writer.answering.name
    if not writer.active and (lacking := writer.lacking()):
        yield Unswitched(old, identity.name, lacking, writer.pictures())
        return
    if writer.graph_due():
        yield GraphStarted()
        writer.extend_graph()
    if not writer.active:
        writer.activate()
        yield Switched(old, identity.name)
    if drop_old and (freed := writer.drop_others()):
        yield Dropped(freed)


def preview(
    folder: Path,
    paths: Sequence[str],
    options: Options,
    identity: ModelIdentity | None = None,
) -> Iterator[tuple[str, Plan | None]]:
    """Yield (root, plan) for each part of `paths`: what `update` would do, with nothing done.

    `identity` is the model it would use; None: the one the index answers with. None instead of a
    plan: the root is not there, and its records would stay.
    """
    try:
        index = Index(folder)
    except IndexMissing:
        for scope in scopes(paths, ()):
            yield scope.root, _without_others(scope.root, plan(walk(folder, scope, options), {}))
        return
    with index:
        roots = index.roots()
        for scope in scopes(paths, roots):
            known: dict[str, Known] = {}
            device = None
            for root in roots:
                # A new root takes in the records of those that lie below it.
                if within(root.path, scope.root):
                    above = os.path.relpath(root.path, scope.root)
                    known |= {
                        os.path.normpath(os.path.join(above, path)): record
                        for path, record in index.known(root, scope.folder, identity).items()
                    }
                if root.path == scope.root:
                    device = root.device
            todo = _planned(folder, scope, known, device, options)
            yield scope.root, _without_others(scope.root, todo) if todo else None


def _without_others(root: str, todo: Plan) -> Plan:
    """Leave out the new files that are neither named like pictures nor begin like one."""

    def may_be(file: FoundFile) -> bool:
        try:
            return file.named_image or is_signed(head(os.path.join(root, file.path)))
        except ImageError:
            return True

    return replace(todo, new=[file for file in todo.new if may_be(file)])


def roots(folder: Path) -> list[Root]:
    """Return the roots of the index in `folder`, by path; none where there is no index yet."""
    try:
        with Index(folder) as index:
            return index.roots()
    except IndexMissing:
        return []


def walk(folder: Path, scope: Scope, options: Options) -> Iterator[FoundFile | PassedOver]:
    """Yield what there is in a scope, with paths relative to its root.

    What lies in `folder`, where the index is, are nobody's pictures.
    """
    if scope.files is not None:
        for path in scope.files:
            if os.path.lexists(os.path.join(scope.root, path)):
                yield find_one(scope.root, path)
        return
    if not os.path.lexists(os.path.join(scope.root, scope.folder)):
        return
    yield from find(
        scope.root,
        scope.folder,
        os.path.relpath(os.path.realpath(folder), os.path.realpath(scope.root)),
        follow_links=options.follow_links,
        hidden=options.hidden,
        ignore=options.ignore,
    )


def _bring_up_to_date(
    writer: IndexWriter, reader: _Reader, pool: Executor, scope: Scope, options: Options
) -> Iterator[Event]:
    root = writer.add_root(scope.root, whole=scope.whole)
    known = writer.known(root, scope.folder)
    todo = _planned(writer.folder, scope, known, root.device, options)
    if todo is None:
        yield RootMissing(root.path, len(known))
        return
    writer.set_device(root, os.stat(root.path).st_dev)
    files = todo.new + todo.changed + todo.again
    yield Planned(
        root.path,
        len(todo.new),
        len(todo.changed),
        len(files),
        todo.unchanged,
        todo.unchanged_skipped,
        len(todo.gone),
        todo.unsettled,
    )
    for item in todo.passed_over:
        path = os.path.normpath(os.path.join(root.path, item.path))
        yield Skipped(path, item.reason, item.detail, opened=False)
    if files:
        reader.decoders.start()
    undescribed = {path for path, one in known.items() if one.embedded and not one.described}
    last_commit = time.monotonic()
    for file, result in _in_order(pool, reader, root, files, reader.ahead(options.workers)):
        answers = file.path in undescribed
        yield _record(writer, root, file, result, answers=answers)
        if time.monotonic() - last_commit > COMMIT_SECONDS:
            writer.commit()
            yield Committed()
            last_commit = time.monotonic()
    # Last, so that a moved file is never missing from a committed state.
    writer.remove(root, todo.gone)
    for path in todo.gone:
        yield Gone(os.path.join(root.path, path))
    writer.drop_empty_roots()
    writer.commit()
    yield Committed()


def _planned(
    folder: Path, scope: Scope, known: dict[str, Known], device: int | None, options: Options
) -> Plan | None:
    """Compare what is there with what is known; None when the root is not there.

    Not there is also the mount point of an unplugged drive: another device than last time
    (`device`), and not one of the recorded files on it. Raises UsageError for a name below a root
    that neither exists nor ever did.
    """
    if not scope.whole and scope.files is None:  # a root of single files: those that are recorded
        scope = replace(scope, files=tuple(known))
    if scope.files is not None:
        known = _at_or_below(scope.files, known)
    try:
        current = os.stat(scope.root).st_dev
        os.scandir(scope.root).close()
    except OSError:
        return None
    if scope.folder and not known and not os.path.lexists(os.path.join(scope.root, scope.folder)):
        name = os.path.join(scope.root, scope.folder)
        raise UsageError(f"no such file or folder, named {name!r}; check the name")
    todo = plan(
        walk(folder, scope, options),
        known,
        settle_ns=int(options.settle * 1e9),
        now_ns=time.time_ns(),
    )
    if device not in (None, current) and known and len(todo.gone) == len(known):
        return None
    return todo


def _at_or_below(files: Sequence[str], known: dict[str, Known]) -> dict[str, Known]:
    """Keep what is known of `files`, and of what lay below where one of them was a folder."""
    wanted = set(files)
    kept = {}
    for path, record in known.items():
        place = path
        while place and place not in wanted:
            place = os.path.dirname(place)
        if place:
            kept[path] = record
    return kept


def _in_order(
    pool: Executor, reader: _Reader, root: Root, files: Iterable[FoundFile], ahead: int
) -> Iterator[tuple[FoundFile, _Read]]:
    """Read `files` on the pool, at most `ahead` of the consumer, and yield them in order.

    One that takes longer than IN_ORDER_SECONDS comes when it is done, after others.
    """
    from concurrent.futures import FIRST_COMPLETED, wait

    waiting: deque[tuple[FoundFile, Future[_Read | _Gathered]]] = deque()
    patient_until = time.monotonic() + IN_ORDER_SECONDS

    def first() -> tuple[FoundFile, _Read]:
        nonlocal patient_until
        with suppress(TimeoutError):
            waiting[0][1].exception(max(0.0, patient_until - time.monotonic()))
        if not waiting[0][1].done():
            wait([future for _, future in waiting], return_when=FIRST_COMPLETED)
        place = next(place for place, (_, future) in enumerate(waiting) if future.done())
        if place == 0:  # the next one's time begins
            patient_until = time.monotonic() + IN_ORDER_SECONDS
        file, future = waiting[place]
        del waiting[place]
        result = future.result()
        return file, result.finished() if isinstance(result, _Gathered) else result

    def gathered() -> Iterator[tuple[FoundFile, _Read]]:
        # To be woken for each file would interrupt those that decode and embed the next ones.
        with suppress(TimeoutError):
            waiting[len(waiting) // 2][1].exception(GATHER_SECONDS)
        yield first()
        while waiting and waiting[0][1].done():
            yield first()

    for file in files:
        path = os.path.join(root.path, file.path)
        waiting.append((file, pool.submit(reader.read, path, file.named_image)))
        if len(waiting) >= ahead:
            yield from gathered()
    while waiting:
        yield from gathered()


def _record(
    writer: IndexWriter, root: Root, file: FoundFile, result: _Read, *, answers: bool
) -> Event:
    """Record what reading a file gave.

    One that `answers` was read for what an older vsearch did not look for: if it cannot be read at
    the moment, it stays as it is.
    """
    path = os.path.join(root.path, file.path)
    recent = is_fresh(file.mtime_ns, result.at_ns)
    stamp = (file.size, unsettled(file.mtime_ns) if recent else file.mtime_ns)
    if result.fault is not None:
        fault = result.fault
        if fault.reason is SkipReason.NOT_AN_IMAGE and not file.named_image:
            writer.remove(root, [file.path])
            return Ignored(path)
        if not answers:
            writer.skip(root, file.path, *stamp, fault.reason, fault.detail)
        return Skipped(path, fault.reason, fault.detail, opened=True)
    if result.embedding is None:
        same = writer.reuse(root, file.path, *stamp, result.digest)
        if result.described is not None:
            writer.describe(result.digest, *result.described)
            return Described(path)
        return Confirmed(path) if same else Reused(path)
    facts, perceptual, vector = result.embedding
    writer.add(root, file.path, *stamp, result.digest, facts, vector, perceptual)
    return Embedded(path)
