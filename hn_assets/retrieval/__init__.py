"""Vectors to rankings.

Belongs here: the FAISS index, exact scores, the order of documents, rankings brought up to date
after a change of the data. Does not belong here: how vectors are made (`encoding`), and which of
the ranked documents become negatives (`mining`).
"""
