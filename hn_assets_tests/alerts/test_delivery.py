"""Every alert reaches every receiver once, in order; what is not taken is kept for a day."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hn_assets.alerts import delivery as module
from hn_assets.alerts.alert import Alert
from hn_assets.alerts.delivery import LOG, Delivery, Position, Receiver, deliver, receivers
from hn_assets.errors import AlertNotSentError, AlertRefusedError
from hn_assets.settings.alerts import AlertSettings
from hn_assets_tests.alerts.webhook_server import webhook

QUIET = logging.getLogger("hn_assets_tests.alerts")


@dataclass
class End:
    """The end of a run, of which people are told if its id is even."""

    id: int
    time: float

    def make_alert(self) -> Alert | None:
        return make_alert(self.id) if self.id % 2 == 0 else None


def make_alert(number: int) -> Alert:
    return Alert("scifact", "failed run", f"run {number} failed", [], str(number), "")


def events(count: int, age: float = 0) -> Callable[[int], Sequence[End]]:
    """The events 1 to `count`, of which two are given at once."""
    when = time.time() - age
    return lambda after: [End(n, when) for n in range(after + 1, min(after + 3, count + 1))]


def deliver_all(
    count: int, to: dict[str, Receiver], positions: dict[str, Position] | None = None
) -> dict[str, Position]:
    """Deliver until nothing more happens."""
    reached = positions or {LOG: Position(event=0)}
    for _ in range(2 * count + 2):
        reached = dict(deliver(events(count), to, reached, QUIET).positions)
    return reached


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0)


class Inbox:
    """A receiver that takes what its answers allow, and everything when they are used up."""

    def __init__(self, answers: Sequence[Exception | None] = ()) -> None:
        self.answers = list(answers)
        self.taken: list[str] = []

    def __call__(self, alert: Alert, seconds: float) -> None:
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.taken.append(alert.run_id)


@given(
    st.lists(st.lists(st.booleans(), max_size=12), min_size=2, max_size=3),
    st.integers(min_value=0, max_value=15),
)
def test_each_receiver_is_told_once_and_in_order_whoever_fails_when(
    failing: list[list[bool]], count: int
) -> None:
    inboxes = {
        name: Inbox([AlertNotSentError("busy") if fails else None for fails in pattern])
        for name, pattern in zip((LOG, "webhook", "hook"), failing, strict=False)
    }
    reached: dict[str, Position] = {LOG: Position(event=0)}
    for _ in range(30 + count):
        reached = dict(deliver(events(count), dict(inboxes), reached, QUIET).positions)
    wanted = [str(number) for number in range(2, count + 1, 2)]
    assert [inbox.taken for inbox in inboxes.values()] == [wanted] * len(inboxes)


def test_a_receiver_that_fails_waits_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 20)
    now = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    busy = Inbox([AlertNotSentError("busy")] * 100)
    reached = {LOG: Position(event=0)}
    waited: list[float] = []
    for _ in range(6):
        found = deliver(events(2), {LOG: Inbox(), "webhook": busy}, reached, QUIET)
        reached = dict(found.positions)
        waited.append(reached["webhook"].wait_until - now[0])
        tried = len(busy.answers)
        now[0] += waited[-1] / 2
        early = deliver(events(2), {LOG: Inbox(), "webhook": busy}, reached, QUIET)
        assert len(busy.answers) == tried
        assert early.problems == ["webhook: an alert is kept and sent again later"]
        now[0] += waited[-1] / 2
    assert waited == [20, 40, 80, 160, 300, 300]


def test_what_is_a_day_old_is_given_up_and_the_next_one_sent() -> None:
    inbox = Inbox([AlertNotSentError("busy")])
    found = deliver(events(4, age=25 * 3600), {LOG: inbox}, {LOG: Position(event=1)}, QUIET)
    assert found.positions[LOG] == Position(event=3)
    again = deliver(events(4), {LOG: inbox}, found.positions, QUIET)
    assert inbox.taken == ["4"]
    assert "The alert of run 2 is a day old: given up" in found.problems[0]
    assert again.problems == []


@pytest.mark.parametrize("error", [AlertRefusedError("no"), ZeroDivisionError("theirs")])
def test_an_alert_that_is_refused_or_breaks_a_hook_does_not_hold_up_others(
    error: Exception,
) -> None:
    inbox = Inbox([error])
    deliver_all(4, {LOG: inbox})
    assert inbox.taken == ["4"]


def test_a_receiver_that_is_new_is_told_of_what_follows() -> None:
    reached = deliver_all(4, {LOG: Inbox()})
    inbox = Inbox()
    deliver_all(6, {LOG: Inbox(), "webhook": inbox}, reached)
    assert inbox.taken == ["6"]


def test_a_delivery_ends_in_bounded_time_and_goes_on_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DELIVERY_SECONDS", 0.3)

    class Slow(Inbox):
        def __call__(self, alert: Alert, seconds: float) -> None:
            time.sleep(0.2)
            super().__call__(alert, seconds)

    inbox = Slow()

    def every(after: int) -> list[End]:
        return [End(number, time.time()) for number in range(after + 1, 13)]

    def once(positions: dict[str, Position]) -> Delivery:
        return deliver(every, {LOG: inbox}, positions, QUIET)

    first = once({LOG: Position(event=0)})
    assert 1 <= len(inbox.taken) < 6
    assert "sent at the next tick" in first.problems[0]
    reached = dict(first.positions)
    for _ in range(6):
        reached = dict(once(reached).positions)
    assert inbox.taken == [str(number) for number in range(2, 13, 2)]


hooked: list[Alert] = []


def remember(alert: Alert) -> None:
    hooked.append(alert)


def lose_the_connection(alert: Alert) -> None:
    raise ConnectionResetError("the connection was lost")


def send(settings: AlertSettings, positions: dict[str, Position]) -> Delivery:
    return deliver(events(2), receivers(settings, QUIET), positions, QUIET)


def test_the_log_a_webhook_and_a_hook_are_told_and_one_that_fails_keeps_none_from_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hooked.clear()
    with webhook(403) as hook:
        settings = AlertSettings(webhook=hook.url, hook=f"{__name__}:remember")
        first = send(settings, {LOG: Position(event=0)})
        assert [alert.run_id for alert in hooked] == ["2"]
        assert caplog.records[0].levelno == logging.ERROR
        assert caplog.records[0].message == "run 2 failed"
        again = send(settings, dict(first.positions))
    assert (first.sent, again.sent) == ({LOG: 1, "hook": 1}, {"webhook": 1})
    assert [body["run_id"] for body in hook.taken] == ["2"]
    assert len(hooked) == 1


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        ("no.such.module:tell", "alerts.hook names no.such.module:tell, which cannot be loaded"),
        (f"{__name__}:nothing", f"alerts.hook names {__name__}:nothing, which cannot be loaded"),
        (f"{__name__}:lose_the_connection", "the connection was lost"),
    ],
)
def test_a_hook_that_is_not_there_or_lost_its_connection_is_called_again(
    hook: str, reason: str
) -> None:
    found = send(AlertSettings(hook=hook), {LOG: Position(event=0)})
    assert found.problems[0].startswith(f"hook: {reason}")
    assert found.positions["hook"].failures == 1
    hooked.clear()
    later = send(AlertSettings(hook=f"{__name__}:remember"), dict(found.positions))
    assert later.sent == {"hook": 1}


def test_a_hook_without_a_function_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="hook"):
        AlertSettings(hook="just_a_module")
