"""The dataset and its candidates as arrays of numbers."""
