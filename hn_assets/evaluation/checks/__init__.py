"""The checks of a refresh: what must be true of each stage before anybody trains on what follows.

What belongs here: each check as one `Check` in the tuple `CHECKS` of a module of `kinds`, where
`all_checks` finds it, with the numbers it looks at and a message that says what to do; and how
results are remembered. What does not: when checks run and what they stop, which is in
`orchestration`.
"""
