"""What every part of the Dagster layer needs.

What belongs here: the names of assets, jobs and sensors, how metadata are shown, and how a step
fails. What does not: definitions that Dagster loads, which are in `orchestration` itself.
"""
