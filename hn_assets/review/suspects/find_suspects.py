"""Find the positives of a dataset that look like none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.ids import Ids
from hn_assets.mining.data.mining_files import MiningFiles
from hn_assets.mining.deeper_search import DeeperSearch
from hn_assets.mining.rules.sampling import hash_ids, random_keys
from hn_assets.review.suspects.features import (
    FEATURES,
    FeatureSource,
    LabelledQuery,
    choose_reference,
)
from hn_assets.review.suspects.model import judge_positives
from hn_assets.settings.search import SearchSettings
from hn_assets.store.schemas import read_rows

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

CONTRASTS = 10  # documents of each query that positives are told from
# Their ranks: so low that hardly any is relevant, and not so low that telling them is easy.
CONTRAST_START, CONTRAST_END = 50, 500
QUERIES_AT_ONCE = 1_000
MAX_CHARACTERS = 20_000  # of a text whose words are looked at
WORD_FEATURES = 1 << 18


def find_suspects(
    files: MiningFiles, search: SearchSettings, split: str, seed: int
) -> pd.DataFrame | None:
    """Every positive of a split, the most suspicious first.

    Args:
        files: The files of the dataset; queries are searched again, as deep as they have to be.
        search: How the index is searched.
        split: The split whose positives are judged.
        seed: Of which documents positives are compared with.

    Returns:
        A table with the columns query_id, doc_id, suspicion, rank (missing beyond the last one that
        was searched), and the features; None if there are too few positives to learn from.
    """
    import pandas as pd

    documents, queries = VectorTable(files.corpus_embeddings), VectorTable(files.query_embeddings)
    labelled = _labelled_queries(files, search, split, documents, queries)
    contrasts = [_draw_contrasts(query, queries.ids, documents.ids, seed) for query in labelled]
    if not labelled:
        return None
    wanted = np.unique(np.concatenate([*(query.positives for query in labelled), *contrasts]))
    source = _feature_source(files, documents, queries, labelled, wanted, seed)
    positives = [source.of(query, query.positives, drop_one=False) for query in labelled]
    others = [
        source.of(query, rows, drop_one=True)
        for query, rows in zip(labelled, contrasts, strict=True)
    ]
    rows = np.array([query.row for query in labelled])
    suspicion = judge_positives(
        np.concatenate(positives),
        np.concatenate(others),
        np.repeat(rows, [len(part) for part in positives]),
        np.repeat(rows, [len(part) for part in others]),
        seed,
    )
    if suspicion is None:
        return None
    documents_of = np.concatenate([query.positives for query in labelled])
    ranks = pd.Series(np.concatenate([_ranks(query) for query in labelled]))
    found = pd.DataFrame(np.concatenate(positives), columns=list(FEATURES)).assign(
        query_id=[queries.ids[query.row] for query in labelled for _ in query.positives],
        doc_id=[documents.ids[row] for row in documents_of],
        suspicion=pd.Series(suspicion),
        rank=ranks.where(ranks >= 0).astype("Int32"),
    )
    return found.sort_values(
        ["suspicion", "query_id", "doc_id"], ascending=[False, True, True], ignore_index=True
    )


def _labelled_queries(
    files: MiningFiles,
    search: SearchSettings,
    split: str,
    documents: VectorTable,
    queries: VectorTable,
) -> list[LabelledQuery]:
    """The queries of a split with positives, by row."""
    import pandas as pd

    qrels = pd.read_parquet(files.qrels)
    qrels = qrels[(qrels.score > 0) & (qrels.split == split)].drop_duplicates(
        ["query_id", "doc_id"]
    )
    found = pd.DataFrame(
        {
            "query": queries.ids.rows_of(qrels.query_id),
            "row": documents.ids.rows_of(qrels.doc_id),
        }
    )
    found = found[(found["query"] >= 0) & (found.row >= 0)].sort_values(["query", "row"])
    positives = {int(str(q)): part.to_numpy(np.int64) for q, part in found.groupby("query").row}
    rows = np.array(list(positives), np.int64)
    ranked = DeeperSearch(files.faiss_index, files.faiss_index_ids, queries, documents, search)
    labelled: list[LabelledQuery] = []
    for start in range(0, len(rows), QUERIES_AT_ONCE):
        block = ranked(rows[start : start + QUERIES_AT_ONCE], CONTRAST_END)
        labelled += [
            LabelledQuery(int(row), positives[int(row)], candidates[candidates >= 0])
            for row, candidates in zip(block.queries, block.documents, strict=True)
        ]
    return labelled


def _draw_contrasts(
    query: LabelledQuery, query_ids: Sequence[str], document_ids: Ids, seed: int
) -> NDArray[np.int64]:
    """Some low-ranked documents of a query that nobody labelled."""
    ranked = query.candidates
    able = ranked[min(CONTRAST_START, len(ranked) // 2) :]
    able = able[~np.isin(able, query.positives)]
    keys = random_keys(
        hash_ids([query_ids[query.row]], seed),
        hash_ids(document_ids.take(able).to_pylist(), seed),
    )
    return able[np.argsort(keys, kind="stable")[:CONTRASTS]]


def _feature_source(
    files: MiningFiles,
    documents: VectorTable,
    queries: VectorTable,
    labelled: list[LabelledQuery],
    wanted: NDArray[np.int64],
    seed: int,
) -> FeatureSource:
    queries_of: dict[int, list[int]] = {}
    for query in labelled:
        for row in query.positives:
            queries_of.setdefault(int(row), []).append(query.row)
    query_words, document_words, words_of = _words(files, documents.ids, wanted)
    return FeatureSource(
        documents,
        queries,
        query_words=query_words,
        document_words=document_words,
        words_of=words_of,
        queries_of=queries_of,
        reference=choose_reference(queries.ids, np.array([q.row for q in labelled]), seed),
        wanted=wanted,
    )


def _words(
    files: MiningFiles, document_ids: Ids, wanted: NDArray[np.int64]
) -> tuple[csr_matrix, csr_matrix, dict[int, int]]:
    """TF-IDF of all queries and of the wanted documents, and the rows of the latter in it."""
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    names = dict(zip(document_ids.take(wanted).to_pylist(), wanted.tolist(), strict=True))
    words_of: dict[int, int] = {}

    def texts() -> Iterator[str]:
        for row in read_rows(files.corpus, ["id", "title", "text"], names):
            words_of[names[row["id"]]] = len(words_of)
            yield f"{row['title']} {row['text'][:MAX_CHARACTERS]}"

    count: Any = HashingVectorizer(n_features=WORD_FEATURES, alternate_sign=False, norm=None)  # type: ignore[arg-type]
    counted = count.transform(texts())
    weigh: Any = TfidfTransformer(sublinear_tf=True).fit(counted)
    asked = count.transform(row["text"] for row in read_rows(files.queries, ["text"]))
    return weigh.transform(asked), weigh.transform(counted), words_of


def _ranks(query: LabelledQuery) -> NDArray[np.int64]:
    """The rank of each positive, -1 for one that was not found."""
    rank_of: Mapping[int, int] = {int(row): rank for rank, row in enumerate(query.candidates)}
    return np.array([rank_of.get(int(row), -1) for row in query.positives], np.int64)
