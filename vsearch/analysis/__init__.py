"""What an index says about the pictures in it: what there is, what is odd, what is missing."""
