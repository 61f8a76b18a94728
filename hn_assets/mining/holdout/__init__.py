"""Measuring false negatives: known positives are hidden, and it is counted how many are mined."""
