"""vsearch: search your own pictures by words or by picture, offline, from the command line."""

__version__ = "0.1.0"
