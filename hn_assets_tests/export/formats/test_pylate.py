"""The tables that PyLate distils from."""

from typing import Any

import datasets
import pytest

from hn_assets_tests.export.export_inputs import Inputs


def read_tables(inputs: Inputs) -> dict[str, Any]:
    return {
        table: datasets.load_dataset(
            "parquet",
            data_files=str(inputs.folder / "out" / f"pylate-{table}.parquet"),
            split="train",
            cache_dir=str(inputs.folder / "cache"),
        )
        for table in ("train", "queries", "documents")
    }


def test_rows_are_as_wide_as_asked_for(inputs: Inputs) -> None:
    inputs.add_teacher()
    report = inputs.export(formats=["pylate"])
    tables = read_tables(inputs)
    assert list(tables["train"]) == [
        {"query_id": "p", "document_ids": ["odd", "d4", "d5"], "scores": [9.0, -1.0, -2.0]},
        {"query_id": "p", "document_ids": ["d0", "d4", "d5"], "scores": [8.0, -1.0, -2.0]},
        {"query_id": "p", "document_ids": ["d1", "d4", "d5"], "scores": [7.0, -1.0, -2.0]},
    ]
    assert report.queries_left_out == {"pylate": 1}
    inputs.export(formats=["pylate"], num_negatives=1)
    assert {len(ids) for ids in read_tables(inputs)["train"]["document_ids"]} == {2}


def test_every_text_stands_once(inputs: Inputs) -> None:
    inputs.add_teacher()
    inputs.export(formats=["pylate"])
    tables = read_tables(inputs)
    assert list(tables["queries"]) == [
        {"query_id": "p", "text": "query p"},
        {"query_id": "q", "text": "query q"},
    ]
    assert tables["documents"]["document_id"] == ["d0", "d1", "d2", "d4", "d5", "d6", "odd"]
    assert tables["documents"]["text"][0] == "Title 0 text 0"


def test_pylates_own_processing_finds_the_texts(inputs: Inputs) -> None:
    pylate_utils = pytest.importorskip("pylate.utils")
    torch = pytest.importorskip("torch")
    inputs.add_teacher()
    inputs.export(formats=["pylate"])
    tables = read_tables(inputs)
    processing = pylate_utils.KDProcessing(queries=tables["queries"], documents=tables["documents"])
    tables["train"].set_transform(processing.transform)
    rows = tables["train"][:]
    assert rows["query"] == ["query p"] * 3
    assert rows["documents"][1] == ["Title 0 text 0", "Title 4 text 4", "Title 5 text 5"]
    assert rows["scores"][1] == [8.0, -1.0, -2.0]

    def tokenize(texts: list[str], **options: object) -> dict[str, Any]:
        return {"input_ids": torch.zeros(len(texts), 1)}

    batch = pylate_utils.ColBERTCollator(tokenize_fn=tokenize)([*tables["train"]])
    assert batch["label"].shape == (3, 3), "a batch of scores is one tensor"
    assert batch["documents_input_ids"].shape == (9, 1)
