"""What every check is built on.

What belongs here: the declaration of a check, what it sees and says, and what the last training set
remembers for comparison. What does not: the checks, which are in `evaluation.checks.kinds`.
"""
