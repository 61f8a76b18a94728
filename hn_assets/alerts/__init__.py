"""Tells people that something went wrong.

What went wrong, and when, is found out by the sensors that call this package; here stands what an
alert says and how it is sent.
"""
