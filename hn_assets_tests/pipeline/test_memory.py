"""The peak of memory is that of a block, not of all that the process did before."""

import subprocess
import sys

import numpy as np
import pytest

from hn_assets.pipeline.memory import measure_peak_memory


@pytest.fixture(autouse=True)
def peaks_can_be_measured() -> None:
    with measure_peak_memory() as peak:
        pass
    if peak.mib is None:
        pytest.skip("this system does not say what the peak of a block is")


def hold(mib: int) -> None:
    np.ones(mib << 20, np.uint8).sum()


def test_what_was_held_before_the_block_does_not_count() -> None:
    hold(400)
    with measure_peak_memory() as nothing:
        pass
    with measure_peak_memory() as some:
        hold(200)
    assert nothing.mib is not None and some.mib is not None
    assert 150 < some.mib - nothing.mib < 300


def test_the_largest_process_that_was_started_counts() -> None:
    code = "x = bytearray(b'1') * (300 << 20); print('held', flush=True); input()"
    with measure_peak_memory() as alone:
        pass
    with measure_peak_memory() as peak:
        child = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
    child.communicate(b"\n")
    assert alone.mib is not None and peak.mib is not None
    assert peak.mib >= max(300, alone.mib)
