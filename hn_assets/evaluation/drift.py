"""What changed between two refreshes: documents, queries, negatives and scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.store.tables import TEXT_KEY

if TYPE_CHECKING:
    import pandas as pd

NEGATIVES = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        ("score", pa.float32()),
        # mean score of the query's positives
        ("positive_score", pa.float32()),
    ]
)
DOCUMENTS = pa.schema([("id", pa.string()), ("text_key", TEXT_KEY)])


@dataclass(frozen=True)
class Snapshot:
    """What a refresh left, as far as the next one is compared with it.

    Attributes:
        negatives: with the columns of `NEGATIVES`.
        documents: with those of `DOCUMENTS`.
    """

    negatives: pd.DataFrame
    documents: pd.DataFrame

    @classmethod
    def take(cls, hard_negatives: Path, vectors: pa.Table) -> Snapshot:
        """Of what is there now; `vectors` has the columns of `DOCUMENTS`."""
        mined = pq.read_table(
            hard_negatives, columns=["query_id", "doc_id", "score", "positive_scores"]
        ).to_pandas()
        mined["positive_score"] = mined.pop("positive_scores").map(np.mean).astype(np.float32)
        return cls(mined, vectors.to_pandas())

    @classmethod
    def read(cls, negatives: Path, documents: Path) -> Snapshot:
        """What `write` wrote."""
        import pandas as pd

        return cls(pd.read_parquet(negatives), pd.read_parquet(documents))

    def write(self, negatives: Path, documents: Path) -> None:
        """Keep it for the next refresh."""
        for frame, schema, path in (
            (self.negatives, NEGATIVES, negatives),
            (self.documents, DOCUMENTS, documents),
        ):
            table = pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)
            pq.write_table(table.replace_schema_metadata(None), path, compression="zstd")


@dataclass(frozen=True)
class Drift:
    """What changed.

    Attributes:
        documents_added: ids that are new.
        documents_removed: ids that are gone.
        documents_changed: ids with another text.
        queries_gained: with negatives now, and none before.
        queries_lost: the other way round.
        queries_kept: with negatives then and now.
        overlap: of the negatives of a kept query then and now: shared over all of them (Jaccard),
            averaged over queries; 1 where no query was kept.
        negative_shift: mean score of the kept queries' negatives now, minus then.
        positive_shift: the same of their positives.
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


def compare(before: Snapshot, now: Snapshot) -> Drift:
    """What changed from one refresh to the next."""
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
        positive_shift=_shift(_of_queries(then), _of_queries(today)),
    )


def _of_queries(negatives: pd.DataFrame) -> pd.Series[float]:
    return negatives.groupby("query_id").positive_score.first()


def _shift(before: pd.Series[float], now: pd.Series[float]) -> float:
    return float(now.mean() - before.mean()) if len(before) and len(now) else 0.0
