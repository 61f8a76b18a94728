"""From rankings to hard negatives.

What belongs here: which candidates of a ranking become negatives of a query, how many of them are
false, and what became of the others. What does not: how candidates are found, which is in
`retrieval`, and how negatives are written for trainers, which is in `export`.
"""
