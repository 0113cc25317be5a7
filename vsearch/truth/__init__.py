"""What is known of pictures: captions, labels, queries with their answers, splits.

    values   the three kinds of truth, as frozen values
    read     a file or a folder -> one of them, whatever its format

Reading touches no picture and no index.
"""
