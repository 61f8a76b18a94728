"""A step that fails is tried again and goes on; one that is cancelled is not."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from hn_assets.encoding import encoder
from hn_assets.encoding.models.model import LoadedModel, load_model
from hn_assets.encoding.models.unchanged import hash_folder
from hn_assets.encoding.vectors.vector_cache import VectorCache
from hn_assets.sources.kinds.beir import BeirFolder
from hn_assets.sources.protocol import Query
from hn_assets_tests.assets.animals_dataset import told
from hn_assets_tests.assets.test_refresh import make_dataset, strays
from hn_assets_tests.collections_on_disk import animals
from hn_assets_tests.fake_hub import FakeHub, fake_hub, push_beir
from hn_assets_tests.small_models import make_tiny_bert

JOB = {"retries": 2, "retry_delay": 0}


def test_a_failed_step_is_tried_again_and_goes_on_from_its_shards(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(encoder.WINDOW_TEXTS, "same_length", 4)
    add, calls = VectorCache.add, []

    def fail_once(self: VectorCache, *shard) -> None:
        calls.append(shard)
        if len(calls) == 3:
            raise RuntimeError("the GPU has fallen off the bus")
        add(self, *shard)

    monkeypatch.setattr(VectorCache, "add", fail_once)
    result = make_dataset(tmp_path, model, job=JOB).materialize()
    assert result.success
    (retried,) = (e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY")
    assert "fallen off the bus" in str(retried.event_specific_data)
    found = told(result)["corpus_embeddings"]
    assert (found["texts_encoded"], found["texts_reused"]) == (40, 8)


def test_after_the_last_try_the_error_is_the_one_that_happened(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: VectorCache, *shard) -> None:
        raise RuntimeError("the GPU has fallen off the bus")

    monkeypatch.setattr(VectorCache, "add", fail)
    result = make_dataset(tmp_path, model, job=JOB).materialize(raise_on_error=False)
    kinds = [e.event_type_value for e in result.all_events]
    assert kinds.count("STEP_UP_FOR_RETRY") == 2
    (failed,) = (e for e in result.all_events if e.is_step_failure)
    assert "fallen off the bus" in str(failed.step_failure_data.error)


def test_a_source_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = BeirFolder.queries
    path = tmp_path / "raw" / "corpus.jsonl"

    def change_the_corpus_once(self: BeirFolder) -> Iterator[Query]:
        if "whale-0" in (text := path.read_text()):
            path.write_text(text.replace("whale-0", "orca-0"))
        return queries(self)

    graph = make_dataset(tmp_path, model, job=JOB)
    monkeypatch.setattr(BeirFolder, "queries", change_the_corpus_once)
    result = graph.materialize("corpus", "queries", "qrels", raise_on_error=False)
    assert result.success
    (retried,) = (e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY")
    assert "the source changed while it was read" in str(retried.event_specific_data)
    ids = set(pd.read_parquet(graph.file("corpus", "corpus.parquet")).id)
    assert "orca-0" in ids and "whale-0" not in ids


def test_a_model_that_is_saved_over_while_it_is_loaded_is_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, loaded = make_tiny_bert(tmp_path / "model"), []

    def save_over_once(*arguments, **options) -> LoadedModel:
        loaded.append(options["identity"].weights)
        if len(loaded) == 1:
            make_tiny_bert(folder, seed=1)
        return load_model(*arguments, **options)

    monkeypatch.setattr("hn_assets.encoding.lazy_model.load_model", save_over_once)
    graph = make_dataset(tmp_path, folder, job=JOB)
    result = graph.materialize("corpus", "queries", "qrels", "corpus_embeddings")
    (retried,) = (e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY")
    assert "the model has changed while it was loaded" in str(retried.event_specific_data)
    assert loaded[0] != loaded[-1] == hash_folder(folder)
    manifest = str(graph.store.stage("corpus_embeddings").require())
    assert loaded[-1] in manifest and loaded[0] not in manifest


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with the animals dataset."""
    with fake_hub(tmp_path / "cache", monkeypatch) as running:
        push_beir(running, "me/animals", animals(tmp_path / "pushed"))
        yield running


FROM_HUB = {"type": "hub", "dataset": "me/animals"}


def test_a_hub_that_sends_other_bytes_for_a_moment_is_asked_again(
    tmp_path: Path, model: Path, hub: FakeHub
) -> None:
    hub.lies, hub.faults_left = {"corpus.jsonl": b"an error page"}, 2
    graph = make_dataset(tmp_path, model, job=JOB, source=FROM_HUB)
    result = graph.materialize("corpus", "queries", "qrels", raise_on_error=False)
    assert result.success
    retried = [e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]
    assert "corpus.jsonl of me/animals cannot be downloaded" in str(retried[0].event_specific_data)
    assert len(pd.read_parquet(graph.file("corpus", "corpus.parquet"))) == 48


@pytest.mark.parametrize(("name", "retries"), [("me/animals", JOB["retries"]), ("me/misspelt", 0)])
def test_of_a_hub_that_does_not_answer_the_last_error_names_the_remedy(
    tmp_path: Path, model: Path, hub: FakeHub, name: str, retries: int
) -> None:
    hub.fails = "me/animals"
    graph = make_dataset(tmp_path, model, job=JOB, source={**FROM_HUB, "dataset": name})
    result = graph.materialize("corpus", "queries", "qrels", raise_on_error=False)
    kinds = [event.event_type_value for event in result.all_events]
    assert kinds.count("STEP_UP_FOR_RETRY") == retries
    (failed,) = (event for event in result.all_events if event.is_step_failure)
    assert "HN_ANIMALS_FOLDER" in str(failed.step_failure_data.user_failure_data)


def test_wrong_input_is_not_tried_again(tmp_path: Path, model: Path) -> None:
    graph = make_dataset(tmp_path, model, job=JOB)
    (tmp_path / "raw" / "corpus.jsonl").write_text("no JSON\n")
    result = graph.materialize(raise_on_error=False)
    kinds = [event.event_type_value for event in result.all_events]
    assert "STEP_UP_FOR_RETRY" not in kinds
    assert "STEP_FAILURE" in kinds


def test_a_cancelled_run_ends_and_the_next_one_goes_on(tmp_path: Path, model: Path) -> None:
    """What the UI's Terminate sends is a SIGINT to the process of the run."""
    graph = make_dataset(tmp_path, model, job=JOB)
    code = (
        "import time\n"
        "from pathlib import Path\n"
        "from hn_assets.encoding import encoder\n"
        "from hn_assets.encoding.vectors.vector_cache import VectorCache\n"
        "from hn_assets_tests.assets.test_refresh import make_dataset\n"
        "encoder.WINDOW_TEXTS['same_length'] = 4\n"
        "add = VectorCache.add\n"
        "VectorCache.add = lambda self, *shard: (time.sleep(0.5), add(self, *shard))\n"
        f"graph = make_dataset(Path({str(tmp_path)!r}), Path({str(model)!r}), job={JOB!r})\n"
        "graph.materialize()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    last = time.monotonic() + 120
    while not list(graph.store.vectors.glob("*/*.arrow")):
        assert process.poll() is None and time.monotonic() < last
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "STEP_UP_FOR_RETRY" not in said
    assert "Execution was interrupted" in said
    shards = len(list(graph.store.vectors.glob("*/*.arrow")))
    assert 1 <= shards < 12
    found = told(graph.materialize())["corpus_embeddings"]
    assert found["texts_reused"] == 4 * shards
    assert found["texts_encoded"] == 48 - 4 * shards
    assert not strays(graph)
