"""What a person types. A command parses, makes one call, and prints.

main.py         the app, and the one place where errors become a line and an exit code
index.py        vsearch index
search.py       vsearch search
status.py       vsearch status
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
filters.py      the filters that several commands share
options.py      options that several commands share
"""
