"""What the tests of stores share."""

from collections.abc import Iterator

import pytest

from hn_assets_tests.s3_server import S3Server, s3_server


@pytest.fixture(scope="package")
def s3() -> Iterator[S3Server]:
    """A server of S3 on loopback, with an empty bucket."""
    with s3_server() as server:
        yield server
