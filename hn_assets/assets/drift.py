"""drift: what changed since the last refresh that no check stopped."""

import json
from dataclasses import asdict
from typing import Any

import dagster as dg
import pyarrow as pa

from hn_assets.assets.graph import Graph
from hn_assets.assets.step import Step
from hn_assets.encoding.vectors.vector_file import VectorTable
from hn_assets.errors import StoreError
from hn_assets.evaluation.drift import DOCUMENTS, Drift, Snapshot, compare
from hn_assets.store import layout as s
from hn_assets.store.tables import TEXT_KEY

NEGATIVES_FILE, DOCUMENTS_FILE = "negatives.parquet", "documents.parquet"


def build_drift(graph: Graph) -> dg.AssetsDefinition:
    """The asset that compares a refresh of a dataset with the one before."""

    @graph.asset(
        s.DRIFT.stage,
        "Documents, queries, negatives and scores beside those of the last good refresh.",
        # a refresh that a check stops is nothing to compare the next one with
        deps=(s.HARD_NEGATIVES.stage, s.FALSE_NEGATIVE_AUDIT.stage, s.RETRIEVAL_QUALITY.stage),
        kinds={"pandas", "json"},
        settings={},
    )
    def drift(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with graph.running(context, s.DRIFT.stage):
            step = Step(graph, context, s.DRIFT.stage)
            negatives = step.input(s.HARD_NEGATIVES.stage)
            vectors = VectorTable(step.input(s.CORPUS_EMBEDDINGS.stage))
            if (current := step.current()) is not None:
                return current
            columns = [
                pa.array(vectors.ids, pa.string()),
                pa.array(vectors.text_keys(), TEXT_KEY),
            ]
            now = Snapshot.take(negatives, pa.table(columns, schema=DOCUMENTS))
            before = _read_before(step)
            found = None if before is None else compare(before, now)
            with step.publish() as draft:
                now.write(draft.path(NEGATIVES_FILE), draft.path(DOCUMENTS_FILE))
                kept = json.dumps(None if found is None else asdict(found), indent=1)
                draft.path(s.DRIFT.name).write_text(kept + "\n", encoding="utf-8")
            return step.result(draft, _describe(found))

    return drift


def _read_before(step: Step) -> Snapshot | None:
    try:
        if step.place.manifest() is None:
            return None
        return Snapshot.read(step.place.file(NEGATIVES_FILE), step.place.file(DOCUMENTS_FILE))
    except StoreError as error:
        step.log.warning(f"{error}: there is nothing to compare with")
        return None


def _describe(found: Drift | None) -> dict[str, Any]:
    if found is None:
        return {"compared_with": "nothing: this is the first good refresh"}
    return {
        "compared_with": "the last good refresh",
        **{
            name: round(value, 5) if isinstance(value, float) else value
            for name, value in asdict(found).items()
        },
    }
