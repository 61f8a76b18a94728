"""Rankings to hard negatives: what is never one, the filters, the range, the draw and the ledger.

`session` is the entry. Which filters there are stands in `hn_assets/filters`; how candidates are
found, in `hn_assets/retrieval`.
"""
