"""Finds and calls the project's own function for alerts."""

import pkgutil
from collections.abc import Callable
from typing import Any

from hn_assets.alerts.alert import Alert
from hn_assets.errors import AlertNotSentError, SettingsError


def call_hook(alert: Alert, name: str) -> None:
    """Call the function that `alerts.hook` names.

    Raises:
        AlertNotSentError: There is no such module or function, or the function raised an `OSError`,
            as `requests` and `urllib` do if a connection fails.
        Exception: What else the function raises.
    """
    try:
        find_hook(name)(alert)
    except (SettingsError, OSError) as error:
        raise AlertNotSentError(str(error) or type(error).__name__) from None


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
