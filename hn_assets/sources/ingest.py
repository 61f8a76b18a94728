"""Check that documents, queries and qrels fit together, and write them as Parquet.

Texts of the corpus stream through; ids, a hash of each text, and the queries stay in memory.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from heapq import nsmallest
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.errors import SourceError
from hn_assets.sources.ingest_report import (
    MOST_EXAMPLES,
    CorpusReport,
    QrelsReport,
    QueriesReport,
    SourceReport,
)
from hn_assets.sources.protocol import Qrel, Query, Source
from hn_assets.store import tables
from hn_assets.text import normalised

ROWS_PER_GROUP = 10_000
SAMPLE = 5


def collect(
    source: Source,
    *,
    corpus: Path | None,
    queries: Path | None,
    qrels: Path | None,
    mining_split: str,
    evaluation_split: str,
) -> SourceReport:
    """Read a source whole, check it, and write the files that are asked for.

    Args:
        source: what to read.
        corpus: Parquet file to write the documents to, or None to check them only.
        queries: the same for the queries.
        qrels: the same for the qrels.
        mining_split: the split that will be mined.
        evaluation_split: the split that must not leak into training; "" for none.

    Raises:
        SourceError: something is missing, unreadable, ambiguous, or does not fit together.
    """
    corpus_report, doc_ids = _collect_corpus(source, corpus)
    known, empty = _read_queries(source)
    order = _split_order(mining_split, evaluation_split)
    judged = list(source.qrels())
    if not judged:
        raise SourceError("there are no qrels: without a known positive nothing can be mined")
    split_of = _assign_splits(judged, known, order)
    queries_report, leaked = _choose_queries(known, split_of, evaluation_split)
    queries_report.empty = len(empty)
    kept = {query: split for query, split in split_of.items() if query not in leaked}
    qrels_report, pairs = _collect_qrels(judged, doc_ids, known, kept, leaked | empty)
    _check_mining_split(mining_split, judged, pairs, qrels_report, known, doc_ids)
    if queries is not None:
        rows = (
            {"id": q.id, "text": q.text, "split": kept[q.id], "prompt": q.prompt}
            for q in known.values()
            if q.id in kept
        )
        _write(queries, tables.QUERIES, rows)
    if qrels is not None:
        _write(qrels, tables.QRELS, pairs)
    return SourceReport(corpus_report, queries_report, qrels_report)


def _collect_corpus(source: Source, path: Path | None) -> tuple[CorpusReport, set[str]]:
    report = CorpusReport()
    places: dict[str, tuple[bytes, str]] = {}
    texts: set[bytes] = set()
    words: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for document in source.documents():
            content = _digest(f"{document.title}\0{document.text}")
            if document.id in places:
                before, where = places[document.id]
                if before != content:
                    raise SourceError(
                        f"document id {document.id!r} is given twice with different texts: "
                        f"{where} and {document.where}; ids must be unique"
                    )
                report.repeated_rows += 1
                continue
            places[document.id] = content, document.where
            whole = f"{document.title} {document.text}"
            words.append(len(whole.split()))
            if not words[-1]:
                report.empty += 1
                _append(report.empty_ids, document.id)
            text = _digest(normalised(whole))
            report.duplicate_texts += text in texts
            texts.add(text)
            row = {"id": document.id, "title": document.title, "text": document.text}
            if len(report.sample) < SAMPLE:
                report.sample.append(row)
            yield row

    if path is None:
        for _ in rows():
            pass
    else:
        _write(path, tables.CORPUS, rows())
    if not places:
        raise SourceError("the corpus is empty: there is no document to choose negatives from")
    report.documents = len(places)
    report.words = {
        "min": float(min(words)),
        **{f"p{p}": round(float(np.percentile(words, p)), 1) for p in (10, 50, 90, 99)},
        "max": float(max(words)),
    }
    return report, set(places)


def _read_queries(source: Source) -> tuple[dict[str, Query], set[str]]:
    known: dict[str, Query] = {}
    for query in source.queries():
        before = known.setdefault(query.id, query)
        if before.text != query.text:
            raise SourceError(
                f"query id {query.id!r} is given twice with different texts: {before.where} and "
                f"{query.where}; ids must be unique"
            )
    empty = {query.id for query in known.values() if not query.text.strip()}
    known = {query.id: query for query in known.values() if query.id not in empty}
    if not known:
        raise SourceError("there are no queries with text")
    return known, empty


def _split_order(mining_split: str, evaluation_split: str) -> dict[str, int]:
    """Which split a query belongs to that has qrels in several: evaluation first."""
    return {evaluation_split: 0, mining_split: 1}


def _assign_splits(
    judged: list[Qrel], known: dict[str, Query], order: dict[str, int]
) -> dict[str, str]:
    splits: dict[str, set[str]] = defaultdict(set)
    for qrel in judged:
        if qrel.query_id in known:
            splits[qrel.query_id].add(qrel.split)
    return {
        query: min(names, key=lambda name: (order.get(name, len(order)), name))
        for query, names in splits.items()
    }


def _choose_queries(
    known: dict[str, Query], split_of: dict[str, str], evaluation_split: str
) -> tuple[QueriesReport, set[str]]:
    """Leave out what would let a model train on an evaluation query."""
    report = QueriesReport(unlabelled=len(known.keys() - split_of.keys()))
    guarded = {
        normalised(known[query].text)
        for query, split in split_of.items()
        if split == evaluation_split
    }
    leaked: set[str] = set()
    for query in known.values():
        split = split_of.get(query.id)
        if split is None:
            continue
        if split != evaluation_split and normalised(query.text) in guarded:
            leaked.add(query.id)
            _append(report.leaked_ids, query.id)
            continue
        report.per_split[split] = report.per_split.get(split, 0) + 1
        if len(report.sample) < SAMPLE:
            report.sample.append({"id": query.id, "text": query.text, "split": split})
    report.leaked = len(leaked)
    return report, leaked


def _collect_qrels(
    judged: list[Qrel],
    doc_ids: set[str],
    known: dict[str, Query],
    kept: dict[str, str],
    left_out: set[str],
) -> tuple[QrelsReport, list[dict[str, Any]]]:
    report = QrelsReport()
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    for qrel in judged:
        key = (qrel.query_id, qrel.doc_id)
        reason = None
        if qrel.query_id in left_out:
            reason = "query left out"
        elif qrel.query_id not in known:
            reason = "unknown query"
        elif qrel.doc_id not in doc_ids:
            reason = "unknown document"
        elif qrel.split != kept[qrel.query_id]:
            reason = "query in another split"
        elif key in pairs:
            reason = "pair given twice"
            # two judges may differ: the higher grade keeps a positive from becoming a negative
            pairs[key]["score"] = max(pairs[key]["score"], qrel.score)
        if reason is not None:
            report.drop(qrel.query_id, qrel.doc_id, qrel.where, reason)
            continue
        pairs[key] = {
            "query_id": qrel.query_id,
            "doc_id": qrel.doc_id,
            "score": qrel.score,
            "split": qrel.split,
        }
    rows = list(pairs.values())
    positives = Counter(row["query_id"] for row in rows if row["score"] > 0)
    report.judged_not_relevant = sum(row["score"] <= 0 for row in rows)
    pairs_of = Counter(row["split"] for row in rows)
    for split, count in sorted(Counter(kept.values()).items()):
        numbers = [positives[q] for q, s in kept.items() if s == split and positives[q]]
        report.pairs[split] = pairs_of[split]
        report.queries[split] = count
        report.queries_without_positives[split] = count - len(numbers)
        report.positives_per_query[split] = {
            "mean": round(float(np.mean(numbers)), 2) if numbers else 0.0,
            "median": float(np.median(numbers)) if numbers else 0.0,
            "max": float(max(numbers, default=0)),
        }
    return report, rows


def _check_mining_split(
    split: str,
    judged: list[Qrel],
    pairs: list[dict[str, Any]],
    report: QrelsReport,
    known: dict[str, Query],
    doc_ids: set[str],
) -> None:
    splits = sorted({qrel.split for qrel in judged})
    if split not in splits:
        raise SourceError(
            f"there are no qrels for the split {split!r} that mining.split names; the splits are "
            f"{', '.join(splits)}"
        )
    if not any(row["split"] == split for row in pairs):
        first = next(qrel for qrel in judged if qrel.split == split)
        reasons = ", ".join(f"{reason}: {count}" for reason, count in report.dropped.items())
        raise SourceError(
            f"every qrel of the split {split!r} was dropped ({reasons}). {first.where} names query "
            f"{first.query_id!r} and document {first.doc_id!r}; ids of queries look like "
            f"{_some(known)} and ids of documents like {_some(nsmallest(2, doc_ids))}"
        )


def _write(path: Path, schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> None:
    rows = iter(rows)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while block := list(islice(rows, ROWS_PER_GROUP)):
            writer.write_table(pa.Table.from_pylist(block, schema=schema))


def _append(examples: list[str], value: str) -> None:
    if len(examples) < MOST_EXAMPLES:
        examples.append(value)


def _some(ids: Iterable[str]) -> str:
    return " and ".join(repr(i) for i in islice(ids, 2))


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
