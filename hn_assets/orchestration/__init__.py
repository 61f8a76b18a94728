"""Dagster's part: turns the stages, checks and settings of a dataset into Dagster definitions.

What belongs here: assets, asset checks, resources, jobs, schedules and sensors, each as a thin
layer over `assets`, `evaluation.checks` and `pipeline`. What does not: anything that could be said
without Dagster.
"""
