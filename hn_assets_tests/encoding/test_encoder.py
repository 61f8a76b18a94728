"""The encoder gives FlagEmbedding's vectors, but for rounding, however it cuts its batches."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import bundled_model_folder, load_model
from hn_assets.encoding.models.unchanged import hash_folder
from hn_assets.errors import HubError, ModelError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.rounding import assert_vectors_differ_by_rounding_only
from hn_assets_tests.small_models import make_tiny_bert, minilm, minilm_encoder

WORDS = [
    "the",
    "heart",
    "pumps",
    "blood",
    "through",
    "vessels",
    "and",
    "valves",
    "in",
    "every",
    "living",
    "mammal",
]
TEXTS = [
    " ".join(WORDS[(i * 7 + j) % len(WORDS)] for j in range(1 + (i * 13) % 60)) for i in range(60)
] + ["", "long " * 400]


def flagembedding(**options) -> Any:
    from FlagEmbedding import FlagAutoModel

    return FlagAutoModel.from_finetuned(
        str(bundled_model_folder()),
        model_class="encoder-only-base",
        pooling_method="mean",
        use_fp16=False,
        devices=["cpu"],
        query_max_length=256,
        passage_max_length=256,
        **options,
    )


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Of `TEXTS`, as passages, in the default batches."""
    return minilm_encoder().encode(TEXTS, "passage")


def test_passages_and_queries_are_those_of_flagembedding(vectors: np.ndarray) -> None:
    instruction = {"query_instruction_for_retrieval": "Find: ", "query_instruction_format": "{}{}"}
    theirs = flagembedding(**instruction)
    assert_vectors_differ_by_rounding_only(vectors, theirs.encode(TEXTS, batch_size=8))
    settings = EncodingSettings(query_instruction="Find: ")
    model = load_model(settings, devices=["cpu"], precision="float32")
    ours = Encoder(model, devices=["cpu"])
    assert ours.batching_engine == "hn_assets"
    queries = theirs.encode_queries(TEXTS, batch_size=8)
    assert_vectors_differ_by_rounding_only(ours.encode(TEXTS, "query"), queries)


def test_queries_and_passages_each_get_their_own_instruction(vectors: np.ndarray) -> None:
    settings = EncodingSettings(query_instruction="query: ", passage_instruction="passage: ")
    encoder = Encoder(load_model(settings, devices=["cpu"], precision="float32"), devices=["cpu"])
    plain = minilm_encoder()
    for kind in ("query", "passage"):
        joined = plain.encode([f"{kind}: {text}" for text in TEXTS], "passage")
        assert_vectors_differ_by_rounding_only(encoder.encode(TEXTS, kind), joined)
    theirs = flagembedding(passage_instruction_for_retrieval="passage: ")
    passages = theirs.encode_corpus(TEXTS, batch_size=8)
    assert_vectors_differ_by_rounding_only(encoder.encode(TEXTS, "passage"), passages)


def test_a_format_joins_instruction_and_passage(vectors: np.ndarray) -> None:
    settings = EncodingSettings(
        passage_instruction="document", passage_instruction_format="task: {} | {}"
    )
    encoder = Encoder(load_model(settings, devices=["cpu"], precision="float32"), devices=["cpu"])
    joined = minilm_encoder().encode([f"task: document | {text}" for text in TEXTS], "passage")
    assert_vectors_differ_by_rounding_only(encoder.encode(TEXTS, "passage"), joined)
    assert_vectors_differ_by_rounding_only(encoder.encode(TEXTS, "query"), vectors)


def test_passages_get_their_instruction_if_flagembedding_drives_the_model(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "model": str(make_tiny_bert(tmp_path)),
        "model_class": "decoder-only-base",
        "pooling": "last_token",
    }
    plain, told = (
        Encoder(
            load_model(EncodingSettings(**given), devices=["cpu"], precision="float32"),
            devices=["cpu"],
        )
        for given in (options, {**options, "passage_instruction": "passage: "})
    )
    assert told.batching_engine == "FlagEmbedding"
    joined = plain.encode(["passage: heart", "passage: lungs breathe"], "passage")
    assert_vectors_differ_by_rounding_only(
        told.encode(["heart", "lungs breathe"], "passage"), joined
    )


@pytest.mark.parametrize("max_tokens", [1, 700])
def test_another_batch_size_changes_vectors_by_rounding_only(
    vectors: np.ndarray, max_tokens: int
) -> None:
    other = minilm_encoder(max_tokens_per_batch=max_tokens).encode(TEXTS, "passage")
    assert_vectors_differ_by_rounding_only(other, vectors)


def test_the_order_and_the_other_texts_change_vectors_by_rounding_only(
    vectors: np.ndarray,
) -> None:
    reverse = minilm_encoder().encode(TEXTS[::-1], "passage")[::-1]
    assert_vectors_differ_by_rounding_only(reverse, vectors)
    alone = minilm_encoder().encode(TEXTS[7:8], "passage")
    assert_vectors_differ_by_rounding_only(alone, vectors[7:8])


def test_windows_keep_ids_and_order_and_count(vectors: np.ndarray) -> None:
    encoder, seen = minilm_encoder(), []
    encoder.window = 16
    pairs = ((f"d{i}", text) for i, text in enumerate(TEXTS))
    blocks = list(encoder.encode_windows(pairs, "passage", progress=lambda s: seen.append(s.texts)))
    assert [i for ids, _ in blocks for i in ids] == [f"d{i}" for i in range(len(TEXTS))]
    stacked = np.concatenate([block for _, block in blocks])
    assert_vectors_differ_by_rounding_only(stacked, vectors)
    assert seen == sorted(seen)
    assert seen[-1] == len(TEXTS)
    assert len(seen) > 4, "told within a window, too"
    assert encoder.stats.truncated == 1
    tokenizer: Any = encoder.model.embedder.tokenizer
    assert encoder.stats.tokens == sum(min(256, len(i)) for i in tokenizer(TEXTS)["input_ids"])


def test_padding_stays_within_the_positions_a_model_has(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path)  # has 512 positions
    config = json.loads((folder / "config.json").read_text())
    settings = EncodingSettings(model=str(folder), pooling="mean", passage_max_length=509)
    model = load_model(settings, devices=["cpu"], precision="float32")
    assert config["max_position_embeddings"] == 512
    bert: Any = model.embedder.model
    bert.embeddings.position_ids = bert.embeddings.position_ids[:, :509]
    encoder = Encoder(model, devices=["cpu"])
    assert encoder.encode(["long " * 600], "passage").shape == (1, 32)
    assert encoder.stats.tokens == 509


def test_bfloat16_is_close_to_float32(vectors: np.ndarray) -> None:
    half = Encoder(minilm("bfloat16"), devices=["cpu"]).encode(TEXTS, "passage")
    assert half.dtype == np.float32
    assert (half * vectors).sum(axis=1).min() > 0.99
    assert (half != vectors).any()
    np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1, atol=1e-5)


def test_vectors_are_left_as_they_are_without_normalize() -> None:
    model = load_model(EncodingSettings(normalize=False), devices=["cpu"], precision="float32")
    norms = np.linalg.norm(Encoder(model, devices=["cpu"]).encode(TEXTS, "passage"), axis=1)
    assert np.abs(norms - 1).max() > 0.01


def test_a_model_only_flagembedding_can_drive_goes_through_it(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path)
    settings = EncodingSettings(
        model=str(folder), model_class="decoder-only-base", pooling="last_token"
    )
    encoder = Encoder(load_model(settings, devices=["cpu"], precision="float32"), devices=["cpu"])
    assert encoder.batching_engine == "FlagEmbedding"
    vectors = encoder.encode(["one text", "another"], "passage")
    assert vectors.shape == (2, 32)
    assert encoder.stats.texts == 2
    assert encoder.stats.tokens == 7


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="/no/such/model is not there"):
        load_model(EncodingSettings(model="/no/such/model"), devices=["cpu"], precision="float32")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no model: it has no config\.json"):
        load_model(EncodingSettings(model=str(tmp_path)), devices=["cpu"], precision="float32")


def test_a_hub_that_cannot_be_reached_says_how_to_name_a_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    settings = EncodingSettings(model="BAAI/no-such-model-here")
    with pytest.raises(HubError, match="set encoding.model to a local folder"):
        load_model(settings, devices=["cpu"], precision="float32")


def test_pooling_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    folder = make_tiny_bert(tmp_path)
    with pytest.raises(ModelError, match="Set encoding.pooling"):
        load_model(EncodingSettings(model=str(folder)), devices=["cpu"], precision="float32")


@pytest.mark.parametrize(
    "config", [{"pooling_mode_cls_token": True}, {"pooling_mode": "cls"}, {"pooling_mode": "mean"}]
)
def test_pooling_and_length_come_from_the_model(tmp_path: Path, config: dict) -> None:
    folder = make_tiny_bert(tmp_path)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 17}')
    model = load_model(EncodingSettings(model=str(folder)), devices=["cpu"], precision="float32")
    assert model.identity.pooling == ("mean" if "mean" in config.values() else "cls")
    assert model.identity.passage_max_length == 17


def test_another_checkpoint_in_the_same_folder_has_other_weights(tmp_path: Path) -> None:
    first = hash_folder(make_tiny_bert(tmp_path, seed=0))
    again = hash_folder(make_tiny_bert(tmp_path, seed=0))
    other = hash_folder(make_tiny_bert(tmp_path, seed=1))
    assert first == again != other
