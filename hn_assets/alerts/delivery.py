"""Delivers alerts in order, each once, and keeps what a receiver does not take.

Each receiver (the log, the webhook, the project's own function) has a position: the last event that
it was told of. If a receiver fails, its position stays, so that the same alert is sent again later,
and the others go on. So an alert is lost only if it was not taken for a whole day. If a receiver
takes an alert and its answer is lost, it is told twice, which nothing on this side can prevent.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from hn_assets.alerts.alert import Alert
from hn_assets.alerts.hook import call_hook
from hn_assets.alerts.webhook import post
from hn_assets.errors import AlertNotSentError
from hn_assets.settings.alerts import AlertSettings

ANSWER_SECONDS = 5.0
# of all requests of a delivery; what is left then is sent by the next one
DELIVERY_SECONDS = 10.0
# waiting times before an alert is sent again, which double from the first to the last
FIRST_WAIT, LAST_WAIT = 20.0, 300.0
KEPT_SECONDS = 24 * 3600.0

LOG = "log"

Receiver = Callable[[Alert, float], None]


class Position(BaseModel):
    """How far a receiver was told.

    Attributes:
        event: The id of the last event that it was told of, or need not be told of.
        failures: How often it has failed to take the event after that.
        wait_until: The time before which it is not tried again, in seconds since 1970.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: int
    failures: int = 0
    wait_until: float = 0.0


class Event(Protocol):
    """Something that happened, of which people may have to be told."""

    @property
    def id(self) -> int:
        """Greater than the ids of all events before."""
        ...

    @property
    def time(self) -> float:
        """When it happened, in seconds since 1970."""
        ...

    def make_alert(self) -> Alert | None:
        """What people are told; None if nothing."""
        ...


@dataclass(frozen=True)
class Delivery:
    """What came of a delivery.

    Attributes:
        positions: How far each receiver was told.
        sent: The number of alerts that a receiver has taken, by its name.
        problems: What went wrong, a sentence each.
    """

    positions: Mapping[str, Position]
    sent: Mapping[str, int]
    problems: Sequence[str]


def receivers(settings: AlertSettings, log: logging.Logger) -> dict[str, Receiver]:
    """The log, the webhook and the project's own function, those of them that there are."""
    found: dict[str, Receiver] = {LOG: lambda alert, seconds: log.error(alert.text)}
    if settings.webhook:
        found["webhook"] = lambda alert, seconds: post(alert, settings.webhook, seconds)
    if settings.hook:
        found["hook"] = lambda alert, seconds: call_hook(alert, settings.hook)
    return found


def deliver(
    events_after: Callable[[int], Sequence[Event]],
    receivers: Mapping[str, Receiver],
    positions: Mapping[str, Position],
    log: logging.Logger,
) -> Delivery:
    """Tell each receiver of what it was not yet told of.

    Args:
        events_after: The next events after the one with this id, in order.
        receivers: What is called with each alert and the seconds that it may take, by name.
        positions: How far each was told before. One that is new starts where the log stands.
        log: Takes what goes wrong.
    """
    delivery = _Delivery(events_after, log)
    reached = {
        name: delivery.tell(name, receiver, positions.get(name) or positions[LOG])
        for name, receiver in receivers.items()
    }
    return Delivery(reached, delivery.sent, delivery.problems)


class _Delivery:
    """One delivery, whose receivers share the time that it may take."""

    def __init__(self, events_after: Callable[[int], Sequence[Event]], log: logging.Logger) -> None:
        self.events_after = events_after
        self.log = log
        self.sent: dict[str, int] = {}
        self.problems: list[str] = []
        self.end = time.monotonic() + DELIVERY_SECONDS
        self._fetched: dict[int, Sequence[Event]] = {}
        self._alerts: dict[int, Alert | None] = {}

    def tell(self, name: str, receiver: Receiver, position: Position) -> Position:
        """Tell one receiver of what follows its position, and return its new position."""
        if position.wait_until > time.time():
            self.problems.append(f"{name}: an alert is kept and sent again later")
            return position
        for event in self._events_after(position.event):
            alert = self._alert_of(event)
            if alert is not None:
                seconds = min(ANSWER_SECONDS, self.end - time.monotonic())
                if seconds <= 0:
                    self.problems.append(f"{name}: the other alerts are sent at the next tick")
                    return position
                failed = self._send(name, receiver, event, alert, seconds, position)
                if failed is not None:
                    return failed
            position = Position(event=event.id)
        return position

    def _send(
        self,
        name: str,
        receiver: Receiver,
        event: Event,
        alert: Alert,
        seconds: float,
        position: Position,
    ) -> Position | None:
        """Send one alert; return where the receiver stays if the alert has to be sent again."""
        try:
            receiver(alert, seconds)
        except AlertNotSentError as error:
            if time.time() - event.time < KEPT_SECONDS:
                self._say(f"{name}: {error}. The alert is kept and sent again later")
                return _wait(position)
            self._say(f"{name}: {error}. The alert of run {alert.run_id} is a day old: given up")
        except Exception as error:  # the function is the user's
            # to send it again would repeat what was done before the error
            self._say(f"{name}: {type(error).__name__}: {error}. The alert is not sent again")
        else:
            self.sent[name] = self.sent.get(name, 0) + 1
        return None

    def _events_after(self, event: int) -> Sequence[Event]:
        if event not in self._fetched:
            self._fetched[event] = self.events_after(event)
        return self._fetched[event]

    def _alert_of(self, event: Event) -> Alert | None:
        if event.id not in self._alerts:
            self._alerts[event.id] = event.make_alert()
        return self._alerts[event.id]

    def _say(self, problem: str) -> None:
        self.problems.append(problem)
        self.log.warning(problem)


def _wait(position: Position) -> Position:
    wait = min(FIRST_WAIT * 2**position.failures, LAST_WAIT)
    return Position(
        event=position.event,
        failures=min(position.failures + 1, 30),
        wait_until=time.time() + wait,
    )
