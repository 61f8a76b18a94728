"""The filters: rules by which settings keep a candidate from becoming a negative.

Each filter is one file in `kinds`, with its settings and its reasons; `base/filter.py` says what
it needs. What is never a negative, whatever the settings, is decided in `hn_assets/mining/rules`.
"""
