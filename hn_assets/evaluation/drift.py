"""What changed between two refreshes: documents, queries, negatives and scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.mining.output.sources import are_joined, shares_by_retriever
from hn_assets.store.schemas import TEXT_KEY

if TYPE_CHECKING:
    import pandas as pd

NEGATIVES = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        ("score", pa.float32()),
        # the mean score of the query's positives
        ("positive_score", pa.float32()),
    ]
)
# if several retrievers were joined; as in `schemas.HARD_NEGATIVES`
SOURCE = pa.field("source", pa.string())
DOCUMENTS = pa.schema([("id", pa.string()), ("text_key", TEXT_KEY)])


@dataclass(frozen=True)
class Snapshot:
    """What a refresh produced, as far as the next one is compared with it.

    Attributes:
        negatives: A row for each hard negative, with the columns of `NEGATIVES`, and with `SOURCE`
            if several retrievers were joined.
        documents: A row for each document, with the columns of `DOCUMENTS`.
    """

    negatives: pd.DataFrame
    documents: pd.DataFrame

    @classmethod
    def take(cls, hard_negatives: Path, corpus_embeddings: Path) -> Snapshot:
        """Read the snapshot of a refresh from the files of its stages.

        Args:
            hard_negatives: The Parquet file of the hard negatives.
            corpus_embeddings: The file of the documents' vectors, which holds a hash of each text.

        Raises:
            StoreError: The file of vectors is not one.
        """
        mined = pq.read_table(
            hard_negatives, columns=["query_id", "doc_id", "source", "score", "positive_scores"]
        ).to_pandas()
        if not are_joined(mined.source):
            del mined[SOURCE.name]
        mined["positive_score"] = mined.pop("positive_scores").map(np.mean).astype(np.float32)
        vectors = VectorTable(corpus_embeddings)
        columns = [vectors.ids.column.cast(pa.string()), vectors.text_keys()]
        return cls(mined, pa.table(columns, schema=DOCUMENTS).to_pandas())

    @classmethod
    def read(cls, negatives: Path, documents: Path) -> Snapshot:
        """Read the two Parquet files that `write` wrote."""
        import pandas as pd

        return cls(pd.read_parquet(negatives), pd.read_parquet(documents))

    def write(self, negatives: Path, documents: Path) -> None:
        """Write the snapshot to two Parquet files, for the next refresh."""
        has_source = SOURCE.name in self.negatives
        for frame, schema, path in (
            (self.negatives, NEGATIVES.append(SOURCE) if has_source else NEGATIVES, negatives),
            (self.documents, DOCUMENTS, documents),
        ):
            table = pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)
            pq.write_table(table.replace_schema_metadata(None), path, compression="zstd")


@dataclass(frozen=True)
class Drift:
    """What changed from one refresh to the next.

    Attributes:
        documents_added: How many document ids are new.
        documents_removed: How many document ids no longer exist.
        documents_changed: How many document ids have another text.
        queries_gained: How many queries have negatives now and had none before.
        queries_lost: How many queries had negatives before and have none now.
        queries_kept: How many queries have negatives in both refreshes.
        overlap: The Jaccard similarity of a kept query's negatives before and now, averaged over
            the kept queries; 1 if no query was kept.
        negative_shift: The mean score of the kept queries' negatives now, minus that before.
        positive_shift: The mean score of the kept queries' positives now, minus that before.
        retriever_shift: The share of the negatives that each of several retrievers found, alone or
            with others, minus that before.
    """

    documents_added: int
    documents_removed: int
    documents_changed: int
    queries_gained: int
    queries_lost: int
    queries_kept: int
    overlap: float
    negative_shift: float
    positive_shift: float
    retriever_shift: Mapping[str, float] = field(default_factory=dict)


def compare(before: Snapshot, now: Snapshot) -> Drift:
    """Find out what changed from one refresh to the next."""
    documents = before.documents.merge(
        now.documents, on="id", how="outer", suffixes=("_before", "_now"), indicator=True
    )
    both = documents[documents._merge == "both"]
    kept = np.intersect1d(before.negatives.query_id.unique(), now.negatives.query_id.unique())
    then, today = (s.negatives[s.negatives.query_id.isin(kept)] for s in (before, now))
    shared = then.merge(today, on=["query_id", "doc_id"]).groupby("query_id").size()
    sizes = then.groupby("query_id").size() + today.groupby("query_id").size()
    shared = shared.reindex(sizes.index, fill_value=0)
    return Drift(
        documents_added=int((documents._merge == "right_only").sum()),
        documents_removed=int((documents._merge == "left_only").sum()),
        documents_changed=int((both.text_key_before != both.text_key_now).sum()),
        queries_gained=int(now.negatives.query_id.nunique() - len(kept)),
        queries_lost=int(before.negatives.query_id.nunique() - len(kept)),
        queries_kept=len(kept),
        overlap=float((shared / (sizes - shared)).mean()) if len(kept) else 1.0,
        negative_shift=_shift(then.score, today.score),
        positive_shift=_shift(_positive_scores(then), _positive_scores(today)),
        retriever_shift=_retriever_shift(before.negatives, now.negatives),
    )


def _retriever_shift(before: pd.DataFrame, now: pd.DataFrame) -> dict[str, float]:
    if SOURCE.name not in before or SOURCE.name not in now:
        return {}
    was, found = (shares_by_retriever(one[SOURCE.name]) for one in (before, now))
    return {name: found.get(name, 0.0) - was.get(name, 0.0) for name in sorted({*was, *found})}


def write_drift(path: Path, drift: Drift | None) -> None:
    """Write what changed as JSON; None is written for the first refresh."""
    content = None if drift is None else asdict(drift)
    if content is not None and not content["retriever_shift"]:
        del content["retriever_shift"]
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_drift(path: Path) -> Drift | None:
    """Read what `write_drift` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return None if content is None else Drift(**content)


def describe_drift(drift: Drift | None) -> dict[str, Any]:
    """What changed, as metadata of the stage."""
    if drift is None:
        return {"compared_with": "nothing: this is the first good refresh"}
    return {
        "compared_with": "the last good refresh",
        **{
            name: round(value, 5) if isinstance(value, float) else value
            for name, value in asdict(drift).items()
            if name != "retriever_shift"
        },
        **{
            f"share_found_by_{name}_shift": round(shift, 5)
            for name, shift in drift.retriever_shift.items()
        },
    }


def _positive_scores(negatives: pd.DataFrame) -> pd.Series[float]:
    """The mean score of each query's positives, once for each query."""
    return negatives.groupby("query_id").positive_score.first()


def _shift(before: pd.Series[float], now: pd.Series[float]) -> float:
    return float(now.mean() - before.mean()) if len(before) and len(now) else 0.0
