"""Vectors in files.

What belongs here: the file of the vectors of a corpus or of queries, and the cache of every vector
that was ever computed, with its keys and its pruning. What does not: how vectors are computed, and
the FAISS index, which is in `retrieval`.
"""
