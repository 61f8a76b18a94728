"""A refresh that went wrong is stopped by the right check before the training set is replaced."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from hn_assets.evaluation.checks import data as health
from hn_assets.orchestration.base.names import ACCEPT_TAG
from hn_assets.orchestration.build import build_definitions
from hn_assets_tests.assets.animals_dataset import AnimalsDataset, told
from hn_assets_tests.assets.test_refresh import make_dataset
from hn_assets_tests.collections_on_disk import write_jsonl
from hn_assets_tests.small_models import make_tiny_bert


def failed(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {e.check_name: e for e in result.get_asset_check_evaluations() if not e.passed}


def version(animals: AnimalsDataset) -> str:
    return animals.version("training_set")


def halve_the_qrels(animals: AnimalsDataset) -> None:
    path = animals.folder / "raw" / "qrels" / "train.tsv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[: 1 + len(lines) // 2]) + "\n")


def change_corpus(
    animals: AnimalsDataset, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
) -> None:
    path = animals.folder / "raw" / "corpus.jsonl"
    write_jsonl(path, change([json.loads(line) for line in path.read_text().splitlines()]))


def copy_every_document(animals: AnimalsDataset) -> None:
    change_corpus(animals, lambda rows: rows + [{**row, "_id": f"{row['_id']}-2"} for row in rows])


def double_every_text(animals: AnimalsDataset) -> None:
    change_corpus(animals, lambda rows: [{**r, "text": f"{r['text']} {r['text']}"} for r in rows])


def lose_documents(animals: AnimalsDataset) -> None:
    qrels = (animals.folder / "raw" / "qrels" / "train.tsv").read_text()
    change_corpus(animals, lambda rows: [r for r in rows if r["_id"] in qrels])


def take_random_weights(animals: AnimalsDataset) -> None:
    model = make_tiny_bert(animals.folder / "model", seed=3)
    encoding = animals.dataset.settings.encoding.model_copy(
        update={"model": str(model), "pooling": "mean"}
    )
    settings = animals.dataset.settings.model_copy(update={"encoding": encoding})
    animals.dataset = replace(animals.dataset, settings=settings)


@pytest.mark.parametrize(
    ("breaks", "stopped_by", "stage"),
    [
        (halve_the_qrels, "nothing_is_lost", "qrels"),
        (copy_every_document, "texts_are_distinct", "corpus"),
        (double_every_text, "texts_are_kept", "corpus"),
        (lose_documents, "nothing_is_lost", "qrels"),
        (take_random_weights, "quality_is_not_worse", "retrieval_quality"),
    ],
)
def test_a_broken_refresh_is_stopped_and_last_weeks_files_stay(
    tmp_path: Path, breaks: Callable[[AnimalsDataset], None], stopped_by: str, stage: str
) -> None:
    animals = AnimalsDataset(tmp_path, filters={"target_false_negative_rate": None})
    assert not failed(animals.materialize())
    before = version(animals)
    breaks(animals)
    result = animals.materialize(raise_on_error=False)
    assert not result.success
    (check,) = (e for name, e in failed(result).items() if name == stopped_by)
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.asset_key == dg.AssetKey(["animals", stage])
    said = check.description or ""
    assert "The training set stays as it was" in said
    assert f"with the tag {ACCEPT_TAG}: {stopped_by}" in said
    # nor is it what the next good one is compared with
    assert {"drift", "training_set", "report"}.isdisjoint(told(result))
    assert version(animals) == before
    # the next run compares with the same training set, and not with the broken refresh
    assert stopped_by in failed(animals.materialize(raise_on_error=False))


def test_what_is_meant_goes_through_with_a_tag_and_counts_from_then_on(
    tmp_path: Path, model: Path
) -> None:
    animals = make_dataset(tmp_path, model)
    animals.materialize()
    before = version(animals)
    halve_the_qrels(animals)
    defs = build_definitions(animals.dataset)
    everything: Any = [*(defs.assets or []), *(defs.asset_checks or [])]
    accepted = dg.materialize(
        everything, resources=dict(defs.resources or {}), tags={ACCEPT_TAG: "nothing_is_lost"}
    )
    assert not failed(accepted)
    (found,) = (
        e for e in accepted.get_asset_check_evaluations() if e.check_name == "nothing_is_lost"
    )
    assert "Accepted by the run's tag" in (found.description or "")
    page = animals.file("report", "report.html").read_text(encoding="utf-8")
    assert "Only if this is meant: 1 check failed, and somebody let the refresh go on." in page
    assert version(animals) != before
    assert not failed(animals.materialize())


def test_a_tag_for_one_check_is_none_for_another(tmp_path: Path, model: Path) -> None:
    animals = make_dataset(tmp_path, model)
    animals.materialize()
    halve_the_qrels(animals)
    defs = build_definitions(animals.dataset)
    everything: Any = [*(defs.assets or []), *(defs.asset_checks or [])]
    result = dg.materialize(
        everything,
        resources=dict(defs.resources or {}),
        tags={ACCEPT_TAG: "quality_is_not_worse, texts_are_kept"},
        raise_on_error=False,
    )
    assert not result.success
    assert "nothing_is_lost" in failed(result)


@pytest.mark.parametrize(
    ("changes", "stopped_by"),
    [
        (
            {"checks": {"min_full_query_share": 1.0}, "mining": {"range_min": 45, "range_max": 48}},
            "negatives_are_enough",
        ),
        ({"checks": {"min_recall": 1.0}, "search": {"depth": 20}}, "positives_are_found"),
        (
            {"checks": {"min_index_recall": 1.0}, "search": {"index": "IVF8,Flat"}},
            "index_finds_enough",
        ),
    ],
)
def test_a_setting_decides_what_stops_even_the_first_refresh(
    tmp_path: Path, model: Path, changes: dict[str, Any], stopped_by: str
) -> None:
    animals = make_dataset(tmp_path / "strict", model, **changes)
    result = animals.materialize(raise_on_error=False)
    assert not result.success
    assert stopped_by in failed(result)
    assert animals.store.stage("training_set").manifest() is None
    lax = {**changes, "checks": {"min_full_query_share": 0, "min_recall": 0, "min_index_recall": 0}}
    assert not failed(
        make_dataset(tmp_path / "lax", model, **lax).materialize(raise_on_error=False)
    )


def test_damage_that_a_check_meets_fails_it_by_name(tmp_path: Path, model: Path) -> None:
    animals = make_dataset(tmp_path, model)
    animals.materialize()
    animals.file("hard_negatives", "ledger.parquet").write_bytes(b"")
    defs = build_definitions(animals.dataset)
    everything: Any = [*(defs.assets or []), *(defs.asset_checks or [])]
    name = "every_candidate_is_accounted_for"
    result = dg.materialize(
        everything,
        selection=dg.AssetSelection.checks(dg.AssetCheckKey(animals.key("hard_negatives"), name)),
        resources=dict(defs.resources or {}),
        raise_on_error=False,
    )
    assert not result.success
    (event,) = (e for e in result.all_events if e.is_step_failure)
    said = event.step_failure_data.user_failure_data
    assert said is not None
    assert "ledger.parquet is damaged" in str(said.description)


def test_what_was_found_counts_until_something_it_reads_changes(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    animals = make_dataset(tmp_path, model)

    def words(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], str]:
        return {
            (e.asset_key.path[-1], e.check_name): e.description or ""
            for e in result.get_asset_check_evaluations()
        }

    animals.materialize()
    second = words(animals.materialize())  # now there is a training set to compare with
    looks: list[str] = []
    for name in ("texts_are_distinct", "nothing_is_lost", "ids_are_unique"):
        look = getattr(health, name)
        monkeypatch.setattr(
            health, name, lambda *a, name=name, look=look: (looks.append(name), look(*a))[1]
        )
    assert words(animals.materialize()) == second
    assert looks == []
    halve_the_qrels(animals)
    assert "nothing_is_lost" in failed(animals.materialize(raise_on_error=False))
    # queries without a label are left out; the corpus is as it was
    assert sorted(looks) == ["ids_are_unique", "nothing_is_lost"]


def test_metadata_stay_small(tmp_path: Path) -> None:
    animals = AnimalsDataset(tmp_path)
    result = animals.materialize()
    for event in result.get_asset_materialization_events():
        size = len(dg.serialize_value(event.materialization))
        assert size < 200_000, (event.asset_key, size)
