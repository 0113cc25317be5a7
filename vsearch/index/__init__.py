"""The index on disk and the one object that keeps its three parts in step.

    store.py     Index (read) and IndexWriter (read and write): what the floors above use
    catalog.py   SQLite, the source of truth: roots, images, contents, vector sets, their rows
    matrix.py    the embeddings of one set: a flat file of float32 rows, append only
    graph.py     hnswlib's graph over those rows: derived, checked before use, never trusted

Commit order: rows are appended to the matrix and synced; then the catalog commits that they exist;
then, some time later, the graph catches up. A crash between any two steps leaves a good index.

A vector set holds the embeddings of one model. One set is active and answers; to change the model,
another is built beside it and made active in one transaction once every picture is in it.
"""

from vsearch.index.catalog import UNSETTLED, Known, Root
from vsearch.index.graph import Graph, GraphUnusable
from vsearch.index.store import Index, IndexWriter

__all__ = ["UNSETTLED", "Graph", "GraphUnusable", "Index", "IndexWriter", "Known", "Root"]
