"""How good a refresh is: its checks, the quality of its rankings, and its drift from the last one.

Checks look at published files and say whether a refresh may be trained on. What is measured by
hiding positives belongs to `mining`, and how results are shown to people belongs to `report`.
"""
