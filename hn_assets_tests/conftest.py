"""Tests neither see nor touch what the person who runs them has materialized."""

import os
from pathlib import Path

import pytest

from hn_assets_tests.small_models import make_cross_encoder, make_tiny_bert

for name in list(os.environ):
    if name.startswith(("HN_", "DAGSTER_")):
        del os.environ[name]

# no hub can make a test slow, or pass
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def teacher_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder that scores a passage by whether it names what the query asks for."""
    return make_cross_encoder(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model so small that a run of a graph takes a second or two; with random weights."""
    return make_tiny_bert(tmp_path_factory.mktemp("model"))
