"""Numbers that say how probable it is that a candidate is relevant.

What belongs here: the features of a candidate, each computed by one function for the miner and the
hold-out alike, and the logistic model that combines them. What does not: the threshold, which
`mining.holdout` finds, and the reasons that follow from it, which are in `mining.rules`.
"""
