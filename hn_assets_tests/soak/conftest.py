"""What soak tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hn_assets_tests.soak.refreshing import RefreshServer, refresh_server


@pytest.fixture(scope="session")
def server(model: Path) -> Iterator[RefreshServer]:
    """A server of refreshes with the tiny model."""
    with refresh_server(model) as started:
        yield started
