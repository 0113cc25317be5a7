"""What every page of vsearch's is: one HTML file that asks no network for anything.

write.py    a page's text, its pictures and its place
page.html   the shell; style.css  what all pages look like
"""
