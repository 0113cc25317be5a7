"""`python -m vsearch`: the same program as the `vsearch` command."""

from vsearch.cli.main import main

main()
