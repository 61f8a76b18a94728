"""Keep the qrels that fit the documents and queries, and count the others by reason."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
) -> tuple[QrelsReport, dict[tuple[str, str], int]]:
    """Keep one qrel for every query and document.

    Args:
        judged: The qrels of all splits.
        doc_ids: The ids of documents that there are, of those in `judged`.
        known: The queries with text by their ids.
        kept: The split of every query that is kept.
        left_out: The ids of the queries that are left out.

    Returns:
        The report, and the grades that were kept by query id and document id.
    """
    report = QrelsReport()
    grades: dict[tuple[str, str], int] = {}
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
        elif key in grades:
            reason = "pair given twice"
            # two judges may differ: the higher grade keeps a positive from becoming a negative
            grades[key] = max(grades[key], qrel.score)
        if reason is not None:
            report.drop(qrel.query_id, qrel.doc_id, qrel.where, reason)
            continue
        grades[key] = qrel.score
    _count(report, grades, kept)
    return report, grades


def qrels_rows(
    grades: Mapping[tuple[str, str], int], split_of: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of qrels.

    Args:
        grades: The grades by query id and document id.
        split_of: The split of every query.
    """
    for (query_id, doc_id), score in grades.items():
        yield {
            "query_id": query_id,
            "doc_id": doc_id,
            "score": score,
            "split": split_of[query_id],
        }


def check_mining_split(
    split: str,
    judged: Sequence[Qrel],
    report: QrelsReport,
    known: dict[str, Query],
    doc_ids: Iterable[str],
) -> None:
    """Check that a qrel of the split to be mined was kept.

    Args:
        split: The split for whose queries negatives are mined.
        judged: The qrels of all splits as they were read.
        report: The report on the qrels that were kept and those that were dropped.
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
    if not report.per_split.get(split):
        first = next(qrel for qrel in judged if qrel.split == split)
        reasons = ", ".join(f"{reason}: {count}" for reason, count in report.dropped.items())
        raise SourceError(
            f"every qrel of the split {split!r} was dropped ({reasons}). {first.where} names query "
            f"{first.query_id!r} and document {first.doc_id!r}; ids of queries look like "
            f"{_some(known)} and ids of documents like {_some(nsmallest(2, doc_ids))}"
        )


def _count(
    report: QrelsReport, grades: Mapping[tuple[str, str], int], kept: Mapping[str, str]
) -> None:
    positives = Counter(query for (query, _), score in grades.items() if score > 0)
    report.judged_not_relevant = sum(score <= 0 for score in grades.values())
    rows_of = Counter(kept[query] for query, _ in grades)
    numbers_of: dict[str, list[int]] = defaultdict(list)
    for query, count in positives.items():
        numbers_of[kept[query]].append(count)
    for split, count in sorted(Counter(kept.values()).items()):
        numbers = numbers_of[split]
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
