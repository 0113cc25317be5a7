"""What a person types. A command parses, makes one call, and prints.

main.py         the app, and the one place where errors become a line and an exit code
index.py        vsearch index
search.py       vsearch search
status.py       vsearch status
interchange.py  vsearch export, vsearch import
models.py       vsearch models
bench.py        vsearch bench
encoders.py     which model a command means
filters.py      the filters that several commands share
options.py      options that several commands share
"""
