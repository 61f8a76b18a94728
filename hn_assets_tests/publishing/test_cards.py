"""Cards have a head that the hub reads, and say where the files come from."""

import json
from dataclasses import replace
from typing import Any

import yaml

from hn_assets.publishing.cards import dataset_card, model_card
from hn_assets.publishing.provenance import ModelProvenance, Provenance

FOUND = Provenance(
    dataset="animals",
    source="a source of type beir",
    model="sentence-transformers/all-MiniLM-L6-v2",
    weights="sha256:1",
    split="train",
    counts={"documents": 48, "queries": 1_200, "positives": 1_300},
    plan="range | and filters",
    false_negative_rate="0.10 % of the negatives are false, with 95 % confidence 0.05 to 0.20",
    settings={"plan": {"seed": 42, "range": [0, 210]}},
    versions={"hn_assets": "0.1.0", "corpus": "c1"},
    license="cc-by-4.0",
)
FILES = ["flagembedding.jsonl", "ids.parquet", "nemo/corpus/train.parquet", "triplet.parquet"]


def head_of(card: str) -> dict[str, Any]:
    _, head, _ = card.split("---\n", 2)
    return yaml.safe_load(head)


def test_each_file_that_datasets_can_read_is_a_configuration() -> None:
    card = dataset_card("me/animals", FOUND, FILES, {"triplet.parquet": "`anchor`"})
    head = head_of(card)
    assert head["license"] == "cc-by-4.0"
    assert head["size_categories"] == ["1K<n<10K"]
    assert {one["config_name"]: one["data_files"] for one in head["configs"]} == {
        "flagembedding": "flagembedding.jsonl",
        "ids": "ids.parquet",
        "nemo_corpus_train": "nemo/corpus/train.parquet",
        "triplet": "triplet.parquet",
    }
    assert 'load_dataset("me/animals", "flagembedding")' in card
    assert "| `triplet.parquet` | `anchor` |" in card


def test_a_card_says_where_the_negatives_come_from() -> None:
    card = dataset_card("me/animals", FOUND, FILES, {})
    for said in (
        "| source | a source of type beir |",
        "| mined with | sentence-transformers/all-MiniLM-L6-v2 |",
        "| its weights | `sha256:1` |",
        r"| how | range \| and filters |",
        "| positives | 1,300 |",
        FOUND.false_negative_rate,
        "| hn_assets | `0.1.0` |",
    ):
        assert said in card
    settings = card.split("## Settings of mining\n\n```yaml\n")[1].split("```")[0]
    assert yaml.safe_load(settings) == FOUND.settings


MODEL = ModelProvenance(
    base_model="BAAI/bge-m3",
    weights="sha256:2",
    round=1,
    quality="nDCG@10 is 0.6349; that of the model before was 0.5226",
    settings={"epochs": 1.0},
    mined_with="the base model",
    plan="the first plan",
    mining={"plan": {"seed": 7}},
    false_negative_rate="0.20 % (measured)",
    versions={"hard_negatives": "h1"},
)


def test_a_model_names_the_model_that_it_was_made_of_if_that_is_public() -> None:
    card = model_card(MODEL, FOUND, "me/animals")
    head = head_of(card)
    assert (head["base_model"], head["datasets"]) == (["BAAI/bge-m3"], ["me/animals"])
    assert (head["library_name"], head["license"]) == ("sentence-transformers", "cc-by-4.0")
    for said in (MODEL.quality, "| mined with | the base model |", "| hard_negatives | `h1` |"):
        assert said in card
    assert MODEL.false_negative_rate in card
    assert FOUND.false_negative_rate not in card, "negatives may have been mined anew since"
    private = replace(MODEL, base_model="best")
    assert not {"base_model", "datasets"} & set(head_of(model_card(private, FOUND, "")))
    json.dumps(head_of(card))  # nothing that only YAML can say
