"""The checks, by what they look at.

What belongs here: modules with functions that judge files, each ending with its declarations
`CHECKS`, which are discovered. What does not: how checks are run and remembered.
"""
