"""Which plan of mining trains the best model on this dataset: plans are tried by training.

What belongs here: the plans that are tried, one training with its judgement, the tournament that
decides how often each is repeated, and the statistics of what was found. What does not: how a model
is trained, which is in `training`; how negatives are chosen, which is in `mining`.
"""
