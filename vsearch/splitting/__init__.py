"""Truth -> training, validation and test splits; no picture is in two, nor a near-duplicate.

    grouping    what must stay together -> groups
    assignment  groups, labels and fractions -> the split of each group
    leaks       the proof: a second, plainer look for near pairs across splits
    split       all of it, from an index and a truth

`grouping`, `assignment` and `leaks` are arrays and values in, arrays and values out.
"""
