"""Settings that can be changed for one run: a form in the Launchpad with the YAML's values in it.

They are one resource of the dataset, so that a change reaches everything that depends on it: the
calibration and the audit as well as the negatives. A run can change what the settings classes name
in `changeable_by_runs` and nothing else, since the user interface has no login.

The form is made of Dagster's plain types. The fields of a `dg.Config` would also take
`{"env": NAME}`, with which anybody could have a secret of the environment shown as metadata.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import dagster as dg
from pydantic import ValidationError

from hn_assets.errors import SettingsError
from hn_assets.pipeline.dataset import Dataset
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings_base import Settings, describe_invalid

# sections that are not named cannot be changed at all
SECTIONS = ("compute", "encoding", "search", "mining", "filters", "export", "training", "trial")


def run_settings(settings: DatasetSettings) -> dg.ResourceDefinition:
    """The resource that holds the settings of a run; its defaults are those of the YAML file."""
    return dg.ResourceDefinition(
        lambda context: context.resource_config,
        config_schema={
            name: dg.Field(
                _fields_of(getattr(settings, name)),
                description=type(settings).model_fields[name].description,
            )
            for name in SECTIONS
            if getattr(settings, name) is not None
        },
        description="Settings that can be changed for one run.",
    )


def with_run_settings(dataset: Dataset, changed: Mapping[str, Mapping[str, Any]]) -> Dataset:
    """The dataset with what a run changes, checked as the YAML file is.

    Args:
        dataset: The dataset.
        changed: What the resource holds: values by section and field.

    Raises:
        SettingsError: The changed settings cannot work.
    """
    values = dataset.settings.model_dump()
    for name in changed:
        values[name] |= changed[name]
    try:
        return replace(dataset, settings=type(dataset.settings).model_validate(values))
    except ValidationError as error:
        raise SettingsError(
            f"the run's configuration cannot work: {describe_invalid(error)}"
        ) from error


def _fields_of(section: Settings) -> dict[str, dg.Field]:
    fields = type(section).model_fields
    return {
        name: dg.Field(
            _plain_type(f"{type(section).__name__}_{name}", fields[name].annotation),
            default_value=getattr(section, name),
            is_required=False,
            description=fields[name].description,
        )
        for name in type(section).fields_of_runs()
    }


@cache  # Dagster wants one object for all enums of a name
def _plain_type(name: str, annotation: Any) -> Any:
    """The type of Dagster's configuration for the annotation of a field."""
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return dg.Enum(name, [dg.EnumValue(part) for part in parts])
    if get_origin(annotation) in (Union, UnionType):
        (inner,) = (part for part in parts if part is not type(None))
        return dg.Noneable(_plain_type(name, inner))
    if get_origin(annotation) is list:
        return dg.Array(str)  # the settings check the values
    if get_origin(annotation) is dict:
        return dg.Map(*parts)
    assert annotation in (bool, int, float, str), f"{name} cannot stand in a form: {annotation}"
    return annotation
