"""An alert, and how it is sent."""

import logging
import pkgutil
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
        dataset: The name of the dataset.
        kind: `failed run`, or `failed checks` if the run itself succeeded.
        title: What happened, on one line.
        lines: What failed and what can be done about it, one line each.
        run_id: The id of the Dagster run.
        link: The address of the run in the Dagster UI; empty if it is not known.

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
        """The whole alert as one text."""
        lines = [self.title, *(f"- {line}" for line in self.lines)]
        return "\n".join([*lines, self.link] if self.link else lines)


def send(alert: Alert, settings: AlertSettings, log: logging.Logger) -> None:
    """Send an alert to the log, to the webhook and to the project's own hook.

    If one of them fails, the others are still told.

    Raises:
        SettingsError: `alerts.hook` names a function that does not exist.
        requests.RequestException: The webhook could not be reached, even after some retries.
    """
    log.error(alert.text)
    problems: list[Exception] = []
    for tell in _receivers(settings):
        try:
            tell(alert)
        except Exception as error:
            problems.append(error)
    if problems:
        raise problems[0]


def _receivers(settings: AlertSettings) -> list[Callable[[Alert], Any]]:
    receivers: list[Callable[[Alert], Any]] = []
    if settings.webhook:
        receivers.append(lambda alert: post(alert, settings.webhook))
    if settings.hook:
        receivers.append(lambda alert: find_hook(settings.hook)(alert))
    return receivers


def post(alert: Alert, url: str) -> None:
    """Send an alert to a webhook as JSON, with retries if the server is busy or unreachable.

    Raises:
        requests.RequestException: The server could not be reached, or refused the alert.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    retries = Retry(
        TRIES, backoff_factor=0.5, status_forcelist=[429, 500, 502, 503, 504], allowed_methods=None
    )
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retries))
        answer = session.post(url, json={"text": alert.text, **asdict(alert)}, timeout=TIMEOUT)
        answer.raise_for_status()


def find_hook(name: str) -> Callable[[Alert], Any]:
    """Import the function that `alerts.hook` names.

    Raises:
        SettingsError: There is no such module or function.
    """
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(
            f"alerts.hook names {name}, which cannot be loaded ({error}); it takes "
            f"module:function, with a module that Dagster's processes can import"
        ) from error
