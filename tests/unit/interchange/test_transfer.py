"""Index -> file -> index: everything comes back, and a stranger can read what lies between."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_indexes import FACTS, MODEL, content, entry, make_index, vector_of

from vsearch.errors import ModelMismatch, SkipReason, SourceError, StoreError, UsageError
from vsearch.index import Index
from vsearch.index.writer import IndexWriter
from vsearch.interchange import npy, parquet, source
from vsearch.interchange.npy import NpySource
from vsearch.interchange.source import Source
from vsearch.interchange.transfer import Imported, Watch, export, format_of, source_at, take_in
from vsearch.records import UNSETTLED, Entry, ImageFacts, ModelIdentity

Form = Literal["parquet", "npy"]
FORMS: list[Form] = ["parquet", "npy"]
OTHER = replace(MODEL, name="others", weights="other weights")
NAMES = [
    "plain.png", "with space.png", "new\nline.png", "tab\t.png", "'quotes\".png", "-dash.png",
    "back\\slash.png", "emoji 🐕.png", "写真.png", "\u202eright to left.png", "ключ.png",
    os.fsdecode(b"caf\xe9.png"), os.fsdecode(b"\xff\xfe\n"), "e\u0301.png", "é.png", " ", "…",
    "deep/er/and/deeper.png", "\x1b[31mred.png", "a" * 255,
]  # fmt: skip


def sent(folder: Path, form: Form, where: Path, name: str = "out") -> Path:
    target = where / (f"{name}.parquet" if form == "parquet" else name)
    export(folder, target, form, replace=False)
    return target


def source_of(target: Path) -> Source:
    return source_at(target, root=None, pixel_limit=1000, workers=1)


def taken(target: Path, into: Path, named: ModelIdentity | None = None) -> Any:
    return take_in(into, source_of(target), named)


@pytest.mark.parametrize("form", FORMS)
def test_everything_comes_back(tmp_path: Path, form: Form) -> None:
    facts = ImageFacts(
        6000, 4000, "JPEG", "2021-05-04T12:33:10+02:00", "Ōlympus É-1", ("Meer", "sea", "🏖")
    )
    rooted = os.fsdecode(b"/ph\xffotos")
    index = make_index(
        tmp_path / "index",
        *(entry("/photos", name) for name in NAMES),
        *(entry(rooted, name, content="other " + name) for name in NAMES),
        entry("/a\nb", "facts", facts),
        entry("/photos", "copy", content="plain.png"),
        replace(entry("/photos", "fresh"), mtime_ns=UNSETTLED, size=(1 << 63) - 1),
        replace(entry("/photos", "before 1970"), mtime_ns=-(10**18), size=0),
    )
    target = sent(index, form, tmp_path)
    imported = taken(target, tmp_path / "again")
    assert content(tmp_path / "again") == content(index)
    assert imported.taken == imported.images == 2 * len(NAMES) + 4
    assert imported.not_taken == 0
    with Index(tmp_path / "again") as again:
        assert again.model == MODEL
        assert again.rows == 2 * len(NAMES) + 3  # the copy shares a row
        assert [(one.path, one.whole) for one in again.roots()] == [
            ("/a\nb", True), ("/photos", True), (rooted, True),
        ]  # fmt: skip
        assert again.graph_rows() == again.rows
    # And so again, to the last byte.
    second = sent(tmp_path / "again", form, tmp_path, "second")
    if form == "parquet":
        assert second.read_bytes() == target.read_bytes()
    else:
        assert [(second / name).read_bytes() for name in ("vectors.npy", "metadata.jsonl")] == [
            (target / name).read_bytes() for name in ("vectors.npy", "metadata.jsonl")
        ]


names = st.binary(min_size=1, max_size=40).map(lambda raw: raw.replace(b"\0", b"0"))
parts = names.map(lambda raw: raw.replace(b"/", b"-")).filter(lambda raw: raw not in (b".", b".."))
paths = st.lists(parts, min_size=1, max_size=4).map(lambda some: os.fsdecode(b"/".join(some)))
printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=100)
facts = st.builds(
    ImageFacts,
    st.integers(1, 1 << 30),
    st.integers(1, 1 << 30),
    printable,
    st.none() | st.datetimes().map(lambda when: when.replace(microsecond=0).isoformat()),
    st.none() | printable,
)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    size, mtime = draw(st.integers(0, (1 << 63) - 1)), draw(st.integers(-(1 << 62), 1 << 62))
    root = "/" + os.fsdecode(draw(parts))  # none covers another: those would become one
    made = entry(root, draw(paths), draw(facts), content=str(draw(st.integers(0, 20))))
    return replace(made, size=size, mtime_ns=mtime)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(entries(), max_size=6), st.sampled_from(FORMS))
def test_whatever_an_index_holds_comes_back(
    tmp_path_factory: pytest.TempPathFactory, made: list[Entry], form: Form
) -> None:
    where = tmp_path_factory.mktemp("property")
    index = make_index(where / "index", *made)
    target = sent(index, form, where)
    imported = taken(target, where / "again")
    assert content(where / "again") == content(index)
    assert imported.images == len(content(index))


def test_a_stranger_reads_the_parquet_file(tmp_path: Path) -> None:
    shot = ImageFacts(6000, 4000, "JPEG", "2021-05-04T12:33:10", "Maker One", ("sea", "Ebbe"))
    bad = os.fsdecode(b"caf\xe9.png")
    index = make_index(
        tmp_path / "index",
        replace(entry("/photos", "a.jpg", shot), perceptual=bytes(range(32))),
        entry("/photos", bad),
        entry("/b", "c"),
    )
    table = pq.read_table(sent(index, "parquet", tmp_path))
    assert table.column_names == [
        "root", "root_bytes", "path", "path_bytes", "hash", "size", "mtime_ns", "width", "height",
        "format", "taken_at", "camera", "labels", "perceptual", "embedding",
    ]  # fmt: skip
    rows = table.to_pylist()
    first = entry("/photos", "a.jpg", shot)
    assert rows[0] == {
        "root": "/photos", "root_bytes": None, "path": "a.jpg", "path_bytes": None,
        "hash": first.digest.hex(), "size": 5, "mtime_ns": first.mtime_ns, "width": 6000,
        "height": 4000, "format": "JPEG", "taken_at": "2021-05-04T12:33:10", "camera": "Maker One",
        "labels": ["sea", "Ebbe"], "perceptual": bytes(range(32)).hex(),
        "embedding": vector_of(first.digest, 3).tolist(),
    }  # fmt: skip
    assert (rows[1]["path"], rows[1]["path_bytes"]) == ("caf\ufffd.png", b"caf\xe9.png")
    assert (rows[2]["root"], rows[2]["camera"]) == ("/b", None)
    assert (rows[2]["labels"], rows[2]["perceptual"]) == ([], None)
    assert str(table.schema.field("embedding").type).startswith("fixed_size_list<element: float")
    assert json.loads(table.schema.metadata[b"vsearch"]) == {
        "format": 1,
        "single": [],
        "model": {
            "name": "colours", "weights": "weights", "preprocessing": "preprocessing", "dim": 3,
        },
    }  # fmt: skip


def test_a_stranger_reads_the_folder(tmp_path: Path) -> None:
    index = make_index(
        tmp_path / "index", entry("/photos", "a.jpg"), entry("/photos", os.fsdecode(b"\xff"))
    )
    folder = sent(index, "npy", tmp_path)
    assert sorted(os.listdir(folder)) == ["metadata.jsonl", "model.json", "vectors.npy"]
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    assert (vectors.shape, vectors.dtype, vectors.flags.c_contiguous) == ((2, 3), np.float32, True)
    lines = (folder / "metadata.jsonl").read_text("ascii").splitlines()
    first, second = map(json.loads, lines)
    made = entry("/photos", "a.jpg")
    assert first == {
        "root": "/photos", "path": "a.jpg", "hash": made.digest.hex(), "size": 5,
        "mtime_ns": made.mtime_ns, "width": 4, "height": 4, "format": "PNG", "taken_at": None,
        "camera": None, "labels": [], "perceptual": None,
    }  # fmt: skip
    assert r'"path": "\udcff"' in lines[1]
    assert os.fsencode(second["path"]) == b"\xff"
    assert vectors[0].tobytes() == vector_of(made.digest, 3).tobytes()
    assert json.loads((folder / "model.json").read_text())["model"]["dim"] == 3


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_index_and_one_of_one_picture(tmp_path: Path, form: Form) -> None:
    for name, made in {"empty": [], "one": [entry("/photos", "a")]}.items():
        index = make_index(tmp_path / name, *made)
        target = sent(index, form, tmp_path, f"{name}-out")
        imported = taken(target, tmp_path / f"{name}-again")
        assert imported.taken == imported.images == len(made)
        assert content(tmp_path / f"{name}-again") == content(index)
        with Index(tmp_path / f"{name}-again") as again:
            assert again.model == MODEL


@pytest.mark.parametrize("form", FORMS)
def test_many_rows_are_cut_into_batches(
    tmp_path: Path, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "BATCH_BYTES", 1)  # 256 rows each
    index = make_index(tmp_path / "index", *(entry("/photos", f"{n:04}") for n in range(700)))
    told: list[tuple[int, int]] = []
    target = tmp_path / "out"
    export(index, target, form, replace=False, progress=lambda *done: told.append(done))
    assert told == [(0, 700), (256, 700), (512, 700), (700, 700)]
    steps: list[tuple[str, int, int]] = []
    watch = Watch(progress=lambda *step: steps.append(step))
    take_in(
        tmp_path / "again",
        source_at(target, root=None, pixel_limit=1, workers=1),
        None,
        watch=watch,
    )
    assert [done for what, done, _ in steps if what == "checking"] == [0, 256, 512, 700]
    assert [done for what, done, _ in steps if what == "importing"] == [256, 512, 700]
    assert steps[-1] == ("building the graph", 700, 700)
    assert content(tmp_path / "again") == content(index)


def test_the_suffix_tells_the_format() -> None:
    assert [format_of(Path(name)) for name in ("a.parquet", "a.PARQUET", "a", "a.npy")] == [
        "parquet", "parquet", "npy", "npy",
    ]  # fmt: skip


def test_what_a_writer_commits_meanwhile_is_not_exported(tmp_path: Path) -> None:
    index = make_index(tmp_path / "index", entry("/photos", "a"))

    def interfere(done: int, _: int) -> None:
        if done == 0:
            make_index(index, entry("/photos", "b"))

    assert export(index, tmp_path / "out", "npy", replace=False, progress=interfere) == 1
    assert len(np.load(tmp_path / "out" / "vectors.npy")) == 1


# What may be replaced


@pytest.mark.parametrize("form", FORMS)
def test_an_earlier_export_is_replaced_and_known_by_its_content(tmp_path: Path, form: Form) -> None:
    index = make_index(tmp_path / "index", entry("/photos", "a"))
    target = sent(index, form, tmp_path, "out.of any name")
    make_index(index, entry("/photos", "b"))
    export(index, target, form, replace=True)
    assert taken(target, tmp_path / "again").images == 2
    other: Form = "npy" if form == "parquet" else "parquet"
    with pytest.raises(UsageError, match="what is there already is no export of that format, at"):
        export(index, target, other, replace=True)


def test_what_is_no_export_of_ours_is_not_replaced(tmp_path: Path) -> None:
    index = make_index(tmp_path / "index", entry("/photos", "a"))
    ours = sent(index, "npy", tmp_path)
    (tmp_path / "link").symlink_to(ours)

    def changed(name: str, change: Callable[[Path], object]) -> Path:
        folder = shutil.copytree(ours, tmp_path / name)
        change(folder)
        return folder

    assert npy.is_export(ours)
    for folder in (
        changed("more", lambda folder: (folder / "notes.txt").touch()),
        changed("deeper", lambda folder: (folder / "photos").mkdir()),
        changed("fewer", lambda folder: (folder / "vectors.npy").unlink()),
        changed("no model", lambda folder: (folder / "model.json").write_text('{"layers": 3}')),
        changed("empty", lambda folder: (folder / "model.json").write_text("")),
        changed("folders", lambda folder: as_folder(folder / "metadata.jsonl")),
        tmp_path / "link",
        tmp_path / "none",
        ours / "model.json",
    ):
        assert not npy.is_export(folder)

    table = sent(index, "parquet", tmp_path)
    assert parquet.is_export(table)
    with_key = pq.read_table(table)
    pq.write_table(with_key.append_column("caption", pa.array(["x"])), tmp_path / "more.parquet")
    pq.write_table(with_key.replace_schema_metadata({}), tmp_path / "no key.parquet")
    os.mkfifo(tmp_path / "fifo")
    for name in ("more.parquet", "no key.parquet", "fifo", "none", "out", "index/catalog.sqlite"):
        assert not parquet.is_export(tmp_path / name)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


# Into an index that holds something


def test_into_an_index_with_the_same_pictures_nothing_is_added(tmp_path: Path) -> None:
    index = make_index(tmp_path / "index", entry("/photos", "a"), entry("/photos", "b"))
    target = sent(index, "parquet", tmp_path)
    before = content(index)
    for _ in range(2):
        assert taken(target, index) == Imported(0, 2, 0, 2)
    assert content(index) == before
    with Index(index) as again:
        assert again.rows == 2


@pytest.mark.parametrize("form", FORMS)
def test_a_file_the_index_knows_stays_as_it_is(
    tmp_path: Path, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "BATCH_BYTES", 1)  # 256 rows each
    names = [f"{n:04}" for n in range(600)]
    target = sent(
        make_index(tmp_path / "from", *(entry("/photos/deep", name) for name in names)),
        form, tmp_path,
    )  # fmt: skip
    # Of a later day: two were changed, the second to what is no picture, and the root is another.
    index = make_index(tmp_path / "index", entry("/photos", "deep/0007", content="changed"))
    with IndexWriter(index, MODEL) as writer:
        root = writer.roots()[0]
        writer.skip(root, "deep/0300", 5, 1, SkipReason.NOT_AN_IMAGE, "")
        writer.commit()
    before = content(index)
    assert take_in(index, source_of(target), None, dry_run=True) == Imported(598, 2, 0, 1)
    assert content(index) == before
    assert taken(target, index) == Imported(598, 2, 0, 599)
    added = content(index)
    assert before.items() < added.items()
    assert set(added) == {("/photos", f"deep/{name}") for name in names if name != "0300"}
    with Index(index) as again:
        assert again.skipped() == [("/photos/deep/0300", SkipReason.NOT_AN_IMAGE, "")]


def test_a_content_that_is_there_keeps_its_embedding(tmp_path: Path) -> None:
    first = entry("/photos", "a")
    index = make_index(tmp_path / "index", first)
    other = make_index(tmp_path / "other", first, entry("/photos", "b"))
    target = sent(other, "npy", tmp_path)
    vectors = np.load(target / "vectors.npy")
    vectors[0] = [0, 0, 1]
    np.save(target / "vectors.npy", vectors)
    taken(target, index)
    assert content(index) == content(other)


def test_a_comparable_model_keeps_the_name_it_has_here(tmp_path: Path) -> None:
    target = sent(make_index(tmp_path / "from", entry("/photos", "a")), "parquet", tmp_path)
    index = make_index(tmp_path / "to", model=replace(MODEL, name="colours@fp32"))
    assert taken(target, index).images == 1
    with Index(index) as opened:
        assert opened.model == replace(MODEL, name="colours@fp32")


def test_another_model_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    target = sent(make_index(tmp_path / "from", entry("/photos", "a")), "parquet", tmp_path)
    index = make_index(tmp_path / "to", entry("/photos", "b"), model=OTHER)
    before = content(index)
    with pytest.raises(ModelMismatch) as caught:
        taken(target, index)
    assert str(caught.value) == (
        f"the index answers with the model 'others', the embeddings are by 'colours', in {index}; "
        "import them into another with --index DIR"
    )
    assert content(index) == before
    with Index(index) as opened:
        assert opened.status().others == ()


def test_an_empty_index_of_another_model_comes_to_this_one(tmp_path: Path) -> None:
    target = sent(make_index(tmp_path / "from", entry("/photos", "a")), "parquet", tmp_path)
    index = make_index(tmp_path / "to", model=OTHER)
    assert taken(target, index).images == 1
    with Index(index) as opened:
        assert opened.model == MODEL
    assert content(index) == content(tmp_path / "from")


def test_pictures_go_below_the_root_that_covers_theirs(tmp_path: Path) -> None:
    index = make_index(tmp_path / "index", entry("/photos", "a"))
    target = sent(make_index(tmp_path / "from", entry("/photos/deep", "b")), "npy", tmp_path)
    taken(target, index)
    assert set(content(index)) == {("/photos", "a"), ("/photos", "deep/b")}


@pytest.mark.parametrize("form", FORMS)
def test_a_root_of_single_files_does_not_become_a_whole_one(tmp_path: Path, form: Form) -> None:
    index = make_index(tmp_path / "index", entry("/whole", "a.png"))
    with IndexWriter(index, MODEL) as writer:
        root = writer.add_root(os.fsdecode(b"/single \xff"), whole=False)
        one = entry(root.path, "b.png")
        vector = vector_of(one.digest, 3)
        writer.add(root, one.path, one.size, one.mtime_ns, one.digest, one.facts, vector)
        writer.commit()
    taken(sent(index, form, tmp_path), tmp_path / "again")
    with Index(tmp_path / "again") as again:
        found = [(one.path, one.whole) for one in again.roots()]
    assert found == [(os.fsdecode(b"/single \xff"), False), ("/whole", True)]


def test_roots_in_a_file_that_cover_each_other_become_one(tmp_path: Path) -> None:
    index = make_index(tmp_path / "from", entry("/p/deep", "a"), entry("/q", "b"), entry("/q", "c"))
    target = sent(index, "npy", tmp_path)
    metadata = target / "metadata.jsonl"
    lines = metadata.read_text().splitlines()
    lines[1] = lines[1].replace('"/q"', '"/p"')
    lines[2] = lines[2].replace('"/q"', '"/p/deep/er"')
    metadata.write_text("\n".join(lines) + "\n")
    taken(target, tmp_path / "again")
    assert set(content(tmp_path / "again")) == {
        ("/p", "deep/a"), ("/p", "b"), ("/p", "deep/er/c"),
    }  # fmt: skip


def test_a_source_that_names_no_model_needs_one(tmp_path: Path) -> None:
    target = sent(make_index(tmp_path / "from", entry("/photos", "a")), "npy", tmp_path)
    (target / "model.json").unlink()
    with pytest.raises(UsageError, match="does not say by which model"):
        taken(target, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert taken(target, tmp_path / "again", MODEL).images == 1
    with pytest.raises(SourceError, match=r"has 3 dimensions, the model 4\)"):
        taken(target, tmp_path / "more", replace(MODEL, dim=4))


def test_a_source_that_names_another_model_than_asked_for_is_refused(tmp_path: Path) -> None:
    target = sent(make_index(tmp_path / "from", entry("/photos", "a")), "npy", tmp_path)
    with pytest.raises(UsageError, match="by 'colours' as the source says, not by 'others'"):
        taken(target, tmp_path / "again", OTHER)
    assert taken(target, tmp_path / "again", replace(MODEL, name="alias")).images == 1


def test_a_dry_run_reads_all_and_writes_nothing(tmp_path: Path) -> None:
    target = sent(make_index(tmp_path / "from", entry("/photos", "a")), "npy", tmp_path)

    def dry() -> Any:
        return take_in(
            tmp_path / "again",
            source_at(target, root=None, pixel_limit=1, workers=1),
            None,
            dry_run=True,
        )

    assert (dry().taken, dry().images) == (1, 0)
    assert not (tmp_path / "again").exists()
    with (target / "metadata.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(SourceError, match=r"more lines than vectors\.npy rows"):
        dry()


# What goes wrong on the way


@pytest.mark.parametrize("form", FORMS)
def test_a_source_that_is_unsound_at_its_end_leaves_no_index(
    tmp_path: Path, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "BATCH_BYTES", 1)
    made = [entry("/photos", f"{n:04}") for n in range(600)]
    made[599] = replace(made[599], facts=replace(FACTS, taken_at="yesterday"))
    target = sent(make_index(tmp_path / "from", *made), form, tmp_path)
    with pytest.raises(SourceError, match="row 599, counted from 0: taken_at is no date"):
        taken(target, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def failing(source_: NpySource, after: int, error: BaseException) -> Callable[[int], Iterator[Any]]:
    whole = source_.batches

    def batches(dim: int) -> Iterator[Any]:
        for number, batch in enumerate(whole(dim)):
            if number == after:
                raise error
            yield batch

    return batches


def test_what_was_taken_in_before_a_failure_is_said_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "BATCH_BYTES", 1)
    made = [entry("/photos", f"{n:04}") for n in range(600)]
    target = sent(make_index(tmp_path / "from", *made), "npy", tmp_path)
    for error in (SourceError("the disk fails"), KeyboardInterrupt()):
        into = tmp_path / type(error).__name__
        opened = NpySource(target)
        monkeypatch.setattr(opened, "check", lambda _: iter(()))
        monkeypatch.setattr(opened, "batches", failing(opened, 2, error))
        with pytest.raises(type(error)) as caught:
            take_in(into, opened, None)
        if isinstance(error, SourceError):
            assert str(caught.value) == ("the disk fails; 512 pictures before that were taken in")
        assert len(content(into)) == 512
        assert taken(target, into).images == 600
        assert content(into) == content(tmp_path / "from")


def test_an_index_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = sent(make_index(tmp_path / "from", entry("/photos", "a")), "npy", tmp_path)
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "photo.jpg").touch()
    with pytest.raises(StoreError, match="holds other things and is no index"):
        taken(target, tmp_path / "again")

    def full(self: IndexWriter) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(IndexWriter, "commit", full)
    with pytest.raises(StoreError, match="the disk is full"):
        taken(target, tmp_path / "more")


@pytest.mark.parametrize("form", FORMS)
def test_a_failed_export_leaves_nothing(
    tmp_path: Path, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index(tmp_path / "index", entry("/photos", "a"))
    where = tmp_path / "where"
    where.mkdir()

    def interrupt(done: int, _: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(index, where / "out", form, replace=False, progress=interrupt)
    assert os.listdir(where) == []
    monkeypatch.setattr(Index, "images", lambda _: 2)
    with pytest.raises(StoreError, match="counts 2 pictures and lists 1"):
        export(index, where / "out", form, replace=False)
    assert os.listdir(where) == []


def test_nothing_that_can_be_imported_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SourceError, match="nothing that can be imported, at "):
        taken(tmp_path / "folder", tmp_path / "again")
    with pytest.raises(UsageError, match="no such file or folder, named "):
        taken(tmp_path / "none", tmp_path / "again")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SourceError, match="nothing that can be imported, at "):
        taken(tmp_path / "fifo", tmp_path / "again")
    target = sent(make_index(tmp_path / "from"), "npy", tmp_path)
    with pytest.raises(UsageError, match="takes no --root"):
        source_at(target, root="/photos", pixel_limit=1, workers=1)


def test_columns_of_others_do_no_harm_and_lists_of_any_kind_are_read(tmp_path: Path) -> None:
    index = make_index(tmp_path / "from", *(entry("/photos", f"{n}") for n in range(5)))
    target = sent(index, "parquet", tmp_path)
    table = pq.read_table(target)
    embedding = table["embedding"].cast(pa.list_(pa.float64()))
    changed = (
        table.set_column(14, "embedding", embedding)
        .append_column("caption", pa.array(["x"] * 5))
        .drop_columns(["root_bytes", "path_bytes", "taken_at"])
        .set_column(0, "root", table["root"].dictionary_encode())
    )
    pq.write_table(changed, tmp_path / "changed.parquet", row_group_size=2)
    assert parquet.ParquetSource(tmp_path / "changed.parquet").model == MODEL
    assert taken(tmp_path / "changed.parquet", tmp_path / "again").images == 5
    assert content(tmp_path / "again") == content(index)


@pytest.mark.parametrize("form", FORMS)
def test_an_export_by_an_older_vsearch_is_read_and_replaced(tmp_path: Path, form: Form) -> None:
    """Format 3 knew of no labels and no perceptual hash."""
    index = make_index(tmp_path / "index", *(entry("/photos", f"{n}") for n in range(3)))
    target = sent(index, form, tmp_path)
    if form == "parquet":
        pq.write_table(pq.read_table(target).drop_columns(["labels", "perceptual"]), target)
    else:
        read = (target / "metadata.jsonl").read_text("ascii").splitlines()
        lines = [json.loads(line) for line in read]
        for line in lines:
            del line["labels"], line["perceptual"]
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (target / "metadata.jsonl").write_text(text)
    assert taken(target, tmp_path / "again").images == 3
    assert content(tmp_path / "again") == content(index)
    with Index(tmp_path / "again") as again:
        known = again.known(again.roots()[0])
        assert [one.described for one in known.values()] == [False] * 3
    export(index, target, form, replace=True)
    assert taken(target, tmp_path / "once more").images == 3


def test_an_import_gives_a_known_content_what_it_lacked(tmp_path: Path) -> None:
    old = entry("/photos", "a", content="same")
    index = make_index(tmp_path / "index", old)
    new = entry("/others", "b", replace(FACTS, labels=("sea",)), content="same")
    other = make_index(tmp_path / "other", replace(new, perceptual=bytes(32)))
    taken(sent(other, "npy", tmp_path), index)
    with Index(index) as opened:
        assert [(one.path, one.facts.labels, one.perceptual) for one in opened.entries()] == [
            ("a", ("sea",), bytes(32)), ("b", ("sea",), bytes(32))
        ]  # fmt: skip
