"""The retrieval JSON of NeMo AutoModel against the schema in the format's docstring."""

import json
from pathlib import Path
from typing import Any

import datasets

from hn_assets_tests.export.export_inputs import Inputs

REQUIRED = ["question_id", "question", "corpus_id", "pos_doc", "neg_doc"]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_record_has_what_the_schema_requires(inputs: Inputs) -> None:
    inputs.export(formats=["nemo"])
    training = read_json(inputs.folder / "out" / "nemo.json")
    assert sorted(training) == ["corpus", "data"]
    (corpus,) = training["corpus"]
    folder = inputs.folder / "out" / corpus["path"]
    metadata = read_json(folder / "merlin_metadata.json")
    assert metadata["class"] == "TextQADataset"
    documents = datasets.load_dataset(str(folder), cache_dir=str(inputs.folder / "cache"))["train"]
    texts = dict(zip(documents["id"], documents["text"], strict=True))
    assert len(texts) == documents.num_rows == 7
    for record in training["data"]:
        assert list(record) == REQUIRED
        assert record["corpus_id"] == metadata["corpus_id"]
        assert record["pos_doc"] and record["neg_doc"]
        assert all(texts[doc["id"]] for doc in (*record["pos_doc"], *record["neg_doc"]))
    first, second = training["data"]
    assert (first["question_id"], first["question"]) == ("p", "query p")
    assert first["pos_doc"] == [{"id": "odd"}, {"id": "d0"}, {"id": "d1"}]
    assert first["neg_doc"] == [{"id": "d4"}, {"id": "d5"}]
    assert second["pos_doc"] == [{"id": "d2"}]
    assert texts["d2"] == "Title 2 text 2"


def test_only_the_same_content_has_the_same_corpus_id(inputs: Inputs) -> None:
    def corpus_id() -> str:
        inputs.export(formats=["nemo"])
        return read_json(inputs.folder / "out" / "nemo-corpus" / "merlin_metadata.json")[
            "corpus_id"
        ]

    first = corpus_id()
    assert corpus_id() == first
    inputs.queries[0] = ("p", "another query", "train", None)
    assert corpus_id() != first
