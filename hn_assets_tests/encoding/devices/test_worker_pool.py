"""A process per device gives what one gives; one that dies fails the run and never hangs it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import LoadedModel, load_model
from hn_assets.errors import WorkerError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.rounding import assert_vectors_differ_by_rounding_only

TEXTS = [f"text number {i} " + "and more " * (i % 30) for i in range(200)]


@pytest.fixture(scope="module")
def tiny(model: Path) -> LoadedModel:
    settings = EncodingSettings(model=str(model), pooling="mean")
    return load_model(settings, devices=["cpu"], precision="float32")


def test_two_devices_give_what_one_gives(tiny: LoadedModel) -> None:
    one = Encoder(tiny, devices=["cpu"]).encode(TEXTS, "passage")
    two = Encoder(tiny, devices=["cpu", "cpu"], max_tokens_per_batch=256)
    try:
        assert_vectors_differ_by_rounding_only(two.encode(TEXTS, "passage"), one)
        assert len(multiprocessing.active_children()) == 2
        assert two.linear_layers() == "as loaded"
    finally:
        two.close()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    "by", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)]
)
def test_a_process_that_dies_fails_the_run(tiny: LoadedModel, by: signal.Signals) -> None:
    encoder = Encoder(tiny, devices=["cpu", "cpu"], max_tokens_per_batch=64)

    def kill_one(stats) -> None:
        for child in multiprocessing.active_children()[:1]:
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(child.pid or 0, by)

    start = time.monotonic()
    # As if a parent process ignores the signal, which its children inherit.
    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with pytest.raises(WorkerError, match="ended by itself.*What was encoded before is kept"):
            encoder.encode(TEXTS * 20, "passage", kill_one)
        encoder.close()
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert time.monotonic() - start < 60


def test_the_processes_end_with_a_killed_parent(tiny: LoadedModel, tmp_path: Path) -> None:
    code = (
        "import os, signal, multiprocessing\n"
        "from hn_assets.encoding.encoder import Encoder\n"
        "from hn_assets.encoding.models.model import load_model\n"
        "from hn_assets.settings.encoding import EncodingSettings\n"
        "if __name__ == '__main__':\n"
        f"    settings = EncodingSettings(model={tiny.identity.location!r}, pooling='mean')\n"
        "    model = load_model(settings, devices=['cpu'], precision='float32')\n"
        "    encoder = Encoder(model, devices=['cpu', 'cpu'])\n"
        "    encoder.encode(['a text'], 'passage')\n"
        "    pids = [c.pid for c in multiprocessing.active_children()]\n"
        "    print(*pids, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    script = tmp_path / "killed.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert pids
    deadline = time.monotonic() + 30
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
