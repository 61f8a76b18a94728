"""Negatives to files that people train on, for FlagEmbedding and sentence-transformers."""
