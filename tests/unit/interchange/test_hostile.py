"""Files made to do harm, or damaged: each is one line that says what is wrong, and nothing else."""

import json
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_indexes import MODEL, entry, make_index

from vsearch.errors import SourceError, UsageError
from vsearch.index import Index
from vsearch.index.writer import IndexWriter
from vsearch.interchange.fields import entry_of, fields_of, header_of, model_of
from vsearch.interchange.source import Unsound, checked_vectors
from vsearch.interchange.transfer import export, source_at, take_in


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `npy` and `parquet`, of three pictures each."""
    where = tmp_path_factory.mktemp("exports")
    index = make_index(where / "index", *(entry("/photos", name) for name in "abc"))
    export(index, where / "npy", "npy", replace=False)
    export(index, where / "parquet", "parquet", replace=False)
    return where


def refused(target: Path, into: Path) -> str:
    """Import what must be refused; return what is said."""
    with pytest.raises(SourceError) as caught:
        take_in(into, source_at(target, root=None, pixel_limit=1, workers=1), None)
    assert not into.exists()
    said = str(caught.value)
    assert said.startswith("this cannot be imported (")
    assert said.endswith(f"), from {target}; export it once more")
    assert "\n" not in said
    return said.removeprefix("this cannot be imported (").partition("), from ")[0]


# One value

FIELDS = fields_of(entry("/photos", "a"))
UNTIDY = (
    "labels is more than 200, or one of them no line of 1 to 64 printable characters, "
    "or there twice"
)
UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "an absolute path": ({"path": "/etc/passwd"}, "path is absolute, not below its root"),
    "a path upwards": ({"path": "../x"}, "path leads out of its root (..)"),
    "a path up and down": ({"path": "a/../../x"}, "path leads out of its root (..)"),
    "a path up at its end": ({"path": "a/.."}, "path leads out of its root (..)"),
    "a path with NUL": ({"path": "a\0b"}, "path holds a NUL"),
    "an empty path": ({"path": ""}, "path is no text"),
    "the root itself": ({"path": "."}, "path is not in its shortest form"),
    "a path with a dot": ({"path": "./a"}, "path is not in its shortest form"),
    "a folder": ({"path": "a/"}, "path is not in its shortest form"),
    "two slashes": ({"path": "a//b"}, "path is not in its shortest form"),
    "a path of no bytes": ({"path": "\ud800"}, "path is no name a file could have"),
    "a number for a path": ({"path": 5}, "path is no text"),
    "a relative root": ({"root": "photos"}, "root is no absolute path in its shortest form"),
    "a root upwards": ({"root": "/a/../b"}, "root is no absolute path in its shortest form"),
    "a root with two slashes": ({"root": "//a"}, "root is no absolute path in its shortest form"),
    "a root with NUL": ({"root": "/\0"}, "root holds a NUL"),
    "no root": ({"root": None}, "root is no text"),
    "a short hash": ({"hash": "abc"}, "hash is not 32 hexadecimal digits"),
    "a long hash": ({"hash": "0" * 34}, "hash is not 32 hexadecimal digits"),
    "a hash of other digits": ({"hash": "g" * 32}, "hash is not 32 hexadecimal digits"),
    "a hash and a line": ({"hash": "0" * 32 + "\n"}, "hash is not 32 hexadecimal digits"),
    "a number for a hash": ({"hash": 10**31}, "hash is not 32 hexadecimal digits"),
    "a negative size": ({"size": -1}, "size is not from 0 to 9223372036854775807"),
    "a huge size": ({"size": 1 << 63}, "size is not from 0 to 9223372036854775807"),
    "a broken size": ({"size": 1.5}, "size is no whole number"),
    "no number": ({"size": float("nan")}, "size is no whole number"),
    "a truth for a size": ({"size": True}, "size is no whole number"),
    "a huge time": (
        {"mtime_ns": 10**30},
        "mtime_ns is not from -9223372036854775807 to 9223372036854775807",
    ),
    "no time": ({"mtime_ns": None}, "mtime_ns is no whole number"),
    "no width": ({"width": 0}, "width is not from 1 to 2147483647"),
    "a huge height": ({"height": 1 << 31}, "height is not from 1 to 2147483647"),
    "a format that moves the cursor": (
        {"format": "\x1b[2J"}, "format is no short line of printable text",
    ),
    "an empty format": ({"format": ""}, "format is no short line of printable text"),
    "a camera of two lines": ({"camera": "a\nb"}, "camera is no short line of printable text"),
    "a camera without end": ({"camera": "a" * 201}, "camera is no short line of printable text"),
    "a camera turned around": ({"camera": "\u202e"}, "camera is no short line of printable text"),
    "a list for a camera": ({"camera": ["a"]}, "camera is no short line of printable text"),
    "no such date": ({"taken_at": "2021-13-04T12:33:10"}, "taken_at is no date and time"),
    "a date that moves the cursor": ({"taken_at": "\x1b[2J"}, "taken_at is no date and time"),
    "a date with more": ({"taken_at": "2021-05-04T12:33:10\n"}, "taken_at is no date and time"),
    "a number for a date": ({"taken_at": 2021}, "taken_at is no date and time"),
    "a text for labels": ({"labels": "sea"}, "labels is no list of texts"),
    "a number for a label": ({"labels": ["sea", 1]}, "labels is no list of texts"),
    "too many labels": ({"labels": [str(n) for n in range(201)]}, UNTIDY),
    "a label that moves the cursor": ({"labels": ["\x1b[2J"]}, UNTIDY),
    "a label without end": ({"labels": ["a" * 65]}, UNTIDY),
    "an empty label": ({"labels": [""]}, UNTIDY),
    "a label twice": ({"labels": ["sea", "SEA"]}, UNTIDY),
    "a label decomposed": ({"labels": ["e\u0301"]}, UNTIDY),
    "a label of no character": ({"labels": ["\ud800"]}, UNTIDY),
    "a short perceptual hash": ({"perceptual": "00"}, "perceptual is not 64 hexadecimal digits"),
    "no perceptual hash": ({"perceptual": ""}, "perceptual is not 64 hexadecimal digits"),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "expected"), UNFIT.values(), ids=UNFIT.keys())
def test_a_value_that_is_refused(changed: dict[str, Any], expected: str) -> None:
    with pytest.raises(Unsound) as caught:
        entry_of(FIELDS | changed, 7)
    assert str(caught.value) == f"row 7, counted from 0: {expected}"


anything: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.lists(st.integers(), max_size=2), st.binary(max_size=20),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), anything))
def test_whatever_stands_there_is_an_entry_or_unsound(changed: dict[str, Any]) -> None:
    try:
        made = entry_of(FIELDS | changed, 0)
    except Unsound:
        return
    assert made.path == os.path.normpath(made.path)
    assert not os.path.isabs(made.path)
    assert not os.path.normpath(os.path.join("/x", made.path)).removeprefix("/x/").startswith("/")
    assert entry_of(fields_of(made), 0) == made


def test_bytes_that_are_characters_after_all_become_them() -> None:
    assert entry_of(FIELDS | {"path": "caf\udcc3\udca9"}, 0).path == "café"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "it names no model: the description is no JSON"),
        ("[" * 100_000, "it names no model: the description is no JSON"),
        ("[]", "it names no model"),
        ('{"model": "mini"}', "it names no model"),
        (header_of(MODEL).replace('"format": 1', '"format": 2'), "its format is 2, this"),
        (header_of(MODEL).replace('"dim": 3', '"dim": 0'), "dim is not from 1 to 65536"),
        (header_of(MODEL).replace('"dim": 3', '"dim": 1e3'), "dim is no whole number"),
        (header_of(MODEL).replace("colours", "\\u001b[2J"), "name is no short line of printable"),
        (header_of(MODEL).replace('"weights"', '"other"', 1), "weights is no short line of"),
    ],
)  # fmt: skip
def test_a_model_that_is_refused(header: str, expected: str) -> None:
    assert model_of(header_of(MODEL)) == MODEL
    with pytest.raises(Unsound) as caught:
        model_of(header)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        ([0.0, 0.0, 0.0], "of length 0, not 1"),
        ([2.0, 0.0, 0.0], "of length 2, not 1"),
        ([0.98, 0.0, 0.0], "of length 0.98, not 1"),
        ([float("nan"), 0.0, 0.0], "not of finite numbers"),
        ([float("-inf"), 0.0, 0.0], "not of finite numbers"),
        ([1e300, 0.0, 0.0], "of length inf, not 1"),
    ],
)
def test_an_embedding_that_is_refused(vector: list[float], expected: str) -> None:
    with pytest.raises(Unsound) as caught:
        checked_vectors(np.array([[0.6, 0.8, 0.0], vector, vector]), 10)
    assert str(caught.value) == f"row 11, counted from 0: the embedding is {expected}"


def test_lengths_are_mended_where_they_are_off_and_left_where_they_are_not() -> None:
    exact = np.array([[0.6, 0.8, 0.0]], dtype=np.float32)
    assert checked_vectors(exact, 0).tobytes() == exact.tobytes()
    rounded = np.array([[0.6, 0.8, 0.0], [0.6055, 0.8, 0.0]]).astype(np.float16)
    mended = checked_vectors(rounded, 0)
    assert mended.dtype == np.float32
    assert np.linalg.norm(mended, axis=1) == pytest.approx([1, 1], abs=1e-6)
    assert mended == pytest.approx(rounded.astype(np.float32), abs=1e-2)


@pytest.mark.parametrize("form", ["npy", "parquet"])
def test_all_of_a_machine_is_no_root_but_of_single_files(tmp_path: Path, form: Any) -> None:
    index, target = tmp_path / "index", tmp_path / "out"
    make_index(index, entry("/photos", "a"), entry("/", "b"))  # the second takes in the first
    export(index, target, form, replace=False)
    with pytest.raises(SourceError) as caught:
        take_in(tmp_path / "again", source_at(target, root=None, pixel_limit=1, workers=1), None)
    assert str(caught.value) == (
        "this cannot be imported (row 0, counted from 0: root is /, all of a machine), "
        f"from {target}; export an index of folders below it"
    )
    assert not (tmp_path / "again").exists()
    with IndexWriter(tmp_path / "single", MODEL) as writer:
        root, one = writer.add_root("/", whole=False), entry("/", "b")
        vector = np.eye(1, 3, dtype=np.float32)[0]
        writer.add(root, one.path, one.size, one.mtime_ns, one.digest, one.facts, vector)
        writer.commit()
    export(tmp_path / "single", tmp_path / "one", form, replace=False)
    source = source_at(tmp_path / "one", root=None, pixel_limit=1, workers=1)
    assert take_in(tmp_path / "again", source, None).images == 1
    with Index(tmp_path / "again") as again:
        assert [(one.path, one.whole) for one in again.roots()] == [("/", False)]


# vectors.npy and metadata.jsonl


def npy_bytes(array: Any) -> bytes:
    from io import BytesIO

    file = BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npy_header(text: str, version: int = 1, body: bytes = b"") -> bytes:
    return b"\x93NUMPY" + struct.pack("<BBH", version, 0, len(text)) + text.encode() + body


class Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harmed",)


VECTORS = np.eye(3, dtype=np.float32)
ARRAYS: dict[str, tuple[bytes, str]] = {
    "objects": (
        npy_bytes(np.array([[Harm()] * 3] * 3, dtype=object)), "its numbers are object, not float",
    ),
    "texts": (npy_bytes(np.array([["a"]])), "its numbers are str32, not float16"),
    "whole numbers": (npy_bytes(np.eye(3, dtype=np.int32)), "its numbers are int32, not float16"),
    "records": (npy_bytes(np.zeros(3, dtype=[("a", "f4")])), "its numbers are void32, not"),
    "one dimension": (npy_bytes(np.ones(9, dtype="f4")), "its shape is (9,), not (rows, dim"),
    "no dimension": (npy_bytes(np.float32(1)), "its shape is (), not (rows, dimensions)"),
    "by columns": (npy_bytes(np.asfortranarray(VECTORS)), "its numbers lie column by column"),
    "too few": (npy_bytes(VECTORS[:2]), "metadata.jsonl has more lines than vectors.npy rows (2)"),
    "too many": (
        npy_bytes(np.vstack([VECTORS, VECTORS])),
        "metadata.jsonl has 3 lines, vectors.npy more rows",
    ),
    "of another length": (npy_bytes(np.eye(4, dtype="f4")), "vectors.npy has 4 dimensions, the"),
    "cut short": (npy_bytes(VECTORS)[:-1], "vectors.npy is shorter than its header says"),
    "longer": (npy_bytes(VECTORS) + b"x", "vectors.npy is longer than its header says"),
    "empty": (b"", "EOF: reading magic string"),
    "text": (b"this is no array at all", "the magic string is not correct"),
    "an archive": (b"PK\x03\x04" + bytes(100), "the magic string is not correct"),
    "a pickle": (b"\x80\x04\x95" + bytes(100), "the magic string is not correct"),
    "of the future": (npy_header("{}", 9), "its .npy format 9.0 is unknown here"),
    "of format 3": (npy_header("{}", 3), "its .npy format 3.0 is unknown here"),
    "cut in its header": (npy_bytes(VECTORS)[:40], "EOF: reading array header"),
    "a call in its header": (npy_header("__import__('os').mkdir('harmed')\n"), "malformed node"),
    "a header of its own": (npy_header("{'descr': '<f4'}\n"), "Header does not contain the"),
    "a deep header": (npy_header("(" * 5000 + ")" * 5000 + "\n"), ""),
    "a long header": (npy_header(" " * 60000 + "\n"), "Header info length (60001) is large"),
    "more than there can be": (
        npy_header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({1 << 62}, 3)}}\n"),
        "its shape is (4611686018427387904, 3), not (rows, dimensions)",
    ),
    "more than there is": (
        npy_header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({1 << 40}, 3)}}\n"),
        "vectors.npy is shorter than its header says",
    ),
    "fewer than none": (
        npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 3)}\n"),
        "its shape is (-3, 3), not (rows, dimensions)",
    ),
    "not a number": (npy_bytes(np.full((3, 3), np.nan)), "row 0, counted from 0: the embedding is"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), ARRAYS.values(), ids=ARRAYS.keys())
def test_vectors_that_are_refused(
    exports: Path, tmp_path: Path, data: bytes, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = copied(exports / "npy", tmp_path)
    (target / "vectors.npy").write_bytes(data)
    assert refused(target, tmp_path / "index").startswith(expected)
    assert not (tmp_path / "harmed").exists()


def copied(folder: Path, to: Path) -> Path:
    target = to / "out"
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def line(**changed: Any) -> bytes:
    return json.dumps(FIELDS | changed).encode()


GOOD = line()
LINES: dict[str, tuple[list[bytes], str]] = {
    "too few lines": ([GOOD, GOOD], "metadata.jsonl has 2 lines, vectors.npy more rows"),
    "too many lines": ([GOOD] * 4, "metadata.jsonl has more lines than vectors.npy rows (3)"),
    "no JSON": ([GOOD, b"{", GOOD], "row 1, counted from 0: the line in metadata.jsonl is no JSON"),
    "no object": ([GOOD, b"[]", GOOD], "row 1, counted from 0: the line in metadata.jsonl is no J"),
    "an empty line": ([GOOD, b"", GOOD], "row 1, counted from 0: the line in metadata.jsonl is no"),
    "no UTF-8": (
        [GOOD, GOOD, GOOD.replace(b"/photos", b"/\xff")],
        "row 2, counted from 0: the line in metadata.jsonl is no JSON",
    ),
    "NaN": ([line(size=float("nan"))], "row 0, counted from 0: the line in metadata.jsonl is no"),
    "infinity": ([line(size=float("inf"))], "row 0, counted from 0: the line in metadata.jsonl"),
    "a number beyond all": (
        [GOOD.replace(b'"size": 1', b'"size": 1e999')], "row 0, counted from 0: size is no whole",
    ),
    "a number of many digits": (
        [GOOD.replace(b'"size": 1', b'"size": ' + b"9" * 5000)],
        "row 0, counted from 0: the line in metadata.jsonl is no JSON",
    ),
    "a deep line": ([b"[" * 50_000], "row 0, counted from 0: the line in metadata.jsonl is no"),
    "a long line": ([b" " * 270_000], "row 0, counted from 0: the line in metadata.jsonl is too"),
    "a missing value": ([b"{}"], "row 0, counted from 0: root is missing"),
    "a missing last one": (
        [GOOD.replace(b"camera", b"caravan")], "row 0, counted from 0: camera is missing",
    ),
    "an absolute path": ([GOOD, GOOD, line(path="/etc/passwd")], "row 2, counted from 0: path is"),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "expected"), LINES.values(), ids=LINES.keys())
def test_lines_that_are_refused(
    exports: Path, tmp_path: Path, lines: list[bytes], expected: str
) -> None:
    target = copied(exports / "npy", tmp_path)
    (target / "metadata.jsonl").write_bytes(b"".join(one + b"\n" for one in lines))
    assert refused(target, tmp_path / "index").startswith(expected)


@pytest.mark.parametrize("name", ["vectors.npy", "metadata.jsonl"])
def test_a_missing_file_is_named(exports: Path, tmp_path: Path, name: str) -> None:
    target = copied(exports / "npy", tmp_path)
    (target / name).unlink()
    assert refused(target, tmp_path / "index") == f"{name} is missing"
    (target / name).mkdir()
    assert refused(target, tmp_path / "index") == f"{name} is missing"


# Parquet

Change = Callable[[pa.Table], pa.Table]


def column(name: str, values: Any, kind: Any = None) -> Change:
    def change(table: pa.Table) -> pa.Table:
        at = table.column_names.index(name)
        return table.set_column(at, name, pa.array(values, kind))

    return change


TABLES: dict[str, tuple[Change, str]] = {
    "a missing column": (lambda table: table.drop_columns("hash"), "the column hash is missing"),
    "no embeddings": (
        lambda table: table.drop_columns("embedding"), "the column embedding is missing",
    ),
    "a column twice": (
        lambda table: table.append_column("path", table["path"]), "there are several columns path",
    ),
    "texts for numbers": (column("size", ["1", "2", "3"]), "the column size holds no whole"),
    "floats for numbers": (
        column("mtime_ns", [1.0, 2.0, 3.0]), "the column mtime_ns holds no whole numbers",
    ),
    "numbers for texts": (column("hash", [1, 2, 3]), "the column hash holds no text"),
    "texts for embeddings": (
        column("embedding", ["a", "b", "c"]), "the column embedding holds no lists of float",
    ),
    "lists of texts": (
        column("embedding", [["a"], [], []]), "the column embedding holds no lists of float",
    ),
    "texts for bytes": (column("path_bytes", ["a", "b", "c"]), "the column path_bytes holds no"),
    "a short embedding": (
        column("embedding", [[1.0, 0.0, 0.0], [1.0], [1.0, 0.0, 0.0]]),
        "row 1, counted from 0: the embedding has 1 dimensions, the model 3",
    ),
    "no embedding": (
        column("embedding", [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], None], pa.list_(pa.float32(), 3)),
        "row 2, counted from 0: the embedding has none, the model 3",
    ),
    "half an embedding": (
        column("embedding", [[1.0, 0.0, None]] * 3),
        "row 0, counted from 0: the embedding is not of finite numbers",
    ),
    "a long embedding": (
        column("embedding", [[2.0, 0.0, 0.0]] * 3), "row 0, counted from 0: the embedding is of",
    ),
    "no path": (column("path", ["a", None, "b"]), "row 1, counted from 0: path is no text"),
    "a path upwards": (column("path", ["a", "../b", "c"]), "row 1, counted from 0: path leads"),
    "bytes upwards": (
        column("path_bytes", [None, b"\xff/../../x", None]), "row 1, counted from 0: path leads",
    ),
    "an absolute path in bytes": (
        column("path_bytes", [None, b"/etc/\xff", None]), "row 1, counted from 0: path is absolute",
    ),
    "no bytes at all": (column("root_bytes", [b"", None, None]), "row 0, counted from 0: root is"),
    "a huge number": (
        column("size", [1 << 63] * 3, pa.uint64()), "row 0, counted from 0: size is not from 0 to",
    ),
    "a negative width": (column("width", [-5] * 3), "row 0, counted from 0: width is not from 1"),
    "another format": (
        lambda table: table.replace_schema_metadata({b"vsearch": b'{"format": 2, "model": {}}'}),
        "its format is 2, this vsearch reads 1",
    ),
    "a description of no text": (
        lambda table: table.replace_schema_metadata({b"vsearch": b"\xff\xfe"}),
        "it names no model: the description is no JSON",
    ),
    "a model of other dimensions": (
        lambda table: table.replace_schema_metadata(
            {b"vsearch": header_of(replace(MODEL, dim=4)).encode()}
        ),
        "row 0, counted from 0: the embedding has 3 dimensions, the model 4",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), TABLES.values(), ids=TABLES.keys())
def test_tables_that_are_refused(
    exports: Path, tmp_path: Path, change: Change, expected: str
) -> None:
    target = tmp_path / "changed.parquet"
    pq.write_table(change(pq.read_table(exports / "parquet")), target)
    assert refused(target, tmp_path / "index").startswith(expected)


FILES: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "Parquet file size is 0 bytes"),
    "a text": (b"this is no table at all", "Parquet magic bytes not found in footer"),
    "only the marks": (b"PAR1PAR1", "Parquet file size is 8 bytes"),
    "a footer of noise": (b"PAR1" + b"\xff" * 100 + struct.pack("<i", 100) + b"PAR1", ""),
    "a footer longer than all": (b"PAR1" + struct.pack("<i", 1 << 30) + b"PAR1", ""),
    "a footer of less than none": (b"PAR1" + struct.pack("<i", -5) + b"PAR1", ""),
}


@pytest.mark.parametrize(("data", "expected"), FILES.values(), ids=FILES.keys())
def test_files_that_are_no_parquet(tmp_path: Path, data: bytes, expected: str) -> None:
    (tmp_path / "file.parquet").write_bytes(data)
    assert refused(tmp_path / "file.parquet", tmp_path / "index").startswith(expected)


def test_a_truncated_file_is_refused_wherever_it_ends(exports: Path, tmp_path: Path) -> None:
    whole = (exports / "parquet").read_bytes()
    for length in range(0, len(whole), 97):
        (tmp_path / "cut.parquet").write_bytes(whole[:length])
        refused(tmp_path / "cut.parquet", tmp_path / "index")


def test_one_changed_byte_is_found_or_harmless(exports: Path, tmp_path: Path) -> None:
    whole = (exports / "parquet").read_bytes()
    found = 0
    for place in range(4, len(whole) - 8, 13):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        (tmp_path / "changed.parquet").write_bytes(changed)
        into = tmp_path / f"index{place}"
        try:
            source = source_at(tmp_path / "changed.parquet", root=None, pixel_limit=1, workers=1)
            take_in(into, source, MODEL, dry_run=True)
        except (SourceError, UsageError):  # anything else is a fault of ours
            found += 1
    assert found > 100


def test_an_archive_in_place_of_vectors_is_not_opened(exports: Path, tmp_path: Path) -> None:
    target = copied(exports / "npy", tmp_path)
    with zipfile.ZipFile(target / "vectors.npy", "w") as archive:
        archive.writestr("arr_0.npy", npy_bytes(VECTORS))
    assert "magic string" in refused(target, tmp_path / "index")
