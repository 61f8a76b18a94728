"""From texts to vectors.

What belongs here: locating a model and saying which weights it has, cutting texts into batches,
computing them, and the report of what a lower precision costs. What does not: what is done with the
vectors, which is in `retrieval` and `mining`, and rerankers, which are in `reranking`.
"""
