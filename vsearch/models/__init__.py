"""Models: anything that turns pictures and words into unit vectors of one space.

encoder.py   Encoder, the Protocol the floors above are given
folder.py    a model on disk: image.onnx, text.onnx, tokenizer.json, model.json; digests checked
onnx.py      OnnxEncoder: runs such a folder on the CPU without torch
torch.py     TorchEncoder: runs its image tower on a GPU
device.py    which GPU is there, and whether a model can use it
mini/        the model folder that ships inside the package
"""
