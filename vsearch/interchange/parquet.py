"""One Parquet file that any reader of Parquet can read. Knows `pyarrow`.

Its columns are those of `fields`, and

    root_bytes, path_bytes   a name whose bytes are no valid UTF-8, as they are; null for all others
    embedding                fixed_size_list of float32, of length one

The model of the embeddings stands in the file's metadata, under the key "vsearch", as JSON.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from vsearch.errors import SourceError
from vsearch.interchange.fields import (
    LATER,
    OPTIONAL,
    REQUIRED,
    entry_of,
    fields_of,
    model_of,
    single_of,
)
from vsearch.interchange.source import Batch, Unsound, batch_rows, checked_vectors, explained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from vsearch.interchange.source import NotTaken
    from vsearch.records import Entry

KEY = b"vsearch"
EMBEDDING = "embedding"
_NAMES = ("root", "path")
_NUMBERS = ("size", "mtime_ns", "width", "height")
_LISTS = ("labels", EMBEDDING)
_REPEATED = ("root", "format", "taken_at", "camera")  # stored once each
_BUFFER = 1 << 20  # bytes read at a time, of each column


def write(file: BinaryIO, header: str, dim: int, batches: Iterable[Batch]) -> None:
    """Write entries to `file`, a row group each batch. Raises OSError."""
    import pyarrow.parquet as pq

    schema = _schema(header, dim)
    with pq.ParquetWriter(
        file,
        schema,
        use_dictionary=list(_REPEATED),
        # Embeddings do not become smaller. The names are those of the columns' leaves.
        compression={column: "snappy" for column in schema.names if column not in _LISTS}
        | {"labels.list.element": "snappy", f"{EMBEDDING}.list.element": "none"},
        write_page_checksum=True,
    ) as writer:
        for batch in batches:
            writer.write_batch(_record_batch(batch, schema))


def is_export(path: Path) -> bool:
    """Whether a file is what `write` makes, with columns of no other."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        return False
    try:
        with explained(path, pa.ArrowException), path.open("rb") as file:
            schema = pq.read_schema(file)
    except SourceError:
        return False
    names = _schema("", 1).names
    older = [name for name in names if name not in LATER]
    return KEY in (schema.metadata or {}) and schema.names in (names, older)


def _schema(header: str, dim: int) -> pa.Schema:
    import pyarrow as pa

    kinds = {
        "root": pa.string(),
        "root_bytes": pa.binary(),
        "path": pa.string(),
        "path_bytes": pa.binary(),
        "hash": pa.string(),
        "size": pa.int64(),
        "mtime_ns": pa.int64(),
        "width": pa.int32(),
        "height": pa.int32(),
        "format": pa.string(),
        "taken_at": pa.string(),
        "camera": pa.string(),
        "labels": pa.list_(pa.field("element", pa.string(), nullable=False)),
        "perceptual": pa.string(),
    }
    may_lack = {*OPTIONAL, "perceptual", *(f"{name}_bytes" for name in _NAMES)}
    columns = [pa.field(name, kind, name in may_lack) for name, kind in kinds.items()]
    one = pa.field("element", pa.float32(), nullable=False)
    columns.append(pa.field(EMBEDDING, pa.list_(one, dim), nullable=False))
    return pa.schema(columns, metadata={KEY: header})


def _record_batch(batch: Batch, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    rows = [_columns_of(entry) for entry in batch.entries]
    columns = [
        pa.array([row[field.name] for row in rows], field.type)
        for field in schema
        if field.name != EMBEDDING
    ]
    numbers = pa.array(batch.vectors.reshape(-1), pa.float32())
    columns.append(pa.FixedSizeListArray.from_arrays(numbers, type=schema.field(EMBEDDING).type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _columns_of(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = fields_of(entry)
    for name in _NAMES:
        stored = os.fsencode(row[name])
        row[name] = stored.decode("utf-8", "replace")
        row[f"{name}_bytes"] = None if row[name].encode() == stored else stored
    return row


def _fields_of(row: dict[str, Any]) -> dict[str, Any]:
    for name in _NAMES:
        stored = row.pop(f"{name}_bytes", None)
        if stored is not None:
            row[name] = os.fsdecode(stored)
    return row


class ParquetSource:
    """The Parquet file at `path`, to be imported. Raises SourceError."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path = path
        self._errors = pa.ArrowException
        with explained(path, self._errors), path.open("rb") as file:
            metadata = pq.read_metadata(file)
            schema = metadata.schema.to_arrow_schema()
            self.rows: int = metadata.num_rows
            self._columns = _checked_columns(schema)
            header = (metadata.metadata or {}).get(KEY)
            self.model = model_of(header) if header is not None else None
            self.single = single_of(header) if header is not None else frozenset()

    def check(self, dim: int) -> Iterator[tuple[Sequence[str], Sequence[NotTaken]]]:
        """Read all of it once, see `Source`."""
        for batch in self.batches(dim):
            yield batch.paths(), ()

    def batches(self, dim: int) -> Iterator[Batch]:
        """Yield all rows, see `Source`."""
        import pyarrow.parquet as pq

        with explained(self._path, self._errors), self._path.open("rb") as file:
            # One column's page at a time, whatever the size of a row group.
            opened = pq.ParquetFile(
                file, pre_buffer=False, buffer_size=_BUFFER, page_checksum_verification=True
            )
            first = 0
            for read in opened.iter_batches(
                batch_rows(dim), columns=self._columns, use_threads=False
            ):
                vectors = checked_vectors(_vectors(read.column(EMBEDDING), dim, first), first)
                rows = read.drop_columns([EMBEDDING]).to_pylist()
                entries = [
                    entry_of(_fields_of(row), first + number, self.single)
                    for number, row in enumerate(rows)
                ]
                yield Batch(entries, vectors)
                first += len(entries)
            if first != self.rows:
                raise Unsound(f"it has {first} rows, not {self.rows} as it says")


def _checked_columns(schema: pa.Schema) -> list[str]:
    """Return the names of the columns that are read. Raises Unsound where one does not fit."""
    from pyarrow import types

    def is_text(kind: pa.DataType) -> bool:
        if types.is_dictionary(kind):
            kind = kind.value_type
        return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind))

    def is_bytes(kind: pa.DataType) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_null(kind))

    def is_vector(kind: pa.DataType) -> bool:
        lists = types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)
        return bool(lists and types.is_floating(kind.value_type))

    def is_texts(kind: pa.DataType) -> bool:
        lists = types.is_list(kind) or types.is_large_list(kind)
        return bool((lists and is_text(kind.value_type)) or types.is_null(kind))

    wanted = dict.fromkeys((*REQUIRED, *OPTIONAL, *LATER), ("text", is_text))
    wanted |= dict.fromkeys(_NUMBERS, ("whole numbers", types.is_integer))
    wanted |= {f"{name}_bytes": ("bytes", is_bytes) for name in _NAMES}
    wanted["labels"] = ("lists of texts", is_texts)
    wanted |= {EMBEDDING: ("lists of float numbers", is_vector)}
    found = []
    for name, (what, fits) in wanted.items():
        if schema.names.count(name) > 1:
            raise Unsound(f"there are several columns {name}")
        if name not in schema.names:
            if name in REQUIRED or name == EMBEDDING:
                raise Unsound(f"the column {name} is missing")
            continue
        if not fits(schema.field(name).type):
            raise Unsound(f"the column {name} holds no {what}")
        found.append(name)
    return found


def _vectors(column: pa.Array, dim: int, first: int) -> NDArray[np.floating]:
    """Return a column of lists as (n, dim). Raises Unsound for a list of another length."""
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy(zero_copy_only=False)
    if (lengths != dim).any():
        at = int((lengths != dim).argmax())
        length = "none" if lengths[at] < 0 else f"{lengths[at]} dimensions"
        raise Unsound(f"the embedding has {length}, the model {dim}", first + at)
    numbers = column.flatten()
    found: NDArray[np.floating] = numbers.to_numpy(zero_copy_only=False).reshape(-1, dim)
    return found
