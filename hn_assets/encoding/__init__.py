"""Texts to vectors: load a model with FlagEmbedding, drive it in batches, keep vectors with ids."""
