"""What an index says about its own pictures: what there is, and what may be wrong with it.

    analyze      an index and labels -> an Analysis; one function calls the rest in turn
    results      what it comes to, as frozen values
    facts        sizes, formats, dates, cameras
    labelling    which picture has which label, and what becomes of the others; class balance
    contents     the different contents of the index, and the files of each
    groups       near pairs -> which contents are alike
    leakage      pictures that are there twice: within and across splits, with one label or several
    neighbours   exact nearest neighbours, in blocks
    outliers     pictures that lie apart from the others
    classifier   how probable each class is for each picture, out of sample
    suspects     labels that may be wrong
    coverage     which few pictures stand for all; what to label next
    projection   a map in two dimensions

All of it is deterministic: what chance there is comes from a seed.
"""
