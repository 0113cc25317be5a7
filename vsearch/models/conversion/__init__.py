"""From an open_clip model to a model folder, once; the only room where torch meets ONNX.

source.py      what to convert: architecture, checkpoint, preprocessing, licence, origin
towers.py      an open_clip model -> two ONNX graphs in float32
tokenizers.py  its tokenizer -> tokenizer.json
pruning.py     a graph without what its answer does not need
precision.py   a float32 graph -> the same in fp16 or int8
fidelity.py    how much a precision changes the answers, how fast it is, and which one to take
probes/        the photographs and captions this is measured on
convert.py     all of it in order, resumable, published at once
"""
