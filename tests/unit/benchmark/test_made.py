"""Indexes of made-up vectors: what is in them, and how much they take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from fake_encoder import FakeEncoder

from vsearch.benchmark.made import CHUNK, QUERIES, clustered, disk_bytes, graph_bytes, grow
from vsearch.index import Index
from vsearch.records import ModelIdentity

MODEL = ModelIdentity("wide", "weights", "preprocessing", 64)


def test_vectors_are_of_length_one_and_the_same_each_time() -> None:
    first = clustered(0, 64)
    assert first.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(first, clustered(0, 64))
    for other in (1, 2, QUERIES):
        assert not np.isin(clustered(other, 64)[:, 0], first[:, 0]).any()


def test_they_lie_in_clusters() -> None:
    vectors = np.concatenate([clustered(chunk, 64) for chunk in range(4)])
    cosines = vectors @ clustered(QUERIES, 64, 50).T
    assert np.median(cosines.max(axis=0)) > 0.5  # each query has its kind in there
    assert abs(np.median(cosines)) < 0.05


def test_an_index_grows_to_what_was_asked_for(tmp_path: Path) -> None:
    for rows in (CHUNK, 3 * CHUNK, 3 * CHUNK):
        grow(tmp_path / "index", MODEL, rows)
        with Index(tmp_path / "index") as index:
            assert (index.rows, index.images(), index.graph_rows()) == (rows, rows, rows)
    with Index(tmp_path / "index") as index:
        stored = index.vectors(np.arange(3 * CHUNK))
        np.testing.assert_array_equal(stored[2 * CHUNK :], clustered(2, 64))
        (record,) = index.images_of([2 * CHUNK])[2 * CHUNK]
        assert record.path == "0002000.jpg"
    taken = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    assert taken < disk_bytes(3 * CHUNK, 64)
    graph = (tmp_path / "index" / "sets" / "whole" / "graph.hnsw").stat().st_size
    assert 0.7 * graph_bytes(3 * CHUNK, 64) < graph < graph_bytes(3 * CHUNK, 64)


def test_a_short_model_will_do(tmp_path: Path) -> None:
    grow(tmp_path, FakeEncoder().identity, CHUNK)
    with Index(tmp_path) as index:
        assert index.rows == CHUNK
