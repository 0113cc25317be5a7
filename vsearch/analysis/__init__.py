"""What an index says about its own pictures: what there is, and what may be wrong with it.

    analyze      an index and labels -> an Analysis; one function calls the rest in turn
    results      what it comes to, as frozen values
    facts        sizes, formats, dates, cameras
    labelling    which picture has which label, and what becomes of the others; class balance
    neighbours   exact nearest neighbours, in blocks
    leakage      pictures that are there twice: within and across splits, with one label or several
    outliers     pictures that lie apart from the others, by the density around their neighbours
    suspects     labels that may be wrong
    coverage     which few pictures stand for all; what to label next
    embedding    a map in two dimensions

All but `analyze`, `facts` and `labelling` are arrays in, arrays out. All of it is deterministic.
"""
