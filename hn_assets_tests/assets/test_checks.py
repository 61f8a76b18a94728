"""A refresh that went wrong is stopped by the right check before the training set is replaced."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from hn_assets.evaluation.checks.base.check import Check
from hn_assets.evaluation.checks.kinds import corpus_and_qrels as data
from hn_assets.orchestration.base.names import ACCEPT_TAG
from hn_assets_tests.assets.animals_dataset import STAGES, AnimalsDataset, told
from hn_assets_tests.assets.test_refresh import make_dataset
from hn_assets_tests.collections_on_disk import write_jsonl
from hn_assets_tests.small_models import make_tiny_bert


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> AnimalsDataset:
    """A materialized dataset, with the bundled model."""
    graph = AnimalsDataset(tmp_path_factory.mktemp("bundled"))
    assert not failed(graph.materialize())
    return graph


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, model: Path) -> AnimalsDataset:
    """A materialized dataset, with a tiny model of random weights."""
    graph = make_dataset(tmp_path_factory.mktemp("small"), model)
    assert not failed(graph.materialize())
    return graph


def failed(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {e.check_name: e for e in result.get_asset_check_evaluations() if not e.passed}


def version(graph: AnimalsDataset) -> str:
    return graph.version("training_set")


def halve_the_qrels(graph: AnimalsDataset) -> None:
    path = graph.folder / "raw" / "qrels" / "train.tsv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[: 1 + len(lines) // 2]) + "\n")


def change_corpus(
    graph: AnimalsDataset, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
) -> None:
    path = graph.folder / "raw" / "corpus.jsonl"
    write_jsonl(path, change([json.loads(line) for line in path.read_text().splitlines()]))


def copy_every_document(graph: AnimalsDataset) -> None:
    change_corpus(graph, lambda rows: rows + [{**row, "_id": f"{row['_id']}-2"} for row in rows])


def double_every_text(graph: AnimalsDataset) -> None:
    change_corpus(graph, lambda rows: [{**r, "text": f"{r['text']} {r['text']}"} for r in rows])


def judge_unknown_documents(graph: AnimalsDataset) -> None:
    """All that was judged before is still there, and the qrels that are kept are the same."""
    with (graph.folder / "raw" / "qrels" / "train.tsv").open("a") as file:
        file.writelines(f"q-cat-0\tunicorn-{number}\t1\n" for number in range(5))


def lose_documents(graph: AnimalsDataset) -> None:
    qrels = (graph.folder / "raw" / "qrels" / "train.tsv").read_text()
    change_corpus(graph, lambda rows: [r for r in rows if r["_id"] in qrels])


def take_random_weights(graph: AnimalsDataset) -> None:
    model = make_tiny_bert(graph.folder / "model", seed=3)
    encoding = graph.dataset.settings.encoding.model_copy(
        update={"model": str(model), "pooling": "mean"}
    )
    settings = graph.dataset.settings.model_copy(update={"encoding": encoding})
    graph.dataset = replace(graph.dataset, settings=settings)


@pytest.mark.parametrize(
    ("breaks", "stopped_by", "stage"),
    [
        (halve_the_qrels, "nothing_is_lost", "qrels"),
        (judge_unknown_documents, "qrels_are_resolvable", "qrels"),
        (copy_every_document, "texts_are_distinct", "corpus"),
        (double_every_text, "texts_are_kept", "corpus"),
        (lose_documents, "nothing_is_lost", "qrels"),
        (take_random_weights, "quality_is_not_worse", "retrieval_quality"),
    ],
)
def test_a_broken_refresh_is_stopped_and_last_weeks_files_stay(
    bundled: AnimalsDataset,
    tmp_path: Path,
    breaks: Callable[[AnimalsDataset], None],
    stopped_by: str,
    stage: str,
) -> None:
    graph = bundled.copied_to(tmp_path)
    before = version(graph)
    breaks(graph)
    result = graph.materialize(raise_on_error=False)
    assert not result.success
    (check,) = (e for name, e in failed(result).items() if name == stopped_by)
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.asset_key == dg.AssetKey(["animals", stage])
    said = check.description or ""
    assert "The training set stays as it was" in said
    assert f"with the tag {ACCEPT_TAG}: {stopped_by}" in said
    # nor is it what the next good one is compared with
    assert {"drift", "training_set", "report"}.isdisjoint(told(result))
    assert version(graph) == before
    # the next run compares with the same training set, and not with the broken refresh
    assert stopped_by in failed(graph.materialize(raise_on_error=False))


def test_what_is_meant_goes_through_with_a_tag_and_counts_from_then_on(
    small: AnimalsDataset, tmp_path: Path
) -> None:
    graph = small.copied_to(tmp_path)
    before = version(graph)
    halve_the_qrels(graph)
    accepted = graph.materialize(tags={ACCEPT_TAG: "nothing_is_lost"})
    assert not failed(accepted)
    (found,) = (
        e for e in accepted.get_asset_check_evaluations() if e.check_name == "nothing_is_lost"
    )
    assert "Accepted by the run's tag" in (found.description or "")
    page = graph.file("report", "report.html").read_text(encoding="utf-8")
    assert "Only if this is meant: 1 check failed, and somebody let the refresh go on." in page
    assert version(graph) != before
    assert not failed(graph.materialize())


def test_a_tag_for_one_check_is_none_for_another(small: AnimalsDataset, tmp_path: Path) -> None:
    graph = small.copied_to(tmp_path)
    halve_the_qrels(graph)
    tags = {ACCEPT_TAG: "quality_is_not_worse, texts_are_kept"}
    result = graph.materialize(tags=tags, raise_on_error=False)
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
    graph = make_dataset(tmp_path, model, **changes)
    result = graph.materialize(raise_on_error=False)
    assert not result.success
    assert stopped_by in failed(result)
    assert graph.store.stage("training_set").manifest() is None
    lax = {**changes, "checks": {"min_full_query_share": 0, "min_recall": 0, "min_index_recall": 0}}
    assert not failed(make_dataset(tmp_path, model, **lax).materialize(raise_on_error=False))


def test_damage_that_a_check_meets_fails_it_by_name(small: AnimalsDataset, tmp_path: Path) -> None:
    graph = small.copied_to(tmp_path)
    graph.file("hard_negatives", "ledger.parquet").write_bytes(b"")
    name = "every_candidate_is_accounted_for"
    only_this = dg.AssetSelection.checks(dg.AssetCheckKey(graph.key("hard_negatives"), name))
    result = graph.materialize(selection=only_this, raise_on_error=False)
    assert not result.success
    (event,) = (e for e in result.all_events if e.is_step_failure)
    said = event.step_failure_data.user_failure_data
    assert said is not None
    assert "ledger.parquet is damaged" in str(said.description)


def test_what_was_found_counts_until_something_it_reads_changes(
    small: AnimalsDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = small.copied_to(tmp_path)

    def messages(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], str]:
        return {
            (e.asset_key.path[-1], e.check_name): e.description or ""
            for e in result.get_asset_check_evaluations()
        }

    second = messages(graph.materialize())  # now there is a training set to compare with
    looks: list[tuple[str, str]] = []

    def counted(check: Check) -> Check:
        def look(inputs: Any) -> Any:
            looks.append((check.stage, check.name))
            return check.look(inputs)

        return replace(check, look=look)

    monkeypatch.setattr(data, "CHECKS", tuple(counted(check) for check in data.CHECKS))
    assert messages(graph.materialize()) == second
    assert looks == []
    halve_the_qrels(graph)
    assert "nothing_is_lost" in failed(graph.materialize(raise_on_error=False))
    # queries without a label are left out; the corpus is as it was
    assert sorted(looks) == [
        ("qrels", "nothing_is_lost"),
        ("qrels", "qrels_are_resolvable"),
        ("queries", "ids_are_unique"),
    ]


def test_metadata_stay_small(bundled: AnimalsDataset) -> None:
    result = bundled.materialize()
    for event in result.get_asset_materialization_events():
        size = len(dg.serialize_value(event.materialization))
        assert size < 200_000, (event.asset_key, size)


def test_a_training_set_alone_is_not_made_of_what_a_check_stopped(
    small: AnimalsDataset, tmp_path: Path, model: Path
) -> None:
    small.copied_to(tmp_path)
    scarce = {"mining": {"range_min": 45, "range_max": 48}, "checks": {"min_full_query_share": 1.0}}
    graph = make_dataset(tmp_path, model, **scarce)
    before = version(graph)
    assert "negatives_are_enough" in failed(graph.materialize(raise_on_error=False))
    said = graph.fail("training_set")
    assert "negatives_are_enough of hard_negatives: " in said
    assert f"{ACCEPT_TAG}: negatives_are_enough" in said
    assert "negatives_are_enough" in graph.fail("training_set", tags={ACCEPT_TAG: "ids_are_unique"})
    # with other settings the check has not looked, and looks now
    formats = {"export": {"formats": ["labeled-list"]}}
    assert "negatives_are_enough" in graph.fail("training_set", changes=formats)
    assert version(graph) == before
    graph.materialize("training_set", tags={ACCEPT_TAG: "negatives_are_enough"})
    assert version(graph) != before


def test_a_training_set_alone_is_made_of_what_was_accepted_or_never_looked_at(
    small: AnimalsDataset, tmp_path: Path
) -> None:
    graph = small.copied_to(tmp_path)
    halve_the_qrels(graph)
    stages = [graph.key(s) for s in STAGES[: STAGES.index("training_set")]]
    with_checks = dg.AssetSelection.assets(*stages)
    graph.materialize(selection=with_checks, tags={ACCEPT_TAG: "nothing_is_lost"})
    graph.materialize("training_set")
    # with other settings the checks have not looked yet, and they pass
    formats = {"export": {"formats": ["labeled-list"]}}
    assert told(graph.materialize("training_set", changes=formats))["training_set"]
