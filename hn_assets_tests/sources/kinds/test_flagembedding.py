"""The files that FlagEmbedding's hn_mine reads."""

from pathlib import Path

import pytest

from hn_assets.errors import SourceError
from hn_assets.sources.kinds.flagembedding import FlagEmbeddingSettings
from hn_assets.text import text_id
from hn_assets_tests.collections_on_disk import write_jsonl

ROWS = [
    {"query": "a?", "pos": ["A one", "A two"], "neg": ["N"], "prompt": "Find: "},
    {"query": "b?", "pos": ["A one"]},
    {"query": "a?", "pos": ["A three", "A one"]},
]


def flagembedding(tmp_path: Path, rows: list, **options):
    write_jsonl(tmp_path / "data.jsonl", rows)
    settings = FlagEmbeddingSettings(type="flagembedding", file="data.jsonl", **options)
    return settings.open(tmp_path)


def test_what_hn_mine_reads_is_read(tmp_path: Path) -> None:
    source = flagembedding(tmp_path, ROWS)
    assert [d.text for d in source.documents()] == ["A one", "A two", "N", "A three"]
    assert [(q.text, q.prompt) for q in source.queries()] == [("a?", "Find: "), ("b?", None)]
    pairs = [(q.query_id, q.doc_id) for q in source.qrels()]
    assert pairs == [
        (text_id(query), text_id(doc))
        for query, doc in (("a?", "A one"), ("a?", "A two"), ("b?", "A one"), ("a?", "A three"))
    ]
    assert {q.split for q in source.qrels()} == {"train"}


def test_a_file_of_candidate_passages_takes_the_place_of_neg(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "passages.jsonl", [{"text": "P"}, {"text": "A two"}, {"text": "P"}])
    source = flagembedding(tmp_path, ROWS, candidate_pool="passages.jsonl")
    assert [d.text for d in source.documents()] == ["P", "A two", "A one", "A three"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"pos": ["A"]}, r"data.jsonl:1: the query is missing"),
        (
            {"query": "a", "pos": "A cat"},
            r"""data.jsonl:1: pos is a text, 'A cat'; .* list of texts: "pos": \["A cat"\]""",
        ),
        ({"query": "a", "pos": ["A"], "neg": "B"}, r"data.jsonl:1: neg is a text, 'B'; "),
        ({"query": "a", "pos": {"0": "A"}}, r"data.jsonl:1: pos is a dict; .* list of texts"),
        ({"query": "a", "pos": [7]}, r"data.jsonl:1: the text in pos is 7"),
        ({"query": "a"}, r"data.jsonl:1: pos is missing; it must be a list of texts"),
    ],
)
def test_a_bad_line_of_hn_mine_is_named(tmp_path: Path, row: dict, message: str) -> None:
    source = flagembedding(tmp_path, [row])
    with pytest.raises(SourceError, match=message):
        assert [*source.queries(), *source.qrels(), *source.documents()]
