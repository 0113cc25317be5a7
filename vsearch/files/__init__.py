"""Files that are made for a person: there whole or not at all, and never over another.

whole     a file or folder that is written beside its place and renamed
place     copies of files, or links to them, into a folder
ending    what is to be put away when a signal ends the process
room      whether there can be something, looked at before
programs  other programs for files: a command for each, the system's viewer
"""
