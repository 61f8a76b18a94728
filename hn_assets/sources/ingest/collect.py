"""Check that documents, queries and qrels fit together, and write them as Parquet.

The texts of the corpus pass through, a few thousand at a time. Ids, hashes of ids and texts, and
the queries stay in memory.
"""

from pathlib import Path

from hn_assets.errors import SourceError
from hn_assets.sources.ingest.corpus import ingest_corpus
from hn_assets.sources.ingest.parquet_writer import write_rows
from hn_assets.sources.ingest.qrels import check_mining_split, ingest_qrels, qrels_rows
from hn_assets.sources.ingest.queries import assign_splits, choose_queries, read_queries
from hn_assets.sources.ingest.report import SourceReport
from hn_assets.sources.protocol import Source
from hn_assets.store import schemas


def collect(
    source: Source,
    *,
    corpus: Path | None,
    queries: Path | None,
    qrels: Path | None,
    mining_split: str,
    evaluation_split: str,
) -> SourceReport:
    """Read a whole source, check it, and write the files that are asked for.

    Args:
        source: The source to read.
        corpus: The Parquet file to write the documents to, or None to only check them.
        queries: The Parquet file to write the queries to, or None to only check them.
        qrels: The Parquet file to write the qrels to, or None to only check them.
        mining_split: The split for whose queries negatives are mined.
        evaluation_split: The split whose queries must not be trained on, or "" for none.

    Returns:
        Counts of what was kept and what was left out, and samples.

    Raises:
        SourceError: Something is missing, unreadable or ambiguous, or does not fit together.
    """
    corpus_report, doc_ids = ingest_corpus(source, corpus)
    known, empty = read_queries(source)
    source.check_references(doc_ids, known.keys() | empty)
    judged = list(source.qrels())
    if not judged:
        raise SourceError("there are no qrels: without a known positive nothing can be mined")
    # a query with qrels in several splits belongs to the evaluation before it is mined
    split_of = assign_splits(judged, known, (evaluation_split, mining_split))
    queries_report, repeated = choose_queries(known, split_of, evaluation_split)
    queries_report.empty = len(empty)
    kept = {query: split for query, split in split_of.items() if query not in repeated}
    judged_ids = doc_ids.among(qrel.doc_id for qrel in judged)
    qrels_report, grades = ingest_qrels(judged, judged_ids, known, kept, repeated | empty)
    check_mining_split(mining_split, judged, qrels_report, known, doc_ids)
    if queries is not None:
        kept_queries = (query for query in known.values() if query.id in kept)
        write_rows(
            queries,
            schemas.QUERIES,
            (
                {"id": q.id, "text": q.text, "split": kept[q.id], "prompt": q.prompt}
                for q in kept_queries
            ),
        )
    if qrels is not None:
        write_rows(qrels, schemas.QRELS, qrels_rows(grades, kept))
    return SourceReport(corpus_report, queries_report, qrels_report)
