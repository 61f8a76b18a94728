"""Vectors on disk: the file of a stage, and the cache of every vector that was ever made."""
