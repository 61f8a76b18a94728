"""Settings that are changed for one run reach everything that depends on them."""

from pathlib import Path
from typing import Any, ClassVar, get_args

import dagster as dg
import pandas as pd
import pytest

from hn_assets.orchestration.run_settings import SECTIONS, run_settings
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings_base import Settings
from hn_assets_tests.assets.animals_dataset import AnimalsDataset, told
from hn_assets_tests.assets.partly_labelled import write_partly_labelled


def test_a_change_reaches_calibration_audit_and_negatives(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    write_partly_labelled(tmp_path / "raw")
    dataset = AnimalsDataset(
        tmp_path,
        mining={"num_negatives": 5, "range_min": None, "range_max": None, "evaluation_split": ""},
        filters={"target_false_negative_rate": 0.02},
    )
    dataset.materialize()
    changed = told(dataset.materialize(changes={"filters": {"target_false_negative_rate": 0.05}}))
    assert changed["calibration"]["target_false_negative_rate"] == 0.05
    assert changed["calibration"]["unchanged"] is False
    methods = pd.read_parquet(dataset.file("false_negative_audit", "audit.parquet"))
    own = methods[methods.method == "these settings"]
    assert own.target.tolist() == [0.05]
    assert changed["hard_negatives"]["unchanged"] is False
    back = told(dataset.materialize())
    assert back["calibration"]["target_false_negative_rate"] == 0.02
    assert back["corpus_embeddings"]["unchanged"] is True


SECRET = "T0PSECRET"


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("search", {"index": {"env": "HF_TOKEN"}}),
        ("encoding", {"query_instruction": {"env": "HF_TOKEN"}}),
        ("mining", {"num_negatives": {"env": "HF_TOKEN"}}),
        ("mining", {"range_min": {"env": "HF_TOKEN"}}),
        ("encoding", {"normalize": {"env": "HF_TOKEN"}}),
        ("filters", {"max_score": {"env": "HF_TOKEN"}}),
        ("export", {"formats": [{"env": "HF_TOKEN"}]}),
    ],
)
def test_a_run_cannot_read_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, change: dict[str, Any]
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    with pytest.raises(dg.DagsterInvalidConfigError) as caught:
        AnimalsDataset(tmp_path).materialize("corpus", changes={section: change})
    assert SECRET not in str(caught.value)


def test_a_run_can_change_nothing_that_loads_code_or_reads_a_path(tmp_path: Path) -> None:
    dataset = AnimalsDataset(tmp_path)
    closed = {
        "encoding": ["model", "revision", "model_class", "trust_remote_code"],
        "mining": ["split", "evaluation_split"],
        "filters": ["answers", "reviewed_labels"],
        "teacher": ["model"],
        "source": ["folder"],
        "alerts": ["webhook", "hook"],
        "job": ["tags"],
    }
    for section, names in closed.items():
        for name in names:
            with pytest.raises(dg.DagsterInvalidConfigError):
                dataset.materialize("corpus", changes={section: {name: "x"}})


def test_a_setting_is_closed_until_its_class_opens_it_and_what_is_opened_is_plain() -> None:
    class New(Settings):
        """Settings with a field that nobody has thought about."""

        changeable_by_runs: ClassVar[tuple[str, ...]] = ("count",)
        count: int = 1
        plugin: str = ""

    class Newer(New):
        """A class that adds another field."""

        path: str = ""

    assert Newer.fields_of_runs() == ["count"]
    fields = DatasetSettings.model_fields
    for section in SECTIONS:
        annotation: Any = fields[section].annotation
        # a section that a dataset need not have may be None
        kind: Any = next((k for k in get_args(annotation) if k is not type(None)), annotation)
        named = {n for base in kind.__mro__ for n in vars(base).get("changeable_by_runs", ())}
        assert named == set(kind.fields_of_runs()), "a name is misspelled"
        suspicious = ("model", "code", "path", "file", "folder", "revision", "format_")
        assert not [n for n in named if any(word in n for word in suspicious)]


def test_the_form_holds_the_values_of_the_yaml_file(tmp_path: Path) -> None:
    settings = AnimalsDataset(tmp_path, search={"depth": 33}, job={"retries": 1}).dataset.settings
    found = dg.build_init_resource_context(config={"mining": {"seed": 7}})
    values = run_settings(settings)(found)
    assert values["search"] == {
        name: getattr(settings.search, name) for name in settings.search.fields_of_runs()
    }
    assert values["search"]["depth"] == 33
    assert values["mining"]["seed"] == 7
    assert values["mining"]["num_negatives"] == settings.mining.num_negatives
