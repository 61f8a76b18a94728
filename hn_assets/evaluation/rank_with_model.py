"""The rankings that another model gives for some queries, to be compared with those there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from hn_assets.encoding.embed_report import EmbedReport
from hn_assets.encoding.embed_texts import embed_texts
from hn_assets.encoding.lazy_model import LazyModel
from hn_assets.encoding.models.vector_identity import Kind
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.hardware import choose_faiss_device
from hn_assets.retrieval.faiss_index import build_index
from hn_assets.retrieval.rank_candidates import rank_candidates
from hn_assets.settings.compute import ComputeSettings
from hn_assets.settings.encoding import EncodingSettings
from hn_assets.settings.search import SearchSettings
from hn_assets.store import layout


@dataclass(frozen=True)
class ModelRankings:
    """What ranking with another model gave.

    Attributes:
        candidates: The Parquet file of the rankings, with the columns of `schemas.CANDIDATES`.
        corpus: What was encoded of the corpus.
        queries: What was encoded of the queries.
    """

    candidates: Path
    corpus: EmbedReport
    queries: EmbedReport


def rank_with_model(
    corpus: Path,
    queries: Path,
    query_ids: Sequence[str],
    *,
    model: Path,
    encoding: EncodingSettings,
    compute: ComputeSettings,
    folder: Path,
    cache_folder: Path,
    memory_mb: int,
    depth: int,
    log: Callable[[str], None],
) -> ModelRankings:
    """Encode the corpus and some queries, and rank the documents for them by exact search.

    The vectors go to the cache of all vectors, so that mining with this model later finds them.

    Args:
        corpus: The Parquet file of the corpus.
        queries: The Parquet file of the queries.
        query_ids: The ids of the queries that are ranked; at least one.
        model: The folder of the model.
        encoding: The settings of encoding, whose own model is not used.
        compute: The settings of the device.
        folder: An existing folder for files on the way.
        cache_folder: The folder of all vectors that were ever made.
        memory_mb: `search.memory_mb`.
        depth: How many candidates are wanted for each query.
        log: Takes the lines of progress.

    Raises:
        ModelError: The model cannot be loaded or used.
        WorkerError: A process that encodes has died.
    """
    import pandas as pd

    asked = folder / "queries.parquet"
    table = pq.read_table(queries, filters=pc.field("id").isin(list(query_ids)))
    pq.write_table(table, asked)
    corpus_vectors, query_vectors = folder / "corpus.arrow", folder / "queries.arrow"

    of_model = encoding.model_copy(update={"model": str(model), "revision": None})
    with LazyModel(of_model, compute, log) as loaded:

        def embed(source: Path, kind: Kind, target: Path, what: str) -> EmbedReport:
            return embed_texts(
                source, kind, target, model=loaded, cache_folder=cache_folder, what=what, log=log
            )

        of_corpus = embed(corpus, "passage", corpus_vectors, "corpus")
        of_queries = embed(asked, "query", query_vectors, "queries")
    search = SearchSettings(memory_mb=memory_mb)
    build_index(VectorTable(corpus_vectors), search, folder)
    candidates = folder / "candidates.parquet"
    rank_candidates(
        folder / layout.FAISS_INDEX.name,
        folder / layout.FAISS_INDEX_IDS.name,
        corpus_vectors,
        query_vectors,
        target=candidates,
        searched_documents=folder / "searched_documents.parquet",
        searched_queries=folder / "searched_queries.parquet",
        search=search,
        depth=depth,
        faiss_device=choose_faiss_device(compute),
        qrels=pd.DataFrame({"query_id": [], "doc_id": [], "score": [], "split": []}),
        log=log,
    )
    return ModelRankings(candidates, of_corpus, of_queries)
