"""What a person types. A command parses, makes one call, and prints.

main.py         the app, and the one place where errors become a line and an exit code
commands.py     the commands by name, each built when it is asked for
index.py        vsearch index
search.py       vsearch search
browse.py       vsearch browse
duplicates.py   vsearch duplicates
status.py       vsearch status
upkeep.py       vsearch forget, vsearch check, vsearch compact
interchange.py  vsearch export, vsearch import
models.py       vsearch models
bench.py        vsearch bench
help.py         the help of the commands
mistakes.py     what is typed wrongly -> one line, with what may have been meant
syntax.py       what can be typed: of each command its examples, arguments and options
config.py       vsearch config
completion.py   vsearch completion, and what a shell is offered
candidates.py   names that an option could take: indexed folders, models
settings.py     configuration files and the environment, as defaults of options
encoders.py     which model a command means
delivery.py     where the matches of a search go beside being printed
queries.py      many queries, one a line of a file
stdin.py        standard input as a part of a query
updating.py     the index brought up to date before it is asked
filters.py      the filters that several commands share
options.py      options that several commands share
values.py       what options take that typer has no type for
"""
