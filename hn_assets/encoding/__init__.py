"""Texts to vectors.

Belongs here: which model it is, how it is loaded and driven in batches on every device, and the
files that keep vectors. Does not belong here: where texts come from (`sources`), and what is done
with vectors (`retrieval`).
"""
