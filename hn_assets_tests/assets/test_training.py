"""Training in the graph: mine, train, compare, promote, and mine again with what was promoted."""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import yaml

from hn_assets.encoding.models.unchanged import hash_folder
from hn_assets.orchestration.build import build_definitions
from hn_assets_tests.alerts.webhook_server import webhook
from hn_assets_tests.assets.animals_dataset import AnimalsDataset, told
from hn_assets_tests.fake_hub import FakeHub, fake_hub
from hn_assets_tests.orchestration.jobs.alert_daemon import Daemon
from hn_assets_tests.small_models import (
    make_bag_of_words_model,
    make_sentence_transformer,
    make_tiny_bert,
)
from hn_assets_tests.training.test_trainers import with_pooling

Rounds = tuple[AnimalsDataset, list[dg.ExecuteInProcessResult], FakeHub]

TRAINED = ("fine_tuned_model", "fine_tuned_quality", "promoted_model")
HAS_TENSORBOARD = find_spec("tensorboard") is not None
PROMPTS = {"query": "query: ", "document": "passage: "}
ALWAYS = -1.0  # promoted whatever nDCG@10 is


def make_graph(
    folder: Path, model: Path, sections: dict[str, Any] | None = None, **training: Any
) -> AnimalsDataset:
    return AnimalsDataset(
        folder,
        **(sections or {}),
        encoding={"model": "promoted", "passage_max_length": 32},
        training={
            "base_model": str(model),
            "batch_size": 4,
            "negatives_per_example": 2,
            "learning_rate": 1e-3,
            "max_rounds": 1,
            **training,
        },
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose own files say with which prompts it is used."""
    folder = tmp_path_factory.mktemp("tiny")
    bare = make_tiny_bert(folder / "bare")
    return make_sentence_transformer(folder / "prompted", bare, prompts=PROMPTS)


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Iterator[Rounds]:
    """A dataset after a round that was promoted and pushed, and one more run."""
    repository = {"hub": {"model_repo": "me/animals"}}
    graph = make_graph(tmp_path_factory.mktemp("rounds"), tiny, repository, min_improvement=ALWAYS)
    with pytest.MonkeyPatch.context() as patch, fake_hub(graph.folder / "cache", patch) as hub:
        patch.setenv("HF_TOKEN", hub.token)
        yield graph, [graph.materialize(), graph.materialize()], hub


def test_the_first_round_starts_from_the_base_model_and_is_promoted(
    rounds: Rounds, tiny: Path
) -> None:
    _, (first, _), _ = rounds
    said = told(first)
    assert said["fine_tuned_model"]["starts_from"] == str(tiny)
    assert (
        said["fine_tuned_model"]["training_rows"] + said["fine_tuned_model"]["validation_queries"]
        == 18
    ), "the queries of the evaluation split are not trained on"
    assert said["fine_tuned_quality"]["queries"] == 6
    assert said["promoted_model"]["promoted"]
    # the fine-tuned model of the second run is that of the first: no round was left
    folder = Path(str(said["promoted_model"]["model"]))
    lineage = json.loads((folder.parent / "lineage.json").read_text())
    assert lineage["round"] == 1
    assert lineage["weights"] == hash_folder(folder)
    assert lineage["made_from"]["settings"]["training"]["learning_rate"] == 1e-3


def test_the_next_run_mines_with_the_promoted_model_and_trains_no_more(
    rounds: Rounds,
) -> None:
    graph, (first, second), _ = rounds
    before, after = told(first), told(second)
    promoted = before["promoted_model"]["weights"]
    assert graph.store.stage("corpus_embeddings").require().info["space"]["weights"] == promoted
    # its vectors were made when it was judged
    assert after["corpus_embeddings"]["texts_encoded"] == 0
    assert not after["fine_tuned_model"]["trained"]
    assert after["promoted_model"]["weights"] == promoted
    history = graph.store.stage("promoted_model").require().info["rounds"]
    mined = [(row["mined_with"], row["outcome"]) for row in history]
    assert mined == [("the base model", "better"), ("promoted model 1", "nothing was trained")]
    assert all(check.passed for check in second.get_asset_check_evaluations()), "nothing to say"


def test_every_round_uses_the_prompts_of_the_base_model(rounds: Rounds) -> None:
    _, (first, second), _ = rounds
    folder = Path(str(told(first)["promoted_model"]["model"]))
    stated = json.loads((folder / "config_sentence_transformers.json").read_text())
    assert stated["prompts"] == PROMPTS
    for result in (first, second):
        said = told(result)
        assert said["query_embeddings"]["instruction"] == PROMPTS["query"]
        assert said["corpus_embeddings"]["instruction"] == PROMPTS["document"]


def test_an_unchanged_dataset_is_not_trained_again(
    rounds: Rounds,
) -> None:
    graph, _, _ = rounds
    third = told(graph.materialize())
    assert all(third[stage]["unchanged"] for stage in TRAINED)


def test_the_promoted_model_is_pushed_with_its_card(rounds: Rounds, tiny: Path) -> None:
    _, (first, second), hub = rounds
    pushed = hub.files("me/animals")
    folder = Path(str(told(first)["promoted_model"]["model"]))
    for path in folder.rglob("*.json*"):
        assert pushed[path.relative_to(folder).as_posix()] == path.read_bytes()
    card = pushed["README.md"].decode()
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["library_name"] == "sentence-transformers"
    assert "base_model" not in head, "a folder of this machine is no model of the hub"
    assert f"{tiny.name}, fine-tuned on hard negatives of the dataset animals" in card
    assert str(tiny) not in card
    assert "learning_rate: 0.001" in card
    assert "| mined with | the base model |" in card
    # negatives that are mined anew with the model change nothing that was said of it
    assert told(second)["hub_commits"]["model_files_pushed"] == 0


def test_a_model_that_grew_worse_is_not_promoted_and_the_alert_says_so(tmp_path: Path) -> None:
    good = with_pooling(tmp_path, make_bag_of_words_model(tmp_path / "bare"))
    with dg.instance_for_test() as instance, webhook() as hook:
        graph = make_graph(
            *(tmp_path / "graph", good, {"alerts": {"webhook": hook.url}}),
            **{"learning_rate": 0.02, "epochs": 4, "validation_share": 0},
            tensorboard=HAS_TENSORBOARD,
        )
        shuffle_labels(graph.folder / "raw" / "qrels" / "train.tsv")
        daemon = Daemon(instance, graph)
        assert daemon.run("animals").success, "the check warns and does not block"
        daemon.tick()
        quality = json.loads(
            graph.file("fine_tuned_quality", "fine_tuned_quality.json").read_text()
        )["ndcg_at_10"]
        assert quality["before"] > 0.9
        assert quality["high"] < -0.5, "with the right labels it stays where it was"
        (alert,) = hook.taken
        (line,) = (line for line in alert["lines"] if "model_is_better" in line)
        assert "worse: nDCG@10 is 1.0000 before" in line
        assert "The model is not promoted, and mining goes on with the one before" in line

        assert daemon.run("animals").success
    space = graph.store.stage("corpus_embeddings").require().info["space"]
    assert space["weights"] == hash_folder(good), "the next mining uses the old model"
    assert graph.store.stage("promoted_model").require().info["rounds"][-1]["outcome"] == "worse"
    each = pd.read_parquet(graph.file("fine_tuned_quality", "quality_by_query.parquet"))
    assert len(each) == 6
    files = graph.store.stage("fine_tuned_model").require().files
    assert any(name.startswith("tensorboard/events") for name in files) == HAS_TENSORBOARD
    assert np.isclose(each.ndcg_at_10_after.mean(), quality["after"])


def shuffle_labels(path: Path) -> None:
    """Give each query of a split the positive of the next one, which states another fact."""
    head, *rows = path.read_text().splitlines()
    queries, documents, scores = zip(*(row.split("\t") for row in rows), strict=True)
    documents = (*documents[1:], documents[0])
    mixed = ["\t".join(row) for row in zip(queries, documents, scores, strict=True)]
    path.write_text("\n".join([head, *mixed]) + "\n")


def test_training_takes_the_pool_of_the_gpu(tmp_path: Path, tiny: Path) -> None:
    job = build_definitions(make_graph(tmp_path, tiny).dataset).resolve_job_def("animals_refresh")
    pools = {node.name: node.definition.pool for node in job.graph.nodes}  # type: ignore[attr-defined]
    assert pools["animals__fine_tuned_model"] == pools["animals__fine_tuned_quality"] == "gpu"
    assert pools["animals__promoted_model"] is None


def test_without_the_section_nothing_is_trained(tmp_path: Path) -> None:
    from hn_assets.assets import stages_of

    names = {stage.name for stage in stages_of(AnimalsDataset(tmp_path).dataset.settings)}
    assert not names & set(TRAINED)
