"""Checks of corpus, queries and qrels."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hn_assets.evaluation.checks.base.check import Check, CheckInputs
from hn_assets.evaluation.checks.base.last_training_set import (
    SIZES,
    TEXT_HASHES,
    dataset_sizes,
    hash_document,
)
from hn_assets.evaluation.checks.base.result import CheckResult
from hn_assets.hashing import hash_of_normalised
from hn_assets.sources.ingest.report import DROPPED, UNRESOLVED
from hn_assets.store import layout
from hn_assets.store.layout import StageFile
from hn_assets.store.schemas import read_rows
from hn_assets.text import has_text

if TYPE_CHECKING:
    import pandas as pd

NOTHING_TO_COMPARE = "there is no training set to compare with"


def ids_are_unique(texts: Path) -> CheckResult:
    """Whether every document, or every query, has an id of its own."""
    ids = pq.read_table(texts, columns=["id"])["id"]
    figures = {"ids": len(ids)}
    if more := len(ids) - len(ids.unique()):
        return CheckResult(
            False, f"{more} of {len(ids)} have the id of another: give each its own", figures
        )
    return CheckResult(True, "each has an id of its own", figures)


def texts_are_distinct(corpus: Path, max_duplicate_share: float) -> CheckResult:
    """Whether few documents have the text of another document.

    Texts count as equal if they are equal after normalization; empty ones are not counted.
    """
    # eight bytes a document: a set of texts would be larger than all else that a refresh holds
    hashes = array("Q")
    documents = 0
    for row in read_rows(corpus, ["title", "text"]):
        documents += 1
        if has_text(text := f"{row['title']} {row['text']}"):
            hashes.append(int.from_bytes(hash_of_normalised(text, 8), "little"))
    repeated = len(hashes) - len(np.unique(np.array(hashes)))
    figures = {"documents": documents, "with_the_text_of_another": repeated}
    seen = f"{repeated} of {documents} documents have the text of another"
    if repeated <= max_duplicate_share * documents:
        return CheckResult(True, seen, figures)
    return CheckResult(
        False,
        f"{seen}, more than {max_duplicate_share:.0%}: the source may hold everything twice. "
        f"Remove the copies, or raise checks.max_duplicate_share",
        figures,
    )


def texts_are_kept(corpus: Path, accepted: list[str] | None, max_text_change: float) -> CheckResult:
    """Whether most texts of the last training set are still there, word for word.

    Args:
        corpus: The Parquet file of the corpus.
        accepted: The `sample_text_hashes` of the last training set, or None.
        max_text_change: The greatest share of them that may be missing.
    """
    if not accepted:
        return CheckResult(True, NOTHING_TO_COMPARE)
    missing = set(accepted)
    for row in read_rows(corpus, ["title", "text"]):
        missing.discard(hash_document(row).hex())
    share = len(missing) / len(accepted)
    figures = {"gone_or_changed": round(share, 4), "texts_looked_for": len(accepted)}
    seen = f"{share:.1%} of the last training set's texts are gone or changed"
    if share <= max_text_change:
        return CheckResult(True, seen, figures)
    return CheckResult(
        False, f"{seen}, more than {max_text_change:.0%}: look at the source", figures
    )


def qrels_are_resolvable(
    corpus: Path,
    queries: Path,
    qrels: Path,
    dropped: Mapping[str, int],
    max_unresolved_share: float,
) -> CheckResult:
    """Whether nearly every judgement of the source names a query and a document that exist.

    Args:
        corpus: The Parquet file of the corpus.
        queries: The Parquet file of the queries.
        qrels: The Parquet file of the qrels, which must all be resolvable.
        dropped: How many qrels of the source are not in that file, by reason.
        max_unresolved_share: The greatest share of the source's qrels that may name a query or a
            document that does not exist.
    """
    import pandas as pd

    judged = pd.read_parquet(qrels)
    lost = judged[~(_are_ids(judged.doc_id, corpus) & _are_ids(judged.query_id, queries))]
    counts = {reason: dropped.get(reason, 0) for reason in UNRESOLVED}
    unresolved = sum(counts.values())
    read = len(judged) + sum(dropped.values())
    figures = {"judgements": read, "not_resolved": len(lost) + unresolved, **counts}
    if len(lost):
        row = lost.iloc[0]
        return CheckResult(
            False,
            f"{len(lost)} judgements name a query or a document that does not exist, such as "
            f"{row.query_id!r} with {row.doc_id!r}: materialize corpus, queries and qrels together",
            figures,
        )
    if not unresolved:
        return CheckResult(True, "every judgement names a query and a document that exist", figures)
    reasons = ", ".join(f"{reason}: {count}" for reason, count in counts.items() if count)
    seen = f"{unresolved} of {read} judgements name a query or a document that does not exist"
    if unresolved <= max_unresolved_share * read:
        return CheckResult(True, f"{seen} ({reasons}); they were dropped", figures)
    return CheckResult(
        False,
        f"{seen} ({reasons}), more than {max_unresolved_share:.0%}. The metadata of qrels names "
        f"some: compare their ids with those of corpus and queries, or raise "
        f"checks.max_unresolved_share if the corpus is meant to lack these documents",
        figures,
    )


def _are_ids(wanted: pd.Series[str], texts: Path) -> NDArray[np.bool_]:
    """Whether each is the id of a document, or of a query; bool, (wanted,)."""
    known = pc.SetLookupOptions(value_set=pq.read_table(texts, columns=["id"])["id"])
    found = pc.call_function("is_in", [pa.array(wanted, pa.string())], known)
    return found.to_numpy(zero_copy_only=False)


def nothing_is_lost(
    now: Mapping[str, int], accepted: Mapping[str, int] | None, max_size_loss: float
) -> CheckResult:
    """Whether no count of the dataset is much lower than at the last training set.

    Args:
        now: The `dataset_sizes` of this refresh.
        accepted: The `dataset_sizes` of the last training set, or None.
        max_size_loss: The greatest share of a count that may be missing.
    """
    if accepted is None:
        return CheckResult(True, NOTHING_TO_COMPARE, dict(now))
    counts = {name: (before, now[name]) for name, before in accepted.items() if name in now}
    figures = dict(now) | {f"{name} before": before for name, (before, _) in counts.items()}
    lost = [
        f"{name} were {before}, and are {today}"
        for name, (before, today) in counts.items()
        if today < (1 - max_size_loss) * before
    ]
    if not lost:
        return CheckResult(True, "nearly as much is there as at the last training set", figures)
    return CheckResult(
        False,
        f"more than {max_size_loss:.0%} is gone since the last training set: {'; '.join(lost)}. "
        f"Look at the source",
        figures,
    )


def _ids_are_unique(texts: StageFile) -> Callable[[CheckInputs], CheckResult]:
    return lambda inputs: ids_are_unique(inputs.file(texts))


def _nothing_is_lost(inputs: CheckInputs) -> CheckResult:
    mining = inputs.settings.mining
    now = dataset_sizes(
        inputs.file(layout.CORPUS),
        inputs.file(layout.QRELS),
        mining.split,
        mining.evaluation_split,
    )
    return nothing_is_lost(now, inputs.accepted(SIZES), inputs.settings.checks.max_size_loss)


CHECKS = (
    Check(
        layout.CORPUS.stage,
        "texts_are_distinct",
        "Few documents have the same text as another document.",
        lambda inputs: texts_are_distinct(
            inputs.file(layout.CORPUS), inputs.settings.checks.max_duplicate_share
        ),
    ),
    Check(
        layout.CORPUS.stage,
        "texts_are_kept",
        "Most texts of the last training set are still in the corpus, word for word.",
        lambda inputs: texts_are_kept(
            inputs.file(layout.CORPUS),
            inputs.accepted(TEXT_HASHES),
            inputs.settings.checks.max_text_change,
        ),
    ),
    Check(
        layout.CORPUS.stage,
        "ids_are_unique",
        "Every document has an id of its own.",
        _ids_are_unique(layout.CORPUS),
    ),
    Check(
        layout.QUERIES.stage,
        "ids_are_unique",
        "Every query has an id of its own.",
        _ids_are_unique(layout.QUERIES),
    ),
    Check(
        layout.QRELS.stage,
        "qrels_are_resolvable",
        "Nearly every judgement names a query and a document that exist.",
        lambda inputs: qrels_are_resolvable(
            inputs.file(layout.CORPUS),
            inputs.file(layout.QUERIES),
            inputs.file(layout.QRELS),
            inputs.info(layout.QRELS.stage)[DROPPED],
            inputs.settings.checks.max_unresolved_share,
        ),
        version=2,
    ),
    Check(
        layout.QRELS.stage,
        "nothing_is_lost",
        "There are not far fewer documents, queries and positives than at the last training set.",
        _nothing_is_lost,
    ),
)
