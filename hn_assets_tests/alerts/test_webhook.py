"""A webhook gets an alert as JSON, or an error says why not: soon, and without its URL."""

import socket
import time
import traceback

import pytest

from hn_assets.alerts.alert import Alert
from hn_assets.alerts.webhook import post
from hn_assets.errors import AlertNotSentError, AlertRefusedError
from hn_assets_tests.alerts.webhook_server import SECRET, TRICKLE, webhook
from hn_assets_tests.servers import free_port

ALERT = Alert(
    "scifact", "failed run", "scifact: a run failed", ["corpus: gone"], "77", "http://ui/77"
)


def failure(url: str, seconds: float = 5) -> str:
    """The error of a post and everything that Python would print of it."""
    with pytest.raises(AlertNotSentError) as caught:
        post(ALERT, url, seconds)
    printed = "".join(traceback.format_exception(caught.value))
    assert SECRET not in printed
    return str(caught.value)


def test_a_webhook_gets_the_text_and_its_parts_as_json() -> None:
    with webhook() as hook:
        post(ALERT, hook.url, 5)
    (body,) = hook.got
    assert body["text"] == "scifact: a run failed\n- corpus: gone\nhttp://ui/77"
    assert (body["dataset"], body["kind"], body["run_id"]) == ("scifact", "failed run", "77")


@pytest.mark.parametrize("status", [307, 404, 429, 500, 503])
def test_an_answer_that_is_no_success_names_host_and_status(status: int) -> None:
    start = time.monotonic()
    with webhook(status) as hook:
        assert failure(hook.url) == (
            f"the webhook at {hook.url.split('/')[2]} answers with status {status}"
        )
    assert time.monotonic() - start < 4, "Retry-After: 90 is not waited for"
    assert len(hook.got) == 1


def test_an_alert_that_is_never_taken_is_told_apart() -> None:
    with webhook(400) as hook, pytest.raises(AlertRefusedError, match="refuses the alert"):
        post(ALERT, hook.url, 5)


def test_a_server_that_is_away_or_sends_byte_by_byte_takes_no_longer_than_is_allowed() -> None:
    assert "cannot be reached" in failure(f"http://127.0.0.1:{free_port()}/{SECRET}")
    start = time.monotonic()
    with webhook(TRICKLE) as hook:
        assert "did not answer within 0.5 seconds" in failure(hook.url, 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        address = silent.getsockname()
        assert "did not answer" in failure(f"http://127.0.0.1:{address[1]}/{SECRET}", 0.5)
        assert "did not answer" in failure(f"https://127.0.0.1:{address[1]}/{SECRET}", 0.5)
    assert time.monotonic() - start < 4


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}@127.0.0.1:1/hook",
        f"http://[{SECRET}/hook",
        SECRET,
        f"ftp://127.0.0.1/{SECRET}",
        f"http://127.0.0.1:{SECRET}/",
    ],
)
def test_a_url_that_cannot_be_used_is_not_shown(url: str) -> None:
    failure(url)
