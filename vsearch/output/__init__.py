"""What a person sees, and what a program reads.

    terminal.py  is it a terminal, how wide, what may be printed raw
    links.py     addresses of files
    bar.py       a bar that moves while something long goes on
    matches.py   answers to a query: table, preview, tab-separated, JSON Lines, CSV, paths
      table.py     the table
      preview.py   the pictures, as a grid
      graphics.py  which kind of pictures the terminal shows
    page/        what every page is: one file, no network
    gallery/     answers as a page
    report/      evaluations and analyses as pages
    sheet.py     answers as a contact sheet
    delivery.py  what else becomes of them
    progress.py  indexing as it goes on, and its closing line
    status.py    what an index holds

Data goes to stdout, everything else to stderr. Rich is imported only where a terminal will show it.
"""
