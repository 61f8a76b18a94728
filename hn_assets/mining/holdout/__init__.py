"""Measuring the false-negative rate by hiding known positives.

What belongs here: which positives are hidden, or lent by similar queries where none can be hidden,
the rate at which they are mined, with its confidence interval, and what is derived from it: the
threshold of the calibration and the audit of methods.
What does not: a second implementation of mining; hidden positives are judged by the rules that
judge all candidates.
"""
