"""Runs the stages of a dataset, one after another, without Dagster.

What belongs here: what a stage is and how one is made, kept and published; the settings, store and
source of a dataset. What does not: what a stage computes, which is in the packages that it calls,
and anything of Dagster, which is in `orchestration`.
"""
