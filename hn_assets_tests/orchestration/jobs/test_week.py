"""A week in fast motion, as in production: PostgreSQL, a code server, a daemon that is killed.

Every minute is a day. `make test` goes through one day, in which schedule and sensor start runs;
`make soak` through a whole week, with the daemon killed in the middle.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hn_assets.orchestration.base.names import REASON_TAG
from hn_assets.store.layout import VECTOR_CACHE
from hn_assets_tests.assets.animals_dataset import AnimalsDataset
from hn_assets_tests.collections_on_disk import animals, write_jsonl
from hn_assets_tests.servers import free_port, postgres_server, production_home
from hn_assets_tests.test_component import ROOT, make_project, surroundings

SCHEDULED_FOR = ".dagster/scheduled_execution_time"
# answers every line on its standard input, as importing Dagster takes longer than the answer
ANSWER = """
import json
import sys
import dagster as dg

with dg.DagsterInstance.get() as instance:
    for _ in sys.stdin:
        runs = [[r.job_name, r.status.value, dict(r.tags)] for r in reversed(instance.get_runs())]
        cursors = {
            state.instigator_name: getattr(state.instigator_data, "cursor", None)
            for state in instance.all_instigator_state()
        }
        made = instance.get_latest_materialization_event(dg.AssetKey(["daily", "corpus"]))
        answer = {
            "storage": type(instance.run_storage).__name__,
            "runs": runs,
            "cursors": cursors,
            "corpus_is_materialized": made is not None,
        }
        print(json.dumps(answer), flush=True)
"""
SETTINGS: dict[str, Any] = {
    "compute": {"device": "cpu", "precision": "float32"},
    "mining": {"range_min": 2, "range_max": 20, "num_negatives": 4},
    "checks": {"max_ndcg_drop": 1},  # of six test queries ranked by random weights
}


def add_yaml(project: Path, name: str, settings: dict[str, Any], **sections: Any) -> None:
    settings = {"source": {"type": "beir", "folder": name}, **settings, **sections}
    folder = project / "their_project" / "defs" / name
    folder.mkdir(parents=True, exist_ok=True)
    # JSON is YAML
    text = json.dumps({"type": "hn_assets.HardNegatives", "attributes": settings})
    (folder / "defs.yaml").write_text(text)


def change_a_little(raw: Path, day: int) -> None:
    """A document more, one less, and one with another text."""
    path = raw / "corpus.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    judged = (raw / "qrels" / "train.tsv").read_text() + (raw / "qrels" / "test.tsv").read_text()
    spare = [row for row in rows if row["_id"] not in judged]
    spare[0]["text"] += f" It was seen again on day {day}."
    rows.remove(spare[1])
    write_jsonl(path, [*rows, {"_id": f"day-{day}", "title": "", "text": f"News of day {day}."}])


class Production:
    """A project, its code server and its daemon, with PostgreSQL behind them."""

    def __init__(self, project: Path, environment: dict[str, str]) -> None:
        self.project = project
        self.environment = environment
        self.port = str(free_port())
        location = f"{{host: 127.0.0.1, port: {self.port}, location_name: their_project}}"
        (project / "production.yaml").write_text(f"load_from:\n  - grpc_server: {location}\n")

    @contextmanager
    def _process(self, program: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        with (self.project / f"{program}.log").open("ab") as said:
            process = subprocess.Popen(
                [str(Path(sys.executable).parent / program), *arguments],
                cwd=self.project,
                env=surroundings(**self.environment),
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            kill(process)

    def code_server(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        place = ("-h", "127.0.0.1", "-p", self.port)
        return self._process(
            "dagster", "code-server", "start", *place, "-m", "their_project.definitions"
        )

    def daemon(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        return self._process("dagster-daemon", "run", "-w", "production.yaml")

    @contextmanager
    def asked(self) -> Iterator[None]:
        """In it, the instance can be asked for its runs."""
        process = subprocess.Popen(
            [sys.executable, "-c", ANSWER],
            cwd=self.project,
            env=surroundings(**self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._answers = process
        try:
            yield
        finally:
            kill(process)

    def ask(self) -> dict[str, Any]:
        asked, answers = self._answers.stdin, self._answers.stdout
        assert asked is not None and answers is not None
        asked.write("\n")
        asked.flush()
        return json.loads(answers.readline())

    def runs(self, dataset: str) -> list[tuple[str, dict[str, str]]]:
        """Status and tags of each refresh of a dataset, the first one first."""
        found = self.ask()["runs"]
        return [(status, tags) for job, status, tags in found if job == f"{dataset}_refresh"]

    def is_idle(self, dataset: str) -> bool:
        """Whether every refresh of a dataset has ended."""
        return all(status in ("SUCCESS", "FAILURE") for status, _ in self.runs(dataset))

    def wait(self, seconds: float, until: Callable[[], bool]) -> None:
        end = time.monotonic() + seconds
        while not until():
            logs = (path.read_text()[-2000:] for path in self.project.glob("*.log"))
            assert time.monotonic() < end, "\n".join(["it took too long", *logs])
            time.sleep(1)


def kill(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("days", [1, pytest.param(7, marks=pytest.mark.soak)])
def test_days_of_refreshes(tmp_path: Path, model: Path, days: int) -> None:
    settings = {**SETTINGS, "encoding": {"model": str(model), "pooling": "mean"}}
    project = make_project(tmp_path / "project", "", "daily")
    add_yaml(project, "daily", settings, job={"cron": "* * * * *", "schedule_enabled": True})
    add_yaml(
        project,
        "watched",
        settings,
        job={"sensor_enabled": True, "sensor_interval_seconds": 1},
    )
    raw = {name: animals(project / name) for name in ("daily", "watched")}
    with postgres_server() as postgres:
        home = production_home(tmp_path / "home", postgres)
        made = Production(
            project, {**home, "PYTHONPATH": f"{project}:{ROOT}", "OMP_NUM_THREADS": "1"}
        )
        with made.asked():
            before = made.ask()  # creates the tables, which two processes at once cannot
            assert before["storage"] == "PostgresRunStorage", "as deploy/dagster.yaml says"
            assert not before["corpus_is_materialized"]
            with made.code_server():
                _live_through(made, raw, days)
            daily, watched = made.runs("daily"), made.runs("watched")
            assert made.ask()["corpus_is_materialized"]

    # every day has its run, and just one, those without a daemon included
    assert [status for status, _ in daily[:days]] == ["SUCCESS"] * days
    times = [datetime.fromisoformat(tags[SCHEDULED_FOR]) for _, tags in daily]
    assert [(t - times[0]).total_seconds() / 60 for t in times] == list(range(len(times)))
    ((status, tags),) = watched
    assert (status, tags[REASON_TAG]) == ("SUCCESS", "the source changed")
    stored = project / "data" / "daily"
    shutil.copytree(raw["daily"], tmp_path / "anew" / "raw")
    anew = AnimalsDataset(tmp_path / "anew", **settings)
    shutil.copytree(stored / VECTOR_CACHE, anew.store.vectors)
    anew.materialize()
    kept = stored / "hard_negatives" / "latest" / "hard_negatives.parquet"
    assert kept.read_bytes() == anew.file("hard_negatives", kept.name).read_bytes()


def _live_through(made: Production, raw: dict[str, Path], days: int) -> None:
    def finished() -> int:
        return sum(status in ("SUCCESS", "FAILURE") for status, _ in made.runs("daily"))

    def live(first: int, last: int) -> None:
        for day in range(first, last + 1):
            made.wait(150, lambda day=day: finished() >= day)
            if day < days:
                change_a_little(raw["daily"], day)

    def live_from(first: int) -> None:
        live(first, days)
        made.wait(120, lambda: any(status == "SUCCESS" for status, _ in made.runs("watched")))

    half = days // 2
    with made.daemon() as daemon:
        made.wait(90, lambda: made.ask()["cursors"].get("watched_changes") is not None)
        change_a_little(raw["watched"], 1)
        if not half:
            live_from(1)
            return
        live(1, half)
        made.wait(90, lambda: made.runs("daily")[-1][0] == "STARTED")
        kill(daemon)
        time.sleep(75)  # no daemon is there when the next day begins
    with made.daemon():
        live_from(half + 1)
