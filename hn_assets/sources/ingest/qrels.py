"""Keep the qrels that fit the documents and queries, and count the others by reason."""

from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nsmallest
from itertools import islice
from typing import Any

import numpy as np

from hn_assets.errors import SourceError
from hn_assets.sources.ingest.report import UNKNOWN_DOCUMENT, UNKNOWN_QUERY, QrelsReport
from hn_assets.sources.protocol import Qrel, Query


def ingest_qrels(
    judged: Iterable[Qrel],
    doc_ids: set[str],
    known: dict[str, Query],
    kept: dict[str, str],
    left_out: set[str],
) -> tuple[QrelsReport, list[dict[str, Any]]]:
    """Keep one qrel for every query and document.

    Args:
        judged: The qrels of all splits.
        doc_ids: The ids of all documents.
        known: The queries with text by their ids.
        kept: The split of every query that is kept.
        left_out: The ids of the queries that are left out.

    Returns:
        The report, and the rows of the table of qrels.
    """
    report = QrelsReport()
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for qrel in judged:
        key = (qrel.query_id, qrel.doc_id)
        reason = None
        if qrel.query_id in left_out:
            reason = "query left out"
        elif qrel.query_id not in known:
            reason = UNKNOWN_QUERY
        elif qrel.doc_id not in doc_ids:
            reason = UNKNOWN_DOCUMENT
        elif qrel.split != kept[qrel.query_id]:
            reason = "query in another split"
        elif key in rows:
            reason = "pair given twice"
            # two judges may differ: the higher grade keeps a positive from becoming a negative
            rows[key]["score"] = max(rows[key]["score"], qrel.score)
        if reason is not None:
            report.drop(qrel.query_id, qrel.doc_id, qrel.where, reason)
            continue
        rows[key] = {
            "query_id": qrel.query_id,
            "doc_id": qrel.doc_id,
            "score": qrel.score,
            "split": qrel.split,
        }
    _count(report, list(rows.values()), kept)
    return report, list(rows.values())


def check_mining_split(
    split: str,
    judged: Sequence[Qrel],
    rows: Iterable[dict[str, Any]],
    report: QrelsReport,
    known: dict[str, Query],
    doc_ids: set[str],
) -> None:
    """Check that a qrel of the split to be mined was kept.

    Args:
        split: The split for whose queries negatives are mined.
        judged: The qrels of all splits as they were read.
        rows: The rows of those that were kept.
        report: The report on the qrels, which has the reasons for dropping the others.
        known: The queries with text by their ids.
        doc_ids: The ids of all documents.

    Raises:
        SourceError: The split has no qrels, or all of them were dropped.
    """
    splits = sorted({qrel.split for qrel in judged})
    if split not in splits:
        raise SourceError(
            f"there are no qrels for the split {split!r} that mining.split names; the splits are "
            f"{', '.join(splits)}"
        )
    if not any(row["split"] == split for row in rows):
        first = next(qrel for qrel in judged if qrel.split == split)
        reasons = ", ".join(f"{reason}: {count}" for reason, count in report.dropped.items())
        raise SourceError(
            f"every qrel of the split {split!r} was dropped ({reasons}). {first.where} names query "
            f"{first.query_id!r} and document {first.doc_id!r}; ids of queries look like "
            f"{_some(known)} and ids of documents like {_some(nsmallest(2, doc_ids))}"
        )


def _count(report: QrelsReport, rows: list[dict[str, Any]], kept: dict[str, str]) -> None:
    positives = Counter(row["query_id"] for row in rows if row["score"] > 0)
    report.judged_not_relevant = sum(row["score"] <= 0 for row in rows)
    rows_of = Counter(row["split"] for row in rows)
    for split, count in sorted(Counter(kept.values()).items()):
        numbers = [positives[q] for q, s in kept.items() if s == split and positives[q]]
        report.per_split[split] = rows_of[split]
        report.queries[split] = count
        report.queries_without_positives[split] = count - len(numbers)
        report.positives_per_query[split] = {
            "mean": round(float(np.mean(numbers)), 2) if numbers else 0.0,
            "median": float(np.median(numbers)) if numbers else 0.0,
            "max": float(max(numbers, default=0)),
        }


def _some(ids: Iterable[str]) -> str:
    return " and ".join(repr(i) for i in islice(ids, 2))
