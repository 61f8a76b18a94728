"""Which candidates are not negatives, for which reasons, and which of the others are taken.

What belongs here: what is never a negative whatever the settings say, the reasons with their
sentences, the order of all decisions, the sampling of the candidates that are left, and the draws
of documents from the whole corpus. What does not: how probable it is that a candidate is relevant,
which is in `mining.relevance`.
"""
