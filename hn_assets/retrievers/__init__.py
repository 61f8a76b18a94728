"""Retrievers: ways to find candidates for queries, each of which ranks documents by itself.

What belongs here: what every retriever has to offer, one module of `kinds` for each kind with its
settings, and what the kinds share. What does not: the index and the exact scores of vectors, which
are in `retrieval`; joining what several retrievers found; and which candidates become negatives,
which is in `mining`.
"""

from hn_assets.retrievers.protocol import RetrieverInputs, RetrieverReport, RetrieverSettings

__all__ = ["RetrieverInputs", "RetrieverReport", "RetrieverSettings"]
