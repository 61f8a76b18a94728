"""BM25: words of texts, their weights, and the index that is searched.

What belongs here: cutting texts into words, the formulas, and the index in files. What does not:
the settings, which are in `hn_assets.retrievers.kinds.bm25`.
"""
