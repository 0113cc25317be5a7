"""Query -> matches.

query.py     what a person typed -> terms -> the query vector
strategy.py  scan everything or ask the graph: the one place that decides, from costs
search.py    the search itself
"""
