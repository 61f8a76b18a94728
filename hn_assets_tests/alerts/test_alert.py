"""Alerts reach the log, a webhook that is at times away, and a project's own hook."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from hn_assets.alerts import alert as module
from hn_assets.alerts.alert import Alert, send
from hn_assets.errors import SettingsError
from hn_assets.settings.alerts import AlertSettings

ALERT = Alert(
    "scifact", "failed run", "scifact: a run failed", ["corpus: gone"], "77", "http://ui/77"
)
LOG = logging.getLogger("hn_assets_tests.alerts")
told: list[Alert] = []


def remember(alert: Alert) -> None:
    told.append(alert)


@contextmanager
def webhook(*answers: int) -> Iterator[tuple[str, list[dict]]]:
    """A server that gives these answers one after the other, and keeps what it was sent."""
    got: list[dict] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            got.append(json.loads(self.rfile.read(length)))
            self.send_response(left.pop(0))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", got
    finally:
        server.shutdown()
        server.server_close()


def test_the_log_always_says_it(caplog: pytest.LogCaptureFixture) -> None:
    send(ALERT, AlertSettings(), LOG)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.message == "scifact: a run failed\n- corpus: gone\nhttp://ui/77"


def test_a_webhook_gets_it_as_json_even_if_it_is_busy_at_first() -> None:
    with webhook(503, 200) as (url, got):
        send(ALERT, AlertSettings(webhook=url), LOG)
    assert len(got) == 2
    assert got[1]["text"].startswith("scifact: a run failed\n- corpus: gone")
    assert (got[1]["dataset"], got[1]["kind"], got[1]["run_id"]) == ("scifact", "failed run", "77")


def test_a_webhook_that_refuses_keeps_the_projects_own_hook_from_nothing() -> None:
    told.clear()
    with webhook(403) as (url, _), pytest.raises(requests.HTTPError, match="403"):
        send(ALERT, AlertSettings(webhook=url, hook=f"{__name__}:remember"), LOG)
    assert told == [ALERT]


def test_a_webhook_that_is_away_is_an_error_after_some_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TRIES", 1)
    with webhook() as (url, _):
        pass  # the server has gone
    with pytest.raises(requests.ConnectionError):
        send(ALERT, AlertSettings(webhook=url), LOG)


def test_a_hook_that_is_not_there_keeps_the_webhook_from_nothing() -> None:
    with webhook(200) as (url, got), pytest.raises(SettingsError, match="alerts.hook"):
        send(ALERT, AlertSettings(webhook=url, hook="no.such.module:tell"), LOG)
    assert len(got) == 1


@pytest.mark.parametrize("hook", ["no.such.module:tell", f"{__name__}:nothing"])
def test_a_hook_that_is_not_there_is_named(hook: str) -> None:
    with pytest.raises(SettingsError, match=f"alerts.hook names {hook}, which cannot be loaded"):
        send(ALERT, AlertSettings(hook=hook), LOG)


def test_a_hook_without_a_function_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="hook"):
        AlertSettings(hook="just_a_module")
