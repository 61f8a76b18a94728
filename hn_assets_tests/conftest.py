"""Tests neither see nor touch what the person who runs them has materialized."""

import os

for name in list(os.environ):
    if name.startswith(("HN_", "DAGSTER_")):
        del os.environ[name]

# no hub can make a test slow, or pass
os.environ["HF_HUB_OFFLINE"] = "1"
