"""suspect_positives: labelled passages that look like none that answers the query."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from hn_assets.pipeline.metadata import Location, Metadata, table
from hn_assets.pipeline.mining_inputs import MINING_INPUTS, mining_files
from hn_assets.pipeline.stage import Resolved, Stage
from hn_assets.pipeline.stage_context import StageContext
from hn_assets.review.suspects.find_suspects import find_suspects
from hn_assets.review.suspects.model import MIN_POSITIVES, MIN_QUERIES
from hn_assets.review.suspects.with_teacher import add_teacher
from hn_assets.review.suspects.write_suspects import read_suspect_texts, write_suspects
from hn_assets.settings.dataset import DatasetSettings
from hn_assets.settings.suspect_positives import SuspectPositivesSettings
from hn_assets.store import Draft, layout, schemas
from hn_assets.text import shorten

if TYPE_CHECKING:
    import pandas as pd

SHOWN_ROWS, SHOWN_CHARACTERS = 5, 120


def settings(settings: DatasetSettings) -> Resolved:
    """All of its section, and the split whose positives are looked at."""
    return {
        **_section(settings).model_dump(mode="json"),
        "split": settings.mining.split,
        "search_parameters": settings.search.search_parameters,
    }


def make(context: StageContext, draft: Draft) -> Metadata:
    """Judge every positive, and write the list."""
    chosen = _section(context.settings)
    mining = context.settings.mining
    found = find_suspects(mining_files(context), context.settings.search, mining.split, chosen.seed)
    if found is None:
        context.log.warning(
            f"there are too few positives to learn from: {MIN_QUERIES} queries with "
            f"{MIN_POSITIVES} positives are needed, and as many low-ranked documents"
        )
        _write_rows(schemas.SUSPECT_POSITIVES.empty_table(), draft)
        return {"dagster/row_count": 0, "judged": "no positives: there are too few to learn from"}
    found = add_teacher(
        found, _teacher_scores(found, context.optional_input(layout.TEACHER_SCORES))
    )
    left_out = round(chosen.leave_out_share * len(found))
    found["is_left_out"] = [place < left_out for place in range(len(found))]
    rows = pa.Table.from_pandas(found, schema=schemas.SUSPECT_POSITIVES, preserve_index=False)
    _write_rows(rows.replace_schema_metadata(None), draft)
    shown = found.head(chosen.max_rows)
    texts = read_suspect_texts(
        shown,
        corpus=context.input(layout.CORPUS),
        queries=context.input(layout.QUERIES),
        qrels=context.input(layout.QRELS),
    )
    write_suspects(context.dataset.name, shown, texts, draft.folder)
    folder = f"{context.place.folder}/latest"
    return {
        "dagster/row_count": len(found),
        "listed": len(shown),
        "left_out_of_training": left_out,
        "most_suspicious": table(
            {
                "query": shorten(texts.queries[row["query_id"]], SHOWN_CHARACTERS),
                "positive": shorten(
                    f"[{row['doc_id']}] {texts.documents[row['doc_id']]}", SHOWN_CHARACTERS
                ),
                "suspicion": round(row["suspicion"], 4),
            }
            for row in shown.head(SHOWN_ROWS).to_dict("records")
        ),
        "page": Location(f"{folder}/{layout.SUSPECT_POSITIVES_PAGE.name}"),
        "csv": Location(f"{folder}/{layout.SUSPECT_POSITIVES_CSV.name}"),
    }


def _write_rows(rows: pa.Table, draft: Draft) -> None:
    pq.write_table(rows, draft.path(layout.SUSPECT_POSITIVES.name), compression="zstd")


def _teacher_scores(found: pd.DataFrame, teacher_scores: Path | None) -> list[float | None]:
    """The teacher's score of each positive; all None without a teacher."""
    if teacher_scores is None:
        return [None] * len(found)
    columns = ["query_id", "doc_id", "label", "score"]
    score_of = {
        (row["query_id"], row["doc_id"]): row["score"]
        for row in schemas.read_rows(teacher_scores, columns)
        if row["label"] == 1
    }
    return [score_of.get(pair) for pair in zip(found.query_id, found.doc_id, strict=True)]


def _section(settings: DatasetSettings) -> SuspectPositivesSettings:
    assert settings.suspect_positives is not None, "suspect_positives is not part of this dataset"
    return settings.suspect_positives


STAGE = Stage(
    writes=(
        layout.SUSPECT_POSITIVES,
        layout.SUSPECT_POSITIVES_CSV,
        layout.SUSPECT_POSITIVES_PAGE,
    ),
    description=(
        "Positives that look like none, the most suspicious first, as a page and a CSV to judge: "
        "filters.reviewed_labels takes the verdicts back."
    ),
    make=make,
    version=3,
    reads=(*MINING_INPUTS, layout.TEACHER_SCORES),
    settings=settings,
    is_part_of=lambda settings: settings.suspect_positives is not None,
    kinds=lambda settings: {"scikitlearn", "html", "csv"},
)
