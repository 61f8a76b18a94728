"""Refreshes of a tiny dataset in processes that can be killed, and what they have published.

Run as a program it is a server: it imports everything once, and forks a process for each refresh,
so that a refresh takes a second or two instead of the time to import PyTorch.
"""

import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hn_assets import mine_hard_negatives
from hn_assets.api import DATASET
from hn_assets.store import DatasetStore
from hn_assets.store.layout import VECTOR_CACHE, stage_names
from hn_assets_tests.collections_on_disk import animals

RAW, MADE = "raw", "made"
OF_THE_PAST = {"drift", "report"}  # what they say depends on the refreshes before
TEXTS_PER_SHARD = 4
SETTINGS: dict[str, Any] = {
    "compute": {"device": "cpu", "precision": "float32"},
    "mining": {"range_min": 2, "range_max": 20, "num_negatives": 4},
    "checks": {"max_ndcg_drop": 1},
}


def new_dataset(folder: Path) -> Path:
    """Write the raw data of the animals dataset; return the folder."""
    (folder / RAW).mkdir(parents=True)
    animals(folder / RAW)
    return folder


def refresh(folder: Path, model: Path, made: str = MADE) -> Any:
    """Make all stages of the dataset in `folder` that are not up to date.

    Args:
        folder: The folder of the dataset.
        model: The folder of the model.
        made: The name of the folder beside the raw data that the files go to.
    """
    settings = {**SETTINGS, "encoding": {"model": str(model), "pooling": "mean"}}
    return mine_hard_negatives(folder / RAW, settings=settings, folder=folder / made, export=True)


def store_of(folder: Path) -> DatasetStore:
    """The store of the dataset in `folder`."""
    return DatasetStore(folder / MADE, DATASET)


def published(folder: Path) -> dict[str, bytes]:
    """Every verified file that does not depend on earlier refreshes, by stage and name."""
    store, found = store_of(folder), {}
    for name in stage_names():
        manifest = None if name in OF_THE_PAST else store.stage(name).verified()
        for file in manifest.files if manifest is not None else ():
            found[f"{name}/{file}"] = store.stage(name).file(file).read_bytes()
            assert (store.stage(name).folder / "latest" / file).exists()
    return found


def unfinished(folder: Path) -> list[Path]:
    """What writers have left behind."""
    return [p for p in folder.rglob("*") if p.name.startswith((".staging", ".writing", ".latest"))]


def remove_tree(folder: Path) -> None:
    """Remove a folder with all in it."""
    shutil.rmtree(folder, ignore_errors=True)


def undisturbed(
    folder: Path, other: Path, server: "RefreshServer", **changes: Any
) -> dict[str, bytes]:
    """What a refresh in the new `folder` publishes from the raw data and vectors of another.

    Texts that are encoded in other batches have other vectors in the last bits, so only with the
    same vectors are equal bytes promised.
    """
    if (other / RAW).exists():
        shutil.copytree(other / RAW, folder / RAW)
    vectors = Path(MADE) / DATASET / VECTOR_CACHE
    if (other / vectors).exists():
        shutil.copytree(other / vectors, folder / vectors)
    server.refresh(folder, **changes)
    return published(folder)


class RefreshServer:
    """A process that runs refreshes in processes of their own."""

    def __init__(self, process: subprocess.Popen[str], model: Path) -> None:
        self._process = process
        self._model = model

    def _ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, folder: Path, **changes: Any) -> int:
        """Start a refresh; return its process id.

        Args:
            folder: The folder of the dataset.
            changes: `url`: where finished assets lie, as for a machine among several; `made`: the
                name of the local folder of such a machine; `chain`: a text that a chain of small
                stages begins with, in place of all others; `stop`: the stage that it is about to
                publish when it stops itself; `shift`: seconds by which its clock is wrong; `limit`:
                the largest file in bytes that it may write; `devices`: how many processes encode;
                `hub`: the dataset of the hub that is read, with a model beside it, in place of the
                raw data.
        """
        return self._ask(run=str(folder), model=str(self._model), **changes)

    def wait(self, pid: int) -> tuple[int, str]:
        """Wait for the end of a refresh; return its exit code, and the error if there was one."""
        return tuple(self._ask(wait=pid))

    def refresh(self, folder: Path, **changes: Any) -> float:
        """Refresh, which must not fail; return how long it took."""
        start = time.monotonic()
        code, error = self.wait(self.start(folder, **changes))
        assert code == 0, error
        return time.monotonic() - start


@contextmanager
def refresh_server(model: Path, **environment: str) -> Iterator[RefreshServer]:
    """A server that is there until the block ends, with changes of its environment."""
    with subprocess.Popen(
        [sys.executable, "-m", "hn_assets_tests.soak.refreshing", str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        try:
            yield RefreshServer(process, model)
        finally:
            process.kill()


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(number) for number in path.read_text().split()]
        except OSError:
            continue
    return found


def kill(pid: int) -> None:
    """Kill a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _change_process(request: dict[str, Any]) -> None:
    from hn_assets.encoding import encoder, lazy_model
    from hn_assets.hardware import DeviceChoice

    encoder.WINDOW_TEXTS["same_length"] = TEXTS_PER_SHARD
    if devices := request.get("devices"):
        chosen = DeviceChoice(["cpu"] * devices, "asked for")
        lazy_model.choose_devices = lambda device: chosen
    if url := request.get("url"):
        _publish_under(url)
    if stage := request.get("stop"):
        _stop_before_publishing(stage)
    if shift := request.get("shift"):
        seconds, nanoseconds = time.time, time.time_ns
        time.time = lambda: seconds() + shift
        time.time_ns = lambda: nanoseconds() + int(shift * 1e9)
    if limit := request.get("limit"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _limit_file_size(limit)


def _publish_under(url: str) -> None:
    from hn_assets import api
    from hn_assets.store.remote import Remote

    def store(dataset: api._InFolder) -> DatasetStore:
        return DatasetStore(dataset.base, dataset.name, Remote(url))

    if seconds := os.environ.get("SOAK_LEASE_SECONDS"):
        from hn_assets.store import lease

        lease.LEASE_SECONDS = float(seconds)
    api._InFolder.store = property(store)  # type: ignore[assignment]


def _stop_before_publishing(stage: str) -> None:
    from hn_assets.pipeline.stage_run import StageRun

    describe = StageRun._describe

    def describe_later(run: StageRun, manifest: Any) -> None:
        if run.stage.name == stage:
            os.kill(os.getpid(), signal.SIGSTOP)
        describe(run, manifest)

    StageRun._describe = describe_later  # type: ignore[method-assign]


def _run(request: dict[str, Any]) -> int:
    errors = Path(f"{request['run']}/errors-{os.getpid()}.txt")
    try:
        _change_process(request)
        folder = Path(request["run"])
        if hub := request.get("hub"):
            from hn_assets_tests.soak.from_hub import refresh_from_hub

            refresh_from_hub(folder, hub)
        elif text := request.get("chain"):
            from hn_assets_tests.soak.chain_of_stages import refresh_chain

            refresh_chain(folder / request["made"], request["url"], text)
        else:
            refresh(folder, Path(request["model"]), request.get("made", MADE))
    except BaseException:
        _limit_file_size(resource.RLIM_INFINITY)
        errors.write_text(traceback.format_exc())
        return 1
    return 0


def _limit_file_size(limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def _import_what_a_refresh_imports(folder: Path, model: str) -> None:
    """Import it here, so that no refresh has to; the first one says what it is."""
    names = folder / "modules.json"
    if (pid := os.fork()) == 0:
        try:
            _run({"run": str(new_dataset(folder / "first")), "model": model})
            names.write_text(json.dumps(list(sys.modules)))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    for name in json.loads(names.read_text()):
        with suppress(Exception):
            importlib.import_module(name)


def _serve() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _import_what_a_refresh_imports(Path(folder), sys.argv[1])
    folders: dict[int, str] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "run" in request:
            if (pid := os.fork()) == 0:
                code = 1
                try:
                    code = _run(request)
                finally:
                    os._exit(code)
            folders[pid] = request["run"]
            answer: Any = pid
        else:
            pid = request["wait"]
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            errors = Path(f"{folders.pop(pid)}/errors-{pid}.txt")
            answer = [code, errors.read_text() if errors.exists() else ""]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
