"""What a person sees, and what a program reads.

    terminal.py  is it a terminal, how wide, what may be printed raw
    matches.py   answers to a query: table, tab-separated, JSON Lines, paths
    progress.py  indexing as it goes on, and its closing line
    status.py    what an index holds

Data goes to stdout, everything else to stderr. Rich is imported only where a terminal will show it.
"""
