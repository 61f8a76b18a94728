"""What follows from the declarations of the stages."""

import sys
from pathlib import Path

import pytest

from hn_assets.assets import all_stages, operations_of, stages_of
from hn_assets.pipeline.stage import direct_upstream_names, upstream_names
from hn_assets.store import layout
from hn_assets.store.layout import StageFile
from hn_assets_tests.assets.animals_dataset import AnimalsDataset


def test_a_stage_has_one_file_named_by_its_asset_key() -> None:
    folder = Path(__file__).parents[2] / "hn_assets" / "assets"
    # the stages of single retrievers share a file, as there may be any number of them
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "candidates_retriever"}
    assert files == {stage.name for stage in all_stages()} == set(layout.stage_names())


def test_every_file_of_the_store_is_written_by_its_own_stage_and_declared_once() -> None:
    written = [file for stage in all_stages() for file in stage.writes]
    known = [value for value in vars(layout).values() if isinstance(value, StageFile)]
    assert len(set(written)) == len(written)
    assert set(written) <= set(known)
    assert all(file.stage == stage.name for stage in all_stages() for file in stage.writes)
    for stage in all_stages():
        assert set(stage.reads) <= set(known)


def test_the_drawn_edges_leave_out_what_follows_from_others(tmp_path: Path) -> None:
    settings = AnimalsDataset(tmp_path).dataset.settings
    stages = {stage.name: stage for stage in stages_of(settings)}
    report = stages["report"]
    assert set(upstream_names(report, stages.values())) >= {"corpus", "hard_negatives", "drift"}
    assert direct_upstream_names(report, list(stages.values())) == ["drift"]
    training_set = set(direct_upstream_names(stages["training_set"], list(stages.values())))
    assert training_set == {"hard_negatives", "retrieval_quality", "false_negative_audit"}


def test_stages_that_share_work_are_made_in_one_operation(tmp_path: Path) -> None:
    operations = {o.name: o for o in operations_of(AnimalsDataset(tmp_path).dataset.settings)}
    assert [s.name for s in operations["source"].stages] == ["corpus", "queries", "qrels"]
    assert operations["source"].is_atomic
    assert len(operations["embeddings"].stages) == 2
    assert len(operations["candidates"].stages) == 1


def code_versions(folder: Path) -> dict[str, str]:
    settings = AnimalsDataset(
        folder, mining={"range_min": None, "range_max": None}
    ).dataset.settings
    return {stage.name: stage.code_version(settings) for stage in stages_of(settings)}


@pytest.mark.parametrize(
    ("default", "stale"),
    [
        ((20, 210), {"hard_negatives", "false_negative_audit"}),
        ((10, 220), {"candidates", "hard_negatives", "false_negative_audit"}),
    ],
)
def test_another_default_range_in_the_source_makes_just_what_is_mined_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, default: tuple[int, int], stale: set[str]
) -> None:
    before = code_versions(tmp_path)
    # as if the line in settings/mining.py said so
    for module in [m for m in sys.modules.values() if m.__name__.startswith("hn_assets.")]:
        if hasattr(module, "DEFAULT_RANGE"):
            monkeypatch.setattr(module, "DEFAULT_RANGE", default)
    after = code_versions(tmp_path)
    assert {name for name in before if before[name] != after[name]} == stale
