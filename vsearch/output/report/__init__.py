"""What was measured, as a page that people want to look at.

    evaluation.py  Evaluation -> the page; evaluation.html  its outline
    analysis.py    Analysis -> the page; analysis.html  its outline
    map.py         the map of the embeddings; map.js  moves it
    charts.py      series -> charts (SVG, by matplotlib)
    tables.py      rows -> tables, bars, intervals
    tiles.py       files -> small pictures with words below
    glossary.py    what each metric is
    style.css, script.js  put into both

Every name is escaped, every picture is inside, and nothing asks the network (see `output.page`).
"""
