"""Folders -> index.

scope.py    what a person named -> which roots, folders and files are meant
plan.py     what is there and what is known -> what to read and what is gone; pure
batches.py  pictures from many threads -> the encoder, many at once
events.py   what happens while indexing, and the tally of it
run.py      the work itself: a generator of events
watching.py    doing it again whenever something below the roots has changed
forgetting.py  names and patterns -> what is to be forgotten
checking.py    the index against itself and against the files, and repairing it
"""
