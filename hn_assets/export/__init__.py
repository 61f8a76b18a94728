"""Training files: the queries with their positives and negatives, as the trainers read them.

Here belong the training examples of a split, one class per file format, and the function that
writes the formats asked for. What decides which negatives there are belongs to `mining`.
"""
