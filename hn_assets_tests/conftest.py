"""Tests neither see nor touch what the person who runs them has materialized."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

from hn_assets_tests.small_models import make_cross_encoder, make_tiny_bert

# how many examples a property is tried on, for long runs of the tests of properties
settings.register_profile(
    "suite", max_examples=int(os.environ.get("HN_FUZZ_EXAMPLES", "30")), deadline=None
)
settings.load_profile("suite")

for name in list(os.environ):
    if name.startswith(("HN_", "DAGSTER_")):
        del os.environ[name]

# no hub can make a test slow, or pass
os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_collection_finish() -> None:
    """Leave what was imported out of every later collection of garbage, which it makes slow."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def teacher_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder that scores a passage by whether it names what the query asks for."""
    return make_cross_encoder(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model so small that a run of a graph takes a second or two; with random weights."""
    return make_tiny_bert(tmp_path_factory.mktemp("model"))
