"""What the tests of the hold-out share."""

import pytest

from hn_assets_tests.mining.holdout.topics_dataset import TopicsDataset


@pytest.fixture(scope="module")
def topics() -> TopicsDataset:
    return TopicsDataset()
