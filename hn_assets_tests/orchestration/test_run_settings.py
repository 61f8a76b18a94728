"""Settings that are changed for one run reach everything that depends on them."""

from pathlib import Path

import pandas as pd

from hn_assets.orchestration.run_settings import FIXED, run_settings
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


def test_a_run_can_change_nothing_that_loads_code_or_reads_a_path(tmp_path: Path) -> None:
    resource = run_settings(AnimalsDataset(tmp_path).dataset.settings)
    offered = {
        f"{section}.{name}"
        for section in type(resource).model_fields
        if section in FIXED
        for name in type(getattr(resource, section)).model_fields
    }
    assert "mining.num_negatives" in offered
    assert not [
        name
        for name in offered
        if any(word in name for word in ("model", "trust_remote_code", "answers", "reviewed"))
    ]
