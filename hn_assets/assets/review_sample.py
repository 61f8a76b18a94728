"""review_sample: chosen negatives, drawn at random for people to judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hn_assets.errors import StoreError
from hn_assets.ids import Ids
from hn_assets.pipeline.metadata import Location, Metadata, table
from hn_assets.pipeline.review_inputs import review_settings
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.review.draw_sample import (
    NEGATIVE,
    POSITIVE,
    RANDOM,
    Population,
    draw_sample,
    name_negatives,
    queries_of_random_documents,
)
from hn_assets.review.measured_rate import describe_power
from hn_assets.review.write_sample import read_sample_texts, write_sample
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.review import ReviewSettings
from hn_assets.store import Draft, layout, schemas
from hn_assets.store.read_of_queries import read_of_queries

if TYPE_CHECKING:
    import pandas as pd

EARLIER_SAMPLES = 20  # kept, since their verdicts may still come


def settings(settings: DatasetSettings) -> Resolved:
    """How many items are drawn, and how."""
    chosen = review_settings(settings)
    return chosen.model_dump(mode="json", exclude={"verdicts", "min_unchanged_share"})


def make(context: StageContext, draft: Draft) -> Metadata:
    """Draw the sample, and write it for people."""
    chosen = review_settings(context.settings)
    sample = draw_sample(_population(context, chosen), chosen)
    texts = read_sample_texts(sample, context.input(layout.CORPUS), context.input(layout.QUERIES))
    write_sample(context.dataset.name, sample, texts, draft.folder)
    rows = pa.Table.from_pandas(sample, schema=schemas.REVIEW_SAMPLE, preserve_index=False)
    kept = pa.concat_tables([rows.replace_schema_metadata(None), *_earlier(context, sample)])
    pq.write_table(kept, draft.path(layout.REVIEW_SAMPLE.name), compression="zstd")
    return _describe(context, sample)


def _describe(context: StageContext, sample: pd.DataFrame) -> Metadata:
    drawn = sample[(sample.kind == NEGATIVE) & ~sample.is_repeat]
    weights = 1 / drawn.inclusion_probability
    folder = f"{context.place.folder}/latest"
    return {
        "dagster/row_count": len(sample),
        "sample": str(sample["sample"].iloc[0]) if len(sample) else "",
        "negatives": len(drawn),
        "drawn_from_negatives": int(drawn.groupby("stratum").stratum_size.first().sum()),
        "known_positives": int((sample.kind == POSITIVE).sum()),
        "random_documents": int((sample.kind == RANDOM).sum()),
        "shown_twice": int(sample.is_repeat.sum()),
        "what_it_can_show": describe_power(len(drawn), float(weights.max() / weights.mean()))
        if len(drawn)
        else "there is no negative to judge",
        "strata": table(
            {
                "stratum": "the most probably relevant"
                if not stratum
                else "less probably relevant",
                "negatives": int(rows.stratum_size.iloc[0]),
                "drawn": len(rows),
            }
            for stratum, rows in drawn.groupby("stratum")
        ),
        "page": Location(f"{folder}/{layout.REVIEW_PAGE.name}"),
        "csv": Location(f"{folder}/{layout.REVIEW_SAMPLE_CSV.name}"),
    }


def _population(context: StageContext, chosen: ReviewSettings) -> Population:
    import pandas as pd

    columns = ["query_id", "doc_id", "margin", "positive_similarity", "probability"]
    negatives = pd.read_parquet(context.input(layout.HARD_NEGATIVES), columns=columns)
    version = name_negatives(negatives)
    queries = queries_of_random_documents(negatives, version, chosen)
    return Population(
        negatives=negatives,
        positives=_positives(context.input(layout.QRELS), set(negatives.query_id)),
        document_ids=Ids(pq.read_table(context.input(layout.CORPUS), columns=["id"])["id"]),
        candidates=_candidates(context.input(layout.CANDIDATES), queries),
        version=version,
    )


def _positives(qrels: Path, queries: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in schemas.read_rows(qrels, ["query_id", "doc_id", "score"]):
        if row["score"] > 0 and row["query_id"] in queries:
            found.setdefault(row["query_id"], []).append(row["doc_id"])
    return found


def _candidates(candidates: Path, queries: list[str]) -> dict[str, frozenset[str]]:
    rows = read_of_queries(candidates, queries, ["query_id", "doc_id"]).to_pandas()
    return {str(query): frozenset(found) for query, found in rows.groupby("query_id").doc_id}


def _earlier(context: StageContext, sample: pd.DataFrame) -> list[pa.Table]:
    """The samples that were drawn before."""
    try:
        if context.place.manifest() is None:
            return []
        before = pq.read_table(context.place.file(layout.REVIEW_SAMPLE.name))
    except StoreError as error:
        context.log.warning(f"{error}: verdicts on earlier samples will measure nothing")
        return []
    earlier = dict.fromkeys(before["sample"].to_pylist())
    names = [name for name in earlier if name not in set(sample["sample"])][:EARLIER_SAMPLES]
    return [before.filter(pc.field("sample").isin(pa.array(names, pa.string())))]


STAGE = Stage(
    writes=(layout.REVIEW_SAMPLE, layout.REVIEW_SAMPLE_CSV, layout.REVIEW_PAGE),
    description=(
        "Chosen negatives, drawn at random for people to judge on the page review.html or in the "
        "CSV; review.verdicts takes their verdicts back."
    ),
    make=make,
    version=1,
    reads=(
        layout.HARD_NEGATIVES,
        layout.QRELS,
        layout.CORPUS,
        layout.QUERIES,
        layout.CANDIDATES,
    ),
    settings=settings,
    is_part_of=lambda settings: settings.review is not None,
    kinds=lambda settings: {"html", "csv"},
)
