"""Check a source as a whole and write its tables; `collect.collect` does it all.

What is left out is counted, with examples; what cannot be right is an error. How raw data are read
does not belong here.
"""
