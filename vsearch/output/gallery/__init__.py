"""A page with the pictures inside, which opens anywhere and asks no network for anything.

write.py    matches -> the page
body.html   the page; match.html  one match on it; style.css and script.js  put into it
"""
