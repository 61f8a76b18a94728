"""Hub datasets, hn_mine's files, tables, and the standard library."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from hn_assets.errors import HubError, SourceError
from hn_assets.settings.source import (
    FlagEmbeddingSource,
    HubSource,
    PythonStdlibSource,
    TableSource,
)
from hn_assets.sources import open_source
from hn_assets.text import text_id
from hn_assets_tests.collections_on_disk import write_beir, write_jsonl


def hub_layout(folder: Path) -> Path:
    """What a BEIR-style dataset and its qrels dataset look like when cloned from the hub."""
    write_beir(folder / "toy", {"007": "seven"}, {"1": "which"}, {})
    (folder / "toy" / "README.md").write_text(
        "---\nconfigs:\n"
        "- config_name: corpus\n  data_files:\n  - split: corpus\n    path: corpus.jsonl\n"
        "- config_name: queries\n  data_files:\n  - split: queries\n    path: queries.jsonl\n---\n"
    )
    qrels = folder / "toy-qrels"
    qrels.mkdir()
    for split in ("train", "test"):
        (qrels / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n1\t007\t1\n")
    return folder


def test_a_dataset_of_the_hubs_layout_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    hub_layout(tmp_path)
    source = open_source(HubSource(type="hub", dataset="toy"), tmp_path)
    assert [(d.id, d.text) for d in source.documents()] == [("007", "seven")]
    assert [(q.id, q.text) for q in source.queries()] == [("1", "which")]
    pairs = sorted(q[:4] for q in source.qrels())
    assert pairs == [("1", "007", 1, "test"), ("1", "007", 1, "train")]


def test_hub_qrels_with_further_columns_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    hub_layout(tmp_path)
    for path in (tmp_path / "toy-qrels").iterdir():
        path.write_text("query-id\tcorpus-id\tscore\tjudge\n1\td7\t1\tme\n")
    source = open_source(HubSource(type="hub", dataset="toy"), tmp_path)
    assert {q[:3] for q in source.qrels()} == {("1", "d7", 1)}


def test_a_hub_that_cannot_be_reached_says_how_to_name_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    source = open_source(HubSource(type="hub", dataset="BeIR/no-such-set"), tmp_path)
    with pytest.raises(HubError, match=r"BeIR/no-such-set cannot be loaded.*source\.folder"):
        list(source.documents())


def test_a_folder_takes_the_place_of_the_hub(tmp_path: Path) -> None:
    write_beir(tmp_path / "mine", {"d": "text"}, {"q": "query"}, {"train": [("q", "d", 1)]})
    source = open_source(HubSource(type="hub", dataset="BeIR/x", folder="mine"), tmp_path)
    assert [d.id for d in source.documents()] == ["d"]
    assert source.describe()["type"] == "beir"


MINE = [
    {"query": "a?", "pos": ["A one", "A two"], "neg": ["N"], "prompt": "Find: "},
    {"query": "b?", "pos": ["A one"]},
    {"query": "a?", "pos": ["A three", "A one"]},
]


def flagembedding(tmp_path: Path, rows: list, **options):
    write_jsonl(tmp_path / "mine.jsonl", rows)
    settings = FlagEmbeddingSource(type="flagembedding", file="mine.jsonl", **options)
    return open_source(settings, tmp_path)


def test_what_hn_mine_reads_is_read(tmp_path: Path) -> None:
    source = flagembedding(tmp_path, MINE)
    assert [d.text for d in source.documents()] == ["A one", "A two", "N", "A three"]
    assert [(q.text, q.prompt) for q in source.queries()] == [("a?", "Find: "), ("b?", None)]
    pairs = [(q.query_id, q.doc_id) for q in source.qrels()]
    assert pairs == [
        (text_id(query), text_id(doc))
        for query, doc in (("a?", "A one"), ("a?", "A two"), ("b?", "A one"), ("a?", "A three"))
    ]
    assert {q.split for q in source.qrels()} == {"train"}


def test_a_candidate_pool_takes_the_place_of_neg(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "pool.jsonl", [{"text": "P"}, {"text": "A two"}, {"text": "P"}])
    source = flagembedding(tmp_path, MINE, candidate_pool="pool.jsonl")
    assert [d.text for d in source.documents()] == ["P", "A two", "A one", "A three"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"pos": ["A"]}, r"mine.jsonl:1: the query is missing"),
        ({"query": "a", "pos": "A"}, r"mine.jsonl:1: pos must be a list"),
        ({"query": "a", "pos": [7]}, r"mine.jsonl:1: the text in pos is 7"),
        ({"query": "a"}, r"mine.jsonl:1: pos must be a list"),
    ],
)
def test_a_bad_line_of_hn_mine_is_named(tmp_path: Path, row: dict, message: str) -> None:
    source = flagembedding(tmp_path, [row])
    with pytest.raises(SourceError, match=message):
        assert [*source.queries(), *source.qrels()]


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


def table_settings(suffix: str, **corpus) -> TableSource:
    return TableSource.model_validate(
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
    source = open_source(table_settings(suffix), tmp_path)
    documents = [(d.id, d.title, d.text) for d in source.documents()]
    assert documents == [("007", "T", "seven, so"), ("8", "", "x")]
    assert [(q.id, q.text) for q in source.queries()] == [("1", "which?"), ("2", "what?")]
    assert [q[:4] for q in source.qrels()] == [("1", "007", 2, "dev"), ("2", "8", 0, "dev")]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path, suffix: str) -> None:
    tables(tmp_path, suffix)
    source = open_source(table_settings(suffix, text="txt"), tmp_path)
    with pytest.raises(SourceError, match="no column txt; the columns are doc, head, body"):
        list(source.documents())


def test_a_stray_quote_in_a_tsv_loses_no_row(tmp_path: Path) -> None:
    tables(tmp_path, ".tsv")
    (tmp_path / "docs.tsv").write_text('doc\thead\tbody\n1\tT\t"unclosed\n2\tT\tnext\n')
    source = open_source(table_settings(".tsv"), tmp_path)
    assert [(d.id, d.text) for d in source.documents()] == [("1", '"unclosed'), ("2", "next")]


def test_optional_columns_may_be_empty(tmp_path: Path) -> None:
    tables(tmp_path, ".csv")
    (tmp_path / "asks.csv").write_text("qid,ask,how\n1,which?,\n2,what?,Find: \n")
    settings = table_settings(".csv").model_dump()
    settings["queries"]["prompt"] = "how"
    source = open_source(TableSource.model_validate(settings), tmp_path)
    assert [q.prompt for q in source.queries()] == [None, "Find: "]
    write_jsonl(tmp_path / "docs.jsonl", [{"doc": "1", "body": "x"}, {"doc": 2, "body": "y"}])
    source = open_source(table_settings(".jsonl"), tmp_path)
    assert [(d.id, d.title) for d in source.documents()] == [("1", ""), ("2", "")]


def test_ids_that_are_fractions_are_refused(tmp_path: Path) -> None:
    tables(tmp_path, ".parquet")
    frame = pd.read_parquet(tmp_path / "docs.parquet").assign(doc=[1.0, 2.5])
    frame.to_parquet(tmp_path / "docs.parquet")
    with pytest.raises(SourceError, match=r"docs.parquet, row 1: the document id doc is 1.0"):
        list(open_source(table_settings(".parquet"), tmp_path).documents())


def test_a_table_that_is_not_there_or_of_an_unknown_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"docs.csv is not there"):
        list(open_source(table_settings(".csv"), tmp_path).documents())
    with pytest.raises(SourceError, match=r"docs.xlsx: the name must end in .csv, .jsonl"):
        list(open_source(table_settings(".xlsx"), tmp_path).documents())


@pytest.fixture(scope="module")
def stdlib():
    source = open_source(PythonStdlibSource(type="python_stdlib"), Path())
    return list(source.documents()), list(source.queries()), list(source.qrels())


def test_the_standard_library_is_about_6000_documents(stdlib) -> None:
    documents, queries, qrels = stdlib
    assert 5500 < len(documents) < 6500
    assert len(queries) > 1200
    assert len({d.id for d in documents}) == len(documents)
    assert not [d.id for d in documents if not d.text.strip()]
    tests = {q.query_id for q in qrels if q.split == "test"}
    assert 0.07 < len(tests) / len(queries) < 0.13
    assert {q.query_id for q in qrels} == {q.id for q in queries}
    assert all(len(q.text.split()) >= 5 for q in queries)


def test_documents_do_not_hold_the_docstring_that_asks_for_them(stdlib) -> None:
    documents, queries, _ = stdlib
    texts = {d.id: " ".join(d.text.split()) for d in documents}
    told = [
        (q.id, holder)
        for q in queries
        # the definition itself, and the class that holds it
        for holder in (q.id.removeprefix("q:"), q.id.removeprefix("q:").rpartition(".")[0])
        # some docstrings begin with the signature, which the document has too
        if "=" not in q.text and q.text in texts.get(holder, "")
    ]
    assert not told


def test_definitions_with_the_same_body_answer_the_same_query(stdlib) -> None:
    documents, _, qrels = stdlib
    texts = {d.id: d.text for d in documents}
    others = [q for q in qrels if q.query_id != f"q:{q.doc_id.partition('#')[0]}"]
    assert others
    for qrel in others:
        passage = qrel.doc_id.partition("#")[1:]
        own = texts["".join((qrel.query_id.removeprefix("q:"), *passage))].split("\n")[-1].strip()
        assert texts[qrel.doc_id].split("\n")[-1].strip() == own


def test_a_long_function_is_several_passages_which_all_answer(stdlib) -> None:
    documents, queries, qrels = stdlib
    texts = {d.id: d.text for d in documents}
    second = [i for i in texts if i.endswith("#2")]
    assert len(second) > 300
    asked = {q.id for q in queries}
    pairs = {(q.query_id, q.doc_id) for q in qrels}
    for doc_id in second:
        name = doc_id.removesuffix("#2")
        assert len(texts[name].split("\n")) == 8
        assert 5 <= len(texts[doc_id].split("\n")) < 8 + 5
        assert f"q:{name}" not in asked or (f"q:{name}", doc_id) in pairs
    several = {q for q, d in pairs if "#" in d}
    assert 0.15 < len(several) / len(asked) < 0.4


def test_the_standard_library_is_the_same_in_every_process() -> None:
    code = (
        "import hashlib; from pathlib import Path; from hn_assets.sources import open_source; "
        "from hn_assets.sources.settings import PythonStdlibSource as P; "
        "s = open_source(P(type='python_stdlib', documents=500), Path()); "
        "print(hashlib.sha256(repr([*s.documents(), *s.queries(), *s.qrels()]).encode())"
        ".hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(digests) == 1
