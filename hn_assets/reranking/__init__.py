"""A reranker, the teacher, reads query and passage together: scores to filter and to distil by."""
