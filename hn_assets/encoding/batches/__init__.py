"""Texts to token ids, and token ids to batches.

What belongs here: what happens to a text before a device computes it. What does not: the models,
and what computes a batch.
"""
