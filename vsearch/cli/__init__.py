"""What a person types. A command parses, makes one call, and prints.

main.py         the app, and the one place where errors become a line and an exit code
index.py        vsearch index
search.py       vsearch search
status.py       vsearch status
interchange.py  vsearch export, vsearch import
models.py       vsearch models
bench.py        vsearch bench
config.py       vsearch config
completion.py   vsearch completion, and what a shell is offered
candidates.py   names that an option could take: indexed folders, models
settings.py     configuration files and the environment, as defaults of options
encoders.py     which model a command means
filters.py      the filters that several commands share
options.py      options that several commands share
"""
