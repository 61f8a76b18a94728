"""BM25 ranks as bm25s does, in an order that is the same on every machine."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import Stemmer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hn_assets.retrievers import RetrieverInputs
from hn_assets.retrievers.bm25 import index
from hn_assets.retrievers.bm25.words import Vocabulary
from hn_assets.retrievers.kinds.bm25 import Bm25Settings
from hn_assets.store import schemas
from hn_assets_tests.collections_on_disk import shared
from hn_assets_tests.retrievers.retrieve import Found, inputs_in, retrieve

TEXT = "heart hearts attack the attacks of cell cells growing grow growth a protein mouse"
WORDS = TEXT.split()
METHODS = ["lucene", "robertson", "atire", "bm25l", "bm25+"]


def random_texts(count: int, words: int, seed: int) -> dict[str, str]:
    """Texts of words of which the first are frequent; among the many some are equal."""
    random = np.random.default_rng(seed)
    chances = 1 / np.arange(1, len(WORDS) + 1)
    lengths = random.integers(0, words, count)
    return {
        f"{seed}-{place:03}": " ".join(random.choice(WORDS, length, p=chances / chances.sum()))
        for place, length in enumerate(lengths)
    }


def by_bm25s(documents: dict[str, str], queries: dict[str, str], settings: Bm25Settings) -> Found:
    """Every document that bm25s gives a score, best first, equal scores in the order of ids."""
    stemmer = Stemmer.Stemmer("english")
    cut: dict[str, Any] = {"stopwords": "english", "stemmer": stemmer, "show_progress": False}
    tool = bm25s.BM25(settings.k1, settings.b, settings.delta, method=settings.method)
    tool.index(bm25s.tokenize(list(documents.values()), **cut), show_progress=False)
    asked: Any = bm25s.tokenize(list(queries.values()), return_ids=False, **cut)
    found: Found = {}
    for query, words in zip(queries, asked, strict=True):
        ids = tool.get_tokens_ids(words)
        if not ids:
            continue
        scores = tool.get_scores_from_ids(ids)
        none = tool.nonoccurrence_array
        of_no_word = 0.0 if none is None else none[np.array(ids)].sum()
        rows = sorted(zip(scores.tolist(), documents, strict=True), key=lambda r: (-r[0], r[1]))
        found[query] = [(document, score) for score, document in rows if score > of_no_word]
    return {query: rows for query, rows in found.items() if rows}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("k1", "b"), [(1.5, 0.75), (0.9, 0.4), (0.1, 1.0)])
def test_scores_are_those_of_bm25s_to_the_last_bit(
    method: str, k1: float, b: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "WORDS_AT_ONCE", 50)  # several blocks
    documents, queries = random_texts(60, 20, 0), random_texts(30, 12, 1)
    settings = Bm25Settings.model_validate({"type": "bm25", "method": method, "k1": k1, "b": b})
    found, report = retrieve(settings, inputs_in(tmp_path, documents, queries), 1000)
    assert found == by_bm25s(documents, queries, settings)
    assert 0 < report.queries_without_candidates < len(queries)  # some queries have no word
    assert (report.depth, report.depth_wanted) == (60, 1000)


@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), min_size=1, max_size=12),
    st.lists(st.lists(st.sampled_from([*WORDS, "unseen"]), max_size=6).map(" ".join), min_size=1),
    st.integers(1, 15),
    st.integers(1, 30),
)
def test_any_corpus_is_ranked_as_bm25s_ranks_it(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    asked: list[str],
    depth: int,
    at_once: int,
) -> None:
    documents = {f"d{len(texts) - place}": text for place, text in enumerate(texts)}
    queries = {f"q{place}": text for place, text in enumerate(asked)}
    settings = Bm25Settings(type="bm25")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "WORDS_AT_ONCE", at_once)
        inputs = inputs_in(tmp_path_factory.mktemp("corpus"), documents, queries, memory_mb=0)
        found, _ = retrieve(settings, inputs, depth)
    if any(Vocabulary("english", settings.words_left_out).count(text).size for text in texts):
        of_bm25s = by_bm25s(documents, queries, settings)
        assert found == {query: rows[:depth] for query, rows in of_bm25s.items()}
    else:
        assert found == {}  # where bm25s fails


def test_equal_scores_at_the_cut_are_decided_by_id(tmp_path: Path) -> None:
    documents: dict[str, str] = dict.fromkeys(("c", "é", "b", "z", "a", "10", "9"), "heart")
    documents["best"] = "heart heart heart"
    inputs = inputs_in(tmp_path, documents, {"q": "hearts"})
    found, _ = retrieve(Bm25Settings(type="bm25"), inputs, 5)
    assert [document for document, _ in found["q"]] == ["best", "10", "9", "a", "b"]


def test_words_of_other_languages_are_stemmed_and_stop_words_left_out(tmp_path: Path) -> None:
    documents = {"1": "Die Häuser der Stadt", "2": "das Haus", "3": "der die das"}
    inputs = inputs_in(tmp_path, documents, {"q": "der Häusern", "none": "der das"})

    def found_by(**settings: object) -> dict[str, set[str]]:
        kind = Bm25Settings.model_validate({"type": "bm25", **settings})
        found = retrieve(kind, inputs, 9)[0]
        return {query: {document for document, _ in rows} for query, rows in found.items()}

    assert found_by(language="german") == {"q": {"1", "2"}}
    assert found_by(language="german", stop_words="none")["none"] == {"1", "2", "3"}
    assert found_by(language="none", stop_words=["Der", "das"]) == {}
    assert found_by(language="none")["q"] == {"1", "3"}


def test_the_title_counts_where_the_encoder_reads_it(tmp_path: Path) -> None:
    inputs = inputs_in(tmp_path, {"1": "", "2": "cell"}, {"q": "heart"})
    table = pa.table(
        {"id": ["1", "2"], "title": ["Heart", ""], "text": ["beats", "cell"]},
        schema=schemas.CORPUS,
    )
    pq.write_table(table, inputs.corpus)
    settings = Bm25Settings(type="bm25")
    assert [row[0] for row in retrieve(settings, inputs, 2)[0]["q"]] == ["1"]
    warned: list[str] = []
    inputs = replace(inputs, include_title=False, warn=warned.append)
    assert retrieve(settings, inputs, 2)[0] == {}
    assert "1 of 1 queries share no word with any document" in warned[0]


def test_settings_that_no_library_knows_are_refused_with_the_nearest_name() -> None:
    for given_, expected in (
        ({"language": "englsh"}, "there is no language of this name .did you mean 'english'"),
        ({"stop_words": "germn"}, "no list of stop words of this name .did you mean 'german'"),
        ({"method": "okapi"}, "lucene"),
        ({"b": 1.5}, "less than or equal to 1"),
    ):
        with pytest.raises(ValidationError, match=expected):
            Bm25Settings.model_validate({"type": "bm25", **given_})


def test_it_depends_on_the_releases_of_the_libraries(tmp_path: Path) -> None:
    inputs = inputs_in(tmp_path, {"1": "a"}, {"q": "a"})
    assert set(Bm25Settings(type="bm25").identify(inputs)) == {"bm25s", "PyStemmer"}


def test_scifact_is_ranked_as_well_as_by_bm25s(tmp_path: Path) -> None:
    import ir_measures
    import pandas as pd

    folder = shared("scifact")
    with (folder / "corpus.jsonl").open() as file:
        corpus = [json.loads(line) for line in file]
    table = {
        "id": [row["_id"] for row in corpus],
        "title": [row["title"] for row in corpus],
        "text": [row["text"] for row in corpus],
    }
    pq.write_table(pa.table(table, schema=schemas.CORPUS), tmp_path / "corpus.parquet")
    qrels = pd.read_csv(folder / "qrels" / "test.tsv", sep="\t", dtype=str)
    qrels.columns = ["query_id", "doc_id", "relevance"]
    qrels["relevance"] = qrels.relevance.astype(int)
    with (folder / "queries.jsonl").open() as file:
        texts = {row["_id"]: row["text"] for row in map(json.loads, file)}
    ids = sorted(set(qrels.query_id))
    asked = {"id": ids, "text": [texts[i] for i in ids], "split": ids, "prompt": [None] * len(ids)}
    pq.write_table(pa.table(asked, schema=schemas.QUERIES), tmp_path / "queries.parquet")
    settings = Bm25Settings(type="bm25")
    inputs = RetrieverInputs(tmp_path, tmp_path / "corpus.parquet", tmp_path / "queries.parquet")
    found, _ = retrieve(settings, inputs, 10)

    run = {query: dict(rows) for query, rows in found.items()}
    measure = ir_measures.nDCG @ 10
    quality = ir_measures.calc_aggregate([measure], qrels, run)[measure]
    # what bm25s alone gave for the same texts
    assert quality == pytest.approx(0.686, abs=0.001)
