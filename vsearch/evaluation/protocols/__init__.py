"""What is asked of what, by the kind of truth; each comes to one or two results.

captions  text -> image and image -> text
labels    image -> image, leaving one out; zero-shot and nearest-neighbour classification
queries   graded search
graph     what the index's graph finds of what is exactly nearest
"""
