"""Tables in memory: the same records whichever library holds them, and errors with their place."""

import random
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hn_assets.errors import SourceError
from hn_assets.sources.in_memory import InMemoryTables
from hn_assets.sources.ingest.collect import collect

Rows = list[dict[str, Any]]

CORPUS: Rows = [
    {"_id": "d2", "title": "Dogs", "text": "Dogs bark."},
    {"_id": "d1", "title": None, "text": "Cats purr."},
    {"_id": "007", "title": "", "text": "Cows moo."},
]
QUERIES: Rows = [
    {"_id": "q2", "text": "what do dogs do", "prompt": None},
    {"_id": "q1", "text": "what do cats do", "prompt": "Find: "},
]
QRELS: Rows = [
    {"query-id": "q2", "corpus-id": "d2", "score": 2, "split": "test"},
    {"query-id": "q1", "corpus-id": "d1", "score": 1, "split": "train"},
    {"query-id": "q1", "corpus-id": "007", "score": 0, "split": "train"},
]
LIBRARIES = {
    "pandas": pd.DataFrame,
    "datasets": datasets.Dataset.from_list,
    "pyarrow": pa.Table.from_pylist,
    "dicts": list,
}


def without(rows: Rows, *columns: str) -> Rows:
    return [{name: row[name] for name in row if name not in columns} for row in rows]


def renamed(rows: Rows, **names: str) -> Rows:
    return [{names.get(name.replace("-", "_"), name): row[name] for name in row} for row in rows]


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_gives_the_same_records(library: str) -> None:
    table = LIBRARIES[library]
    source = InMemoryTables(table(CORPUS), table(QUERIES), table(QRELS))
    assert [d[:3] for d in source.documents()] == [
        ("007", "", "Cows moo."),
        ("d1", "", "Cats purr."),
        ("d2", "Dogs", "Dogs bark."),
    ]
    assert [q[:3] for q in source.queries()] == [
        ("q1", "what do cats do", "Find: "),
        ("q2", "what do dogs do", None),
    ]
    assert [q[:4] for q in source.qrels()] == [
        ("q1", "007", 0, "train"),
        ("q1", "d1", 1, "train"),
        ("q2", "d2", 2, "test"),
    ]
    assert source.fingerprint() == InMemoryTables(CORPUS, QUERIES, QRELS).fingerprint()


def test_columns_named_as_in_the_tables_of_hn_assets_are_read() -> None:
    source = InMemoryTables(
        renamed(CORPUS, _id="id"),
        renamed(QUERIES, _id="id"),
        renamed(QRELS, query_id="query_id", corpus_id="doc_id"),
    )
    assert source.fingerprint() == InMemoryTables(CORPUS, QUERIES, QRELS).fingerprint()


def test_optional_columns_may_be_left_out() -> None:
    source = InMemoryTables(
        without(CORPUS, "title"),
        without(QUERIES, "prompt"),
        without(QRELS, "score", "split"),
        split="dev",
    )
    assert {d.title for d in source.documents()} == {""}
    assert {q.prompt for q in source.queries()} == {None}
    assert {(q.score, q.split) for q in source.qrels()} == {(1, "dev")}


def test_numbers_are_ids_and_further_columns_are_ignored() -> None:
    corpus = pd.DataFrame({"id": [7, 8], "text": ["a", "b"], "vector": [np.zeros(2), None]})
    queries = pd.DataFrame({"id": np.array([1], np.int32), "text": ["c"]})
    qrels = pa.table({"query_id": [1], "doc_id": [8], "score": [2.0]})
    source = InMemoryTables(corpus, queries, qrels)
    assert [d.id for d in source.documents()] == ["7", "8"]
    assert [q[:4] for q in source.qrels()] == [("1", "8", 2, "train")]


def test_a_selection_of_a_dataset_is_what_is_read() -> None:
    corpus = datasets.Dataset.from_list(CORPUS).select([1])
    source = InMemoryTables(corpus, QUERIES, QRELS)
    assert [d.id for d in source.documents()] == ["d1"]


def test_a_table_that_can_be_exported_only_once_is_read_more_than_once() -> None:
    source = InMemoryTables(pa.Table.from_pylist(CORPUS).to_reader(), QUERIES, QRELS)
    assert len(list(source.documents())) == len(list(source.documents())) == 3


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_order_of_the_rows_changes_nothing(library: str) -> None:
    first = InMemoryTables(*map(LIBRARIES[library], (CORPUS, QUERIES, QRELS)))
    shuffled = [random.Random(1).sample(rows, len(rows)) for rows in (CORPUS, QUERIES, QRELS)]
    second = InMemoryTables(*map(LIBRARIES[library], shuffled))
    assert first.fingerprint() == second.fingerprint()
    assert first.state() == second.state()
    assert [d[:-1] for d in first.documents()] == [d[:-1] for d in second.documents()]
    assert [q[:-1] for q in first.queries()] == [q[:-1] for q in second.queries()]
    assert [q[:-1] for q in first.qrels()] == [q[:-1] for q in second.qrels()]


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        (0, "_id", "d3"),
        (0, "title", "Cats"),
        (0, "text", "Cats sleep."),
        (1, "text", "what do cats eat"),
        (1, "prompt", "Search: "),
        (2, "score", 3),
        (2, "split", "dev"),
        (2, "corpus-id", "d2"),
    ],
)
def test_a_changed_value_changes_the_fingerprint(table: int, column: str, value: Any) -> None:
    tables = [CORPUS, QUERIES, QRELS]
    before = InMemoryTables(*tables).fingerprint()
    tables[table] = [tables[table][0], {**tables[table][1], column: value}, *tables[table][2:]]
    assert InMemoryTables(*tables).fingerprint() != before


@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        (0, "_id", None, "^corpus, row 1: the document id in the column _id is missing"),
        (0, "text", None, "^corpus, row 1: the value of the column text is missing"),
        (0, "text", 5, "^corpus, row 1: the value of the column text is 5, not text"),
        (1, "_id", "", "^queries, row 1: the query id in the column _id is ''"),
        (1, "text", None, "^queries, row 1: the value of the column text is missing"),
        (1, "prompt", 3, "^queries, row 1: the value of the column prompt is 3.*, not text"),
        (2, "query-id", None, "^qrels, row 1: the query id in the column query-id is missing"),
        (2, "corpus-id", 1.5, "^qrels, row 1: the document id in the column corpus-id is 1.5"),
        (2, "score", "high", "^qrels, row 1: the score 'high' is no grade"),
        (2, "score", None, "^qrels, row 1: the score None is no grade"),
        (2, "split", None, "^qrels, row 1: the value of the column split is missing"),
    ],
)
@pytest.mark.parametrize("library", ["pandas", "dicts"])
def test_a_bad_value_is_named(
    library: str, table: int, column: str, value: Any, message: str
) -> None:
    tables = [CORPUS, QUERIES, QRELS]
    tables[table] = [tables[table][0], {**tables[table][1], column: value}, *tables[table][2:]]
    source = InMemoryTables(*map(LIBRARIES[library], tables))
    with pytest.raises(SourceError, match=message):
        assert [*source.documents(), *source.queries(), *source.qrels()]


def test_a_missing_column_is_named_with_those_there_are() -> None:
    message = "^corpus: there is no column _id or id; the columns are title, text$"
    with pytest.raises(SourceError, match=message):
        InMemoryTables(pd.DataFrame(without(CORPUS, "_id")), QUERIES, QRELS)
    message = "^qrels: there is no column corpus-id or doc_id; the columns are query-id, score"
    with pytest.raises(SourceError, match=message):
        InMemoryTables(CORPUS, QUERIES, without(QRELS, "corpus-id"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (datasets.DatasetDict({"test": datasets.Dataset.from_list(CORPUS)}), "with the keys test"),
        ({"_id": ["d1"], "text": ["x"]}, "a dict with the keys _id, text, but one table is needed"),
        ("corpus.jsonl", "a str is no table; pass a pandas.DataFrame"),
        (iter(CORPUS), "a list_iterator is no table"),
        ([*CORPUS, ("d4", "x")], "corpus, row 3: a tuple, but a dict with a value by column"),
    ],
)
def test_what_is_no_table_is_refused(table: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        InMemoryTables(table, QUERIES, QRELS)


def test_an_id_with_two_texts_is_refused_with_both_rows(tmp_path: Path) -> None:
    source = InMemoryTables([*CORPUS, {"_id": "d1", "text": "Cats sleep."}], QUERIES, QRELS)
    with pytest.raises(SourceError, match="'d1' is given twice .*corpus, row 1 and corpus, row 3"):
        collect(
            source,
            corpus=tmp_path / "corpus.parquet",
            queries=None,
            qrels=None,
            mining_split="train",
            evaluation_split="test",
        )
