"""Models: anything that turns pictures and words into unit vectors of one space.

encoder.py   Encoder, the Protocol the floors above are given
folder.py    a model on disk: image.onnx, text.onnx, tokenizer.json, model.json; digests checked
tokenizer.py words -> token ids, as open_clip's tokenizers have them
onnx.py      OnnxEncoder: runs such a folder on the CPU without torch
torch.py     TorchEncoder: runs its image tower on a GPU, or what ONNX cannot hold
device.py    which GPU is there, and whether a model can use it
open.py      a folder -> its encoder on this machine
installed.py the models on this machine; in and out as one file
hub.py       fetching from the Hugging Face hub, resumed and checked
zoo/         the models one can name, and what is published about them
conversion/  an open_clip model -> a model folder
obtain.py    a name -> a folder on this machine, fetched and converted if need be
listing.py   what there is to say about a model in one line
mini/        the model folder that ships inside the package
"""

import os

# onnxruntime reads this when it is imported. Without it, it keeps a number of this machine and what
# was done with it in the user's cache, and sends them to its makers.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
