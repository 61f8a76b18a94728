"""What mining hands on.

What belongs here: the ledger of all candidates, the explanation of one of its rows, the shortlist
of pairs that a teacher reads, with their texts, and the list of labels that are probably missing.
What does not: deciding anything, and pages or charts, which are in `report`.
"""
