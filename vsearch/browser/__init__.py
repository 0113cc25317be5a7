"""The full-screen browser in the terminal: `vsearch browse`.

app         what the keys do; the screens, and what is said on them
grid        the pictures of a page, side by side, and the one that is chosen
details     what is known of the chosen picture
prompt      the line in which one types, and what it asks for
history     the answers looked at before, and the pictures marked
session     the index and its model, in a thread of their own: the newest question wins
thumbnails  decoded for the size they are shown at, newest page first, a bounded number kept
terminal    which terminal there is, what it can show, and stdout kept free for the marked paths

The only owner of Textual. What it draws the pictures with is textual-image.
"""
