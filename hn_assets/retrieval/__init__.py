"""Vectors to rankings: build a FAISS index, keep it, search it exactly and in large blocks."""
