"""The models one can name: what people type, and what is published about each.

names.py    what is typed -> a name with one spelling, and a folder for it
table.py    known.json: every model of open_clip's, its size, licence and published figures; aliases
"""
