"""Verdicts of people on a random sample of the chosen negatives.

What belongs here: drawing the sample, the page on which a person reads and judges it, and the
false-negative rate that follows from the verdicts. What does not: reading a file of verdicts, which
is in `sources`, since verdicts are labels as well, and rates that are measured by hiding positives,
which are in `mining.holdout`.
"""
