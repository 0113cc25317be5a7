"""Index -> files that other tools read, and back.

transfer.py        the two stories: index -> entries in batches -> file; file -> batches -> index
fields.py          an entry as named values, and what came from outside as an entry
source.py          what can be imported, in batches, and how it is said what is wrong with it
parquet.py         one Parquet file
npy.py             a folder: vectors.npy, metadata.jsonl, model.json
clip_retrieval.py  the folder that clip-retrieval writes: img_emb/ and metadata/; read only
array.py           a .npy file, read in blocks
"""
