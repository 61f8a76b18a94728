"""Tests of the plans, the tournament and its statistics."""
