"""Positives that look like none: labels that are probably wrong.

What belongs here: what tells a positive from a document that happens to rank low, the model that
learns it from the dataset's own labels, and the list for people. What does not: the page on which
they judge it, which is in `review`, and leaving positives out of training, which is in `export`.
"""
