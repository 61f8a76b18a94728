"""retrieval_quality: how well the rankings answer the evaluation split, now and before."""

import json
from datetime import datetime, timezone
from typing import Any

import dagster as dg

from hn_assets.assets.graph import Graph
from hn_assets.assets.metadata import table
from hn_assets.assets.step import Step
from hn_assets.errors import StoreError
from hn_assets.evaluation.retrieval_quality import MEASURES, measure_quality
from hn_assets.store import layout as s

HISTORY = "history"  # its key in the manifest
KEPT = 200  # refreshes in it


def build_retrieval_quality(graph: Graph) -> dg.AssetsDefinition:
    """The asset that measures the rankings of a dataset's evaluation split."""
    split = graph.settings.mining.evaluation_split

    @graph.asset(
        s.RETRIEVAL_QUALITY.stage,
        "nDCG@10, recall, MRR@10 and MAP on the evaluation split, beside those of the refreshes "
        "before.",
        deps=(s.CANDIDATES.stage, s.QRELS.stage),
        kinds={"json"},
        settings={"split": split},
    )
    def retrieval_quality(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        import pandas as pd

        with graph.running(context, s.RETRIEVAL_QUALITY.stage):
            step = Step(graph, context, s.RETRIEVAL_QUALITY.stage)
            candidates, qrels = step.input(s.CANDIDATES.stage), step.input(s.QRELS.stage)
            step.depends_on(split=split)
            if (current := step.current()) is not None:
                return current
            history = _read_history(step)
            depth = int(graph.store.stage(s.CANDIDATES.stage).require().info["depth"])
            found, queries = measure_quality(candidates, pd.read_parquet(qrels), split, depth)
            measured = {"queries": queries, "depth": depth, **found}
            with step.publish() as draft:
                path = draft.path(s.RETRIEVAL_QUALITY.name)
                path.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
                # not in the file: equal quality is then an equal version
                now = datetime.now(timezone.utc).isoformat(timespec="seconds")
                draft.info[HISTORY] = [*history, {"time": now, **measured}][-KEPT:]
            return step.result(draft, _describe(measured, history, split))

    return retrieval_quality


def _read_history(step: Step) -> list[dict[str, Any]]:
    """What earlier refreshes measured, the latest last; nothing where it is damaged."""
    try:
        manifest = step.place.manifest()
        return [] if manifest is None else list(manifest.info[HISTORY])
    except StoreError as error:
        step.log.warning(f"{error}: the history of the quality begins anew")
        return []


def _describe(row: dict[str, Any], history: list[dict[str, Any]], split: str) -> dict[str, Any]:
    if not row["queries"]:
        why = f"the split {split!r} has no query with a positive" if split else "there is no split"
        return {"queries": 0, "not_measured": f"{why}: mining.evaluation_split names it"}
    before = next((past for past in reversed(history) if past["queries"]), None)
    rows: list[dict[str, Any]] = []
    for name in MEASURES:
        cells = {"measure": name, "now": round(row[name], 4)}
        if before is not None:
            cells |= {
                "before": round(before[name], 4),
                "change": round(row[name] - before[name], 4),
            }
        rows.append(cells)
    return {
        "queries": row["queries"],
        "split": split,
        "compared": table(rows),
        "measured_before": "never" if before is None else before["time"],
        # numbers, which the UI charts over all materializations by itself
        **{name: round(row[name], 5) for name in MEASURES},
    }
