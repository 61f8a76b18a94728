"""The training files on the hub: pushed once for each content, with a card."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
import yaml

from hn_assets.mining.holdout.audit import audited_rate
from hn_assets.mining.holdout.rate import FalseNegativeRate
from hn_assets.pipeline.hub_provenance import describe_rates
from hn_assets.settings.dataset import DatasetSettings
from hn_assets_tests.assets.animals_dataset import AnimalsDataset, told
from hn_assets_tests.fake_hub import FakeHub, fake_hub
from hn_assets_tests.secret_search import files_with
from hn_assets_tests.small_models import make_bag_of_words_model
from hn_assets_tests.training.test_trainers import with_pooling

REPO = "me/animals"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub(tmp_path / "cache", monkeypatch) as running:
        monkeypatch.setenv("HF_TOKEN", running.token)
        yield running


@pytest.fixture
def graph(tmp_path: Path) -> AnimalsDataset:
    model = with_pooling(tmp_path, make_bag_of_words_model(tmp_path / "bare"))
    return AnimalsDataset(
        tmp_path / "graph",
        encoding={"model": str(model), "normalize": False},
        hub={"dataset_repo": REPO, "license": "cc0-1.0"},
    )


def requests_that_write(hub: FakeHub) -> list[str]:
    return [request for request in hub.asked if not request.startswith("GET")]


def test_training_files_are_pushed_once_for_each_content(
    hub: FakeHub, graph: AnimalsDataset
) -> None:
    with dg.instance_for_test() as instance:
        said = told(graph.materialize())["hub_commits"]
        assert said["dataset_commit"] == hub.heads[REPO]
        assert said["dataset"] == f"{hub.url}/datasets/{REPO}"
        pushed = hub.files(REPO)
        table = graph.file("training_set", "triplet.parquet").read_bytes()
        assert pushed["triplet.parquet"] == table
        head = yaml.safe_load(pushed["README.md"].decode().split("---\n")[1])
        assert head["license"] == "cc0-1.0"
        card = pushed["README.md"].decode()
        assert "a source of type beir" in card
        assert "not known (assumed: nobody measured it)" in card, "no query has two positives"
        assert str(graph.folder) not in card, "a card names nothing of this machine"
        assert graph.version("training_set") in card

        hub.asked.clear()
        assert told(graph.materialize())["hub_commits"]["unchanged"]
        assert hub.asked == []

        fewer = {"mining": {"num_negatives": 3}}
        said = told(graph.materialize(changes=fewer))["hub_commits"]
        assert said["dataset_commit"] == hub.heads[REPO] != ""
        assert said["dataset_files_pushed"] == len(hub.files(REPO)) - 1, (
            ".gitattributes is not ours"
        )
        assert hub.files(REPO)["triplet.parquet"] != table
        assert len([request for request in hub.asked if "/commit/" in request]) == 1

        kept = json.loads(graph.file("hub_commits", "hub_commits.json").read_text())["dataset"]
        assert kept["repository"] == REPO
        assert set(kept["files"]) == set(hub.files(REPO)) - {".gitattributes"}
        hub.commit(REPO, {**hub.files(REPO), "README.md": b"---\ntags: [mine]\n---\n"})
        failed = graph.fail(changes={"mining": {"num_negatives": 2}})
        assert "README.md of me/animals was changed by somebody else" in failed
        folder = Path(instance.root_directory)
    assert files_with(hub.token, folder, graph.folder) == []


def test_a_push_that_fails_ends_the_run_and_says_why(
    hub: FakeHub, graph: AnimalsDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    said = graph.fail()
    assert said == (
        f"animals: HF_TOKEN is not set: to push to {REPO}, give a token that may write to it by "
        f"the environment"
    )
    assert graph.store.stage("training_set").require(), "all else is there"
    assert graph.store.stage("report").require()


def test_the_card_names_the_kind_of_each_rate() -> None:
    assert describe_rates({}) == "The rate is not known (assumed: nobody measured it)."
    hidden = FalseNegativeRate(0.001, 0.0005, 0.002, 0.0, 900)
    expected = FalseNegativeRate(0.004, 0.001, 0.01, 0.0, 900, "estimated")
    said = describe_rates({"on hidden positives": hidden, "with unlabelled ones": expected})
    assert "- on hidden positives: 0.10 % (0.05 to 0.20, measured on 900 negatives)" in said
    assert "- with unlabelled ones: 0.40 % (0.10 to 1.00, estimated on 900 negatives)" in said
    assert "measured: relevant negatives were counted" in said
    assert "estimated: a model of relevance was asked" in said


def test_the_card_gives_no_rate_that_was_measured_on_no_negative() -> None:
    row = {"method": "these settings", "rate": 0.0, "rate_low": 0.0, "rate_high": 1.0}
    other = {**row, "method": "top 15", "negatives": 900}
    assert audited_rate(pd.DataFrame([other, {**row, "negatives": 0}])) is None
    found = audited_rate(pd.DataFrame([other, {**row, "negatives": 40}]))
    assert found is not None and (found.negatives, found.kind) == (40, "measured")


@pytest.mark.parametrize(
    ("hub_section", "message"),
    [
        ({}, "names no repository: give dataset_repo or model_repo"),
        ({"model_repo": "me/model"}, "add a section training"),
        ({"dataset_repo": "animals"}, "should match pattern"),
    ],
)
def test_settings_that_cannot_work_are_refused(hub_section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DatasetSettings.model_validate({"source": {"type": "python_stdlib"}, "hub": hub_section})
