"""Tests neither see nor touch what the person who runs them has materialized."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from hn_assets_tests.small_models import make_cross_encoder, make_tiny_bert

for name in list(os.environ):
    if name.startswith(("HN_", "DAGSTER_")):
        del os.environ[name]

# no hub can make a test slow, or pass
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def teacher_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A cross-encoder, trained once per test run, whichever process asks first."""
    here = tmp_path_factory.getbasetemp()
    folder = (here if worker_id == "master" else here.parent) / "teacher"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            make_cross_encoder(folder)
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model so small that a run of a graph takes a second or two; with random weights."""
    return make_tiny_bert(tmp_path_factory.mktemp("model"))
