"""The dataset and its candidates as arrays of numbers.

What belongs here: rows of documents and queries in place of their ids, texts as numbers by which
equal ones are known, and blocks of candidates. What does not: any decision about a candidate.
"""
