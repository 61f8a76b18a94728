"""What must hold of texts, judgements, vectors and index, found out from their files."""

from __future__ import annotations

import hashlib
import heapq
from array import array
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.errors import HardNegativesError
from hn_assets.evaluation.checks.result import CheckResult
from hn_assets.retrieval.faiss_index import is_flat, open_index
from hn_assets.store.tables import read_rows
from hn_assets.text import normalised

NORM_TOLERANCE = 1e-3
SAMPLE = 1_000  # vectors of an index that are compared; texts that are remembered


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
    """Whether few documents have the text of another."""
    # eight bytes for each: a set of texts would outgrow everything else a refresh holds
    hashes = array("Q")
    documents = 0
    for row in read_rows(corpus, ["title", "text"]):
        documents += 1
        if text := normalised(f"{row['title']} {row['text']}"):
            hashes.append(int.from_bytes(hash_text(text)[:8], "little"))
    repeated = len(hashes) - len(np.unique(np.array(hashes)))
    figures = {"documents": documents, "with_the_text_of_another": repeated}
    words = f"{repeated} of {documents} documents have the text of another"
    if repeated <= max_duplicate_share * documents:
        return CheckResult(True, words, figures)
    return CheckResult(
        False,
        f"{words}, more than {max_duplicate_share:.0%}: the source may hold everything twice. Remove the "
        f"copies, or raise checks.max_duplicate_share",
        figures,
    )


def sizes(corpus: Path, qrels: Path, split: str, evaluation_split: str) -> dict[str, int]:
    """How large a collection is, by the counts that a broken source would change."""
    import pandas as pd

    judged = pd.read_parquet(qrels)
    positives = judged[judged.score > 0]
    mined = positives[positives.split == split]
    return {
        "documents": pq.read_metadata(corpus).num_rows,
        "queries with positives": int(mined.query_id.nunique()),
        "positives": len(mined),
        "positives for evaluation": int((positives.split == evaluation_split).sum()),
    }


def sample_text_hashes(corpus: Path) -> list[str]:
    """Hashes of up to 1,000 texts, always the same ones of equal corpora: the smallest hashes."""
    smallest: set[bytes] = set()
    for row in read_rows(corpus, ["title", "text"]):
        smallest.add(hash_text(f"{row['title']}\n{row['text']}"))
        if len(smallest) > 10 * SAMPLE:
            smallest = set(heapq.nsmallest(SAMPLE, smallest))
    return [key.hex() for key in heapq.nsmallest(SAMPLE, smallest)]


def nothing_is_lost(
    now: Mapping[str, int], accepted: Mapping[str, int] | None, max_size_loss: float
) -> CheckResult:
    """Whether no count is much lower than at the last training set."""
    if accepted is None:
        return CheckResult(True, "there is no training set to compare with", dict(now))
    pairs = {name: (before, now[name]) for name, before in accepted.items() if name in now}
    figures = dict(now) | {f"{name} before": before for name, (before, _) in pairs.items()}
    lost = [
        f"{name} were {before}, and are {today}"
        for name, (before, today) in pairs.items()
        if today < (1 - max_size_loss) * before
    ]
    if not lost:
        return CheckResult(True, "as much is there as at the last training set, or nearly", figures)
    return CheckResult(
        False,
        f"more than {max_size_loss:.0%} is gone since the last training set: {'; '.join(lost)}. See "
        f"to the source",
        figures,
    )


def texts_are_kept(
    corpus: Path, remembered: list[str] | None, max_text_change: float
) -> CheckResult:
    """Whether most texts of the last training set are still there, word for word."""
    if not remembered:
        return CheckResult(True, "there is no training set to compare with")
    wanted = set(remembered)
    for row in read_rows(corpus, ["title", "text"]):
        wanted.discard(hash_text(f"{row['title']}\n{row['text']}").hex())
    gone = len(wanted) / len(remembered)
    figures = {"gone_or_changed": round(gone, 4), "texts_looked_for": len(remembered)}
    words = f"{gone:.1%} of the last training set's texts are gone or changed"
    if gone <= max_text_change:
        return CheckResult(True, words, figures)
    return CheckResult(
        False, f"{words}, more than {max_text_change:.0%}. See to the source", figures
    )


def qrels_are_resolvable(corpus: Path, queries: Path, qrels: Path) -> CheckResult:
    """Whether every judgement is of a query and a document that are there."""
    import pandas as pd

    judged = pd.read_parquet(qrels)
    documents = pq.read_table(corpus, columns=["id"])["id"].to_pylist()
    asked = pq.read_table(queries, columns=["id"])["id"].to_pylist()
    lost = judged[~judged.doc_id.isin(documents) | ~judged.query_id.isin(asked)]
    figures = {"judgements": len(judged), "not_resolved": len(lost)}
    if not len(lost):
        return CheckResult(
            True, "every judgement is of a query and a document that are there", figures
        )
    row = lost.iloc[0]
    return CheckResult(
        False,
        f"{len(lost)} judgements name a query or a document that is not there, such as "
        f"{row.query_id!r} with {row.doc_id!r}: materialize corpus, queries and qrels together",
        figures,
    )


def vectors_are_sound(vectors: Path, texts: Path, *, normalize: bool) -> CheckResult:
    """As many vectors as texts, in the same order, finite, and of length 1 where they should be."""
    table = VectorTable(vectors)
    ids = pq.read_table(texts, columns=["id"])["id"].to_pylist()
    broken = long = 0
    for block in table.blocks():
        finite = np.isfinite(block).all(axis=1)
        broken += int((~finite).sum())
        norms = np.linalg.norm(block[finite], axis=1)
        long += int((np.abs(norms - 1) > NORM_TOLERANCE).sum())
    figures = {"vectors": len(table), "texts": len(ids), "not_finite": broken}
    if list(table.ids) != ids:
        words = f"{len(table)} vectors are not those of the {len(ids)} texts: materialize again"
    elif broken:
        words = (
            f"{broken} vectors hold NaN or infinity: the model, or its precision, is broken. Try "
            f"compute.precision: float32, or another model"
        )
    elif normalize and long:
        words = f"{long} vectors are not of length 1, though encoding.normalize is true"
    else:
        return CheckResult(True, "one sound vector for every text", figures)
    return CheckResult(False, words, figures)


def index_agrees_with_vectors(index_file: Path, ids_file: Path, vectors: Path) -> CheckResult:
    """Whether the index holds these vectors: by id; a flat one, on a sample, also by value."""
    table = VectorTable(vectors)
    try:
        index = open_index(index_file, ids_file, table)
    except HardNegativesError as error:
        return CheckResult(False, str(error))
    figures = {"vectors": len(table), "in_the_index": int(index.ntotal)}
    if not is_flat(index):
        return CheckResult(True, "ids and dimension of the index are those of the vectors", figures)
    rows = np.unique(np.linspace(0, len(table) - 1, min(SAMPLE, len(table))).astype(np.int64))
    other = int((index.reconstruct_batch(rows) != table.take(rows)).any(axis=1).sum())
    figures["compared"] = len(rows)
    if not other:
        return CheckResult(True, "the index holds the vectors of corpus_embeddings", figures)
    return CheckResult(
        False,
        f"{other} of {len(rows)} vectors in the index are not those of corpus_embeddings: "
        f"materialize faiss_index again",
        figures,
    )


def hash_text(text: str) -> bytes:
    """12 bytes, equal for equal texts."""
    return hashlib.blake2b(text.encode(), digest_size=12).digest()
