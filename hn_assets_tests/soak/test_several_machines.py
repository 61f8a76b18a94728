"""Two machines make one dataset under one URL, and are killed or stopped: no version is lost."""

import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hn_assets.api import DATASET
from hn_assets.store import DatasetStore, Manifest
from hn_assets.store.layout import stage_names
from hn_assets.store.remote import Remote
from hn_assets_tests.s3_server import S3Server, s3_server
from hn_assets_tests.soak.chain_of_stages import FILES
from hn_assets_tests.soak.refreshing import (
    RefreshServer,
    kill,
    new_dataset,
    refresh_server,
    unfinished,
)
from hn_assets_tests.soak.rounds import run_rounds
from hn_assets_tests.soak.test_full_disk import change_texts

pytestmark = pytest.mark.soak

LEASE_SECONDS = 6.0
MOST_SECONDS = 6.0  # that a run is thought to take, on a machine that is busy at first
TOLD = ("LeaseLostError", "StoreBusyError")
STOPPED_STAGES = ("corpus", "corpus_embeddings", "hard_negatives", "training_set")
MACHINES = ("one", "two")
LINKS = [file.stage for file in FILES]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def machines(model: Path, s3: S3Server) -> Iterator[RefreshServer]:
    """A server of refreshes whose leases are short."""
    with refresh_server(model, SOAK_LEASE_SECONDS=str(LEASE_SECONDS)) as started:
        yield started


def seen(folder: Path, url: str, dataset: str, stages: Sequence[str]) -> dict[str, Manifest]:
    """Every stage as a machine sees it that was never here before, each file verified."""
    store = DatasetStore(folder, dataset, Remote(url))
    manifests = {name: store.stage(name).verified() for name in stages}
    return {name: manifest for name, manifest in manifests.items() if manifest is not None}


def assert_of_one_piece(manifests: dict[str, Manifest]) -> None:
    """Each stage was made from what is there now."""
    for name, manifest in manifests.items():
        for source, version in (manifest.info.get("made_from") or {"inputs": {}})["inputs"].items():
            assert manifests[source].version == version, f"{name} was made from another {source}"


class Pairs:
    """Pairs of runs from two machines under one URL, which are killed at random moments.

    Attributes:
        outcomes: What came of each run.
        found: How many manifests readers have found meanwhile.
    """

    def __init__(
        self, machines: RefreshServer, dataset: str, stages: Sequence[str], duration: float
    ) -> None:
        self._machines, self._duration = machines, duration
        self._dataset, self._stages = dataset, stages
        self.outcomes: list[str] = []
        self.found = 0

    def play(self, drawn: random.Random, folder: Path, url: str, **changes: Any) -> None:
        """One pair, and two runs after it that must mend what it left."""
        pids: list[int] = []
        for made in MACHINES:
            pids.append(self._machines.start(folder, url=url, made=made, **changes))
            time.sleep(self._duration * drawn.choice([0, drawn.uniform(0, 1)]))
        killed = [pid for pid in pids if drawn.random() < 0.5]
        for pid in killed:
            time.sleep(self._duration * drawn.uniform(0, 0.7))
            kill(pid)
        for number in range(2):
            reader = folder / f"reader-{number}"
            self.found += len(seen(reader, url, self._dataset, self._stages))
        for pid in pids:
            code, error = self._machines.wait(pid)
            outcome = "ended" if code == 0 else "killed" if code < 0 else error.splitlines()[-1]
            self.outcomes.append(outcome.split(":")[0].rsplit(".", 1)[-1])
            assert self.outcomes[-1] in ("ended", *TOLD) or pid in killed, error
        for made in MACHINES:
            self._machines.refresh(folder, url=url, made=made, **changes)
        last = seen(folder / "last-reader", url, self._dataset, self._stages)
        assert_of_one_piece(last)
        self._machines.refresh(folder, url=url, made=drawn.choice(MACHINES), **changes)
        later = seen(folder / "last-reader", url, self._dataset, self._stages)
        assert later == last, "nothing was left to do"
        assert not unfinished(folder)

    def tell(self) -> None:
        """Print the counts."""
        counts = {outcome: self.outcomes.count(outcome) for outcome in sorted(set(self.outcomes))}
        print(f"\nruns: {counts}; {self.found} manifests were read meanwhile, with their files")


def test_pairs_of_runs_of_small_stages(
    tmp_path: Path, machines: RefreshServer, s3: S3Server
) -> None:
    timed = machines.refresh(tmp_path, url=f"{s3.url}/timed", made="timed", chain="a")
    pairs = Pairs(machines, "chain", LINKS, min(timed, MOST_SECONDS))

    def pair_of_runs(drawn: random.Random, folder: Path) -> None:
        url = f"{s3.url}/{tmp_path.name}/{folder.name}"
        for text in "abac"[: drawn.randint(1, 4)]:
            pairs.play(drawn, folder, url, chain=text)
            made = seen(folder / "last-reader", url, "chain", LINKS)
            assert len(made) == len(LINKS)
            store = DatasetStore(folder / "last-reader", "chain", Remote(url))
            assert store.file(FILES[-1]).read_text() == f"{text}, 0, 1, 2, 3, 4"

    run_rounds(pair_of_runs, tmp_path, rounds=20)
    pairs.tell()


def test_pairs_of_runs_of_a_whole_dataset(
    tmp_path: Path, machines: RefreshServer, s3: S3Server
) -> None:
    timed = machines.refresh(new_dataset(tmp_path / "timed"), url=f"{s3.url}/timed")
    pairs = Pairs(machines, DATASET, stage_names(), min(timed, MOST_SECONDS))

    def pair_of_runs(drawn: random.Random, folder: Path) -> None:
        url = f"{s3.url}/{tmp_path.name}/{folder.name}"
        pairs.play(drawn, new_dataset(folder), url)
        assert "training_set" in seen(folder / "last-reader", url, DATASET, ["training_set"])

    run_rounds(pair_of_runs, tmp_path, rounds=20)
    pairs.tell()


def test_a_run_that_is_stopped_until_another_has_its_place(
    tmp_path: Path, machines: RefreshServer, s3: S3Server
) -> None:
    def stopped_run(drawn: random.Random, folder: Path) -> None:
        url, stage = f"{s3.url}/{tmp_path.name}/{folder.name}", drawn.choice(STOPPED_STAGES)
        dataset = new_dataset(folder)
        stopped = machines.start(dataset, url=url, made="one", stop=stage)
        _wait_until_stopped(stopped)
        change_texts(dataset, drawn)
        machines.refresh(dataset, url=url, made="two")
        made = seen(folder / "reader", url, DATASET, stage_names())
        assert_of_one_piece(made)
        os.kill(stopped, signal.SIGCONT)
        code, error = machines.wait(stopped)
        later = seen(folder / "late-reader", url, DATASET, stage_names())
        assert later == made, f"{stage} came from the stopped run"
        assert code == 1 and "LeaseLostError" in error, error

    run_rounds(stopped_run, tmp_path, rounds=2)


def _wait_until_stopped(pid: int) -> None:
    status = Path(f"/proc/{pid}/stat")
    while (state := status.read_text().rsplit(")", 1)[1].split()[0]) != "T":
        assert state != "Z", "it ended before"
        time.sleep(0.05)
