"""Decoding in processes of their own: a file that kills its decoder costs that one file.

    decoders   what the rest of vsearch sees: a path -> model input, or one reason why not
    once       one picture for a search, in a fork of its process
    zygote     the process that the decoders are forked from, and that ends them
    decoder    a decoder: one file after the other, with bounds on what it may take
    processes  handles to both, in the process that has the index
    wire       how they talk: frames on socket pairs, pixels in memory that both share

    vsearch ──── control ──── zygote         one a run; has Pillow loaded, and one thread
       ├──────── pair ─────── decoder ─┐
       └──────── pair ─────── decoder ─┴── forked by the zygote in a millisecond or two, one for
                                           each thread that reads

A thread waits while its decoder works, so there is one busy process a core. No byte of a picture is
parsed anywhere else. The process that has the index and the model is never forked: it has threads.
Whatever ends it, kill -9 included, ends the others: the zygote sees its control connection close,
kills the decoders and goes.
"""
