"""How a model is used: as the settings say, else as its own files do; and who says so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hn_assets.encoding.models.known_prompts import KNOWN_PROMPTS, known_prompts
from hn_assets.encoding.models.model import identify_model
from hn_assets.encoding.models.vector_identity import describe_space
from hn_assets.errors import ModelError
from hn_assets.settings.encoding import EncodingSettings

CONFIG = {"model_type": "bert", "hidden_size": 32, "max_position_embeddings": 512}
CLASSES = "sentence_transformers.models"
PROMPTS = {"query": "query: ", "passage": "passage: "}

MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """A function that makes a folder with the small files of a model, and no weights."""

    def make(
        *modules: str, name: str = "model", files: dict[str, Any] | None = None, **stated: Any
    ) -> Path:
        folder = tmp_path / name
        listed = [
            {"path": "" if kind == "Transformer" else f"{i}_{kind}", "type": f"{CLASSES}.{kind}"}
            for i, kind in enumerate(("Transformer", "Pooling", *modules))
        ]
        contents = {
            "config.json": CONFIG,
            "modules.json": listed,
            "1_Pooling/config.json": {"pooling_mode": "mean"},
            "2_Dense/config.json": {"in_features": 32, "out_features": 16},
            "config_sentence_transformers.json": stated,
            **(files or {}),
        }
        for path, content in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(json.dumps(content))
        return folder

    return make


def rows(folder: Path, kind: Any = "query", **settings: Any) -> dict[str, tuple[Any, str]]:
    """How texts are read, and who says so, by step."""
    found = identify_model(EncodingSettings(model=str(folder), **settings)).describe_usage(kind)
    return {str(row["step"]): (row["value"], str(row["from"])) for row in found}


def test_every_step_names_the_file_that_says_so(make_model: MakeModel) -> None:
    folder = make_model(
        "Dense",
        "Normalize",
        prompts=PROMPTS,
        similarity_fn_name="dot",
        truncate_dim=8,
        files={"sentence_bert_config.json": {"max_seq_length": 40, "do_lower_case": True}},
    )
    stated = "config_sentence_transformers.json"
    assert rows(folder) == {
        "prompt": ("'query: '", f"prompt 'query' of {stated}"),
        "lower case": ("yes", "sentence_bert_config.json"),
        "tokens at most": (40, "sentence_bert_config.json"),
        "pooling": ("mean", "1_Pooling/config.json"),
        "modules behind it": ("Dense (2_Dense), Normalize (3_Normalize)", "modules.json"),
        "dimensions kept": (8, stated),
        "length made 1": ("no", f"similarity 'dot' of {stated}"),
    }
    assert rows(folder, "passage")["prompt"] == ("'passage: '", f"prompt 'passage' of {stated}")


def test_the_settings_win_and_are_named(make_model: MakeModel) -> None:
    folder = make_model("Normalize", prompts=PROMPTS, similarity_fn_name="dot", truncate_dim=8)
    found = rows(
        folder,
        query_instruction="",
        query_max_length=9,
        pooling="cls",
        dimensions=4,
        normalize=True,
    )
    assert found == {
        "prompt": ("none", "settings"),
        "tokens at most": (9, "settings"),
        "pooling": ("cls", "settings"),
        "dimensions kept": (4, "settings"),
        "length made 1": ("yes", "settings"),
    }


def test_what_nobody_says_is_named_as_well(make_model: MakeModel) -> None:
    assert rows(make_model()) == {
        "prompt": ("none", "default"),
        "tokens at most": (512, "config.json"),
        "pooling": ("mean", "1_Pooling/config.json"),
        "dimensions kept": ("all", "default"),
        "length made 1": ("yes", "default"),
    }


def test_a_prompt_of_the_files_is_joined_by_the_format_of_the_settings(
    make_model: MakeModel,
) -> None:
    folder = make_model(prompts={"query": "find"})
    found = rows(folder, query_instruction_format="task: {}\\n{}")
    assert found["prompt"][0] == repr("task: find\n")


def test_a_model_whose_files_say_nothing_keeps_the_space_of_its_vectors() -> None:
    settings = EncodingSettings()
    identity = identify_model(settings)
    for kind in ("query", "passage"):
        assert describe_space(identity, settings, "float32", kind) == {
            "weights": identity.weights,
            "model_class": "encoder-only-base",
            "pooling": "mean",
            "normalize": True,
            "max_length": 256,
            "instruction": "",
            "instruction_format": "",
            "precision": "float32",
            "encoder_version": 1,
        }


def test_vectors_depend_on_what_the_files_say(make_model: MakeModel) -> None:
    def space(folder: Path, kind: Any = "query", **settings: Any) -> dict[str, Any]:
        chosen = EncodingSettings(model=str(folder), **settings)
        found = describe_space(identify_model(chosen), chosen, "float32", kind)
        return {**found, "weights": ""}

    plain = space(make_model(name="plain"))
    others = [
        space(make_model(name="a", prompts=PROMPTS)),
        space(make_model(name="b", prompts=PROMPTS), "passage"),
        space(make_model(name="c", similarity_fn_name="dot")),
        space(make_model(name="d", truncate_dim=8)),
        space(make_model("Dense", name="e")),
        space(make_model(name="f", files={"sentence_bert_config.json": {"do_lower_case": True}})),
        space(make_model(name="g", files={"sentence_bert_config.json": {"query_length": 7}})),
    ]
    assert len({str(other) for other in (plain, *others)}) == len(others) + 1
    assert space(make_model(name="a"), dimensions=8) == others[3], "whoever says it"
    assert space(make_model(name="a", prompts=PROMPTS), query_instruction="") == plain
    assert space(make_model("Normalize", name="h", truncate_dim=32)) == plain, "all of them"


@pytest.mark.parametrize(
    ("modules", "files", "stated", "settings", "message"),
    [
        ([], {}, {"similarity_fn_name": "euclidean"}, {}, "compares its vectors by 'euclidean'"),
        ([], {}, {}, {"dimensions": 33}, "dimensions is 33, and the vectors .* have 32"),
        (["Dense"], {}, {}, {"dimensions": 17}, "dimensions is 17, and the vectors .* have 16"),
        (["CNN"], {}, {}, {}, r"put together from Transformer, Pooling, CNN \(modules.json\)"),
        ([], {"modules.json": []}, {}, {}, "put together from nothing"),
        (
            [],
            {"modules.json": [{"path": "", "type": "custom_st.Transformer"}]},
            {},
            {},
            "put together from 'custom_st.Transformer'",
        ),
        ([], {"modules.json": [{"path": ""}]}, {}, {}, "a module without path and type"),
        (
            [],
            {"modules.json": [{"path": "../other", "type": f"{CLASSES}.Pooling"}]},
            {},
            {},
            "names the folder '../other'",
        ),
        (
            [],
            {"1_Pooling/config.json": {"pooling_mode": "mean", "include_prompt": False}},
            {"prompts": PROMPTS},
            {},
            r"leaves the prompt out of the pooling \(include_prompt\)",
        ),
        ([], {"1_Pooling/config.json": {"pooling_mode": "max"}}, {}, {}, "pools by 'max'"),
        (
            [],
            {
                "1_Pooling/config.json": {
                    "pooling_mode_cls_token": True,
                    "pooling_mode_mean_tokens": True,
                }
            },
            {},
            {},
            "pools by 'cls and mean'",
        ),
        ([], {}, {"prompts": ["query: "]}, {}, "has prompts that are no texts by name"),
        ([], {}, {"prompts": {"query": 3}}, {}, "has prompts that are no texts by name"),
        ([], {}, {"truncate_dim": "8"}, {}, "the truncate_dim '8', which is no number of dimensi"),
        (
            ["Dense"],
            {"2_Dense/config.json": {"module_input_name": "token_embeddings"}},
            {},
            {},
            "2_Dense/config.json of the model .* is for 'token_embeddings'",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused(
    make_model: MakeModel,
    modules: list[str],
    files: dict[str, Any],
    stated: dict[str, Any],
    settings: dict[str, Any],
    message: str,
) -> None:
    folder = make_model(*modules, files=files, **stated)
    with pytest.raises(ModelError, match=message) as error:
        identify_model(EncodingSettings(model=str(folder), **settings))
    assert str(folder) in str(error.value)


def test_what_is_refused_can_be_overridden_by_what_can_be_computed(make_model: MakeModel) -> None:
    euclidean = make_model(similarity_fn_name="euclidean")
    assert rows(euclidean, normalize=True)["length made 1"] == ("yes", "settings")
    pooled = {"1_Pooling/config.json": {"pooling_mode": "max", "include_prompt": False}}
    pooled_by_max = make_model(name="max", files=pooled, prompts=PROMPTS)
    none = {"query_instruction": "", "passage_instruction": ""}
    assert rows(pooled_by_max, pooling="cls", **none)["pooling"] == ("cls", "settings")


@pytest.mark.parametrize(
    ("name", "query", "passage"),
    [
        ("intfloat/e5-base-v2", "query: ", "passage: "),
        ("intfloat/multilingual-e5-small", "query: ", "passage: "),
        ("intfloat/multilingual-e5-large-instruct", "Instruct: Given a web search", ""),
        ("intfloat/e5-mistral-7b-instruct", "Instruct: Given a web search", ""),
        ("nomic-ai/nomic-embed-text-v1.5", "search_query: ", "search_document: "),
        ("BAAI/bge-small-en-v1.5", "Represent this sentence", ""),
        ("BAAI/bge-large-zh-v1.5", "\u4e3a\u8fd9\u4e2a\u53e5\u5b50", ""),
        ("Alibaba-NLP/gte-Qwen2-1.5B-instruct", "Instruct: Given a web search", ""),
        ("google/embeddinggemma-300m", "task: search result | query: ", "title: none | text: "),
        ("Qwen/Qwen3-Embedding-0.6B", "Instruct: Given a web search", ""),
        ("mixedbread-ai/mxbai-embed-large-v1", "Represent this sentence", ""),
        ("Snowflake/snowflake-arctic-embed-m-v1.5", "Represent this sentence", ""),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "query: ", ""),
        ("NovaSearch/stella_en_400M_v5", "Instruct: Given a web search", ""),
        ("hkunlp/instructor-large", "Represent the question", "Represent the document"),
        ("sentence-transformers/all-MiniLM-L6-v2", None, None),
        ("BAAI/bge-m3", None, None),
        ("Alibaba-NLP/gte-modernbert-base", None, None),
    ],
)
def test_models_that_were_trained_with_prompts_are_known(
    name: str, query: str | None, passage: str | None
) -> None:
    found = known_prompts([name])
    if query is None or passage is None:
        assert found is None
        return
    assert found is not None
    assert found.query.startswith(query)
    assert found.passage.startswith(passage) and bool(found.passage) == bool(passage)


def test_every_family_is_found_by_a_name_of_its_own() -> None:
    assert len({(known.family, known.query) for known in KNOWN_PROMPTS}) == len(KNOWN_PROMPTS)


def missing(folder: Path, **settings: Any) -> dict[str, str]:
    identity = identify_model(EncodingSettings(model=str(folder), **settings))
    return {kind: text for kind, text in identity.usage.missing_prompts.items() if text}


def test_a_model_that_gets_no_prompt_is_warned_of(make_model: MakeModel) -> None:
    found = missing(make_model(name="e5-small-v2"))
    assert set(found) == {"query", "passage"}
    assert "set encoding.query_instruction to 'query: ', or to \"\"" in found["query"]
    assert "set encoding.passage_instruction to 'passage: ', or to \"\"" in found["passage"]
    assert set(missing(make_model(name="bge-small-en-v1.5"))) == {"query"}


def test_a_model_that_gets_a_prompt_or_is_meant_to_get_none_is_not(make_model: MakeModel) -> None:
    folder = make_model(name="e5-small-v2")
    assert missing(folder, query_instruction="", passage_instruction="passage: ") == {}
    assert missing(make_model(name="e5-base", prompts=PROMPTS)) == {}
    assert missing(make_model(name="my-model")) == {}


def test_a_default_prompt_that_is_put_before_nothing_is_warned_of(make_model: MakeModel) -> None:
    stated = {"prompts": {"retrieval": "find: "}, "default_prompt_name": "retrieval"}
    folder = make_model(**stated)
    found = missing(folder)
    assert "names one for texts of no kind: set encoding.query_instruction" in found["query"]
    assert "to 'find: '" in found["passage"]
    assert missing(folder, query_instruction="", passage_instruction="find: ") == {}
    of_queries = {"prompts": {"query": "find: "}, "default_prompt_name": "query"}
    assert missing(make_model(name="of_queries", **of_queries)) == {}
    both = {"query": "query: ", "document": "passage: ", **stated["prompts"]}
    assert missing(make_model(name="both", **{**stated, "prompts": both})) == {}


def test_a_folder_is_known_by_what_it_was_made_from(make_model: MakeModel) -> None:
    saved = {"config.json": {**CONFIG, "_name_or_path": "intfloat/e5-base"}}
    assert set(missing(make_model(name="saved", files=saved))) == {"query", "passage"}
    described = make_model(name="described")
    (described / "README.md").write_text("---\nbase_model: intfloat/e5-base\n---\n# Mine\n")
    assert set(missing(described)) == {"query", "passage"}
    cached = make_model(name="models--intfloat--e5-base/snapshots/0123")
    assert set(missing(cached)) == {"query", "passage"}
    checkpoint = make_model(name="runs/e5-base/checkpoint-10")
    assert set(missing(checkpoint)) == {"query", "passage"}
    assert missing(make_model(name="e5-base-dataset/promoted_model/model")) == {}
