"""Whatever a YAML file says, its settings are valid or one error says which key is at fault."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from hn_assets.api import mine_hard_negatives
from hn_assets.errors import SettingsError
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.reference import settings_rows
from hn_assets_tests.any_bytes import VALUES

# of the sections and their keys, in place of what is drawn from all names
NAMES = sorted({part for row in settings_rows(DatasetSettings) for part in row.name.split(".")})
KEYS = st.sampled_from(NAMES) | VALUES.filter(lambda value: not isinstance(value, list | dict))
SECTIONS = {name: info for name, info in DatasetSettings.model_fields.items() if name != "source"}


def sections_of(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Values for some of the keys of a section, of any type."""
    return st.dictionaries(st.sampled_from(sorted(model.model_fields)), VALUES, max_size=3)


@st.composite
def yaml_values(draw: st.DrawFn) -> Any:
    """What a YAML file may hold: mostly sections with known keys."""
    settings = DatasetSettings(source={"type": "beir", "folder": "raw"})  # type: ignore[arg-type]
    names = draw(st.lists(st.sampled_from(sorted(SECTIONS)), max_size=3, unique=True))
    values: dict[Any, Any] = {"source": {"type": "beir", "folder": "raw"}}
    for name in names:
        section = getattr(settings, name)
        known = sections_of(type(section)) if isinstance(section, BaseModel) else VALUES
        values[name] = draw(known | known | VALUES)
    if draw(st.integers(0, 9)) == 0:
        values["source"] = draw(VALUES | st.dictionaries(KEYS, VALUES, max_size=3))
    if draw(st.integers(0, 9)) == 0:
        values[draw(KEYS)] = draw(VALUES)
    return values


def numbers_in(value: Any) -> list[float]:
    """All numbers of nested values."""
    if isinstance(value, dict):
        return [number for inner in value.values() for number in numbers_in(inner)]
    if isinstance(value, list | tuple):
        return [number for inner in value for number in numbers_in(inner)]
    return [value] if isinstance(value, float) else []


@given(yaml_values())
def test_settings_are_valid_or_the_key_at_fault_is_named(values: Any) -> None:
    try:
        settings = DatasetSettings.model_validate(values)
    except ValidationError as error:
        assert all(part["loc"] or "known keys" in part["msg"] for part in error.errors()), error
        return
    written = settings.model_dump(mode="json")
    assert all(map(math.isfinite, numbers_in(written))), "no comparison with NaN is ever true"
    assert DatasetSettings.model_validate(json.loads(json.dumps(written))) == settings


def test_numbers_that_are_none_are_refused() -> None:
    for value in (math.nan, math.inf):
        with pytest.raises(ValidationError, match=r"filters\.max_score"):
            DatasetSettings.model_validate(
                {"source": {"type": "beir", "folder": "x"}, "filters": {"max_score": value}}
            )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"minning": {}}, r"unknown key 'minning' \(did you mean 'mining'\?\)"),
        ({"mining": {"num_negatives": 0}}, r"mining\.num_negatives: "),
        ({"mining": 7}, r"mining: "),
    ],
)
def test_a_call_with_settings_that_cannot_work_says_which(settings: Any, message: str) -> None:
    documents = [{"id": "1", "text": "x"}]
    with pytest.raises(SettingsError, match=message):
        mine_hard_negatives(documents, documents, [{"query_id": "1", "doc_id": "1"}], settings)
    with pytest.raises(SettingsError, match=message):
        mine_hard_negatives("nowhere", settings=settings)
