"""The index on disk, and what keeps its three parts in step.

    reader.py    Index: one committed state, for reading
    writer.py    IndexWriter: the one writer, of one model's embeddings
    upkeep.py    Upkeep: forgetting, compacting and repairing, which no model is needed for
    checking.py  what is wrong with an index, part by part
    folder.py    where things are: the lock, the folders of vector sets
    catalog.py   the source of truth: roots, images, contents, vector sets, their rows
      database.py  SQLite with a checksum on every page
      schema.py    the tables, and how older ones become them
      roots.py     the folders that are covered, and which place lies in which
      selection.py a condition on files -> SQL
      salvage.py   what can still be read of a damaged catalog -> a new one
    matrix.py    the embeddings of one set: a flat file of float32 rows, append only, checksummed
      mending.py   damaged rows: brought back from the graph, or forgotten
    graph.py     hnswlib's graph over those rows: derived, checked before use, never trusted

Commit order: rows are appended to the matrix and synced; then the catalog commits that they exist;
then, some time later, the graph catches up. A crash between any two steps leaves a good index.

A vector set holds the embeddings of one model. One set is active and answers; to change the model,
another is built beside it and made active in one transaction once every picture is in it.

What a reader needs is imported from here, the rest from its module: a search does without it.
"""

from vsearch.index.catalog import Known, is_unsettled, unsettled
from vsearch.index.graph import Graph, GraphUnusable
from vsearch.index.reader import Index
from vsearch.index.roots import Root, within

__all__ = [
    "Graph",
    "GraphUnusable",
    "Index",
    "Known",
    "Root",
    "is_unsettled",
    "unsettled",
    "within",
]
