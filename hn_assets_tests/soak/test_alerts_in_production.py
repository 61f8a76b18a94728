"""Two datasets fail while the webhook is down, then succeed; everything is told, once, in order.

`SOAK_WEBHOOK_DOWN_SECONDS` says for how long the webhook is down while runs fail every minute.
"""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from hn_assets_tests.alerts.webhook_server import SECRET, webhook
from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.orchestration.jobs.test_week import SETTINGS, Production, add_yaml
from hn_assets_tests.secret_search import files_with, rows_with
from hn_assets_tests.servers import free_port, postgres_server, production_home
from hn_assets_tests.test_component import ROOT, make_project, run

pytestmark = pytest.mark.soak

DOWN = float(os.environ.get("SOAK_WEBHOOK_DOWN_SECONDS") or 20)
NAMES = ("animals", "plants")
# longer than an alert that could not be sent waits before it is sent again
LAST_WAIT = 330
EVENTS = """
import json
import dagster as dg

FAILED = dg.DagsterEventType.RUN_FAILURE
with dg.DagsterInstance.get() as instance:
    ends = instance.fetch_run_status_changes(FAILED, limit=1000, ascending=True).records
    ticks = [
        [state.instigator_name, tick.status.value, str(tick.error and tick.error.message)]
        for state in instance.all_instigator_state()
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
    ]
print(json.dumps({"failed": [end.run_id for end in ends], "ticks": ticks}))
"""


def test_every_failed_run_is_told_once_and_in_order(tmp_path: Path, model: Path) -> None:
    port = free_port()
    project = make_project(tmp_path / "project", "", NAMES[0])
    settings = {
        **SETTINGS,
        "encoding": {"model": str(model), "pooling": "mean"},
        "alerts": {"webhook": "{{ env.HN_WEBHOOK }}"},
        "job": {"cron": "* * * * *", "schedule_enabled": True, "retries": 0},
    }
    good: dict[str, bytes] = {}
    for name in NAMES:
        add_yaml(project, name, settings)
        corpus = animals(project / name) / "corpus.jsonl"
        good[name] = corpus.read_bytes()
        corpus.write_text("no JSON\n")
    home = tmp_path / "home"
    with postgres_server() as postgres:
        environment = {
            **production_home(home, postgres),
            "PYTHONPATH": f"{project}:{ROOT}",
            "OMP_NUM_THREADS": "1",
            "HN_WEBHOOK": f"http://127.0.0.1:{port}/hook/{SECRET}",
        }
        made = Production(project, environment)
        made.ask()  # creates the tables, which two processes at once cannot

        def look() -> dict:
            told = run(sys.executable, "-c", EVENTS, cwd=project, **environment)
            return json.loads(told.stdout.splitlines()[-1])

        def succeeded(name: str) -> bool:
            return any(status == "SUCCESS" for status, _ in made.runs(name))

        def failed(name: str) -> bool:
            return any(status == "FAILURE" for status, _ in made.runs(name))

        with made.code_server(), made.daemon():
            made.wait(240, lambda: all(failed(name) for name in NAMES))
            time.sleep(DOWN)
            for name in NAMES:
                (project / name / "corpus.jsonl").write_bytes(good[name])
            with webhook(port=port) as hook:
                made.wait(LAST_WAIT, lambda: all(succeeded(name) for name in NAMES))
                runs = look()["failed"]
                made.wait(LAST_WAIT, lambda: len(hook.taken) >= len(runs))
                time.sleep(90)  # three more ticks, in which nothing may come again
            found = look()
        assert found["failed"] == runs
        taken = [(body["dataset"], body["run_id"]) for body in hook.taken]
        for name in NAMES:
            told = [run_id for dataset, run_id in taken if dataset == name]
            assert told == [run_id for run_id in runs if run_id in told], "in order, each once"
        assert sorted(run_id for _, run_id in taken) == sorted(runs)
        assert [tick for tick in found["ticks"] if tick[1] == "FAILURE"] == []
        assert {name for name, _, _ in found["ticks"]} >= {f"{name}_alerts" for name in NAMES}
        assert files_with(SECRET, home, project) == []
        assert rows_with(SECRET, postgres) == []
    print(f"\n{len(runs)} runs failed, each told once; {len(found['ticks'])} ticks, none failed")
