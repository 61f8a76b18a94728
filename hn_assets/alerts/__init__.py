"""Telling people that a run or a check has failed.

What belongs here: what an alert says, and the ways it is sent. What does not: noticing that
something failed, which is done by sensors in `orchestration`.
"""
