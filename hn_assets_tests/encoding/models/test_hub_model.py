"""A model of the hub is loaded at the commit that was found when it was identified."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import ModelIdentity, identify_model, load_model
from hn_assets.errors import HubError, HubUnavailableError, ModelError
from hn_assets.reranking.model import identify_reranker
from hn_assets.reranking.reranker import Reranker
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.settings.teacher import TeacherSettings
from hn_assets_tests.fake_hub import FakeHub, fake_hub
from hn_assets_tests.hub_cache import make_hub_cache, move_branch
from hn_assets_tests.rounding import assert_vectors_differ_by_rounding_only
from hn_assets_tests.small_models import make_sentence_transformer, make_tiny_bert

FIRST, SECOND = "1" * 40, "2" * 40
NAME = "someone/tiny"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        commit: make_tiny_bert(tmp_path_factory.mktemp("model"), seed=seed)
        for seed, commit in enumerate((FIRST, SECOND))
    }


@pytest.fixture
def cache(tmp_path: Path, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    make_hub_cache(tmp_path, NAME, folders, {"main": SECOND, "trained": FIRST}, monkeypatch)
    return tmp_path


def vectors(settings: EncodingSettings, identity: ModelIdentity | None = None) -> Any:
    model = load_model(settings, devices=["cpu"], precision="float32", identity=identity)
    return Encoder(model, devices=["cpu"]).encode(["the heart", "a lung"], "passage")


def hub_model(**options: Any) -> EncodingSettings:
    return EncodingSettings(model=NAME, pooling="mean", **options)


@pytest.mark.parametrize(
    ("revision", "commit"), [(None, SECOND), ("trained", FIRST), (FIRST, FIRST)]
)
def test_a_revision_is_a_commit_that_is_recorded_and_loaded(
    cache: Path, folders: dict[str, Path], revision: str | None, commit: str
) -> None:
    settings = hub_model(revision=revision)
    assert identify_model(settings).weights == f"{NAME}@{commit}"
    from_folder = vectors(EncodingSettings(model=str(folders[commit]), pooling="mean"))
    assert_vectors_differ_by_rounding_only(vectors(settings), from_folder)


def test_a_branch_that_moves_after_it_was_looked_up_changes_nothing(
    cache: Path, folders: dict[str, Path]
) -> None:
    identity = identify_model(hub_model())
    move_branch(cache, NAME, "main", FIRST)
    from_folder = vectors(EncodingSettings(model=str(folders[SECOND]), pooling="mean"))
    assert_vectors_differ_by_rounding_only(vectors(hub_model(), identity), from_folder)
    assert identify_model(hub_model()).weights == f"{NAME}@{FIRST}"


def test_a_model_that_flagembedding_knows_by_name_is_loaded_as_its_class(
    tmp_path: Path, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "intfloat/e5-small-v2"
    make_hub_cache(tmp_path, name, folders, {"main": FIRST}, monkeypatch)
    settings = EncodingSettings(model=name)
    identity = identify_model(settings)
    assert identity.model_class is None
    assert identity.pooling == "mean"
    from_folder = vectors(EncodingSettings(model=str(folders[FIRST]), pooling="mean"))
    assert_vectors_differ_by_rounding_only(vectors(settings, identity), from_folder)


def test_a_revision_that_the_hub_does_not_have_is_named(cache: Path) -> None:
    with pytest.raises(
        HubError, match=r"at the revision 'gone'.*Check encoding\.model and encoding\.rev"
    ):
        identify_model(hub_model(revision="gone"))
    settings = TeacherSettings(model=NAME, revision="gone")
    with pytest.raises(
        HubError, match=r"at the revision 'gone'.*Check teacher\.model and teacher\.rev"
    ):
        identify_reranker(settings)


def test_a_revision_of_a_folder_is_refused(folders: dict[str, Path]) -> None:
    settings = EncodingSettings(model=str(folders[FIRST]), pooling="mean", revision=FIRST)
    with pytest.raises(ModelError, match=r"encoding\.revision.*is for models of the hub"):
        identify_model(settings)


@pytest.mark.parametrize("name", ["someone/teacher", "BAAI/bge-reranker-base"])
def test_a_teacher_is_loaded_at_its_revision(
    teacher_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    other = tmp_path / "other"
    model = AutoModelForSequenceClassification.from_pretrained(teacher_folder)
    model.classifier.bias.data.fill_(7)
    model.save_pretrained(other)
    AutoTokenizer.from_pretrained(teacher_folder).save_pretrained(other)
    commits = {FIRST: teacher_folder, SECOND: other}
    cache = tmp_path / "cache"
    make_hub_cache(cache, name, commits, {"main": SECOND, "trained": FIRST}, monkeypatch)

    pairs = [("tell me about the garden", "a garden"), ("tell me about the garden", "a school")]
    found = {}
    for revision in (None, "trained"):
        settings = TeacherSettings(model=name, revision=revision)
        identity = identify_reranker(settings)
        assert identity.weights == f"{name}@{FIRST if revision else SECOND}"
        move_branch(cache, name, "main", FIRST)  # which does not count any more
        reranker = Reranker(identity, settings, devices=["cpu"], precision="float32")
        found[revision] = reranker.score(pairs)
    np.testing.assert_allclose(found["trained"], [3.4, -4.4], atol=0.3)
    np.testing.assert_allclose(found[None], found["trained"] + 7, atol=1e-3)


@pytest.fixture
def hub(
    tmp_path: Path, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeHub]:
    """A hub on loopback with the first of the models."""
    monkeypatch.setattr("hn_assets.hub.STALL_SECONDS", 1.0)
    with fake_hub(tmp_path / "cache", monkeypatch) as running:
        running.commit(NAME, folders[FIRST])
        yield running


@pytest.mark.parametrize("file", ["model.safetensors", "sentence_bert_config.json"])
def test_other_bytes_than_the_hub_lists_are_never_loaded(
    hub: FakeHub, folders: dict[str, Path], file: str
) -> None:
    files = {path.name: path.read_bytes() for path in folders[FIRST].iterdir() if path.is_file()}
    other = (folders[SECOND] / "model.safetensors").read_bytes()
    hub.commit(NAME, {**files, "sentence_bert_config.json": b'{"max_seq_length": 64}'})
    hub.lies[file] = other if file == "model.safetensors" else b'{"max_seq_length": 16}'
    with pytest.raises(HubUnavailableError, match=f"{file} of {NAME} is not what the hub lists"):
        vectors(hub_model())
    hub.lies.clear()
    assert identify_model(hub_model()).passage_max_length == 64
    from_folder = vectors(EncodingSettings(model=str(folders[FIRST]), pooling="mean"))
    assert_vectors_differ_by_rounding_only(vectors(hub_model()), from_folder)
    asked = len(hub.asked)
    hub.fails = "/me/"
    identity = identify_model(hub_model(revision=identify_model(hub_model()).commit))
    assert_vectors_differ_by_rounding_only(vectors(hub_model(), identity), from_folder)
    assert [line for line in hub.asked[asked:] if "GET" in line] == [], "all is in the cache"


def test_what_the_files_say_is_read_at_the_revision(
    hub: FakeHub, folders: dict[str, Path], tmp_path: Path
) -> None:
    from sentence_transformers.base.modules.dense import Dense

    folder = make_sentence_transformer(
        tmp_path / "told", folders[FIRST], heads=[Dense(32, 16)], prompts={"query": "find: "}
    )
    told = hub.commit(NAME, folder)
    hub.commit(NAME, folders[FIRST])
    settings = EncodingSettings(model=NAME, revision=told)
    identity = identify_model(settings)
    assert identity.usage.query_prompt.instruction == "find: "
    assert identity.weights == f"{NAME}@{told}"
    of_hub, of_folder = vectors(settings, identity), vectors(EncodingSettings(model=str(folder)))
    assert of_hub.shape == (2, 16)
    assert_vectors_differ_by_rounding_only(of_hub, of_folder)
    assert identify_model(hub_model()).usage.query_prompt.instruction == "", "the newest has none"


@pytest.mark.parametrize("how", ["hangs", "stops", "cuts", "fails"])
def test_a_hub_that_does_not_send_a_model_ends_the_wait(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    identity = identify_model(hub_model())
    setattr(hub, how, "model.safetensors")
    started = time.monotonic()
    with pytest.raises(HubUnavailableError, match="model.safetensors of someone/tiny cannot be"):
        load_model(hub_model(), devices=["cpu"], precision="float32", identity=identity)
    assert time.monotonic() - started < 5
    if how == "stops":
        return  # the client's thread, which is left to itself, holds its lock some seconds longer
    setattr(hub, how, "\0")
    load_model(hub_model(), devices=["cpu"], precision="float32", identity=identity)


def test_a_model_of_the_hub_without_a_head_for_scores_is_no_teacher(hub: FakeHub) -> None:
    with pytest.raises(ModelError, match=f"{NAME} holds no reranker but BertModel"):
        identify_reranker(TeacherSettings(model=NAME))
