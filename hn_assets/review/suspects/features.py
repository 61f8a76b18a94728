"""What tells a positive of a query from a document that only ranks like one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hn_assets.encoding.vectors.vector_file import VectorSource
from hn_assets.ids import Ids
from hn_assets.mining.rules.sampling import hash_ids

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FEATURES = (
    # of the query's candidates: the score in units of their spread, and the logarithm of the rank
    "standardised_score",
    "log_rank",
    # the score in units of the spread of this document's scores with other queries
    "score_beside_other_queries",
    # cosine to the best candidates, mean and largest cosine to the query's other positives, each in
    # units of the spread over the candidates
    "density",
    "mean_positive_similarity",
    "max_positive_similarity",
    # the share of candidates that are closer to a positive: the smallest over positives, the mean
    "min_share_closer",
    "mean_share_closer",
    # the share of positives among the nearest of the candidates and positives
    "positive_neighbours",
    # how alike the words are (TF-IDF): to the query, and to the other positives
    "query_words",
    "max_positive_words",
    "mean_positive_words",
    # the document as a positive of other queries: how many, and the cosine to the nearest of these
    "other_queries",
    "other_query_similarity",
    "other_positives",
)

CANDIDATES = 200  # of a query that a document is compared with
BEST = 20  # the candidates that stand for what the query is about
NEIGHBOURS = 10
MAX_OTHERS = 100  # positives of a query that a document is compared with
REFERENCE_QUERIES = 1_000
DOCUMENTS_AT_ONCE = 4_096


@dataclass(frozen=True)
class LabelledQuery:
    """A query with its labels and its ranking, as rows of documents.

    Attributes:
        row: The row of the query.
        positives: The rows of its positives; int64.
        candidates: The rows of its candidates, the best ranked first; int64.
    """

    row: int
    positives: NDArray[np.int64]
    candidates: NDArray[np.int64]


class FeatureSource:
    """Computes features of documents, each of which counts as unlabelled while it is looked at.

    Args:
        documents: The vectors of the documents.
        queries: The vectors of the queries.
        query_words: TF-IDF of the queries by row.
        document_words: TF-IDF of the documents whose features are wanted, and of all positives.
        words_of: The row in `document_words` of each document's row.
        queries_of: The rows of the queries of which each document's row is a positive.
        reference: Rows of the queries that a document's score is compared over.
        wanted: The rows of the documents whose features are wanted.
    """

    def __init__(
        self,
        documents: VectorSource,
        queries: VectorSource,
        *,
        query_words: csr_matrix,
        document_words: csr_matrix,
        words_of: dict[int, int],
        queries_of: dict[int, list[int]],
        reference: NDArray[np.int64],
        wanted: NDArray[np.int64],
    ) -> None:
        self._documents, self._queries = documents, queries
        self._query_words, self._document_words = query_words, document_words
        self._words_of, self._queries_of = words_of, queries_of
        self._over_queries = self._scores_over(reference, wanted)

    def of(
        self, query: LabelledQuery, rows: NDArray[np.int64], *, drop_one: bool
    ) -> NDArray[np.float64]:
        """The features of documents for one query; NaN where a query has no other positive.

        Args:
            query: The query.
            rows: The rows of the documents.
            drop_one: Whether one positive is left out, so that documents that are no positives have
                as many others as a positive has.
        """
        candidates = query.candidates[:CANDIDATES]
        vector = _unit(self._queries.take(np.array([query.row])))[0]
        near = _unit(self._documents.take(candidates))
        scores = near @ vector
        rank_of = {int(row): rank for rank, row in enumerate(query.candidates)}
        others = query.positives[:MAX_OTHERS]
        known = others[:-1] if drop_one else others
        known_vectors = _unit(self._documents.take(known))
        own = _unit(self._documents.take(rows))
        out = np.full((len(rows), len(FEATURES)), np.nan)
        for place, row in enumerate(rows):
            is_other = known != row
            values = self._compare(
                own[place], near, candidates, int(row), known[is_other], known_vectors[is_other]
            )
            score = float(own[place] @ vector)
            mean, spread = self._over_queries[int(row)]
            values |= {
                "standardised_score": (score - scores.mean()) / max(float(scores.std()), 1e-6),
                "log_rank": np.log1p(rank_of.get(int(row), len(query.candidates))),
                "score_beside_other_queries": (score - mean) / spread,
            }
            values |= self._words(query.row, int(row), known[is_other])
            values |= self._other_queries(query.row, int(row), vector)
            out[place] = [values.get(name, np.nan) for name in FEATURES]
        return out

    def _compare(
        self,
        own: NDArray[np.float32],
        near: NDArray[np.float32],
        candidates: NDArray[np.int64],
        row: int,
        known: NDArray[np.int64],
        known_vectors: NDArray[np.float32],
    ) -> dict[str, float]:
        """The similarity to the query's candidates and to its other positives."""
        best = near[:BEST][candidates[:BEST] != row]
        density = near @ best.T
        values = {
            "density": _standardise(float((best @ own).mean()), density.mean(axis=1)),
            "other_positives": float(len(known)),
        }
        if not len(known):
            return values
        cosines, of_candidates = known_vectors @ own, near @ known_vectors.T
        closer = (of_candidates > cosines).mean(axis=0)
        pool = np.concatenate([candidates, known])
        similarity = np.concatenate([near @ own, cosines])
        # a positive that is a candidate as well counts once
        is_new = (pool != row) & ~np.concatenate([np.isin(candidates, known), known < 0])
        nearest = pool[is_new][np.argsort(-similarity[is_new], kind="stable")[:NEIGHBOURS]]
        return values | {
            "mean_positive_similarity": _standardise(
                float(cosines.mean()), of_candidates.mean(axis=1)
            ),
            "max_positive_similarity": _standardise(
                float(cosines.max()), of_candidates.max(axis=1)
            ),
            "min_share_closer": float(closer.min()),
            "mean_share_closer": float(closer.mean()),
            "positive_neighbours": np.isin(nearest, known).sum() / min(NEIGHBOURS, len(known)),
        }

    def _words(self, query: int, row: int, known: NDArray[np.int64]) -> dict[str, float]:
        own = self._document_words[self._words_of[row]]
        values = {"query_words": float((self._query_words[query] @ own.T).sum())}
        if len(known):
            theirs = self._document_words[[self._words_of[int(other)] for other in known]]
            alike = (theirs @ own.T).toarray()
            values |= {
                "max_positive_words": float(alike.max()),
                "mean_positive_words": float(alike.mean()),
            }
        return values

    def _other_queries(self, query: int, row: int, vector: NDArray[np.float32]) -> dict[str, float]:
        others = [other for other in self._queries_of.get(row, ()) if other != query]
        if not others:
            return {"other_queries": 0.0, "other_query_similarity": 0.0}
        cosines = _unit(self._queries.take(np.array(others[:MAX_OTHERS]))) @ vector
        return {
            "other_queries": float(len(others)),
            "other_query_similarity": float(cosines.max()),
        }

    def _scores_over(
        self, reference: NDArray[np.int64], wanted: NDArray[np.int64]
    ) -> dict[int, tuple[float, float]]:
        """Mean and standard deviation of documents' scores over the reference queries."""
        queries = _unit(self._queries.take(reference))
        found: dict[int, tuple[float, float]] = {}
        for start in range(0, len(wanted), DOCUMENTS_AT_ONCE):
            rows = wanted[start : start + DOCUMENTS_AT_ONCE]
            scores = _unit(self._documents.take(rows)) @ queries.T
            spreads = np.maximum(scores.std(axis=1), 1e-6)
            for row, mean, spread in zip(rows, scores.mean(axis=1), spreads, strict=True):
                found[int(row)] = (float(mean), float(spread))
        return found


def choose_reference(query_ids: Ids, rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The rows of some of the queries, chosen by the hashes of their ids."""
    keys = hash_ids(query_ids.take(rows).to_pylist(), seed)
    return rows[np.argsort(keys, kind="stable")[:REFERENCE_QUERIES]]


def _standardise(value: float, over: NDArray[np.floating]) -> float:
    return (value - float(over.mean())) / max(float(over.std()), 1e-6)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors at length 1; an embedding that is not normalised is compared by its direction."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
