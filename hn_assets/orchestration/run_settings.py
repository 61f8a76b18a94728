"""Settings that can be changed for one run: a form in the Launchpad with the YAML's values in it.

They are one resource of the dataset, so that a change reaches everything that depends on it: the
calibration and the audit as well as the negatives. A run cannot change what loads code or reads
paths, since the user interface has no login, nor the mined split, which decides what is encoded.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
from pydantic import Field, ValidationError, create_model

from hn_assets.errors import SettingsError
from hn_assets.pipeline.dataset import Dataset
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings_base import Settings, describe_invalid

# what a run cannot change, by section; sections that are not named cannot be changed at all
FIXED: Mapping[str, set[str]] = {
    "compute": set(),
    "encoding": {"model", "revision", "model_class", "trust_remote_code"},
    "search": set(),
    "mining": {"split", "evaluation_split"},
    "filters": {"answers", "reviewed_labels"},
    "export": set(),
}


def run_settings(settings: DatasetSettings) -> dg.ConfigurableResource:
    """The resource that holds the settings of a run; its defaults are those of the YAML file."""
    sections: dict[str, Any] = {}
    for name, fixed in FIXED.items():
        section = _section_class(getattr(settings, name), fixed)
        description = type(settings).model_fields[name].description
        sections[name] = (section, Field(default=section(), description=description))
    return create_model("RunSettings", __base__=dg.ConfigurableResource, **sections)()


def with_run_settings(dataset: Dataset, resource: Any) -> Dataset:
    """The dataset with what a run changes, checked as the YAML file is.

    Raises:
        SettingsError: The changed settings cannot work.
    """
    values = dataset.settings.model_dump()
    changed = {name: getattr(resource, name).model_dump() for name in FIXED}
    for name, section in changed.items():
        values[name] |= section
    try:
        return replace(dataset, settings=type(dataset.settings).model_validate(values))
    except ValidationError as error:
        raise SettingsError(
            f"the run's configuration cannot work: {describe_invalid(error)}"
        ) from error


def _section_class(section: Settings, fixed: set[str]) -> type[dg.Config]:
    fields: dict[str, Any] = {}
    for name, info in type(section).model_fields.items():
        if name in fixed:
            continue
        value = getattr(section, name)
        annotation: Any = info.annotation
        if isinstance(value, list):
            # Dagster's configuration knows lists of plain types; the settings check the rest
            annotation = list[type(value[0])]
        fields[name] = (annotation, Field(default=value, description=info.description))
    return create_model(f"{type(section).__name__}OfRun", __base__=dg.Config, **fields)
