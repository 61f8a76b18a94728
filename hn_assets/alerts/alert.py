"""An alert, and the ways it goes."""

import importlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hn_assets.errors import SettingsError
from hn_assets.settings.alerts import AlertSettings

TIMEOUT = 10  # seconds
TRIES = 3


@dataclass(frozen=True)
class Alert:
    """What people are told.

    Attributes:
        dataset: its name.
        kind: a failed run, or failed checks of a run that went through.
        title: one line.
        lines: what failed, one by one, with what to do.
        run_id: of the run.
        link: to the run in the UI; "" where its address is not known.

    >>> Alert("scifact", "failed run", "scifact: failed", ["corpus: no such file"], "1", "").text
    'scifact: failed\\n- corpus: no such file'
    """

    dataset: str
    kind: Literal["failed run", "failed checks"]
    title: str
    lines: list[str]
    run_id: str
    link: str

    @property
    def text(self) -> str:
        """All of it in one text."""
        lines = [self.title, *(f"- {line}" for line in self.lines)]
        return "\n".join([*lines, self.link] if self.link else lines)


def send(alert: Alert, settings: AlertSettings, log: logging.Logger) -> None:
    """Tell the log, the webhook and the project's own hook; one that fails keeps none back.

    Raises:
        SettingsError: the hook is not there.
        requests.RequestException: the webhook was not reached, after three tries.
    """
    log.error(alert.text)
    problems: list[Exception] = []
    for tell in _others(settings):
        try:
            tell(alert)
        except Exception as error:
            problems.append(error)
    if problems:
        raise problems[0]


def _others(settings: AlertSettings) -> list[Callable[[Alert], Any]]:
    others: list[Callable[[Alert], Any]] = []
    if settings.webhook:
        others.append(lambda alert: post(alert, settings.webhook))
    if settings.hook:
        others.append(find_hook(settings.hook))
    return others


def post(alert: Alert, url: str) -> None:
    """Send an alert to a webhook as JSON, trying again where it is busy or away.

    Raises:
        requests.RequestException: it was not reached, or did not take it.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    again = Retry(
        TRIES, backoff_factor=0.5, status_forcelist=[429, 500, 502, 503, 504], allowed_methods=None
    )
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=again))
        answer = session.post(url, json={"text": alert.text, **asdict(alert)}, timeout=TIMEOUT)
        answer.raise_for_status()


def find_hook(name: str) -> Callable[[Alert], Any]:
    """The function that `alerts.hook` names.

    Raises:
        SettingsError: there is no such module or function.
    """
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"alerts.hook names {name}, which cannot be loaded ({error}); it takes "
            f"module:function, with a module that can be imported where Dagster runs"
        ) from error
