"""Secrets of the environment stand in no file of Dagster or of the store, whatever has failed."""

import sqlite3
from pathlib import Path

import dagster as dg
import fsspec
import pytest

from hn_assets_tests.alerts.webhook_server import SECRET, webhook
from hn_assets_tests.assets.test_refresh import make_dataset
from hn_assets_tests.orchestration.jobs.alert_daemon import Daemon, break_the_corpus
from hn_assets_tests.secret_search import files_with, holds

TOKEN = "hf_T0PSECRETTOKEN"
KEY = "T0PSECRETKEY"


def test_webhook_token_and_keys_stand_nowhere(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("HN_DATA_DIR", f"memory://bucket/assets?sig={KEY}")
    monkeypatch.setenv("HN_WORK_DIR", "work")
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    said: list[str] = []
    with dg.instance_for_test(temp_dir=str(home)) as instance, webhook(404, 500) as hook:
        graph = make_dataset(project, model, alerts={"webhook": hook.url})
        daemon = Daemon(instance, graph)
        good = break_the_corpus(graph)
        assert not daemon.run("animals").success
        said += daemon.tick()
        (project / "raw" / "corpus.jsonl").write_bytes(good)
        assert daemon.run("animals").success
        # a place that cannot be written, so that the store's errors are kept as well
        monkeypatch.setenv("HN_DATA_DIR", f"ftp://user:{KEY}@127.0.0.1:1/assets")
        assert not daemon.run("animals").success
        said += daemon.tick()
        for cursor in daemon.cursors.values():
            said.append(cursor or "")
    assert "status 404" in "".join(said)
    assert (project / "work" / "animals" / "report").is_dir()
    printed = capfd.readouterr()
    uploaded = fsspec.filesystem("memory").store
    assert any("training_set/manifest" in name for name in uploaded)
    for secret in (SECRET, TOKEN, KEY):
        assert files_with(secret, home, project) == []
        assert secret not in "".join([*said, printed.out, printed.err])
        assert not [name for name, file in uploaded.items() if holds(file.getvalue(), secret)]


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "some.db")
    with database:
        database.execute("CREATE TABLE events (body TEXT)")
        database.execute("INSERT INTO events VALUES (?)", (f"posted to {SECRET}",))
    database.close()
    (tmp_path / "log").write_text("nothing")
    assert files_with(SECRET, tmp_path) == [tmp_path / "some.db"]
    assert not holds(b"nothing", SECRET)
