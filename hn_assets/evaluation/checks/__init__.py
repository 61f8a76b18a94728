"""The checks of a refresh: what must be true of each stage before anybody trains on what follows.

A check is one `Check` in the tuple `CHECKS` of a module of this package. To add one, add it to the
module that it belongs to, or write a module of its own; `all_checks` finds both.
"""
