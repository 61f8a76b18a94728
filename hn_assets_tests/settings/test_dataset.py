"""Settings of a dataset: the environment names folder and model, and mistakes are named."""

import pytest
from pydantic import ValidationError

from hn_assets.settings.dataset import DatasetSettings

ENVIRONMENT = {"HN_ANIMALS_FOLDER": "/data", "HN_ANIMALS_MODEL": "/model", "HN_OTHER_MODEL": "no"}


@pytest.mark.parametrize(
    "source", [{"type": "beir", "folder": "here"}, {"type": "hub", "dataset": "BeIR/scifact"}]
)
def test_the_environment_names_folder_and_model(source: dict) -> None:
    settings = DatasetSettings.model_validate({"source": source})
    changed = settings.with_environment("animals", ENVIRONMENT)
    assert changed.source.model_dump() == {**settings.source.model_dump(), "folder": "/data"}
    assert changed.encoding.model == "/model"
    assert settings.with_environment("other", {}) == settings


def test_a_source_without_a_folder_stays_as_it_is() -> None:
    settings = DatasetSettings.model_validate({"source": {"type": "python_stdlib"}})
    assert settings.with_environment("animals", ENVIRONMENT).source == settings.source


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"type": "beir", "foldr": "x"}, r"unknown key 'foldr' \(did you mean 'folder'\?\)"),
        ({"type": "bier"}, "any of the expected tags: 'beir', "),
        ({"type": "beir"}, r"source\.beir\.folder"),
    ],
)
def test_a_mistake_in_the_source_is_named(source: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DatasetSettings.model_validate({"source": source})


def test_a_tag_that_is_for_a_single_run_is_refused_for_all_runs() -> None:
    tags = {"hn_assets/accept": "nothing_is_lost"}
    with pytest.raises(ValidationError, match="every run to come"):
        DatasetSettings.model_validate({"source": {"type": "python_stdlib"}, "job": {"tags": tags}})


@pytest.mark.parametrize(
    ("mining", "message"),
    [
        ({"hardness": 0.5, "sampling": "top"}, r"mining\.hardness 0\.5 .* mining\.sampling 'top'"),
        ({"sampling": "window"}, r"mining\.sampling 'window' needs mining\.hardness"),
        ({"hardness": 1.1}, r"mining\.hardness"),
        ({"sampling": "stratified_by_teacher_score"}, r"mining\.sampling .* the section teacher"),
    ],
)
def test_settings_that_do_not_fit_the_sampling_are_named_with_it(
    mining: dict, message: str
) -> None:
    source = {"type": "python_stdlib"}
    with pytest.raises(ValidationError, match=message):
        DatasetSettings.model_validate({"source": source, "mining": mining})
