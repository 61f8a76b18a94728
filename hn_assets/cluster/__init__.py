"""Other machines, through Ray.

What belongs here: connecting to a cluster of Ray, finding out what its nodes can do, and workers on
them that compute jobs from one stream. What does not: what a job is and how it is computed, which
callers hand over as plain functions that know nothing of Ray. `ray` is imported by a process of its
own, in `ray_process`, and nowhere else.
"""
