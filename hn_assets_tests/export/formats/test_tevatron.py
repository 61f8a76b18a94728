"""The lines that Tevatron trains on."""

from typing import Any

import datasets

from hn_assets_tests.export.export_inputs import Inputs, read_jsonl


def test_passages_have_their_ids_titles_and_texts(inputs: Inputs) -> None:
    inputs.export(formats=["tevatron"])
    first, second = read_jsonl(inputs.folder / "out" / "tevatron.jsonl")
    assert first == {
        "query_id": "p",
        "query": "query p",
        "positive_passages": [
            {"docid": "odd", "title": "", "text": "line\u2028separator"},
            {"docid": "d0", "title": "Title 0", "text": "text 0"},
            {"docid": "d1", "title": "Title 1", "text": "text 1"},
        ],
        "negative_passages": [
            {"docid": "d4", "title": "Title 4", "text": "text 4"},
            {"docid": "d5", "title": "Title 5", "text": "text 5"},
        ],
    }
    assert [passage["docid"] for passage in second["negative_passages"]] == ["d6"]


def test_titles_are_left_out_of_all_passages_or_of_none(inputs: Inputs) -> None:
    """Tevatron puts every title that is there before the text, and cannot do that with null."""
    for include_title in (True, False):
        inputs.export("out", ["tevatron"], include_title=include_title)
        rows: Any = datasets.load_dataset(
            "json",
            data_files=str(inputs.folder / "out" / "tevatron.jsonl"),
            split="train",
            cache_dir=str(inputs.folder / f"cache-{include_title}"),
        )
        passages = [
            passage
            for row in rows
            for passage in (*row["positive_passages"], *row["negative_passages"])
        ]
        assert len(passages) == 7
        for passage in passages:
            assert ("title" in passage) == include_title
            assert None not in passage.values()


def test_the_teachers_scores_stand_in_the_passages(inputs: Inputs) -> None:
    inputs.add_teacher()
    inputs.export(formats=["tevatron"])
    first, _ = read_jsonl(inputs.folder / "out" / "tevatron.jsonl")
    assert [passage["score"] for passage in first["positive_passages"]] == [9.0, 8.0, 7.0]
    assert [passage["score"] for passage in first["negative_passages"]] == [-1.0, -2.0]
