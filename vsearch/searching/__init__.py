"""Query -> matches.

query.py     what a person typed -> terms -> the query vector
names.py     what the names of files and folders say of a query
filters.py   what narrows an answer down -> one condition
fetch.py     an address -> the bytes of the picture there
strategy.py  scan everything or ask the graph: the one place that decides, from costs
search.py    the search itself: query vector -> rows -> files
relevance.py how likely a picture is an answer
lines.py     many queries, a line each -> their answers
searcher.py  an index and its model, open for one query after the other: terms -> matches
"""
