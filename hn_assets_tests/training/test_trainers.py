"""Each trainer and each loss gives a model that everybody can load."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import identify_model, load_model
from hn_assets.errors import SettingsError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.training.training_job import LOG, TrainingJob
from hn_assets_tests.small_models import make_sentence_transformer, make_tiny_bert
from hn_assets_tests.training.jobs import make_job

TEXTS = ["fact 3 is about the number 3", "what is fact 7?", "something else"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("tiny"))


def train(job: TrainingJob) -> dict[str, Any]:
    """What the training logged; it runs in this process."""
    import_module(f"hn_assets.training.trainers.{job.settings.trainer}").train(job)
    return json.loads((Path(job.output) / LOG).read_text())


def vectors_by_us(folder: str, kind: Any = "passage") -> np.ndarray:
    settings = EncodingSettings(model=folder)
    model = load_model(settings, devices=["cpu"], precision="float32")
    return Encoder(model, devices=["cpu"]).encode(TEXTS, kind)


def test_all_libraries_load_the_model_with_the_same_vectors(tmp_path: Path, tiny: Path) -> None:
    from FlagEmbedding import FlagModel
    from sentence_transformers import SentenceTransformer

    job = make_job(tmp_path / "job", tiny)
    log = train(job)
    assert log["steps"] == 6
    losses = [row["loss"] for row in log["log"] if "loss" in row]
    assert losses[-1] < losses[0]
    assert [row["step"] for row in log["log"] if "eval_loss" in row] == [2, 4, 6]

    ours = vectors_by_us(job.output)
    theirs = SentenceTransformer(job.output, device="cpu").encode(TEXTS)
    np.testing.assert_allclose(theirs, ours, atol=2e-6)
    flag: Any = FlagModel(job.output, pooling_method="mean", use_fp16=False, devices=["cpu"])
    np.testing.assert_allclose(flag.encode(TEXTS), ours, atol=2e-6)
    identity = identify_model(EncodingSettings(model=job.output))
    assert (identity.pooling, identity.passage_max_length) == ("mean", 64)


def test_a_trained_model_is_used_as_the_one_it_was_trained_from(tmp_path: Path, tiny: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules.dense import Dense

    prompts = {"query": "query: ", "document": "passage: "}
    base = make_sentence_transformer(
        tmp_path / "base",
        tiny,
        heads=[Dense(32, 16)],
        prompts=prompts,
        similarity_fn_name="dot",
        truncate_dim=8,
    )
    job = job_from(tmp_path, base)
    train(job)

    model = SentenceTransformer(job.output, device="cpu")
    assert model.prompts == prompts
    before, after = (identify_model(EncodingSettings(model=str(m))) for m in (base, job.output))
    assert after.usage == before.usage
    assert (after.query_max_length, after.passage_max_length) == (48, 48)
    encode = {"query": model.encode_query, "passage": model.encode_document}
    for kind in encode:
        np.testing.assert_allclose(vectors_by_us(job.output, kind), encode[kind](TEXTS), atol=1e-5)
    untrained = vectors_by_us(str(base), "passage")
    assert np.abs(vectors_by_us(job.output, "passage") - untrained).max() > 1e-4


def test_a_trained_model_states_the_prompts_of_the_settings(tmp_path: Path, tiny: Path) -> None:
    base = with_pooling(tmp_path, tiny)
    given = {"query_instruction": "find", "query_instruction_format": "{}: {}"}
    job = job_from(tmp_path, base, query_max_length=30, **given)
    train(job)
    identity = identify_model(EncodingSettings(model=job.output))
    assert identity.usage.query_prompt.join("a cat") == "find: a cat"
    assert identity.usage.passage_prompt.instruction == ""
    assert (identity.query_max_length, identity.passage_max_length) == (30, 512)


def test_flagembedding_trains_no_modules_behind_the_pooling(tmp_path: Path, tiny: Path) -> None:
    from sentence_transformers.base.modules.dense import Dense

    base = make_sentence_transformer(tmp_path / "base", tiny, heads=[Dense(32, 16)])
    with pytest.raises(SettingsError, match="set it to sentence_transformers"):
        job_from(tmp_path, base, trainer="flagembedding")


def job_from(
    folder: Path, base: Path, trainer: str = "sentence_transformers", **encoding: Any
) -> TrainingJob:
    """A short training of a model that is encoded with some settings."""
    settings = EncodingSettings(model=str(base), **encoding)
    small = make_job(folder / "job", base, trainer=trainer)
    job = TrainingJob.starting_from(
        identify_model(settings),
        str(base),
        training_rows=Path(small.training_rows),
        validation_rows=None,
        rows=small.rows,
        checkpoints=Path(small.checkpoints),
        output=Path(small.output),
        settings=small.settings,
        encoding=settings,
        precision="float32",
        devices=["cpu"],
    )
    return TrainingJob.from_json(job.to_json())


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "margin_mse"},
        {"loss": "kl_divergence", "matryoshka_dimensions": (16, 8)},
        {"loss": "cached_multiple_negatives_ranking", "mini_batch_size": 3},
        {"trainer": "flagembedding"},
    ],
    ids=lambda settings: settings.get("loss") or settings["trainer"],
)
def test_every_loss_and_trainer_changes_the_model(
    tmp_path: Path, tiny: Path, settings: dict[str, Any]
) -> None:
    job = make_job(tmp_path / "job", tiny, **settings)
    log = train(job)
    assert log["steps"] == 6
    assert all(np.isfinite(row["loss"]) for row in log["log"] if "loss" in row)
    before = vectors_by_us(str(with_pooling(tmp_path, tiny)))
    cosines = (before * vectors_by_us(job.output)).sum(axis=1)
    assert cosines.max() < 0.9999


def test_adapters_are_merged_into_the_weights(tmp_path: Path, tiny: Path) -> None:
    from safetensors import safe_open

    job = make_job(tmp_path / "job", tiny, lora={"rank": 4})
    train(job)
    with safe_open(Path(job.output) / "model.safetensors", "np") as trained:
        names = set(trained.keys())
        with safe_open(tiny / "model.safetensors", "np") as base:
            assert {name.removeprefix("bert.") for name in base.keys()} == names  # noqa: SIM118
            layer = "encoder.layer.0.attention.self.query.weight"
            assert np.abs(trained.get_tensor(layer) - base.get_tensor(layer)).max() > 1e-6
            # what has no adapter stays as it was
            words = "embeddings.word_embeddings.weight"
            np.testing.assert_array_equal(trained.get_tensor(words), base.get_tensor(words))
    assert not list(Path(job.output).glob("adapter*"))


def with_pooling(folder: Path, model: Path) -> Path:
    """A copy of a model that says that it pools by the mean."""
    import shutil

    copy = folder / "pooled"
    shutil.copytree(model, copy)
    (copy / "1_Pooling").mkdir()
    (copy / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    return copy
