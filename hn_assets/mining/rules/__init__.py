"""Which candidates are not negatives, for which reasons, and in which order that is decided.

What belongs here: what is never a negative whatever the settings say, the reasons with their
sentences, and the order of all decisions. What does not: how probable it is that a candidate is
relevant, which is in `mining.relevance`, and the choice among the candidates that are left.
"""
