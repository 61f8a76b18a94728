"""Models as sentence-transformers saves them give the vectors that it computes with them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hn_assets.encoding import encoder as encoder_module
from hn_assets.encoding.devices.device_model import DeviceModel
from hn_assets.encoding.encoder import Encoder
from hn_assets.encoding.models.model import bundled_model_folder, load_model
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.errors import ModelError
from hn_assets.settings.encoding import EncodingSettings
from hn_assets_tests.rounding import TOLERANCE
from hn_assets_tests.small_models import (
    make_sentence_transformer,
    make_tiny_bert,
    make_tiny_decoder,
)

PROMPTS = {"query": "query: ", "document": "this is a passage: "}
TEXTS = [
    "the heart pumps blood",
    "  Valves, in every LIVING mammal ",
    "a",
    "words " * 600,  # is cut, with its prompt
    *(f"{'many ' * i}texts of {i} words" for i in range(3, 30, 4)),
]


@pytest.fixture(autouse=True)
def no_collection_of_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its end a model of FlagEmbedding collects all garbage, which takes longer than a test."""
    monkeypatch.setattr("FlagEmbedding.abc.inference.AbsEmbedder.__del__", lambda self: None)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bare")
    return {
        "bert": make_tiny_bert(folder / "bert", deviation=0.5),
        "decoder": make_tiny_decoder(folder / "decoder"),
    }


def dense(features: int = 16, activation: Any = None) -> Any:
    import torch
    from sentence_transformers.base.modules.dense import Dense

    torch.manual_seed(1)
    return Dense(32, features, activation_function=activation or torch.nn.Tanh())


def normalize() -> Any:
    from sentence_transformers.base.modules.normalize import Normalize

    return Normalize()


def ours(folder: Path, kind: Kind, **settings: Any) -> np.ndarray:
    chosen = EncodingSettings(model=str(folder), **settings)
    encoder = Encoder(load_model(chosen, devices=["cpu"], precision="float32"), devices=["cpu"])
    assert encoder.batching_engine == "hn_assets"
    return encoder.encode(TEXTS, kind)


def theirs(folder: Path, kind: Kind, **options: Any) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    encode = model.encode_query if kind == "query" else model.encode_document
    return encode(TEXTS, **options)


def assert_same_directions(vectors: np.ndarray, others: np.ndarray) -> None:
    assert vectors.shape == others.shape
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (vectors, others))
    np.testing.assert_allclose((a.astype(np.float64) * b).sum(axis=1), 1, rtol=0, atol=TOLERANCE)


def heads_of(names: str) -> list[Any]:
    made = {"dense": dense, "normalize": normalize}
    return [made[name]() for name in names.split()]


@pytest.mark.parametrize(
    ("network", "pooling", "heads"),
    [
        ("bert", "cls", ""),
        ("bert", "cls", "dense normalize"),
        ("bert", "mean", "normalize"),
        ("bert", "mean", "dense"),
        ("bert", "mean", "normalize dense"),
        ("decoder", "lasttoken", ""),
        ("decoder", "lasttoken", "dense normalize"),
    ],
)
def test_vectors_are_those_of_encode_query_and_encode_document(
    tmp_path: Path, bare: dict[str, Path], network: str, pooling: str, heads: str
) -> None:
    folder = make_sentence_transformer(
        tmp_path, bare[network], pooling=pooling, heads=heads_of(heads), prompts=PROMPTS
    )
    for kind in ("query", "passage"):
        vectors = ours(folder, kind)
        assert_same_directions(vectors, theirs(folder, kind))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=TOLERANCE)
    assert np.abs(ours(folder, "query") - ours(folder, "passage")).max() > 0.01


def network(kind: str) -> Any:
    """A model of transformers with random weights."""
    import torch
    import transformers

    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "vocab_size": 30522,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "initializer_range": 0.5,
        "pad_token_id": 0,
    }
    if kind == "xlm-roberta":  # as multilingual E5
        return transformers.XLMRobertaModel(transformers.XLMRobertaConfig(**sizes))
    if kind == "distilbert":
        config = transformers.DistilBertConfig(
            vocab_size=30522, dim=32, n_layers=2, n_heads=2, hidden_dim=64, initializer_range=0.5
        )
        return transformers.DistilBertModel(config)
    if kind == "mpnet":  # takes the token 1 for padding, whatever its configuration says
        return transformers.MPNetModel(transformers.MPNetConfig(**{**sizes, "pad_token_id": 1}))
    if kind == "modernbert":  # looks at neighbours and at all by turns
        config = transformers.ModernBertConfig(
            **sizes, local_attention=8, layer_types=["full_attention", "sliding_attention"]
        )
        return transformers.ModernBertModel(config)
    if kind == "gemma3":  # as EmbeddingGemma, which looks both ways
        config = transformers.Gemma3TextConfig(
            **sizes,
            num_key_value_heads=1,
            head_dim=16,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention"],
            use_bidirectional_attention=True,
        )
        return transformers.Gemma3TextModel(config)
    config = transformers.T5Config(  # of which only the encoder is used
        vocab_size=30522, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2
    )
    return transformers.T5Model(config)


@pytest.mark.parametrize("kind", ["xlm-roberta", "modernbert", "gemma3", "t5"])
def test_other_kinds_of_networks_give_the_same_vectors_too(tmp_path: Path, kind: str) -> None:
    from transformers import AutoTokenizer

    network(kind).save_pretrained(tmp_path / "bare")
    AutoTokenizer.from_pretrained(bundled_model_folder()).save_pretrained(tmp_path / "bare")
    folder = make_sentence_transformer(
        tmp_path / "model", tmp_path / "bare", heads=heads_of("dense normalize"), prompts=PROMPTS
    )
    for text_kind in ("query", "passage"):
        assert_same_directions(ours(folder, text_kind), theirs(folder, text_kind))


@pytest.mark.parametrize(("kind", "pooling"), [("distilbert", "mean"), ("mpnet", "lasttoken")])
def test_a_text_has_the_vector_that_it_has_alone_on_whichever_side_a_tokenizer_pads(
    tmp_path: Path, kind: str, pooling: str
) -> None:
    """In a batch, sentence-transformers then moves the positions of some models by the padding."""
    from sentence_transformers import SentenceTransformer
    from transformers import AutoTokenizer

    network(kind).save_pretrained(tmp_path / "bare")
    tokenizer = AutoTokenizer.from_pretrained(bundled_model_folder(), padding_side="left")
    if kind == "mpnet":
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(1)
    tokenizer.save_pretrained(tmp_path / "bare")
    folder = make_sentence_transformer(tmp_path / "model", tmp_path / "bare", pooling=pooling)
    model: Any = SentenceTransformer(str(folder), device="cpu")
    assert model.tokenizer.padding_side == "left"
    vectors, alone = ours(folder, "passage"), model.encode_document(TEXTS, batch_size=1)
    assert_same_directions(vectors, alone)
    together = model.encode_document(TEXTS)
    assert (np.abs(together - alone).max() > 0.01) == (kind == "distilbert")


@pytest.mark.parametrize(
    ("heads", "truncate_dim"), [("", None), ("dense", 8), ("dense normalize", 8)]
)
def test_vectors_that_are_compared_by_inner_products_keep_their_lengths(
    tmp_path: Path, bare: dict[str, Path], heads: str, truncate_dim: int | None
) -> None:
    folder = make_sentence_transformer(
        tmp_path,
        bare["bert"],
        heads=heads_of(heads),
        similarity_fn_name="dot",
        truncate_dim=truncate_dim,
    )
    np.testing.assert_allclose(ours(folder, "passage"), theirs(folder, "passage"), atol=TOLERANCE)


@pytest.mark.parametrize("heads", ["", "dense normalize"])
def test_dimensions_are_cut_before_vectors_get_their_length(
    tmp_path: Path, bare: dict[str, Path], heads: str
) -> None:
    folder = make_sentence_transformer(tmp_path, bare["bert"], heads=heads_of(heads))
    vectors = ours(folder, "passage", dimensions=5)
    options = {"truncate_dim": 5, "normalize_embeddings": True}
    np.testing.assert_allclose(vectors, theirs(folder, "passage", **options), atol=TOLERANCE)


def test_texts_are_put_into_lower_case_if_the_model_says_so(
    tmp_path: Path, bare: dict[str, Path]
) -> None:
    folder = make_sentence_transformer(tmp_path / "model", bare["bert"], prompts=PROMPTS)
    change(folder / "tokenizer_config.json", do_lower_case=False)
    with_case = ours(folder, "passage")
    change(folder / "sentence_bert_config.json", do_lower_case=True)
    without = ours(folder, "passage")
    assert_same_directions(without, theirs(folder, "passage"))
    assert np.abs(with_case - without).max() > 0.01


def change(path: Path, **values: Any) -> None:
    """Change values in a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("limits", ["of the tokenizer", "of the positions", "of each kind"])
def test_texts_are_cut_where_sentence_transformers_cuts_them(
    tmp_path: Path, bare: dict[str, Path], limits: str
) -> None:
    folder = make_sentence_transformer(
        tmp_path / "model", bare["bert"], prompts=PROMPTS, max_length=40
    )
    if limits == "of the positions":
        change(folder / "tokenizer_config.json", model_max_length=int(1e30))
    if limits == "of each kind":
        change(folder / "sentence_bert_config.json", query_length=9, document_length=23)
    for kind in ("query", "passage"):
        assert_same_directions(ours(folder, kind), theirs(folder, kind))


def test_the_settings_win_over_the_prompts_of_the_model(
    tmp_path: Path, bare: dict[str, Path]
) -> None:
    folder = make_sentence_transformer(tmp_path / "told", bare["bert"], prompts=PROMPTS)
    plain = make_sentence_transformer(tmp_path / "plain", bare["bert"])
    for kind in ("query", "passage"):
        found = ours(folder, kind, **{f"{kind}_instruction": ""})
        assert_same_directions(found, theirs(plain, kind))
        found = ours(folder, kind, **{f"{kind}_instruction": "other: "})
        assert_same_directions(found, theirs(plain, kind, prompt="other: "))


@pytest.mark.parametrize("name", ["passage", "corpus"])
def test_a_prompt_for_passages_counts_by_each_of_its_names(
    tmp_path: Path, bare: dict[str, Path], name: str
) -> None:
    # encode_document of sentence-transformers 6.2 documents these names, and misses them
    folder = make_sentence_transformer(tmp_path, bare["bert"], prompts={name: "passage: "})
    assert_same_directions(ours(folder, "passage"), theirs(folder, "passage", prompt="passage: "))
    assert_same_directions(ours(folder, "query"), theirs(folder, "query"))


def test_a_default_prompt_is_none_of_queries_and_passages(
    tmp_path: Path, bare: dict[str, Path]
) -> None:
    prompts = {"clustering": "cluster: "}
    folder = make_sentence_transformer(
        tmp_path, bare["bert"], prompts=prompts, default_prompt_name="clustering"
    )
    for kind in ("query", "passage"):
        assert_same_directions(ours(folder, kind), theirs(folder, kind))


@pytest.mark.parametrize("pooling", ["cls", "mean", "lasttoken"])
def test_texts_without_padding_get_the_same_vectors(
    tmp_path: Path, bare: dict[str, Path], pooling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class AsOnACard(DeviceModel):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._use_unpadded_attention("end_to_end")

    monkeypatch.setattr(encoder_module, "DeviceModel", AsOnACard)
    folder = make_sentence_transformer(
        tmp_path, bare["bert"], pooling=pooling, heads=heads_of("dense"), prompts=PROMPTS
    )
    settings = EncodingSettings(model=str(folder))
    encoder = Encoder(load_model(settings, devices=["cpu"], precision="float32"), devices=["cpu"])
    assert encoder.device_report().layout == "end_to_end"
    for kind in ("query", "passage"):
        assert_same_directions(encoder.encode(TEXTS, kind), theirs(folder, kind))


def test_bfloat16_stays_close_behind_prompts_and_dense_layers(
    tmp_path: Path, bare: dict[str, Path]
) -> None:
    folder = make_sentence_transformer(
        tmp_path, bare["bert"], heads=heads_of("dense"), prompts=PROMPTS
    )
    settings = EncodingSettings(model=str(folder))
    model = load_model(settings, devices=["cpu"], precision="bfloat16")
    encoder = Encoder(model, devices=["cpu"], max_tokens_per_batch=60)
    for kind in ("query", "passage"):
        low, exact = encoder.encode(TEXTS, kind), theirs(folder, kind)
        exact /= np.linalg.norm(exact, axis=1, keepdims=True)
        assert (low * exact).sum(axis=1).min() > 0.995


def test_a_decoder_of_flagembedding_gets_the_prompts_and_dimensions(
    bare: dict[str, Path],
) -> None:
    from FlagEmbedding import FlagLLMModel

    prompts = {"query_instruction": "find: ", "passage_instruction": "passage: "}
    settings = EncodingSettings(
        model=str(bare["decoder"]),
        model_class="decoder-only-base",
        pooling="last_token",
        dimensions=12,
        **prompts,  # type: ignore[arg-type]
    )
    model = load_model(settings, devices=["cpu"], precision="float32")
    encoder = Encoder(model, devices=["cpu"])
    assert encoder.batching_engine == "FlagEmbedding"
    flag: Any = FlagLLMModel(
        str(bare["decoder"]),
        use_fp16=False,
        devices=["cpu"],
        truncate_dim=12,
        query_instruction_for_retrieval="find: ",
        query_instruction_format="{}{}",
        passage_instruction_for_retrieval="passage: ",
    )
    assert_same_directions(encoder.encode(TEXTS, "query"), flag.encode_queries(TEXTS))
    assert_same_directions(encoder.encode(TEXTS, "passage"), flag.encode_corpus(TEXTS))


def test_modules_that_flagembedding_does_not_compute_are_refused(
    tmp_path: Path, bare: dict[str, Path]
) -> None:
    folder = make_sentence_transformer(
        tmp_path, bare["decoder"], pooling="lasttoken", heads=heads_of("dense")
    )
    settings = EncodingSettings(model=str(folder), model_class="decoder-only-base")
    model = load_model(settings, devices=["cpu"], precision="float32")
    with pytest.raises(ModelError, match="set encoding.model_class to encoder-only-base"):
        Encoder(model, devices=["cpu"])
