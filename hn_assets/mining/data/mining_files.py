"""The files of a dataset that mining reads."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MiningFiles:
    """The files that mining reads.

    Attributes:
        corpus: A Parquet file with the columns of `schemas.CORPUS`.
        queries: A Parquet file with the columns of `schemas.QUERIES`.
        qrels: A Parquet file with the columns of `schemas.QRELS`.
        corpus_embeddings: The vectors of the corpus.
        query_embeddings: The vectors of the queries.
        faiss_index: The index of the corpus, for searches that go deeper than the candidates.
        faiss_index_ids: The ids of the documents in the index.
        candidates: A Parquet file with the columns of `schemas.CANDIDATES`.
        teacher_scores: A Parquet file with the columns of `schemas.TEACHER_SCORES`; None if no
            teacher has scored anything.
    """

    corpus: Path
    queries: Path
    qrels: Path
    corpus_embeddings: Path
    query_embeddings: Path
    faiss_index: Path
    faiss_index_ids: Path
    candidates: Path
    teacher_scores: Path | None = None
