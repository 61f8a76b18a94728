"""Settings that can be changed for one run: a Launchpad form with the YAML's values in it."""

from typing import Any, TypeVar

import dagster as dg
from pydantic import Field, ValidationError, create_model

from hn_assets.errors import SettingsError
from hn_assets.settings_base import Settings

SettingsT = TypeVar("SettingsT", bound=Settings)


def run_config_class(settings: Settings, *names: str) -> type[dg.Config]:
    """A Dagster config class of `settings`, its values as defaults.

    Args:
        settings: the values of the YAML file.
        names: the settings to offer; all where none is named.
    """
    fields: dict[str, Any] = {}
    for name in names or type(settings).model_fields:
        info = type(settings).model_fields[name]
        value = getattr(settings, name)
        annotation: Any = info.annotation
        if isinstance(value, list):
            # Dagster's configuration knows lists of plain types; the settings check the rest
            annotation = list[type(value[0])]
        fields[name] = (annotation, Field(default=value, description=info.description))
    return create_model(f"{type(settings).__name__}Run", __base__=dg.Config, **fields)


def apply_run_config(settings: SettingsT, config: dg.Config) -> SettingsT:
    """`settings` with what the run's configuration changes, checked as the YAML is.

    Raises:
        SettingsError: the changed settings cannot work.
    """
    values = {**settings.model_dump(), **config.model_dump()}
    try:
        return type(settings).model_validate(values)
    except ValidationError as error:
        reasons = "; ".join(str(part["msg"]) for part in error.errors())
        raise SettingsError(f"the run's configuration cannot work: {reasons}") from error
