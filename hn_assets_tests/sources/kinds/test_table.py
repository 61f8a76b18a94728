"""Parquet, CSV and JSONL tables with named columns."""

from pathlib import Path

import pandas as pd
import pytest

from hn_assets.errors import SourceError
from hn_assets.sources.kinds.table import TableSettings
from hn_assets_tests.collections_on_disk import write_jsonl


def tables(folder: Path, suffix: str) -> None:
    frames = {
        "docs": pd.DataFrame({"doc": ["007", "8"], "head": ["T", ""], "body": ["seven, so", "x"]}),
        "asks": pd.DataFrame({"qid": [1, 2], "ask": ["which?", "what?"]}),
        "judged": pd.DataFrame({"q": [1, 2], "d": ["007", "8"], "grade": [2, 0], "part": "dev"}),
    }
    for name, frame in frames.items():
        path = folder / f"{name}{suffix}"
        if suffix == ".parquet":
            frame.to_parquet(path)
        elif suffix == ".jsonl":
            frame.to_json(path, orient="records", lines=True)
        else:
            frame.to_csv(path, sep="\t" if suffix == ".tsv" else ",", index=False)


def table_settings(suffix: str, **corpus) -> TableSettings:
    return TableSettings.model_validate(
        {
            "type": "table",
            "corpus": {
                "path": f"docs{suffix}",
                "id": "doc",
                "title": "head",
                "text": "body",
                **corpus,
            },
            "queries": {"path": f"asks{suffix}", "id": "qid", "text": "ask"},
            "qrels": {
                "path": f"judged{suffix}",
                "query_id": "q",
                "doc_id": "d",
                "score": "grade",
                "split": "part",
            },
        }
    )


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv", ".jsonl"])
def test_tables_of_every_kind_read_the_same(tmp_path: Path, suffix: str) -> None:
    tables(tmp_path, suffix)
    source = table_settings(suffix).open(tmp_path)
    documents = [(d.id, d.title, d.text) for d in source.documents()]
    assert documents == [("007", "T", "seven, so"), ("8", "", "x")]
    assert [(q.id, q.text) for q in source.queries()] == [("1", "which?"), ("2", "what?")]
    assert [q[:4] for q in source.qrels()] == [("1", "007", 2, "dev"), ("2", "8", 0, "dev")]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path, suffix: str) -> None:
    tables(tmp_path, suffix)
    source = table_settings(suffix, text="txt").open(tmp_path)
    with pytest.raises(SourceError, match="no column txt; the columns are doc, head, body"):
        list(source.documents())


def test_a_stray_quote_in_a_tsv_loses_no_row(tmp_path: Path) -> None:
    tables(tmp_path, ".tsv")
    (tmp_path / "docs.tsv").write_text('doc\thead\tbody\n1\tT\t"unclosed\n2\tT\tnext\n')
    source = table_settings(".tsv").open(tmp_path)
    assert [(d.id, d.text) for d in source.documents()] == [("1", '"unclosed'), ("2", "next")]


def test_optional_columns_may_be_empty(tmp_path: Path) -> None:
    tables(tmp_path, ".csv")
    (tmp_path / "asks.csv").write_text("qid,ask,how\n1,which?,\n2,what?,Find: \n")
    settings = table_settings(".csv").model_dump()
    settings["queries"]["prompt"] = "how"
    source = TableSettings.model_validate(settings).open(tmp_path)
    assert [q.prompt for q in source.queries()] == [None, "Find: "]
    write_jsonl(tmp_path / "docs.jsonl", [{"doc": "1", "body": "x"}, {"doc": 2, "body": "y"}])
    source = table_settings(".jsonl").open(tmp_path)
    assert [(d.id, d.title) for d in source.documents()] == [("1", ""), ("2", "")]


def test_ids_that_are_fractions_are_refused(tmp_path: Path) -> None:
    tables(tmp_path, ".parquet")
    frame = pd.read_parquet(tmp_path / "docs.parquet").assign(doc=[1.0, 2.5])
    frame.to_parquet(tmp_path / "docs.parquet")
    with pytest.raises(SourceError, match=r"docs.parquet, row 1: the document id doc is 1.0"):
        list(table_settings(".parquet").open(tmp_path).documents())


def test_a_table_that_is_not_there_or_of_an_unknown_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"docs.csv is not there"):
        list(table_settings(".csv").open(tmp_path).documents())
    with pytest.raises(SourceError, match=r"docs.xlsx: the name must end in .csv, .jsonl"):
        list(table_settings(".xlsx").open(tmp_path).documents())


def test_a_stray_quote_in_a_csv_is_named_with_the_setting(tmp_path: Path) -> None:
    tables(tmp_path, ".csv")
    text = 'doc,head,body\n1,T,"unclosed\n2,T,next\n3,T,"another"\n'
    (tmp_path / "docs.csv").write_text(text)
    with pytest.raises(SourceError, match=r"docs.csv:2: a quotation mark .*source.line_breaks"):
        list(table_settings(".csv").open(tmp_path).documents())


def test_line_breaks_are_read_if_the_setting_allows_them(tmp_path: Path) -> None:
    tables(tmp_path, ".csv")
    (tmp_path / "docs.csv").write_text('doc,head,body\n1,T,"two\nlines"\n2,T,next\n')
    settings = table_settings(".csv").model_copy(update={"line_breaks": True})
    documents = [(d.id, d.text, d.where) for d in settings.open(tmp_path).documents()]
    assert documents == [("1", "two\nlines", "docs.csv:2"), ("2", "next", "docs.csv:4")]
