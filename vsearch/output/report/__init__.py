"""What was measured, as a page that people want to look at.

    evaluation.py  Evaluation -> the page
      protocol.py  one protocol of it: metrics, curve, classes, confusion, worst queries
      latency.py   how long queries take
    analysis.py    Analysis -> the page
      files.py     what files say about themselves
      findings.py  labels, duplicates, suspects, outliers, coverage
      map.py       the map of the embeddings; map.html its outline, map.js moves it
    outline.py     sections -> a report; report.html  its outline
    charts.py      series -> charts (SVG, by matplotlib)
    tables.py      rows -> tables, bars, intervals
    tiles.py       files -> small pictures with words below
    glossary.py    what each metric is
    style.css, script.js  put into both

Every name is escaped, every picture is inside, and nothing asks the network (see `output.page`).
"""
