from pathlib import Path

import pytest

from hn_assets_tests.export.export_inputs import Inputs


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path)
