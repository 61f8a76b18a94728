"""Scores of a reranker, the teacher, which reads query and passage together.

What belongs here: locating and running the reranker, and the cache of its scores. What does not:
which candidates it reads, and what follows from a score, which are in `mining` and in the filters.
"""
