"""Pictures that are the same, or nearly: finding them in an index, and acting on what was found.

    near      arrays of embeddings and perceptual hashes -> groups; touches no file
    find      an index -> groups of files, each with the one to keep
    act       exact copies -> hard links; what is not kept -> another folder

Two files are exact copies when their contents are equal. Two pictures are near when their
perceptual hashes say so alone, or their embeddings say so and the hashes agree: the thresholds are
in `near`, what they find and miss is measured by tests/benchmarks/duplicates.py.
"""
