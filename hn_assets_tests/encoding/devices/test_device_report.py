"""Unlike devices compute from one stream of batches, which each of them must be able to read."""

import pytest

from hn_assets.encoding.batches.batching import Layout
from hn_assets.encoding.devices.device_report import DeviceReport, common_layout


@pytest.mark.parametrize("layout", ["same_length", "sorted", "end_to_end"])
def test_equal_devices_keep_their_layout(layout: Layout) -> None:
    assert common_layout([DeviceReport(layout)] * 2) == layout


def test_texts_are_padded_if_one_device_cannot_compute_them_end_to_end() -> None:
    assert common_layout([DeviceReport("end_to_end"), DeviceReport("same_length")]) == "sorted"
    assert common_layout([DeviceReport("sorted"), DeviceReport("end_to_end")]) == "sorted"
