"""Query -> matches.

query.py     what a person typed -> terms -> the query vector
fetch.py     an address -> the bytes of the picture there
strategy.py  scan everything or ask the graph: the one place that decides, from costs
search.py    the search itself
"""
