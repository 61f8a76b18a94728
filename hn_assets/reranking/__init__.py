"""A reranker, the teacher, reads a query and a passage together and scores them.

Belongs here: which reranker it is, how it is loaded, and its scores with their cache. Does not
belong here: which candidates are scored, and what a score means for a negative (`mining`).
"""
